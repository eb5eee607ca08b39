//! What detectors find in the baselines of a run, and which of it rules make alerts of; detects nothing itself.

use super::engine::Engine;
use super::habits::Habits;
use super::matches::alert_rule;
use crate::detect::baseline::Baseline;
use crate::detect::detectors::{Around, detect};
use crate::detect::found::{Found, Whose, alert, rest};
use crate::detect::novelty::Peers;
use crate::detect::sigma::{AlertRule, SUBJECTS_CAP};
use crate::error::Error;
use crate::model::anomaly::Anomaly;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::finding::{Alert, Micros, UseAfterEnd};
use crate::model::place::Sighting;
use crate::model::records::{Codes, FieldRef, Records};
use crate::model::whereabouts::Locate;
use crate::rule::evaluate::Memo;
use crate::rule::index::{ANOMALY, SourceRules};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known at the end of a run beside baselines.
pub struct Known<'k> {
    /// Accepted calls after the end of credentials.
    pub ends: &'k BTreeMap<Box<str>, Vec<UseAfterEnd>>,
    /// Names of the inputs.
    pub inputs: &'k [(Arc<str>, Arc<str>)],
    /// Where addresses are.
    pub locate: Option<Locate<'k>>,
    /// Only what ends from this time on is told.
    pub since_us: Option<Micros>,
}

/// A rule about anomalies, and its alerts so far.
struct Asked<'r> {
    number: u32,
    anomaly: &'r Anomaly,
    rule: AlertRule,
    alerts: Vec<Alert>,
    credentials: u64,
    beyond: u64,
}

/// The alerts of all detectors.
pub fn anomalies(engine: &Engine<'_>, habits: &mut Habits, known: &Known<'_>) -> Result<Vec<Alert>, Error> {
    let rules = engine.rules.rules.iter().zip(0..);
    let asked = rules.filter_map(|(rule, number)| {
        let anomaly = rule.anomaly.as_ref().filter(|a| a.detector.is_some())?;
        let rule = alert_rule(&rule.meta);
        Some(Asked { number, anomaly, rule, alerts: Vec::new(), credentials: 0, beyond: 0 })
    });
    let mut asked: Vec<Asked<'_>> = asked.collect();
    let Some(rules) = engine.rules_of(ANOMALY).filter(|_| !asked.is_empty()) else { return Ok(Vec::new()) };
    let nowhere: Locate<'_> = &|_| None;
    let locate = known.locate.unwrap_or(nowhere);
    let mut peers = Peers::default();
    habits.each(&mut |_, mut baseline| {
        baseline.locate(locate);
        peers.add(&baseline);
        Ok(())
    })?;
    let around = Around { peers: &peers, locate, since_us: known.since_us };
    let mut memo = Memo::default();
    habits.each(&mut |uid, mut baseline| {
        baseline.locate(locate);
        let ends = known.ends.get(uid).map_or(&[][..], Vec::as_slice);
        for one in &mut asked {
            let found = detect(&baseline, ends, one.anomaly, &around);
            let whose = if found.is_empty() { Whose::default() } else { whose(uid, &baseline) };
            let meant = found.iter().filter(|f| is_meant(rules, &mut memo, (one.number, f, &whose)));
            let alerts = meant.map(|f| alert(f, &whose, &one.rule, &|at| known.cited(at))).collect();
            one.add(alerts);
        }
        Ok(())
    })?;
    Ok(asked.into_iter().flat_map(Asked::finish).collect())
}

fn whose(uid: &str, baseline: &Baseline) -> Whose {
    let word = |w: &Option<Box<str>>| w.as_deref().map(str::to_string);
    Whose {
        credential_uid: uid.to_string(),
        credential_hint: word(&baseline.hint),
        credential_kind: word(&baseline.kind),
        actor: word(&baseline.actor),
        provider: word(&baseline.provider),
    }
}

impl Known<'_> {
    fn cited(&self, at: &Sighting) -> String {
        let input = self.inputs.get(at.input as usize).map_or("", |(name, _)| name);
        format!("{input}#{}", at.record)
    }
}

impl Asked<'_> {
    /// Beyond a cap of credentials the rest share one alert.
    fn add(&mut self, alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        self.credentials += 1;
        if self.credentials <= SUBJECTS_CAP as u64 {
            self.alerts.extend(alerts);
        } else {
            self.beyond += 1;
        }
    }

    fn finish(self) -> Vec<Alert> {
        let shared = self.alerts.last().cloned().filter(|_| self.beyond > 0).map(|a| rest(a, self.beyond));
        self.alerts.into_iter().chain(shared).collect()
    }
}

/// Whether a rule's conditions hold for what was found.
fn is_meant(rules: &SourceRules<'_>, memo: &mut Memo, (rule, found, whose): (u32, &Found, &Whose)) -> bool {
    let mut record = FoundRecord { found, whose, anchors: Vec::new() };
    record.anchors = rules.projection().anchors.iter().map(|field| codes(&record.cell(0, field))).collect();
    rules.evaluate(&record, memo).iter().any(|hit| hit.rule == rule)
}

fn codes(cell: &Cell<'_>) -> Codes {
    match (cell, cell.as_text()) {
        (Cell::List(_) | Cell::Object(_), _) => Codes { codes: vec![Codes::ODD], values: vec![] },
        (_, Some(text)) => Codes { codes: vec![1], values: vec![text.into_owned()] },
        (_, None) => Codes { codes: vec![0], values: vec![] },
    }
}

/// Something found as a record that rules are evaluated on.
struct FoundRecord<'f> {
    found: &'f Found,
    whose: &'f Whose,
    anchors: Vec<Codes>,
}

impl Records for FoundRecord<'_> {
    fn rows(&self) -> usize {
        1
    }

    fn anchor(&self, n: usize) -> &Codes {
        &self.anchors[n]
    }

    fn time_us(&self, _: usize) -> Option<i64> {
        Some(self.found.start_us)
    }

    fn rank(&self, _: usize) -> u8 {
        1
    }

    fn cell(&self, _: usize, field: &FieldRef) -> Cell<'_> {
        let text = |text: &'_ Option<String>| text.clone().map_or(Cell::Missing, |t| Cell::Text(t.into()));
        let whose = self.whose;
        match field {
            FieldRef::Column(Column::CredentialUid) => Cell::text(&whose.credential_uid),
            FieldRef::Column(Column::CredentialHint) => text(&whose.credential_hint),
            FieldRef::Column(Column::CredentialKind) => text(&whose.credential_kind),
            FieldRef::Column(Column::Provider) => text(&whose.provider),
            FieldRef::Column(Column::ActorName) => text(&whose.actor),
            FieldRef::Column(Column::SrcIp) => text(&self.found.src_ip),
            FieldRef::Native(name) if name == "detector" => Cell::text(self.found.detector.name()),
            FieldRef::Native(name) if name == "value" => {
                Cell::List(self.found.values.iter().map(|v| Cell::text(v)).collect())
            }
            FieldRef::Native(name) if name == "observed" => Cell::Int(self.found.observed as i64),
            _ => Cell::Missing,
        }
    }

    fn any_scalar(&self, _: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        self.found.values.iter().any(|v| visit(v))
    }
}
