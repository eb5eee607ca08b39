//! What a rule says about itself: id, title, level, author, log source; compiles nothing.

use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::finding::Level;
use crate::model::records::LogSource;
use crate::yaml::{Node, Position, place};

/// What a rule says about itself.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Sigma id, a UUID.
    pub id: String,
    /// Sigma name, else the id.
    pub name: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Author: alerts carry it, as SigmaHQ's licence asks.
    pub author: String,
    /// Licence.
    pub license: String,
    /// Severity.
    pub level: Level,
    /// Sigma status.
    pub status: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Links.
    pub references: Vec<String>,
    /// Which log sources it wants.
    pub logsource: LogSource,
    /// Whether its fields are columns of the events table (`taxonomy: keyfault`).
    pub columns: bool,
    /// The file it stands in.
    pub file: String,
    /// Where it begins.
    pub at: Position,
}

impl Meta {
    /// `file:line:column`.
    pub fn place(&self) -> String {
        place(&self.file, self.at)
    }

    /// Whether a reference by id or name means this rule.
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.name == name
    }
}

/// Reads the metadata of a document. What is wrong goes to `lints`.
pub fn read(file: &str, node: &Node, lints: &mut Vec<Lint>) -> Meta {
    let text = |key: &str| node.get(key).and_then(Node::scalar).unwrap_or_default();
    let texts = |key: &str| {
        node.get(key).map_or(&[][..], Node::one_or_many).iter().filter_map(Node::scalar).collect::<Vec<_>>()
    };
    let id = text("id");
    if !is_uuid(&id) {
        let at = node.get("id").map_or(node.at, |n| n.at);
        lints.push(Lint::warning(
            "bad-id",
            Error::new(place(file, at), format!("id \"{id}\" is no UUID"), "give the rule a random UUID"),
        ));
    }
    if text("title").is_empty() {
        lints.push(Lint::error(
            "no-title",
            Error::new(place(file, node.at), "title: is missing", "say in one line what a match means"),
        ));
    }
    let level_name = text("level");
    let level = Level::from_name(&level_name).unwrap_or_else(|| {
        if !level_name.is_empty() {
            let remedy = did_you_mean(&level_name, Level::ALL.iter().map(|l| l.name()));
            lints.push(Lint::error(
                "bad-level",
                Error::new(place(file, node.at), format!("level \"{level_name}\" is not known"), remedy),
            ));
        }
        Level::Informational
    });
    let part = |key| node.get("logsource").and_then(|l| l.get(key)).and_then(Node::scalar);
    let name = if text("name").is_empty() { id.clone() } else { text("name") };
    Meta {
        name: if name.is_empty() { text("title") } else { name },
        id,
        title: text("title"),
        description: text("description").trim().to_string(),
        author: text("author"),
        license: text("license"),
        level,
        status: text("status"),
        tags: texts("tags"),
        references: texts("references"),
        logsource: LogSource { category: part("category"), product: part("product"), service: part("service") },
        columns: text("taxonomy") == "keyfault",
        file: file.to_string(),
        at: node.at,
    }
}

fn is_uuid(id: &str) -> bool {
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.concat().bytes().all(|b| b.is_ascii_hexdigit())
}
