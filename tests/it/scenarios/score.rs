//! Compares what a run said with what a scenario expects, failure by failure.

use super::baseline;
use super::expand::{Filled, Place};
use super::load::{Expect, Scenario};
use super::run::{Failure, Report, cited_place};
use std::collections::HashSet;

/// Counts, and what was wrong in words.
#[derive(Default)]
pub struct Score {
    /// Labelled failures.
    pub failures: usize,
    /// Those with an expected cause and verdict.
    pub right: usize,
    /// Those with an expected cause, whatever the verdict.
    pub right_cause: usize,
    /// `confirmed` where it is the wrong cause, or where nothing proves it.
    pub wrong_confirmed: usize,
    /// Those whose citations are as they must be.
    pub right_proofs: usize,
    /// Those whose cause the baseline finds.
    pub baseline: usize,
    /// What was wrong.
    pub wrong: Vec<String>,
}

impl Score {
    /// Adds the counts of another.
    pub fn add(&mut self, other: Score) {
        self.failures += other.failures;
        self.right += other.right;
        self.right_cause += other.right_cause;
        self.wrong_confirmed += other.wrong_confirmed;
        self.right_proofs += other.right_proofs;
        self.baseline += other.baseline;
        self.wrong.extend(other.wrong);
    }
}

/// Labels that a name in `expect` stands for.
fn labels<'f>(name: &str, filled: &'f Filled) -> Vec<&'f str> {
    let is_meant = |label: &str| match name.strip_suffix('#') {
        Some(stem) => label.strip_prefix(stem).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())),
        None => label == name,
    };
    let mut labels: Vec<&str> = filled.labels.keys().map(String::as_str).filter(|l| is_meant(l)).collect();
    labels.sort_unstable();
    labels
}

/// Where a label, or a record named as `file#ordinal`, stands.
fn places(label: &str, filled: &Filled) -> Vec<Place> {
    match label.split_once('#') {
        Some((file, ordinal)) if filled.names.contains_key(file) => {
            vec![(filled.names[file].clone(), ordinal.parse().unwrap())]
        }
        _ => labels(label, filled).iter().flat_map(|l| filled.labels[*l].clone()).collect(),
    }
}

/// A scenario's run under the eye.
struct Check<'c> {
    filled: &'c Filled,
    report: &'c Report,
    score: Score,
}

