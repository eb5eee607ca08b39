//! One Sigma rule document as written: its metadata, its selections, its claim and its tests; compiles nothing.

use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::cause::{Basis, CauseClaim, CauseTree};
use crate::model::finding::Level;
use crate::model::records::LogSource;
use crate::yaml::{Kind, Node, Position, place};

/// A rule document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Metadata.
    pub meta: Meta,
    /// The `detection` mapping.
    pub detection: Node,
    /// What a match claims.
    pub cause: Option<CauseClaim>,
    /// The rule's own tests.
    pub tests: Vec<RuleTest>,
}

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
}

/// A test inside a rule file.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// Its name.
    pub name: String,
    /// Its events, as written.
    pub events: Node,
    /// What is expected of them.
    pub expect: Node,
    /// A known failure.
    pub todo: bool,
    /// Where it stands.
    pub at: Position,
}

/// Top-level keys of Sigma 2.1 and ours.
const KEYS: &[&str] = &[
    "alert",
    "anomaly",
    "author",
    "cause",
    "date",
    "description",
    "detection",
    "falsepositives",
    "fields",
    "id",
    "level",
    "license",
    "logsource",
    "modified",
    "name",
    "references",
    "related",
    "scope",
    "sigma-version",
    "status",
    "tags",
    "taxonomy",
    "tests",
    "title",
];

const CAUSE_KEYS: &[&str] = &[
    "against",
    "attribute_to",
    "basis",
    "confidence",
    "evidence",
    "group",
    "id",
    "priority",
    "remediation",
    "reset_by",
];

/// Reads one document. What is wrong goes to `lints`; none is returned when it cannot be used.
pub fn read(file: &str, node: &Node, causes: &CauseTree, lints: &mut Vec<Lint>) -> Option<Document> {
    let errors_before = lints.len();
    for (kind, remedy) in [
        ("correlation", "correlations come with a later version"),
        ("filter", "filters come with a later version"),
        ("action", "write each rule whole"),
    ] {
        if let Some(found) = node.get(kind) {
            lints.push(Lint::error(
                "unsupported",
                Error::new(place(file, found.at), format!("{kind}: is not supported yet"), remedy),
            ));
            return None;
        }
    }
    for (key, _) in node.entries().iter().filter(|(k, _)| !KEYS.contains(&k.text.as_str())) {
        let near = did_you_mean(&key.text, KEYS.iter().copied());
        if !near.is_empty() {
            lints.push(Lint::warning(
                "unknown-key",
                Error::new(place(file, key.at), format!("unknown key \"{}\"", key.text), near),
            ));
        }
    }
    let meta = meta(file, node, lints);
    let Some(detection) = node.get("detection") else {
        lints.push(Lint::error(
            "no-detection",
            Error::new(place(file, node.at), "detection: is missing", "a rule needs detection: with a condition:"),
        ));
        return None;
    };
    let cause = node.get("cause").and_then(|c| claim(file, c, &meta.name, causes, lints));
    let tests = node.get("tests").map_or(&[][..], Node::items).iter().filter_map(|t| test(file, t, lints)).collect();
    let broken = lints[errors_before..].iter().any(|l| l.severity == super::lint::Severity::Error);
    (!broken).then(|| Document { meta, detection: detection.clone(), cause, tests })
}

fn meta(file: &str, node: &Node, lints: &mut Vec<Lint>) -> Meta {
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

#[expect(clippy::too_many_arguments, reason = "what is read, what it is checked against, and where findings go")]
fn claim(file: &str, node: &Node, group: &str, causes: &CauseTree, lints: &mut Vec<Lint>) -> Option<CauseClaim> {
    let mut complain = |code, at, thing: String, remedy: String| {
        lints.push(Lint::error(code, Error::new(place(file, at), thing, remedy)))
    };
    for (key, _) in node.entries().iter().filter(|(k, _)| !CAUSE_KEYS.contains(&k.text.as_str())) {
        let remedy = did_you_mean(&key.text, CAUSE_KEYS.iter().copied());
        complain("unknown-key", key.at, format!("unknown key \"{}\" under cause", key.text), remedy);
    }
    let cause = node.get("id").and_then(Node::scalar).unwrap_or_default();
    if causes.get(&cause).is_none() {
        let remedy = did_you_mean(&cause, causes.iter().map(|c| c.id.as_str()));
        complain("unknown-cause", node.at, format!("unknown cause \"{cause}\""), remedy);
        return None;
    }
    let basis_name = node.get("basis").and_then(Node::scalar).unwrap_or_default();
    let Some(basis) = Basis::from_name(&basis_name) else {
        complain(
            "bad-basis",
            node.at,
            format!("basis \"{basis_name}\" is not known"),
            "one of proof, corroborated, heuristic".into(),
        );
        return None;
    };
    let confidence = node.get("confidence").and_then(number).unwrap_or(basis.cap());
    if !(0.0..=basis.cap()).contains(&confidence) {
        let thing = format!("confidence {confidence} is above what basis {} allows", basis.name());
        complain("confidence", node.at, thing, format!("at most {}", basis.cap()));
        return None;
    }
    let mut against = Vec::new();
    for refuted in node.get("against").map_or(&[][..], Node::items) {
        let id = refuted.get("cause").and_then(Node::scalar).unwrap_or_default();
        if causes.get(&id).is_none() {
            complain(
                "unknown-cause",
                refuted.at,
                format!("unknown cause \"{id}\""),
                did_you_mean(&id, causes.iter().map(|c| c.id.as_str())),
            );
        }
        against.push((id, refuted.get("weight").and_then(number).unwrap_or(0.5).clamp(0.0, 1.0)));
    }
    let group = node.get("group").and_then(Node::scalar).unwrap_or_else(|| group.to_string());
    let priority = node.get("priority").and_then(number).unwrap_or(0.0) as i32;
    Some(CauseClaim { cause, basis, confidence, group, against, priority })
}

fn number(node: &Node) -> Option<f32> {
    match node.kind {
        Kind::Int(i) => Some(i as f32),
        Kind::Float(x) => Some(x as f32),
        _ => None,
    }
}

fn test(file: &str, node: &Node, lints: &mut Vec<Lint>) -> Option<RuleTest> {
    let (Some(events), Some(expect)) = (node.get("events"), node.get("expect")) else {
        lints.push(Lint::error("bad-test", Error::new(place(file, node.at), "a test needs events: and expect:", "")));
        return None;
    };
    Some(RuleTest {
        name: node.get("name").and_then(Node::scalar).unwrap_or_default(),
        events: events.clone(),
        expect: expect.clone(),
        todo: matches!(node.get("todo").map(|t| &t.kind), Some(Kind::Bool(true))),
        at: node.at,
    })
}
