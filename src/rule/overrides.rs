//! Overrides: what a site changes about rules it did not write, with a reason and an end; knows no record and no clock.

use super::document::{Body, Document};
use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::episode::{Bound, Threshold};
use crate::model::finding::Level;
use crate::model::number::Number;
use crate::yaml::{Kind, Node, place};

/// A change of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The rule, by id or name.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub until: String,
    /// `false` leaves the rule out.
    pub enabled: bool,
    /// Another level.
    pub level: Option<Level>,
    /// Another confidence of its claim.
    pub confidence: Option<f32>,
    /// Other bounds of a correlation.
    pub threshold: Option<Threshold>,
    /// Where it stands.
    pub place: String,
}

const KEYS: &[&str] = &["condition", "confidence", "enabled", "level", "reason", "rule", "until"];

/// Reads the members of `overrides:`. What is wrong goes to `lints`.
pub fn read(file: &str, document: &Node, lints: &mut Vec<Lint>) -> Vec<Override> {
    let members = document.get("overrides").map_or(&[][..], Node::items);
    members
        .iter()
        .filter_map(|node| read_one(file, node).map_err(|e| lints.push(Lint::error("override", e))).ok())
        .collect()
}

fn read_one(file: &str, node: &Node) -> Result<Override, Error> {
    let at = place(file, node.at);
    if let Some((key, _)) = node.entries().iter().find(|(k, _)| !KEYS.contains(&k.text.as_str())) {
        let remedy = did_you_mean(&key.text, KEYS.iter().copied());
        return Err(Error::new(place(file, key.at), format!("unknown key \"{}\" in an override", key.text), remedy));
    }
    let text = |key: &str| node.get(key).and_then(Node::scalar).filter(|t| !t.trim().is_empty());
    let need = |key: &str, remedy: &str| {
        text(key).ok_or_else(|| Error::new(at.clone(), format!("an override needs {key}:"), remedy))
    };
    let until = need("until", "name its last day, such as 2027-01-31: what nobody looks at again hides attacks")?;
    if until.parse::<chrono::NaiveDate>().is_err() {
        return Err(Error::new(at, format!("until: \"{until}\" is no day"), "write 2027-01-31"));
    }
    let level = text("level").map(|name| {
        Level::from_name(&name).ok_or_else(|| {
            let remedy = did_you_mean(&name, Level::ALL.iter().map(|l| l.name()));
            Error::new(at.clone(), format!("level \"{name}\" is not known"), remedy)
        })
    });
    let changed = Override {
        rule: need("rule", "name it by id or name")?,
        reason: need("reason", "say why, for whoever reads it next")?,
        until,
        enabled: node.get("enabled").is_none_or(|n| n.kind != Kind::Bool(false)),
        level: level.transpose()?,
        confidence: text("confidence").and_then(|t| t.parse().ok()),
        threshold: node.get("condition").map(|n| bounds(&at, n)).transpose()?,
        place: at.clone(),
    };
    let nothing = changed.level.is_none() && changed.confidence.is_none() && changed.threshold.is_none();
    if changed.enabled && nothing {
        return Err(Error::new(
            at,
            "the override changes nothing",
            "add enabled: false, level:, confidence: or condition:",
        ));
    }
    Ok(changed)
}

fn bounds(at: &str, node: &Node) -> Result<Threshold, Error> {
    let bound = |(key, value): &(crate::yaml::Key, Node)| {
        let number = value.scalar().and_then(|t| Number::parse(&t))?;
        Some((Bound::from_name(&key.text)?, number.to_f64()))
    };
    let bounds: Option<Vec<_>> = node.entries().iter().map(bound).collect();
    let bounds = bounds.filter(|b| !b.is_empty());
    bounds
        .map(|bounds| Threshold { bounds })
        .ok_or_else(|| Error::new(at, "condition: is no comparison with a number", "write condition: {gte: 50}"))
}

/// Changes documents as the overrides in force on a day say; returns those that were applied. An override whose rule is not there, or whose
/// end is past, is a warning: it does nothing.
pub fn apply(
    overrides: Vec<Override>,
    documents: &mut Vec<Document>,
    today: &str,
    lints: &mut Vec<Lint>,
) -> Vec<Override> {
    let mut applied = Vec::new();
    for change in overrides {
        let mut warn = |code, thing: String, remedy: &str| {
            lints.push(Lint::warning(code, Error::new(change.place.clone(), thing, remedy)));
        };
        let Some(at) = documents.iter().position(|d| d.meta.id == change.rule || d.meta.name == change.rule) else {
            warn(
                "override-unknown",
                format!("no rule \"{}\" to override", change.rule),
                "check its id, or remove the override",
            );
            continue;
        };
        if !today.is_empty() && change.until.as_str() < today {
            warn("override-expired", format!("the override ended on {}", change.until), "extend it or remove it");
            continue;
        }
        if change.enabled {
            change.apply(&mut documents[at]);
        } else {
            documents.remove(at);
        }
        applied.push(change);
    }
    applied
}

impl Override {
    fn apply(&self, document: &mut Document) {
        document.meta.level = self.level.unwrap_or(document.meta.level);
        if let (Some(claim), Some(confidence)) = (&mut document.cause, self.confidence) {
            claim.confidence = confidence.clamp(0.0, claim.basis.cap());
        }
        if let (Body::Correlation(correlation), Some(threshold)) = (&mut document.body, &self.threshold) {
            correlation.threshold = threshold.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn an_override_needs_a_reason_and_an_end() {
        for (text, word) in [
            ("{rule: a, until: 2027-01-01, level: low}", "reason"),
            ("{rule: a, reason: x, level: low}", "until"),
            ("{rule: a, reason: x, until: soon, level: low}", "no day"),
            ("{rule: a, reason: x, until: 2027-01-01}", "changes nothing"),
            ("{rule: a, reason: x, until: 2027-01-01, levle: low}", "levle"),
        ] {
            let mut lints = Vec::new();
            let node = yaml::parse("o.yml", &format!("overrides: [{text}]")).unwrap().remove(0);
            assert!(read("o.yml", &node, &mut lints).is_empty());
            assert!(lints[0].to_string().contains(word), "{}", lints[0]);
        }
    }
}
