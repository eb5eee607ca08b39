//! One Sigma document as written: a detection rule, a correlation or a filter, with its claim and its tests; compiles nothing.

use super::anomaly;
use super::attribution::{self, Attributing};
use super::correlation::{self, Correlation};
use super::filter::{self, Filter};
use super::lint::{Lint, Severity};
use super::meta::{self, Meta};
use super::{claim, lint};
use crate::error::{Error, did_you_mean};
use crate::model::anomaly::{Alerting, Anomaly};
use crate::model::cause::{CauseClaim, CauseTree};
use crate::yaml::{Kind, Node, Position, place};

/// A document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Metadata.
    pub meta: Meta,
    /// What kind of document it is.
    pub body: Body,
    /// What a match claims.
    pub cause: Option<CauseClaim>,
    /// Of a correlation: whose events receive the claim.
    pub attributing: Attributing,
    /// What narrows its matches to unusual ones.
    pub anomaly: Option<Anomaly>,
    /// How its alerts are told.
    pub alerting: Alerting,
    /// The rule's own tests.
    pub tests: Vec<RuleTest>,
}

/// What a document holds.
#[derive(Debug, Clone)]
pub enum Body {
    /// A rule on single events: its `detection` mapping.
    Detection(Node),
    /// A rule on the matches of other rules.
    Correlation(Correlation),
    /// A further condition for other rules.
    Filter(Filter),
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
    "correlation",
    "date",
    "description",
    "detection",
    "falsepositives",
    "fields",
    "filter",
    "generate",
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

/// Reads one document. What is wrong goes to `lints`; none is returned when it cannot be used.
pub fn read(file: &str, node: &Node, causes: &CauseTree, lints: &mut Vec<Lint>) -> Option<Document> {
    let errors_before = lints.len();
    refuse_legacy(file, node, lints);
    unknown_keys(file, node, lints);
    let meta = meta::read(file, node, lints);
    let body = body(file, node, lints);
    if node.get("detection").is_some() && node.get("logsource").is_none_or(|l| l.entries().is_empty()) {
        let remedy = "say which events it is for, such as {product: aws, service: cloudtrail}";
        let error = Error::new(place(file, node.at), "logsource: is missing", remedy);
        lints.push(Lint::error("no-logsource", error));
    }
    let (anomaly, alerting) = unusual(&meta, node, body.as_ref(), lints);
    let cause = node.get("cause").and_then(|c| claim::read(file, c, &meta.name, causes, lints));
    let attributing = node.get("cause").map(attribution::read).unwrap_or_default();
    let can_claim = match &body {
        Some(Body::Correlation(correlation)) => correlation.kind.is_temporal(),
        Some(Body::Filter(_)) => false,
        _ => true,
    };
    if let Some(at) = node.get("cause").map(|c| c.at).filter(|_| !can_claim) {
        let remedy = "put it on the rule whose events fail, or on a temporal or temporal_ordered correlation";
        let thing = "a filter or a correlation that counts names no cause of an event";
        lints.push(Lint::error("cause", Error::new(place(file, at), thing, remedy)));
    }
    let tests = node.get("tests").map_or(&[][..], Node::items).iter().filter_map(|t| test(file, t, lints)).collect();
    let broken = lints[errors_before..].iter().any(|l| l.severity == Severity::Error);
    body.filter(|_| !broken).map(|body| Document { meta, body, cause, attributing, anomaly, alerting, tests })
}

/// The blocks `anomaly:` and `alert:`. A rule about what a detector finds names both the detector and that source, or neither.
fn unusual(meta: &Meta, node: &Node, body: Option<&Body>, lints: &mut Vec<Lint>) -> (Option<Anomaly>, Alerting) {
    let of = match body {
        Some(Body::Correlation(c)) => anomaly::Of::Correlation(c.kind, &c.threshold),
        _ => anomaly::Of::Detection,
    };
    let block = node.get("anomaly");
    if matches!(body, Some(Body::Detection(_))) && block.is_some() != meta.is_about_anomalies() {
        let thing = "a rule about anomalies needs both anomaly: and its log source";
        let remedy = "write anomaly: {detector: new_network} and logsource: {product: keyfault, service: anomaly}";
        lints.push(Lint::error("anomaly", Error::new(meta.place(), thing, remedy)));
    }
    let anomaly = block.map(|a| anomaly::read(&meta.file, a, of, lints));
    let alerting = node.get("alert").map(|a| anomaly::read_alerting(&meta.file, a, lints)).unwrap_or_default();
    (anomaly, alerting)
}

fn body(file: &str, node: &Node, lints: &mut Vec<Lint>) -> Option<Body> {
    let kinds = ["detection", "correlation", "filter"];
    let found: Vec<&str> = kinds.into_iter().filter(|k| node.get(k).is_some()).collect();
    let [kind] = found[..] else {
        let thing = match found.len() {
            0 => "detection: is missing".to_string(),
            _ => format!("{} in one document", found.join(": and ") + ":"),
        };
        let remedy = "a document holds one of detection:, correlation: and filter:; separate documents with ---";
        lints.push(Lint::error("no-detection", Error::new(place(file, node.at), thing, remedy)));
        return None;
    };
    let inner = node.get(kind)?;
    match kind {
        "detection" => Some(Body::Detection(inner.clone())),
        "correlation" => correlation::read(file, node, inner, lints).map(Body::Correlation),
        _ => filter::read(file, node, inner, lints).map(Body::Filter),
    }
}

/// Sigma before version 2 joined documents and counted matches in other ways; half understood they would match the wrong events.
fn refuse_legacy(file: &str, node: &Node, lints: &mut Vec<Lint>) {
    let timeframe = node.get("detection").and_then(|d| d.get("timeframe"));
    let legacy = [
        (
            node.get("action"),
            "action: is legacy Sigma",
            "write each rule whole, and let correlations and filters refer to it",
        ),
        (timeframe, "timeframe: is legacy Sigma", "write a correlation document with timespan:"),
    ];
    for (found, thing, remedy) in legacy {
        if let Some(found) = found {
            lints.push(Lint::error("legacy", Error::new(place(file, found.at), thing, remedy)));
        }
    }
}

/// Sigma allows keys of one's own, so only those are named that are nearly a known one.
fn unknown_keys(file: &str, node: &Node, lints: &mut Vec<Lint>) {
    for (key, _) in node.entries().iter().filter(|(k, _)| !KEYS.contains(&k.text.as_str())) {
        let near = did_you_mean(&key.text, KEYS.iter().copied());
        if !near.is_empty() {
            let error = Error::new(place(file, key.at), format!("unknown key \"{}\"", key.text), near);
            lints.push(lint::Lint::warning("unknown-key", error));
        }
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
