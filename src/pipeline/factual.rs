//! Rules about facts: a refusal and what was found out about it, as a record that rules are evaluated on; equal facts are looked at once.

use crate::diagnose::failures::Failure;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::fact::{Fact, Known};
use crate::model::finding::Evidence;
use crate::model::place::EventPlace;
use crate::model::records::{Codes, FieldRef, Records};
use crate::rule::evaluate::{Hit, Memo};
use crate::rule::index::SourceRules;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// Most different sets of facts remembered.
const REMEMBERED: usize = 100_000;

/// The rules about facts, and what they said before.
pub struct FactRules<'r> {
    rules: Option<&'r SourceRules<'r>>,
    /// The fields that any of them asks for.
    fields: Vec<FieldRef>,
    known: FxHashMap<String, Arc<[u32]>>,
    memo: Memo,
}

impl<'r> FactRules<'r> {
    /// The rules of a run.
    pub fn new(rules: Option<&'r SourceRules<'r>>) -> FactRules<'r> {
        let fields = rules.map_or_else(Vec::new, SourceRules::fields);
        FactRules { rules, fields, known: FxHashMap::default(), memo: Memo::default() }
    }

    /// The rules that claim a cause of a refusal from its facts.
    pub fn claims(&mut self, failure: &Failure, facts: &[Known]) -> Arc<[u32]> {
        let Some(rules) = self.rules.filter(|_| !self.fields.is_empty()) else { return Arc::new([]) };
        let record = FactRecord::new(failure, facts, &[]);
        let key: Vec<String> = self.fields.iter().map(|f| shown(&record.cell(0, f))).collect();
        let key = key.join("\u{0}");
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let record = FactRecord::new(failure, facts, &rules.projection().anchors);
        let hits = rules.evaluate(&record, &mut self.memo);
        let claims: Arc<[u32]> = hits.into_iter().map(|h| h.rule).collect();
        if self.known.len() < REMEMBERED {
            self.known.insert(key, claims.clone());
        }
        claims
    }

    /// Why a rule claims: a line for each predicate that it met.
    pub fn evidence(&self, failure: &Failure, facts: &[Known], rule: u32) -> Vec<Evidence> {
        let Some(rules) = self.rules else { return Vec::new() };
        let record = FactRecord::new(failure, facts, &rules.projection().anchors);
        rules.evidence(&record, Hit { row: 0, rule })
    }
}

/// The events that show the facts in lines of evidence.
pub fn proof<'k>(lines: &[Evidence], facts: &'k [Known]) -> impl Iterator<Item = (EventPlace, String)> + use<'k> {
    let known: Vec<&Known> = lines.iter().filter_map(|line| fact_of(&line.field, facts)).collect();
    known.into_iter().flat_map(|k| k.shown_by.iter().cloned())
}

/// The same lines, those about a fact once for every event that shows it, in that event's words.
pub fn cited(lines: Vec<Evidence>, facts: &[Known]) -> impl Iterator<Item = Evidence> {
    lines.into_iter().flat_map(|line| line_cited(line, facts))
}

fn fact_of<'k>(field: &str, facts: &'k [Known]) -> Option<&'k Known> {
    let fact = Fact::from_name(field)?;
    facts.iter().find(|k| k.fact == fact)
}

fn line_cited(line: Evidence, facts: &[Known]) -> Vec<Evidence> {
    let shown_by = fact_of(&line.field, facts).map_or(&[][..], |k| &k.shown_by);
    if shown_by.is_empty() {
        return vec![line];
    }
    let with = |(place, says): &(EventPlace, String)| Evidence {
        proof_event_uid: Some(place.cited()),
        says: says.clone(),
        ..line.clone()
    };
    shown_by.iter().map(with).collect()
}

fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::List(members) => members.iter().filter_map(Cell::as_text).collect::<Vec<_>>().join("\u{1}"),
        cell => cell.as_text().map(Cow::into_owned).unwrap_or_default(),
    }
}

/// A refusal with its facts as one record.
struct FactRecord<'f> {
    failure: &'f Failure,
    facts: &'f [Known],
    anchors: Vec<Codes>,
}

impl<'f> FactRecord<'f> {
    fn new(failure: &'f Failure, facts: &'f [Known], anchors: &[FieldRef]) -> FactRecord<'f> {
        let mut record = FactRecord { failure, facts, anchors: Vec::new() };
        record.anchors = anchors.iter().map(|field| codes(&record.cell(0, field))).collect();
        record
    }

    fn fact(&self, name: &str) -> Cell<'f> {
        let Some(known) = fact_of(name, self.facts) else { return Cell::Missing };
        match &known.values[..] {
            [] => Cell::Missing,
            [one] => Cell::text(one),
            many => Cell::List(many.iter().map(|v| Cell::text(v)).collect()),
        }
    }
}

fn codes(cell: &Cell<'_>) -> Codes {
    match cell {
        Cell::List(_) | Cell::Object(_) => Codes { codes: vec![Codes::ODD], values: vec![] },
        cell => match cell.as_text() {
            Some(text) => Codes { codes: vec![1], values: vec![text.into_owned()] },
            None => Codes { codes: vec![0], values: vec![] },
        },
    }
}

impl Records for FactRecord<'_> {
    fn rows(&self) -> usize {
        1
    }

    fn anchor(&self, n: usize) -> &Codes {
        &self.anchors[n]
    }

    fn time_us(&self, _: usize) -> Option<i64> {
        self.failure.time_us()
    }

    fn rank(&self, _: usize) -> u8 {
        1
    }

    fn cell(&self, _: usize, field: &FieldRef) -> Cell<'_> {
        match field {
            FieldRef::Column(Column::HttpStatus) if self.failure.http_status > 0 => {
                Cell::Int(i64::from(self.failure.http_status))
            }
            FieldRef::Column(Column::CredentialDefects) => {
                let defects = self.failure.get(Column::CredentialDefects);
                defects.map_or(Cell::Missing, |d| Cell::List(d.split(", ").map(Cell::text).collect()))
            }
            FieldRef::Column(column) => self.failure.get(*column).map_or(Cell::Missing, Cell::text),
            FieldRef::Native(name) => self.fact(name),
        }
    }

    fn any_scalar(&self, _: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        self.facts.iter().flat_map(|k| &k.values).any(|v| visit(v))
    }
}
