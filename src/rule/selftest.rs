//! Runs the tests written in rule files and holds what matched against what was expected; maps no record itself.

use super::correlate::Of;
use super::document::RuleTest;
use super::meta::Meta;
use super::set::RuleSet;
use super::trial::{self, Judged};
use crate::model::episode::Episode;
use crate::model::finding::Alert;
use crate::model::verdict::Verdict;
use crate::yaml::{Kind, Node, place};

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

/// Runs the tests of the rules and correlations that `wanted` names.
pub fn run(set: &RuleSet, runner: &dyn trial::Run, wanted: &dyn Fn(&Meta) -> bool) -> Vec<TestResult> {
    let rules = set.rules.iter().enumerate().map(|(n, r)| (Of::Rule(n as u32), &r.meta, &r.tests));
    let correlations = set.correlations.iter().enumerate().map(|(n, c)| (Of::Correlation(n as u32), &c.meta, &c.tests));
    let mut results = Vec::new();
    for (of, meta, tests) in rules.chain(correlations).filter(|(_, meta, _)| wanted(meta)) {
        for test in tests {
            let outcome = match (check(set, of, test, runner), test.todo) {
                (Ok(()), false) => Outcome::Passed,
                (Ok(()), true) => Outcome::Failed("marked todo, but passes: remove the mark".into()),
                (Err(reason), false) => Outcome::Failed(reason),
                (Err(reason), true) => Outcome::Todo(reason),
            };
            results.push(TestResult {
                place: place(&meta.file, test.at),
                rule: meta.title.clone(),
                test: test.name.clone(),
                outcome,
            });
        }
    }
    results
}

fn check(set: &RuleSet, of: Of, test: &RuleTest, runner: &dyn trial::Run) -> Result<(), String> {
    let events = trial::events(&test.events).map_err(|e| e.to_string())?;
    let trial = runner.run(&events).map_err(|e| e.to_string())?;
    for (key, expected) in test.expect.entries() {
        match (key.text.as_str(), key.text.parse::<usize>(), of) {
            ("match", _, Of::Rule(number)) => check_match(set, number, expected, &trial.hits)?,
            ("match", _, Of::Correlation(_)) => return Err("a correlation alerts: expect {alerts: 1}".into()),
            ("alerts", _, Of::Correlation(number)) => check_alerts(expected, &trial.episodes[number as usize])?,
            ("alerts", _, Of::Rule(number)) if set.rules[number as usize].anomaly.is_some() => {
                let id = &set.rules[number as usize].meta.id;
                check_found(expected, trial.alerts.iter().filter(|a| a.rule_id == *id).collect())?;
            }
            ("alerts", _, Of::Rule(_)) => return Err("alerts are expected of correlations: expect {match: [0]}".into()),
            (_, Ok(ordinal), _) if ordinal < events.len() => {
                let judged = trial.verdicts[ordinal].as_ref();
                check_verdict(ordinal, expected, judged, &names(set, &trial.hits[ordinal]))?;
            }
            (_, Ok(ordinal), _) => return Err(format!("there is no event {ordinal}")),
            (other, _, _) => return Err(format!("expectation \"{other}\" is not supported yet")),
        }
    }
    Ok(())
}

/// The number of alerts, or what each of them holds.
fn check_alerts(expected: &Node, episodes: &[Episode]) -> Result<(), String> {
    let found: Vec<String> = episodes.iter().map(shown).collect();
    let wanted = match expected.kind {
        Kind::Int(count) => count.max(0) as usize,
        _ => expected.items().len(),
    };
    if wanted != episodes.len() {
        return Err(format!("{} alerts, expected {wanted}: [{}]", episodes.len(), found.join("; ")));
    }
    expected.items().iter().zip(episodes).try_for_each(|(wanted, episode)| check_alert(wanted, episode))
}

