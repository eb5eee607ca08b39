//! Reads `causes.yml`, the catalogue of root causes; knows no rule.

use crate::error::{Error, did_you_mean};
use crate::model::cause::{Cause, CauseTree, Owner};
use crate::model::checklist::{CHECKLIST, check};
use crate::yaml::{self, Key, Node, place};

const KEYS: &[&str] = &["check", "explanation", "owner", "references", "remediation", "title"];

/// The cause tree of a `causes.yml` text.
pub fn parse(file: &str, text: &str) -> Result<CauseTree, Error> {
    let documents = yaml::parse(file, text)?;
    let causes = documents.first().and_then(|d| d.get("causes"));
    let Some(causes) = causes else {
        return Err(Error::new(file, "causes: is missing", "list the causes under causes:"));
    };
    let parsed: Vec<Cause> =
        causes.entries().iter().map(|(id, node)| cause(file, id, node)).collect::<Result<_, _>>()?;
    let tree = CauseTree::new(parsed);
    for (id, _) in causes.entries() {
        if let Some((parent, _)) = id.text.rsplit_once('.').filter(|(p, _)| tree.get(p).is_none()) {
            return Err(Error::new(
                place(file, id.at),
                format!("cause \"{}\" has no parent \"{parent}\"", id.text),
                "add the parent",
            ));
        }
    }
    Ok(tree)
}

fn cause(file: &str, id: &Key, node: &Node) -> Result<Cause, Error> {
    for (key, _) in node.entries() {
        if !KEYS.contains(&key.text.as_str()) {
            let remedy = did_you_mean(&key.text, KEYS.iter().copied());
            return Err(Error::new(place(file, key.at), format!("unknown key \"{}\"", key.text), remedy));
        }
    }
    let text = |key: &str| node.get(key).and_then(Node::scalar).unwrap_or_default();
    let texts = |key: &str| node.get(key).map_or(&[][..], Node::one_or_many).iter().filter_map(Node::scalar).collect();
    let bad = |thing: String, remedy: String| Error::new(place(file, node.at), thing, remedy);
    let owner = Owner::from_name(&text("owner")).ok_or_else(|| {
        let names: Vec<_> = Owner::ALL.iter().map(|o| o.name()).collect();
        bad(
            format!("cause \"{}\": owner \"{}\" is not known", id.text, text("owner")),
            format!("one of {}", names.join(", ")),
        )
    })?;
    let question = node.get("check").and_then(Node::scalar);
    if let Some(unknown) = question.as_deref().filter(|c| check(c).is_none()) {
        let remedy = did_you_mean(unknown, CHECKLIST.iter().map(|c| c.id));
        return Err(bad(format!("cause \"{}\": check \"{unknown}\" is not known", id.text), remedy));
    }
    Ok(Cause {
        id: id.text.clone(),
        title: text("title"),
        explanation: text("explanation"),
        owner,
        check: question,
        remediation: texts("remediation"),
        references: texts("references"),
    })
}
