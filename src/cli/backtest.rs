//! `keyfault rules test --corpus`: how often rules match in real logs, held against what is expected of them.

use super::terminal;
use crate::error::{Error, did_you_mean};
use crate::pipeline::{Engine, Run, analyze};
use crate::read::find::find;
use crate::rule::meta::Meta;
use crate::rule::selftest::{Outcome, TestResult};
use crate::yaml::{self, Key, Kind, Node, place};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often a rule may match.
struct Bounds {
    at_least: u64,
    at_most: u64,
}

/// What is expected: bounds by rule id or name, and whether other rules may match.
struct Expectation {
    file: String,
    rules: Vec<(Key, Bounds)>,
    others: bool,
}

/// Counts the matches of the rules that `wanted` names, and holds them against the expectations in a file; without one the counts are
/// printed, as such a file takes them.
pub fn run(
    engine: &Engine<'_>,
    corpus: &str,
    expect: Option<&Path>,
    wanted: &dyn Fn(&Meta) -> bool,
) -> Result<Vec<TestResult>, Error> {
    let counts = matches(engine, corpus)?;
    let count = |meta: &Meta| counts.get(&meta.id).copied().unwrap_or(0);
    let Some(file) = expect else {
        for meta in engine.rules.metas().filter(|m| wanted(m) && count(m) > 0) {
            terminal::data(&format!("{}: {}  # {}\n", meta.id, count(meta), meta.title));
        }
        return Ok(Vec::new());
    };
    let expectation = Expectation::read(file)?;
    let mut results = Vec::new();
    for (key, bounds) in &expectation.rules {
        let at = place(&expectation.file, key.at);
        let meta = engine.rules.metas().find(|m| m.is_called(&key.text)).ok_or_else(|| {
            let near = did_you_mean(&key.text, engine.rules.metas().map(|m| m.name.as_str()));
            Error::new(at.clone(), format!("no rule \"{}\"", key.text), near)
        })?;
        let found = count(meta);
        let says = format!("{found} matches, expected {}", bounds.says());
        results.push(result(at, meta, &says, (bounds.at_least..=bounds.at_most).contains(&found)));
    }
    let is_named = |m: &Meta| expectation.rules.iter().any(|(key, _)| m.is_called(&key.text));
    let others = engine.rules.metas().filter(|m| wanted(m) && !is_named(m) && count(m) > 0);
    for meta in others.filter(|_| !expectation.others) {
        results.push(result(meta.place(), meta, &format!("{} matches, and none are expected", count(meta)), false));
    }
    Ok(results)
}

fn result(place: String, meta: &Meta, says: &str, passed: bool) -> TestResult {
    let outcome = if passed { Outcome::Passed } else { Outcome::Failed(says.to_string()) };
    TestResult { place, rule: meta.title.clone(), test: format!("corpus: {says}"), outcome }
}

/// Matches by rule id. The report that an analysis writes is of no use here.
fn matches(engine: &Engine<'_>, corpus: &str) -> Result<BTreeMap<String, u64>, Error> {
    let (inputs, problems) = find(&[corpus.to_string()])?;
    problems.iter().for_each(|p| terminal::talk(p));
    let report = tempfile::tempdir().map_err(|e| Error::new("temporary folder", e.to_string(), "free some space"))?;
    let run = Run::new(inputs, PathBuf::from(report.path()).join("report"), &|_| {});
    let findings = analyze(engine, run)?;
    if findings.totals.events == 0 {
        let remedy = "`keyfault sources detect` tells what the files are";
        return Err(Error::new(corpus, "no event was read", remedy));
    }
    Ok(findings.matches.into_iter().collect())
}

impl Expectation {
    fn read(path: &Path) -> Result<Expectation, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
        let file = path.display().to_string();
        let documents = yaml::parse(&file, &text)?;
        let entries = documents.first().map_or(&[][..], Node::entries);
        let is_option = |key: &Key| key.text == "others";
        let rules = entries.iter().filter(|(key, _)| !is_option(key));
        let rules: Result<_, Error> = rules.map(|(key, node)| Ok((key.clone(), Bounds::read(&file, node)?))).collect();
        let others = match entries.iter().find(|(key, _)| is_option(key)).map(|(_, node)| (node, node.text())) {
            None | Some((_, Some("ignore"))) => true,
            Some((_, Some("fail"))) => false,
            Some((node, _)) => {
                return Err(Error::new(place(&file, node.at), "others: is neither", "write fail or ignore"));
            }
        };
        if entries.is_empty() {
            return Err(Error::new(file, "expects nothing", "write `rule id: count`, a line for each rule"));
        }
        Ok(Expectation { rules: rules?, others, file })
    }
}

impl Bounds {
    fn read(file: &str, node: &Node) -> Result<Bounds, Error> {
        let bad = || {
            let remedy = "write a number, or at_least: and at_most:";
            Error::new(place(file, node.at), "no count of matches", remedy)
        };
        let number = |node: &Node| match node.kind {
            Kind::Int(n) => u64::try_from(n).map_err(|_| bad()),
            _ => Err(bad()),
        };
        if node.entries().is_empty() {
            let exactly = number(node)?;
            return Ok(Bounds { at_least: exactly, at_most: exactly });
        }
        let mut bounds = Bounds { at_least: 0, at_most: u64::MAX };
        for (key, value) in node.entries() {
            match key.text.as_str() {
                "at_least" => bounds.at_least = number(value)?,
                "at_most" => bounds.at_most = number(value)?,
                "exactly" => bounds = Bounds { at_least: number(value)?, at_most: number(value)? },
                other => {
                    let near = did_you_mean(other, ["at_least", "at_most", "exactly"]);
                    return Err(Error::new(place(file, key.at), format!("unknown key \"{other}\""), near));
                }
            }
        }
        Ok(bounds)
    }

    fn says(&self) -> String {
        match (self.at_least, self.at_most) {
            (least, most) if least == most => format!("{least}"),
            (least, u64::MAX) => format!("at least {least}"),
            (0, most) => format!("at most {most}"),
            (least, most) => format!("{least} to {most}"),
        }
    }
}
