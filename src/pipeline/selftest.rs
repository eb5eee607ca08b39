//! Runs the tests that rule and mapping files carry, with real mappings and real rules.

use super::engine::Engine;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::inventory::Member;
use crate::model::records::{FieldRef, Records};
use crate::read::frame::detect;
use crate::rule::selftest::{Outcome, TestResult};
use crate::source::batch::Batch;
use crate::source::decode::Decoded;
use crate::source::mapper::Chunk;
use crate::source::mapping::MappingTest;
use crate::yaml::{Kind, Node};

/// Runs the tests of the mappings whose source `wanted` names. Records go through recognition as they would in a run.
pub fn test_mappings(engine: &Engine<'_>, wanted: &dyn Fn(&str) -> bool) -> Vec<TestResult> {
    let mut results = Vec::new();
    for mapping in engine.mapper.mappings().filter(|m| wanted(&m.source)) {
        for test in &mapping.tests {
            let outcome = check(engine, &mapping.source, test).map_or_else(Outcome::Failed, |()| Outcome::Passed);
            results.push(TestResult {
                place: test.place.clone(),
                rule: mapping.title.clone(),
                test: test.name.clone(),
                outcome,
            });
        }
    }
    results
}

fn check(engine: &Engine<'_>, source: &str, test: &MappingTest) -> Result<(), String> {
    let text = test.input.as_bytes();
    let frame = detect("input", text, true);
    let decoded = Decoded::default();
    let mapped = engine
        .mapper
        .map(Chunk { framing: frame.framing, body: &text[frame.start..], header: &frame.header }, &decoded);
    if mapped.rejects.len() as u64 != test.rejects {
        let reasons: Vec<&str> = mapped.rejects.iter().map(|r| r.reason.as_str()).collect();
        return Err(format!("{} rejects ({}), expected {}", reasons.len(), reasons.join("; "), test.rejects));
    }
    if let Some(other) = mapped.batches.iter().find(|b| b.source() != source) {
        return Err(format!("recognised as {}, expected {source}", other.source()));
    }
    let rows: Vec<(&Batch<'_, '_>, usize)> =
        mapped.batches.iter().flat_map(|b| (0..b.rows()).map(move |r| (b, r))).collect();
    if rows.len() != test.rows.len() {
        return Err(format!("{} events, expected {}", rows.len(), test.rows.len()));
    }
    test.rows.iter().zip(rows).enumerate().try_for_each(|(n, (expected, (batch, row)))| {
        check_row(expected, batch, row).map_err(|e| format!("event {n}: {e}"))
    })
}

fn check_row(expected: &Node, batch: &Batch<'_, '_>, row: usize) -> Result<(), String> {
    for (key, wanted) in expected.entries() {
        if let Some(member) = key.text.strip_prefix("inventory.") {
            check_member(member, wanted, batch, row)?;
            continue;
        }
        let column = Column::from_name(&key.text).ok_or_else(|| format!("unknown column \"{}\"", key.text))?;
        let found = shown(batch, row, column);
        let wanted = written(wanted);
        if found != wanted {
            return Err(format!(
                "{} is {}, expected {}",
                key.text,
                found.unwrap_or_else(|| "null".into()),
                wanted.unwrap_or_else(|| "null".into())
            ));
        }
    }
    Ok(())
}

/// What a test expects, as text; lists are joined by commas.
fn written(wanted: &Node) -> Option<String> {
    match &wanted.kind {
        Kind::List(items) => Some(items.iter().filter_map(Node::scalar).collect::<Vec<_>>().join(",")),
        _ => wanted.scalar(),
    }
}

/// A member of the entry that a row lists; `1.state` is one of its second entry.
fn check_member(key: &str, wanted: &Node, batch: &Batch<'_, '_>, row: usize) -> Result<(), String> {
    let (number, name) = match key.split_once('.') {
        Some((number, name)) => (number.parse().map_err(|_| format!("\"{number}\" is no number of an entry"))?, name),
        None => (0, key),
    };
    let member = Member::from_name(name).ok_or_else(|| format!("unknown member \"{name}\" of inventory"))?;
    let entry = batch.listed.iter().filter(|(r, _)| *r == row).nth(number).map(|(_, listed)| listed);
    let found = entry.and_then(|listed| listed.get(member));
    let wanted = written(wanted);
    if found == wanted {
        return Ok(());
    }
    let shown = |text: Option<String>| text.unwrap_or_else(|| "null".into());
    Err(format!("inventory.{key} is {}, expected {}", shown(found), shown(wanted)))
}

fn shown(batch: &Batch<'_, '_>, row: usize, column: Column) -> Option<String> {
    match batch.cell(row, &FieldRef::Column(column)) {
        Cell::List(members) => {
            Some(members.iter().filter_map(|m| m.as_text().map(|t| t.into_owned())).collect::<Vec<_>>().join(","))
        }
        cell if column == Column::EventTime || column == Column::ValidUntil => {
            let us = crate::model::time::parse(&cell.as_text()?)?;
            chrono::DateTime::from_timestamp_micros(us).map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        }
        cell => cell.as_text().map(|t| t.into_owned()),
    }
}