impl Check<'_> {
    fn wrong(&mut self, label: &str, says: String) {
        self.score.wrong.push(format!("{label}: {says}"));
    }

    fn failure(&self, label: &str) -> Option<&Failure> {
        let places = places(label, self.filled);
        self.report.failures.iter().find(|f| places.contains(&f.place))
    }

    fn is_cited(&self, label: &str, proofs: &[String]) -> bool {
        places(label, self.filled).iter().any(|place| {
            let uid = self.report.event_uids.get(place);
            proofs.iter().any(|p| Some(p) == uid || cited_place(p).as_ref() == Some(place))
        })
    }

    /// Labels of what must never be cited, and unrelated records.
    fn forbidden(&self, expect: &Expect, proofs: &[String]) -> Option<String> {
        let bad = self.filled.labels.keys().filter(|l| l.starts_with("bad"));
        let bad = bad.chain(&expect.not).find(|l| self.is_cited(l, proofs));
        let is_noise = |place: &&Place| {
            let uid = self.report.event_uids.get(*place);
            proofs.iter().any(|p| Some(p) == uid || cited_place(p).as_ref() == Some(*place))
        };
        bad.cloned()
            .or_else(|| self.filled.noise.iter().find(is_noise).map(|(file, record)| format!("{file}#{record}")))
    }

    fn check(&mut self, label: &str, expect: &Expect) {
        self.score.failures += 1;
        let Some(failure) = self.failure(label) else {
            self.wrong(label, "not among the failures".into());
            return;
        };
        let right_cause = expect.causes.contains(&failure.cause);
        let right_verdict = expect.verdicts.contains(&failure.verdict);
        // A confirmed branch above an expected leaf says too little, but nothing wrong.
        let is_above = |c: &String| c.strip_prefix(&failure.cause).is_some_and(|rest| rest.starts_with('.'));
        let too_sure = if right_cause { !right_verdict } else { !expect.causes.iter().any(is_above) };
        let confirmed = failure.verdict == "confirmed" && too_sure;
        let [http, code, detail] = &failure.seen;
        let baseline = expect.causes.iter().any(|c| c == baseline::classify(http, code, detail));
        let said =
            format!("{} {} [{}] from {http} {code} {detail}", failure.cause, failure.verdict, failure.proofs.join(" "));
        let missing: Vec<&String> = expect.proof.iter().filter(|p| !self.is_cited(p, &failure.proofs)).collect();
        let cited_by_incident = &self.report.incidents[&failure.incident];
        let unproved = !expect.proof.is_empty() && !expect.proof.iter().any(|p| self.is_cited(p, &cited_by_incident.1));
        let right_state = expect.states.is_empty() || expect.states.contains(&cited_by_incident.0);
        let state = cited_by_incident.0.clone();
        let problems = [
            (!right_cause || !right_verdict, format!("{said}, not {:?} {:?}", expect.causes, expect.verdicts)),
            (!missing.is_empty(), format!("{said} does not cite {missing:?}")),
            (unproved, "its incident does not cite the proof".to_string()),
            (!right_state, format!("its incident is {state}, not {:?}", expect.states)),
        ];
        let forbidden = self.forbidden(expect, &failure.proofs);
        self.score.right += usize::from(right_cause && right_verdict && right_state);
        self.score.right_cause += usize::from(right_cause);
        self.score.wrong_confirmed += usize::from(confirmed);
        self.score.baseline += usize::from(baseline);
        self.score.right_proofs += usize::from(missing.is_empty() && !unproved && forbidden.is_none());
        problems.into_iter().filter(|(is_so, _)| *is_so).for_each(|(_, says)| self.wrong(label, says));
        forbidden.into_iter().for_each(|cited| self.wrong(label, format!("cites {cited}, which proves nothing here")));
    }

    /// Every failure is expected or unrelated, and the labelled ones form as many incidents as they should.
    fn account(&mut self, scenario: &Scenario) {
        let expected: HashSet<Place> = scenario.expect.iter().flat_map(|e| places(&e.label, self.filled)).collect();
        let noise: HashSet<&Place> = self.filled.noise.iter().collect();
        let strangers =
            self.report.failures.iter().filter(|f| !expected.contains(&f.place) && !noise.contains(&f.place));
        let mut says: Vec<String> =
            strangers.map(|f| format!("an unexpected failure at {:?}: {} {}", f.place, f.cause, f.verdict)).collect();
        says.extend(self.report.rejects.iter().map(|r| format!("a reject: {r}")));
        let of_expected = self.report.failures.iter().filter(|f| expected.contains(&f.place));
        let incidents = of_expected.map(|f| f.incident.as_str()).collect::<HashSet<_>>().len();
        if scenario.incidents.is_some_and(|n| n != incidents) {
            says.push(format!("{incidents} incidents, not {:?}", scenario.incidents));
        }
        says.into_iter().for_each(|s| self.wrong("all", s));
    }
}

/// How a scenario's run did.
pub fn score(scenario: &Scenario, filled: &Filled, report: &Report) -> Score {
    let mut check = Check { filled, report, score: Score::default() };
    for expect in &scenario.expect {
        let labels: Vec<String> = match expect.label.split_once('#') {
            Some((file, _)) if filled.names.contains_key(file) => vec![expect.label.clone()],
            _ => labels(&expect.label, filled).into_iter().map(str::to_string).collect(),
        };
        assert!(!labels.is_empty(), "{}: no line is labelled {}", scenario.name, expect.label);
        labels.iter().for_each(|label| check.check(label, expect));
    }
    check.account(scenario);
    check.score
}