/// The number of alerts of a rule about anomalies, or what each of them says and of whom.
fn check_found(expected: &Node, found: Vec<&Alert>) -> Result<(), String> {
    let told: Vec<&str> = found.iter().map(|a| a.says.as_str()).collect();
    let wanted = match expected.kind {
        Kind::Int(count) => count.max(0) as usize,
        _ => expected.items().len(),
    };
    if wanted != found.len() {
        return Err(format!("{} alerts, expected {wanted}: [{}]", found.len(), told.join("; ")));
    }
    for (wanted, alert) in expected.items().iter().zip(found) {
        for (key, value) in wanted.entries() {
            let value = value.scalar().unwrap_or_default();
            let same = match key.text.as_str() {
                "says" => alert.says.contains(&value),
                "credential" => alert.credential_uid.as_deref() == Some(&*value),
                "observed" => value.parse().is_ok_and(|v: f64| (v - alert.observed).abs() < 1e-6),
                other => {
                    return Err(format!(
                        "expectation \"{other}\" of an alert is not known: says, credential, observed"
                    ));
                }
            };
            if !same {
                return Err(format!("the alert \"{}\" differs in {}", alert.says, key.text));
            }
        }
    }
    Ok(())
}

fn check_alert(expected: &Node, episode: &Episode) -> Result<(), String> {
    for (key, wanted) in expected.entries() {
        let scalar = wanted.scalar().unwrap_or_default();
        let same = match key.text.as_str() {
            "events" => sorted(wanted.items().iter().filter_map(Node::scalar)) == ordinals(episode),
            "group" => wanted.one_or_many().iter().filter_map(Node::scalar).eq(episode.group.iter().cloned()),
            "peak" => scalar.parse::<f64>().is_ok_and(|peak| (peak - episode.peak).abs() < 1e-6),
            "total" => scalar == episode.total.to_string(),
            other => {
                return Err(format!("expectation \"{other}\" of an alert is not known: events, group, peak, total"));
            }
        };
        if !same {
            return Err(format!("the alert is {}, which differs in {}", shown(episode), key.text));
        }
    }
    Ok(())
}

fn ordinals(episode: &Episode) -> Vec<String> {
    sorted(episode.events.iter().map(|e| e.event_uid.clone()))
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

fn shown(episode: &Episode) -> String {
    let events: Vec<&str> = episode.events.iter().map(|e| e.event_uid.as_str()).collect();
    let (group, events) = (episode.group.join(", "), events.join(", "));
    format!("{{group: [{group}], events: [{events}], peak: {}, total: {}}}", episode.peak, episode.total)
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

fn names(set: &RuleSet, hits: &[u32]) -> String {
    let names = hits.iter().filter_map(|&r| set.claimant(r)).map(|meta| meta.title.as_str());
    names.collect::<Vec<_>>().join("; ")
}

fn check_verdict(ordinal: usize, expected: &Node, judged: Option<&Judged>, by: &str) -> Result<(), String> {
    let says = |what: &str, found: &str, wanted: &str| {
        format!("event {ordinal}: {what} is {found}, expected {wanted} (rules that matched: {by})")
    };
    for (key, wanted) in expected.entries() {
        if ["evidence", "proof"].contains(&key.text.as_str()) {
            let wanted = sorted(wanted.items().iter().filter_map(Node::scalar));
            let found = sorted(judged.iter().flat_map(|j| &j.proof).map(ToString::to_string));
            if found != wanted {
                return Err(says(&key.text, &found.join(", "), &wanted.join(", ")));
            }
            continue;
        }
        let wanted = wanted.scalar();
        let verdict = judged.map(|j| &*j.verdict);
        let found =
            found(verdict, &key.text).ok_or_else(|| format!("expectation \"{}\" is not supported yet", key.text))?;
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

fn found(verdict: Option<&Verdict>, key: &str) -> Option<Option<String>> {
    match key {
        "cause" => Some(verdict.and_then(|v| v.cause.clone())),
        "verdict" => Some(verdict.map(|v| v.sureness.name().to_string())),
        "confidence" => Some(verdict.map(|v| v.confidence.to_string())),
        _ => None,
    }
}
