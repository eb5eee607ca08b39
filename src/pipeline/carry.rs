//! What was gathered as pieces that a store keeps from run to run, and back: by them a run knows what earlier ones saw. Sketches of keys are never among them.

use super::gather::Gathered;
use crate::detect::baseline::Baseline;
use crate::detect::sigma::Span;
use crate::diagnose::audit::AuditLogs;
use crate::diagnose::fleet::Beats;
use crate::diagnose::near_miss::NearMiss;
use crate::diagnose::profiles::Profile;
use crate::error::Error;
use crate::model::column::dict;
use crate::model::episode::Step;
use crate::model::finding::{Alert, Lifecycle};
use crate::model::inventory::Listed;
use crate::model::time::day_of;
use crate::rule::set::RuleSet;
use arrow::array::{AsArray, BinaryArray, Date32Array, RecordBatch, StringArray, StringDictionaryBuilder};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A piece of what was gathered. The encoding is postcard's, so any change to these types, or to what they hold, needs a new layout of the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// What a credential did.
    Profile(Box<str>, Box<Profile>),
    /// A change of a credential, user, account or policy.
    Change(Lifecycle),
    /// A row of an inventory.
    Listed(Listed),
    /// What was accepted when.
    Beats(Beats),
    /// What audit logs cover.
    Audit(AuditLogs),
    /// Matches of a rule by one subject.
    Matched(String, String, Vec<Span>),
    /// A step of a correlation.
    Step(String, Step),
    /// A key that is nearly one that works.
    Near(NearMiss),
    /// What a credential usually does.
    Baseline(Box<str>, Box<Baseline>),
    /// What a detector found.
    Alert(Box<Alert>),
}

/// A piece, and the day (since 1970) after which it is old; none where it is never.
pub type Dated = (Option<i32>, Piece);

/// Numbers of inputs in the store by their numbers in the run, or the other way round.
pub type Numbers = [u32];

/// Numbers of rules and of correlations by their ids.
pub struct Ids<'r> {
    rules: FxHashMap<&'r str, u32>,
    correlations: FxHashMap<&'r str, u32>,
}

impl<'r> Ids<'r> {
    /// Those of a set of rules.
    pub fn of(rules: &'r RuleSet) -> Ids<'r> {
        Ids {
            rules: rules.rules.iter().map(|r| r.meta.id.as_str()).zip(0..).collect(),
            correlations: rules.correlations.iter().map(|c| c.meta.id.as_str()).zip(0..).collect(),
        }
    }

    /// The numbers of claiming rules, rising, and the ids of those that are not there: they claim nothing in this run.
    pub fn claiming(&self, ids: &[String]) -> (Vec<u32>, Vec<String>) {
        let (known, absent): (Vec<&String>, Vec<&String>) =
            ids.iter().partition(|id| self.rules.contains_key(id.as_str()));
        let mut numbers: Vec<u32> = known.into_iter().map(|id| self.rules[id.as_str()]).collect();
        numbers.sort_unstable();
        (numbers, absent.into_iter().cloned().collect())
    }
}

/// The last day of matches.
fn day_of_spans(spans: &[Span]) -> Option<i32> {
    spans.iter().filter_map(Span::last_us).max().and_then(day_of)
}

/// What is known of rules that a run does not have.
#[derive(Debug, Default)]
pub struct Absent {
    /// Matches and steps.
    pieces: Vec<Dated>,
    /// Ids of rules that claimed a refusal, by its row.
    pub claims: BTreeMap<usize, Vec<String>>,
}

/// The columns of `gathered`.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("kind", dict(), false),
        Field::new("day", DataType::Date32, true),
        Field::new("key", DataType::Utf8, true),
        Field::new("body", DataType::Binary, false),
    ]))
}

impl Piece {
    /// The kinds that every run writes anew.
    pub const FOUND: [&str; 2] = ["near", "alert"];

