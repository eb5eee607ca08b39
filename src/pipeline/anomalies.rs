//! What detectors find in the baselines of a run, and which of it rules make alerts of; detects nothing itself.

use super::engine::Engine;
use super::habits::Habits;
use super::matches::alert_rule;
use super::reopened::Reopened;
use crate::detect::baseline::{Baseline, Word};
use crate::detect::crowd::Crowd;
use crate::detect::detectors::{Around, detect};
use crate::detect::found::{Found, Whose, alert};
use crate::detect::novelty::Looked;
use crate::detect::peers::Peers;
use crate::error::Error;
use crate::model::anomaly::Anomaly;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::finding::{Alert, UseAfterEnd};
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
    /// From when on each credential is looked at.
    pub reopened: &'k Reopened,
}

/// A rule about anomalies, and its alerts so far.
struct Asked<'r> {
    number: u32,
    anomaly: &'r Anomaly,
    crowd: Crowd,
}

/// The alerts of all detectors.
pub fn anomalies(engine: &Engine<'_>, habits: &mut Habits, known: &Known<'_>) -> Result<Vec<Alert>, Error> {
    let rules = engine.rules.rules.iter().zip(0..);
    let asked = rules.filter_map(|(rule, number)| {
        let anomaly = rule.anomaly.as_ref()?;
        Some(Asked { number, anomaly, crowd: Crowd::new(alert_rule(&rule.meta), anomaly.detector?.name()) })
    });
    let mut asked: Vec<Asked<'_>> = asked.collect();
    let Some(rules) = engine.rules_of(ANOMALY).filter(|_| !asked.is_empty()) else { return Ok(Vec::new()) };
    let nowhere: Locate<'_> = &|_| None;
    let locate = known.locate.unwrap_or(nowhere);
    let mut peers = Peers::default();
    habits.each(&mut |uid, baseline| {
        peers.add(uid, &mut Looked::new(&baseline, locate));
        Ok(())
    })?;
    peers.settle();
    let mut memo = Memo::default();
    habits.each(&mut |uid, baseline| {
        let around = Around { peers: &peers, locate, since_us: known.reopened.since_us(uid) };
        let ends = known.ends.get(uid).map_or(&[][..], Vec::as_slice);
        let mut looked = Looked::new(&baseline, locate);
        for one in &mut asked {
            let found = detect(&mut looked, ends, one.anomaly, &around);
            let whose = if found.is_empty() { Whose::default() } else { whose(uid, &baseline) };
            for found in found.iter().filter(|f| is_meant(rules, &mut memo, (one.number, f, &whose))) {
                let alert = alert(found, &whose, one.crowd.rule(), &|at| known.cited(at));
                one.crowd.add(alert);
            }
        }
        Ok(())
    })?;
    Ok(asked.into_iter().flat_map(|one| one.crowd.finish()).collect())
}

fn whose(uid: &str, baseline: &Baseline) -> Whose {
    let text = |word: &Word| word.as_ref().map(|(_, text)| text.to_string());
    Whose {
        credential_uid: uid.to_string(),
        credential_hint: text(&baseline.hint),
        credential_kind: text(&baseline.kind),
        actor: text(&baseline.actor),
        provider: text(&baseline.provider),
    }
}

impl Known<'_> {
    fn cited(&self, at: &Sighting) -> String {
        let input = self.inputs.get(at.input as usize).map_or("", |(name, _)| name);
        format!("{input}#{}", at.record)
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
