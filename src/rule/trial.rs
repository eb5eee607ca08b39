//! Evaluates the events of one test as a run would: matches by event, episodes by correlation; expects nothing.

use super::correlate::{Waiting, count};
use super::evaluate::{Hit, Memo};
use super::set::RuleSet;
use crate::error::Error;
use crate::model::cell::Cell;
use crate::model::episode::{Episode, EventRef, Step};
use crate::model::records::{Codes, FieldRef, LogSource, Records};
use crate::model::time;
use crate::yaml::{Kind, Node};
use sonic_rs::{Object, Value};
use std::collections::BTreeMap;

/// Gives events of one source as records, to whoever asks: the mappings belong to another stage.
pub trait Normalise {
    /// The mapping by which an event of a source is read, by number.
    fn mapping_of(&self, source: &str, event: &Value) -> Result<usize, Error>;

    /// Calls back with the source's id, its log sources and the records.
    fn with(&self, mapping: usize, events: Vec<Value>, then: Then<'_>);
}

/// What is done with a source's id, its log sources and its records.
pub type Then<'t> = &'t mut dyn FnMut(&str, &[LogSource], &dyn Records);

/// What the rules of a set make of some events.
pub struct Trial {
    /// Numbers of the rules that match, by event.
    pub hits: Vec<Vec<u32>>,
    /// Episodes, by correlation. Events are named by their ordinals.
    pub episodes: Vec<Vec<Episode>>,
}

/// An event of a test.
struct Event<'n> {
    node: &'n Node,
    /// How much later than written.
    later_us: i64,
}

impl Trial {
    /// Evaluates the events under `events:`, or `{repeat, every, event}` which stands for many.
    pub fn run(set: &RuleSet, events: &Node, normalise: &dyn Normalise) -> Result<Trial, Error> {
        let events = expand(events)?;
        let mut by_mapping: BTreeMap<usize, (Vec<usize>, Vec<Value>)> = BTreeMap::new();
        for (ordinal, event) in events.iter().enumerate() {
            let source = event.node.get("_src").and_then(Node::scalar).unwrap_or_else(|| "keyfault".into());
            let value = value(event.node);
            let (ordinals, values) = by_mapping.entry(normalise.mapping_of(&source, &value)?).or_default();
            ordinals.push(ordinal);
            values.push(value);
        }
        let mut hits = vec![Vec::new(); events.len()];
        let mut steps = InMemory { by_correlation: vec![Vec::new(); set.correlations.len()] };
        for (mapping, (ordinals, values)) in by_mapping {
            let mut of_source =
                SourceTrial { set, events: &events, ordinals: &ordinals, hits: &mut hits, steps: &mut steps };
            normalise.with(mapping, values, &mut |id, logsources, records| of_source.evaluate(id, logsources, records));
        }
        Ok(Trial { hits, episodes: count(&set.correlations, &mut steps)? })
    }
}

/// The events of one source in a trial.
struct SourceTrial<'t> {
    set: &'t RuleSet,
    events: &'t [Event<'t>],
    ordinals: &'t [usize],
    hits: &'t mut Vec<Vec<u32>>,
    steps: &'t mut InMemory,
}

impl SourceTrial<'_> {
    fn evaluate(&mut self, id: &str, logsources: &[LogSource], records: &dyn Records) {
        for Hit { row, rule } in self.set.for_source(id, logsources).evaluate(records, &mut Memo::default()) {
            self.hits[self.ordinals[row as usize]].push(rule);
        }
        let timed = Timed { records, events: self.ordinals.iter().map(|&o| &self.events[o]).collect() };
        for (row, &ordinal) in self.ordinals.iter().enumerate() {
            let event = EventRef { event_uid: ordinal.to_string(), ..EventRef::default() };
            for (correlation, step) in self.set.steps(&timed, row, self.hits[ordinal].iter().copied(), &event) {
                self.steps.by_correlation[correlation as usize].push(Step { input_record: ordinal as u64, ..step });
            }
        }
    }
}

/// Records with the times that a test gives them.
struct Timed<'t> {
    records: &'t dyn Records,
    events: Vec<&'t Event<'t>>,
}

impl Records for Timed<'_> {
    fn rows(&self) -> usize {
        self.records.rows()
    }

    fn anchor(&self, n: usize) -> &Codes {
        self.records.anchor(n)
    }

    fn time_us(&self, row: usize) -> Option<i64> {
        let own = self.events[row].node.get("_t").and_then(Node::scalar).and_then(|t| time::parse(&t));
        own.or_else(|| self.records.time_us(row)).map(|t| t + self.events[row].later_us)
    }

    fn rank(&self, row: usize) -> u8 {
        self.records.rank(row)
    }

    fn cell(&self, row: usize, field: &FieldRef) -> Cell<'_> {
        self.records.cell(row, field)
    }

    fn any_scalar(&self, row: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        self.records.any_scalar(row, visit)
    }
}

/// Steps of a test: few enough to keep.
struct InMemory {
    by_correlation: Vec<Vec<Step>>,
}

impl Waiting for InMemory {
    fn push(&mut self, correlation: u32, step: Step) -> Result<(), Error> {
        self.by_correlation[correlation as usize].push(step);
        Ok(())
    }

    fn drain(&mut self, correlation: u32, each: &mut dyn FnMut(Step)) -> Result<(), Error> {
        let mut steps = std::mem::take(&mut self.by_correlation[correlation as usize]);
        steps.sort();
        steps.into_iter().for_each(each);
        Ok(())
    }
}

const REPEATED: i64 = 100_000;

fn expand(node: &Node) -> Result<Vec<Event<'_>>, Error> {
    let bad = |thing: &str, remedy: &str| Err(Error::new("", thing, remedy));
    let (Some(repeat), Some(event)) = (node.get("repeat"), node.get("event")) else {
        let events: Vec<Event<'_>> = node.items().iter().map(|node| Event { node, later_us: 0 }).collect();
        return if events.is_empty() { bad("the test has no events", "list them under events:") } else { Ok(events) };
    };
    let Kind::Int(times @ 1..=REPEATED) = repeat.kind else { return bad("repeat is no number", "write 1 to 100000") };
    let every = node.get("every").and_then(Node::scalar).unwrap_or_else(|| "1s".into());
    let Some(every_us) = super::correlation::timespan_us(&every) else {
        return bad("every is no time span", "write 12s, 5m, 1h or 1d");
    };
    Ok((0..times).map(|n| Event { node: event, later_us: n * every_us }).collect())
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
