//! Runs the tests written in rule files: events in, matches and verdicts out; maps no record itself.

use super::document::RuleTest;
use super::evaluate::{Hit, Memo};
use super::set::{Rule, RuleSet};
use crate::error::Error;
use crate::model::cause::CauseClaim;
use crate::model::records::{LogSource, Records};
use crate::model::verdict::{Verdict, combine};
use crate::yaml::{Kind, Node, place};
use sonic_rs::{Object, Value};
use std::collections::BTreeMap;

/// Gives events of one source as records, to whoever asks: the mappings belong to another stage.
pub trait Normalise {
    /// Calls back with the source's id, its log source and the records.
    fn with(
        &self,
        source: &str,
        events: Vec<Value>,
        then: &mut dyn FnMut(&str, &LogSource, &dyn Records),
    ) -> Result<(), Error>;
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed(String),
    /// A known failure.
    Todo(String),
}

/// The result of one test.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// `file:line:column` of the test.
    pub place: String,
    /// Title of the rule.
    pub rule: String,
    /// Name of the test.
    pub test: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// Runs the tests of the rules that `wanted` names.
pub fn run(set: &RuleSet, normalise: &dyn Normalise, wanted: &dyn Fn(&Rule) -> bool) -> Vec<TestResult> {
    let mut results = Vec::new();
    for (number, rule) in set.rules.iter().enumerate().filter(|(_, r)| wanted(r)) {
        for test in &rule.tests {
            let outcome = match (check(set, number as u32, test, normalise), test.todo) {
                (Ok(()), false) => Outcome::Passed,
                (Ok(()), true) => Outcome::Failed("marked todo, but passes: remove the mark".into()),
                (Err(reason), false) => Outcome::Failed(reason),
                (Err(reason), true) => Outcome::Todo(reason),
            };
            results.push(TestResult {
                place: place(&rule.meta.file, test.at),
                rule: rule.meta.title.clone(),
                test: test.name.clone(),
                outcome,
            });
        }
    }
    results
}

fn check(set: &RuleSet, number: u32, test: &RuleTest, normalise: &dyn Normalise) -> Result<(), String> {
    let events = expand(&test.events);
    if events.is_empty() {
        return Err("the test has no events".into());
    }
    let hits = evaluate(set, &events, normalise).map_err(|e| e.to_string())?;
    for (key, expected) in test.expect.entries() {
        match (key.text.as_str(), key.text.parse::<usize>()) {
            ("match", _) => check_match(set, number, expected, &hits)?,
            (_, Ok(ordinal)) => check_verdict(ordinal, expected, hits.get(ordinal), set)?,
            (other, _) => return Err(format!("expectation \"{other}\" is not supported yet")),
        }
    }
    Ok(())
}

/// The events of a test; `{repeat, every, event}` stands for many.
fn expand(node: &Node) -> Vec<Node> {
    match (node.get("repeat").map(|n| &n.kind), node.get("event")) {
        (Some(Kind::Int(times)), Some(event)) => vec![event.clone(); (*times).clamp(0, 100_000) as usize],
        _ => node.items().to_vec(),
    }
}

/// Rule numbers that match each event.
fn evaluate(set: &RuleSet, events: &[Node], normalise: &dyn Normalise) -> Result<Vec<Vec<u32>>, Error> {
    let mut by_source: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (ordinal, event) in events.iter().enumerate() {
        let source = event.get("_src").and_then(Node::scalar).unwrap_or_else(|| "keyfault".into());
        by_source.entry(source).or_default().push(ordinal);
    }
    let mut hits = vec![Vec::new(); events.len()];
    for (source, ordinals) in by_source {
        let values = ordinals.iter().map(|&o| value(&events[o])).collect();
        normalise.with(&source, values, &mut |id, logsource, records| {
            for Hit { row, rule } in set.for_source(id, logsource).evaluate(records, &mut Memo::default()) {
                let ordinal = ordinals[row as usize];
                let named = events[ordinal].get("source").and_then(Node::scalar);
                if id != "keyfault" || set.rules[rule as usize].wants_source(named.as_deref()) {
                    hits[ordinal].push(rule);
                }
            }
        })?;
    }
    Ok(hits)
}

impl Rule {
    /// Whether an event given as columns, which names its source or none, is one the rule would be asked about.
    fn wants_source(&self, source: Option<&str>) -> bool {
        let wanted = &self.meta.logsource;
        match (source, wanted.product.as_deref(), wanted.service.as_deref()) {
            (Some(source), Some("keyfault"), Some(service)) => source == service,
            _ => true,
        }
    }
}

/// A YAML event as JSON; keys that begin with `_` are for the test.
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
            for (key, member) in entries.iter().filter(|(k, _)| !k.text.starts_with("_src") && k.text != "_t") {
                object.insert(&key.text, value(member));
            }
            object.into_value()
        }
    }
}

fn check_match(set: &RuleSet, number: u32, expected: &Node, hits: &[Vec<u32>]) -> Result<(), String> {
    let wanted: Vec<usize> = expected.items().iter().filter_map(Node::scalar).filter_map(|o| o.parse().ok()).collect();
    let found: Vec<usize> = (0..hits.len()).filter(|&o| hits[o].contains(&number)).collect();
    if wanted == found {
        return Ok(());
    }
    let others: Vec<&str> = hits.iter().flatten().map(|&r| set.rules[r as usize].meta.title.as_str()).collect();
    Err(format!("matches events {found:?}, expected {wanted:?} (all rules that matched: {})", others.join("; ")))
}

fn check_verdict(ordinal: usize, expected: &Node, hits: Option<&Vec<u32>>, set: &RuleSet) -> Result<(), String> {
    let hits = hits.ok_or_else(|| format!("there is no event {ordinal}"))?;
    let claims: Vec<&CauseClaim> = hits.iter().filter_map(|&r| set.rules[r as usize].cause.as_ref()).collect();
    let verdict = combine(&claims);
    let says = |what: &str, found: &str, wanted: &str| {
        let by: Vec<&str> = hits.iter().map(|&r| set.rules[r as usize].meta.title.as_str()).collect();
        format!("event {ordinal}: {what} is {found}, expected {wanted} (rules that matched: {})", by.join("; "))
    };
    for (key, wanted) in expected.entries() {
        let wanted = wanted.scalar();
        let found =
            found(&verdict, &key.text).ok_or_else(|| format!("expectation \"{}\" is not supported yet", key.text))?;
        let same = match (key.text.as_str(), &found, &wanted) {
            ("confidence", Some(f), Some(w)) => {
                f.parse::<f32>().ok().zip(w.parse::<f32>().ok()).is_some_and(|(f, w)| (f - w).abs() < 0.005)
            }
            _ => found == wanted,
        };
        if !same {
            return Err(says(&key.text, found.as_deref().unwrap_or("none"), wanted.as_deref().unwrap_or("none")));
        }
    }
    Ok(())
}

fn found(verdict: &Verdict, key: &str) -> Option<Option<String>> {
    match key {
        "cause" => Some(verdict.cause.clone()),
        "verdict" => Some(Some(verdict.sureness.name().to_string())),
        "confidence" => Some(Some(verdict.confidence.to_string())),
        _ => None,
    }
}