    /// The kind, by which pieces are stored apart.
    fn kind(&self) -> &'static str {
        match self {
            Piece::Profile(..) => "profile",
            Piece::Change(_) => "change",
            Piece::Listed(_) => "listed",
            Piece::Beats(_) => "beats",
            Piece::Audit(_) => "audit",
            Piece::Matched(..) => "matched",
            Piece::Step(..) => "step",
            Piece::Near(_) => "near",
            Piece::Baseline(..) => "baseline",
            Piece::Alert(_) => "alert",
        }
    }

    /// What people may look it up by.
    fn key(&self) -> Option<&str> {
        match self {
            Piece::Profile(credential, _) | Piece::Baseline(credential, _) => Some(credential),
            Piece::Alert(alert) => Some(&alert.alert_uid),
            Piece::Change(change) => change.target_credential_uid.as_deref().or(change.target_user_uid.as_deref()),
            Piece::Listed(listed) => listed.credential_uid.as_deref(),
            Piece::Matched(rule, ..) | Piece::Step(rule, _) => Some(rule),
            Piece::Near(miss) => Some(&miss.uid),
            Piece::Beats(_) | Piece::Audit(_) => None,
        }
    }

    /// The piece with its inputs numbered otherwise.
    fn renumbered(mut self, numbers: &Numbers) -> Piece {
        let of = |number: u32| numbers.get(number as usize).copied().unwrap_or(number);
        match &mut self {
            Piece::Profile(_, profile) => profile.sightings().for_each(|seen| seen.input = of(seen.input)),
            Piece::Baseline(_, baseline) => baseline.sightings().for_each(|seen| seen.input = of(seen.input)),
            Piece::Step(_, step) => step.input = of(step.input),
            _ => {}
        }
        self
    }
}

/// Rows of `gathered`.
pub fn rows(pieces: &[Dated]) -> Result<RecordBatch, Error> {
    let mut kinds = StringDictionaryBuilder::<Int32Type>::new();
    pieces.iter().for_each(|(_, piece)| kinds.append_value(piece.kind()));
    let bodies = pieces.iter().map(|(_, p)| postcard::to_allocvec(p)).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let columns = [
        Arc::new(kinds.finish()) as _,
        Arc::new(pieces.iter().map(|(day, _)| *day).collect::<Date32Array>()) as _,
        Arc::new(pieces.iter().map(|(_, piece)| piece.key()).collect::<StringArray>()) as _,
        Arc::new(BinaryArray::from_iter_values(bodies)) as _,
    ];
    RecordBatch::try_new(schema(), columns.into()).map_err(fault)
}

/// The pieces in rows of `gathered`, without those that are older than a day.
pub fn pieces(rows: &RecordBatch, oldest_day: Option<i32>) -> impl Iterator<Item = Result<Piece, Error>> {
    let days = rows.column_by_name("day").map(|c| c.as_primitive::<arrow::datatypes::Date32Type>());
    let bodies = rows.column_by_name("body").map(|c| c.as_binary::<i32>());
    let is_old = move |row: usize| {
        days.zip(oldest_day)
            .is_some_and(|(days, oldest)| arrow::array::Array::is_valid(days, row) && days.value(row) < oldest)
    };
    let all = 0..bodies.map_or(0, arrow::array::Array::len);
    all.filter(move |row| !is_old(*row)).filter_map(move |row| {
        let body = bodies?.value(row);
        Some(postcard::from_bytes(body).map_err(|e| {
            Error::new("gathered", format!("holds a row that cannot be read: {e}"), "restore the store from a copy")
        }))
    })
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::ours("gathered", error)
}

impl Gathered {
    /// Hands out what was gathered, with inputs numbered as the store does: all but refusals, sketches, and what is found in the end.
    pub fn each_piece(
        &mut self,
        rules: &RuleSet,
        numbers: &Numbers,
        each: &mut dyn FnMut(Dated) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut put = |day, piece: Piece| each((day, piece.renumbered(numbers)));
        self.each_profile(&mut |uid, profile| put(None, Piece::Profile(uid.into(), Box::new(profile))))?;
        self.habits.each(&mut |uid, baseline| put(None, Piece::Baseline(uid.into(), Box::new(baseline))))?;
        self.lifecycle.iter().try_for_each(|change| put(None, Piece::Change(change.clone())))?;
        self.listed.iter().try_for_each(|listed| put(None, Piece::Listed(listed.clone())))?;
        self.pulse.by_day().into_iter().try_for_each(|(day, beats)| put(day, Piece::Beats(beats)))?;
        if !self.audit.is_empty() {
            put(None, Piece::Audit(self.audit.clone()))?;
        }
        self.matches.each_span(rules, &mut |rule, subject, spans| {
            put(day_of_spans(spans), Piece::Matched(rule.into(), subject.into(), spans.to_vec()))
        })?;
        self.matches
            .each_step(rules, &mut |rule, step| put(day_of(step.event_time_us), Piece::Step(rule.into(), step)))?;
        self.absent.pieces.iter().try_for_each(|(day, piece)| put(*day, piece.clone()))
    }

