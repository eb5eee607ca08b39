//! The events of one test and what a run makes of them: matches by event, episodes by correlation, verdicts; runs nothing itself.

use super::correlation::timespan_us;
use crate::error::Error;
use crate::model::episode::Episode;
use crate::model::finding::{Alert, Micros};
use crate::model::time;
use crate::model::verdict::Verdict;
use crate::yaml::{Kind, Node};
use sonic_rs::{Object, Value};
use std::sync::Arc;

/// An event of a test.
#[derive(Debug, Clone)]
pub struct TestEvent {
    /// The source it is of.
    pub source: String,
    /// When it happened, where the test says.
    pub time_us: Option<Micros>,
    /// How much later than written: repeated events come one after another.
    pub later_us: Micros,
    /// The record.
    pub value: Value,
}

/// The verdict of an event that was refused.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The verdict.
    pub verdict: Arc<Verdict>,
    /// Ordinals of the events that are cited as proof, in order.
    pub proof: Vec<usize>,
}

/// What a run makes of the events of a test.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// Numbers of the rules that match, by event. Rules about facts match the refusals that they claim.
    pub hits: Vec<Vec<u32>>,
    /// Episodes, by correlation. Events are named by their ordinals.
    pub episodes: Vec<Vec<Episode>>,
    /// Verdicts, by event; none of events that were not refused.
    pub verdicts: Vec<Option<Judged>>,
    /// Alerts of rules about anomalies.
    pub alerts: Vec<Alert>,
}

/// Runs events as a run would: mappings and diagnosis belong to other stages.
pub trait Run {
    /// What becomes of the events.
    fn run(&self, events: &[TestEvent]) -> Result<Trial, Error>;
}

const REPEATED: i64 = 100_000;

/// The events under `events:`. `{repeat, every, event}`, alone or as a member, stands for many.
pub fn events(node: &Node) -> Result<Vec<TestEvent>, Error> {
    let members = if is_repeated(node) { std::slice::from_ref(node) } else { node.items() };
    let mut events = Vec::new();
    for member in members {
        if is_repeated(member) { repeated(member, &mut events)? } else { events.push(event_of(member, 0)) }
    }
    if events.is_empty() { Err(bad("the test has no events", "list them under events:")) } else { Ok(events) }
}

fn bad(thing: &str, remedy: &str) -> Error {
    Error::new("", thing, remedy)
}

fn is_repeated(node: &Node) -> bool {
    node.get("repeat").is_some() && node.get("event").is_some()
}

fn repeated(node: &Node, events: &mut Vec<TestEvent>) -> Result<(), Error> {
    let times = match node.get("repeat").map(|n| &n.kind) {
        Some(Kind::Int(times @ 1..=REPEATED)) => *times,
        _ => return Err(bad("repeat is no number", "write 1 to 100000")),
    };
    let every = node.get("every").and_then(Node::scalar).unwrap_or_else(|| "1s".into());
    let every_us = timespan_us(&every).ok_or_else(|| bad("every is no time span", "write 12s, 5m, 1h or 1d"))?;
    events.extend(node.get("event").into_iter().flat_map(|e| (0..times).map(move |n| event_of(e, n * every_us))));
    Ok(())
}

fn event_of(node: &Node, later_us: i64) -> TestEvent {
    TestEvent {
        source: node.get("_src").and_then(Node::scalar).unwrap_or_else(|| "keyfault".into()),
        time_us: node.get("_t").and_then(Node::scalar).and_then(|t| time::parse(&t)),
        later_us,
        value: value(node),
    }
}

/// A YAML event as JSON; `_src` and `_t` are for the test.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::new_null(),
        Kind::Bool(b) => Value::from(*b),
        Kind::Int(i) => Value::from(*i),
        Kind::Float(x) => Value::new_f64(*x).unwrap_or_default(),
        Kind::Text(t) => Value::from(t.as_str()),
        Kind::List(items) => Value::from(items.iter().map(value).collect::<sonic_rs::Array>()),
        Kind::Map(entries) => {
            let mut object = Object::new();
            for (key, member) in entries.iter().filter(|(k, _)| k.text != "_src" && k.text != "_t") {
                object.insert(&key.text, value(member));
            }
            object.into_value()
        }
    }
}
