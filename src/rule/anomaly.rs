//! The `anomaly:` and `alert:` blocks of a rule: what narrows its matches to unusual ones, and how alerts are told; detects nothing.

use super::correlation::timespan_us;
use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::anomaly::{Alerting, Anomaly, Detector};
use crate::model::episode::{Kind, Threshold};
use crate::model::finding::Micros;
use crate::model::number::Number;
use crate::model::usual::Method;
use crate::yaml::{Node, Position, place};

const KEYS: &[&str] = &[
    "at_least",
    "baseline",
    "detector",
    "floor",
    "max_speed",
    "method",
    "min_history",
    "min_ratio",
    "min_z",
    "pause",
    "peers",
];
const ALERT_KEYS: &[&str] = &["attach", "cooldown", "one_per"];

/// What the document of a block is, as far as the block must know.
#[derive(Clone, Copy)]
pub enum Of<'o> {
    /// A correlation of that kind and with these bounds.
    Correlation(Kind, &'o Threshold),
    /// A rule on single events.
    Detection,
}

struct Reader<'r> {
    file: &'r str,
    node: &'r Node,
    lints: &'r mut Vec<Lint>,
}

/// Reads `anomaly:`. What is wrong goes to `lints`.
pub fn read(file: &str, node: &Node, of: Of<'_>, lints: &mut Vec<Lint>) -> Anomaly {
    let mut reader = Reader { file, node, lints };
    reader.check_keys("anomaly", KEYS);
    let mut anomaly = Anomaly::default();
    let narrowing = &mut anomaly.narrowing;
    if let Some((name, at)) = reader.text("method") {
        match Method::ALL.into_iter().find(|m| m.name() == name) {
            Some(method) => narrowing.method = method,
            None => reader.complain(at, format!("method \"{name}\" is not known"), "robust_z, count".into()),
        }
    }
    reader.span("baseline", &mut narrowing.baseline_us);
    reader.span("min_history", &mut narrowing.min_history_us);
    reader.number("min_z", &mut narrowing.min_z);
    reader.number("floor", &mut narrowing.floor);
    reader.number("min_ratio", &mut narrowing.min_ratio);
    reader.number("at_least", &mut anomaly.at_least);
    reader.span("pause", &mut anomaly.pause_us);
    reader.number("max_speed", &mut anomaly.max_speed);
    reader.number("peers", &mut anomaly.peers);
    anomaly.detector = reader.detector(of);
    anomaly
}

/// Reads `alert:`. What is wrong goes to `lints`.
pub fn read_alerting(file: &str, node: &Node, lints: &mut Vec<Lint>) -> Alerting {
    let mut reader = Reader { file, node, lints };
    reader.check_keys("alert", ALERT_KEYS);
    for (key, only) in [("one_per", "episode"), ("attach", "top_causes")] {
        if let Some((value, at)) = reader.text(key).filter(|(value, _)| value != only) {
            reader.complain(at, format!("{key} \"{value}\" is not known"), only.into());
        }
    }
    let mut alerting = Alerting::default();
    reader.span("cooldown", &mut alerting.cooldown_us);
    alerting
}

impl Reader<'_> {
    fn complain(&mut self, at: Position, thing: String, remedy: String) {
        self.lints.push(Lint::error("anomaly", Error::new(place(self.file, at), thing, remedy)));
    }

    fn check_keys(&mut self, block: &str, known: &[&str]) {
        let node = self.node;
        for (key, _) in node.entries().iter().filter(|(k, _)| !known.contains(&k.text.as_str())) {
            let near = did_you_mean(&key.text, known.iter().copied());
            let remedy = if near.is_empty() { known.join(", ") } else { near };
            let error =
                Error::new(place(self.file, key.at), format!("unknown key \"{}\" under {block}", key.text), remedy);
            self.lints.push(Lint::error("unknown-key", error));
        }
    }

    fn text(&self, key: &str) -> Option<(String, Position)> {
        self.node.get(key).map(|n| (n.scalar().unwrap_or_default(), n.at))
    }

    fn span(&mut self, key: &str, into: &mut Micros) {
        let Some((text, at)) = self.text(key) else { return };
        match timespan_us(&text) {
            Some(us) => *into = us,
            None => self.complain(at, format!("{key} \"{text}\" is no time span"), "write 7d, 12h or 30m".into()),
        }
    }

    fn number(&mut self, key: &str, into: &mut f64) {
        let Some((text, at)) = self.text(key) else { return };
        match Number::parse(&text).map(|n| n.to_f64()).filter(|n| *n >= 0.0) {
            Some(number) => *into = number,
            None => self.complain(at, format!("{key} \"{text}\" is no number"), "write a number, such as 6".into()),
        }
    }

    fn detector(&mut self, of: Of<'_>) -> Option<Detector> {
        let named = self.text("detector");
        let at = self.node.at;
        match (of, named) {
            (Of::Correlation(kind, threshold), None) => {
                if !kind.is_count() || !threshold.is_lower() {
                    let remedy = "use it with event_count or value_count and gte";
                    self.complain(at, "anomaly: narrows counts with a lower bound".into(), remedy.into());
                }
                None
            }
            (Of::Correlation(..), Some((_, at))) => {
                let remedy = "leave detector: out, or write a detection document";
                self.complain(at, "a correlation counts itself".into(), remedy.into());
                None
            }
            (Of::Detection, None) => {
                self.complain(at, "anomaly: names no detector".into(), names());
                None
            }
            (Of::Detection, Some((name, at))) => {
                let detector = Detector::from_name(&name);
                if detector.is_none() {
                    let near = did_you_mean(&name, Detector::ALL.iter().map(|d| d.name()));
                    let remedy = if near.is_empty() { names() } else { near };
                    self.complain(at, format!("detector \"{name}\" is not known"), remedy);
                }
                detector
            }
        }
    }
}

fn names() -> String {
    Detector::ALL.iter().map(|d| d.name()).collect::<Vec<_>>().join(", ")
}