    /// Hands out what was found in the end.
    pub fn each_found(&self, each: &mut dyn FnMut(Dated) -> Result<(), Error>) -> Result<(), Error> {
        self.near.iter().try_for_each(|miss| each((None, Piece::Near(miss.clone()))))?;
        let alerts = self.anomalies.iter().map(|alert| (alert.window_end.and_then(day_of), alert));
        alerts.into_iter().try_for_each(|(day, alert)| each((day, Piece::Alert(Box::new(alert.clone())))))
    }

    /// Takes a piece that an earlier run kept.
    pub fn restore(&mut self, ids: &Ids<'_>, numbers: &Numbers, piece: Piece) -> Result<(), Error> {
        match piece.renumbered(numbers) {
            Piece::Profile(credential, profile) => self.restore_profile(credential, *profile)?,
            Piece::Change(change) => self.lifecycle.push(change),
            Piece::Listed(listed) => self.listed.push(listed),
            Piece::Beats(beats) => self.pulse.restore(beats),
            Piece::Audit(audit) => self.audit.merge(audit),
            Piece::Near(miss) => self.near.push(miss),
            Piece::Baseline(credential, baseline) => self.habits.restore(credential, *baseline)?,
            Piece::Alert(alert) => self.anomalies.push(*alert),
            Piece::Matched(rule, subject, spans) => match ids.rules.get(rule.as_str()) {
                Some(number) => self.matches.restore_spans(*number, &subject, spans),
                None => self.absent.pieces.push((day_of_spans(&spans), Piece::Matched(rule, subject, spans))),
            },
            Piece::Step(rule, step) => match ids.correlations.get(rule.as_str()) {
                Some(number) => self.matches.restore_step(*number, step)?,
                None => self.absent.pieces.push((day_of(step.event_time_us), Piece::Step(rule, step))),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of every kind, as a store of this layout holds it.
    const WRITTEN: &str = include_str!("../../tests/store/pieces.txt");
    const RAISE: &str = "stores of this layout would be misread: raise LAYOUT in src/store/delta/guard.rs, and only then write tests/store/pieces.txt anew";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn what_stores_of_this_layout_hold_is_read_as_it_was_meant() {
        let mut kinds = Vec::new();
        for (kind, body) in WRITTEN.lines().filter_map(|line| line.split_once(' ')) {
            let piece: Piece = postcard::from_bytes(&bytes(body)).unwrap_or_else(|e| panic!("{kind}: {e}: {RAISE}"));
            assert_eq!(piece.kind(), kind, "{RAISE}");
            assert_eq!(postcard::to_allocvec(&piece).unwrap(), bytes(body), "{kind}: {RAISE}");
            insta::assert_snapshot!(format!("piece_{kind}"), format!("{piece:#?}"));
            kinds.push(kind);
        }
        let all = ["profile", "change", "listed", "beats", "audit", "matched", "step", "near", "baseline", "alert"];
        assert_eq!(kinds, all, "a piece of every kind is held");
    }

    #[test]
    fn hashes_that_stores_of_this_layout_hold_are_made_as_they_were() {
        assert_eq!(crate::diagnose::profiles::hash("AKIAIOSFODNN7EXAMPLE"), 3_464_568_619_278_680_125, "{RAISE}");
        assert_eq!(crate::store::ledger::digest(b"2026-11-01 a line"), 11_973_018_212_263_157_074, "{RAISE}");
    }
}
