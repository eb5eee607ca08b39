//! The `cause:` of a rule: what a match claims about the root cause of a failure; knows no detection.

use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::cause::{Basis, CauseClaim, CauseTree};
use crate::yaml::{Kind, Node, place};

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

/// Reads a claim; `group` is the independence group where the rule names none. What is wrong goes to `lints`.
#[expect(clippy::too_many_arguments, reason = "what is read, what it is checked against, and where findings go")]
pub fn read(file: &str, node: &Node, group: &str, causes: &CauseTree, lints: &mut Vec<Lint>) -> Option<CauseClaim> {
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
