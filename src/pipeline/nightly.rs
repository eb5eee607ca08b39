//! A run on a store: reads what is new, diagnoses it together with all that earlier runs kept, and commits everything at once or not at all.
//!
//! Records are read once, by the rules of that day. Verdicts, incidents and alerts are reached anew by every run from what was kept of all records,
//! so late events, new inventories and new rules on facts tell in them, and one run or fifty end in the same rows.

use super::carry::{Ids, Piece, pieces};
use super::collect::Collector;
use super::engine::Engine;
use super::fresh::{Fresh, Numbering, plan};
use super::gather::Gathered;
use super::lasting::{self, Pieces, REPORTED, digests_of, specs};
use super::owed::{Pending, Receivers, delivered, owe};
use super::upkeep::{Retention, after_run, is_before};
use super::write::{Told, report};
use super::{Run, read};
use crate::error::Error;
use crate::model::finding::{Alert, Findings};
use crate::report::failures::undiagnosed;
use crate::store::delta::DataFile;
use crate::store::lasting::{Change, Store};
use crate::store::ledger::{Ledger, Reading, joined};
use crate::store::outdir::OutDir;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use std::collections::BTreeMap;
use std::path::Path;

/// From so many files of one kind of pieces on, all are written anew, joined.
const PIECE_FILES: usize = 10;

/// The store of a run.
pub struct Lasting<'l> {
    /// Its folder.
    pub dir: &'l Path,
    /// The time, and how long rows are kept.
    pub retention: Retention,
    /// Who is sent alerts.
    pub receivers: Receivers,
}

/// A run that is committed, and what is still to be done: the store stays locked until then.
pub struct Night {
    /// Inputs that earlier runs had read.
    pub known_inputs: u64,
    /// Alerts to send.
    pub pending: Pending,
    /// Why small files could not be joined, or old ones deleted; the next run tries again.
    pub upkeep: Option<Error>,
    store: Store,
}

impl Night {
    /// Notes which alerts were accepted by whom, so that none is sent twice.
    pub fn delivered(mut self, accepted: &[(String, Vec<String>)]) -> Result<(), Error> {
        delivered(&mut self.store, accepted)
    }
}

/// Analyses what is new to a store. The findings are those that are new: incidents and alerts that no earlier run told, or that went on.
pub fn analyze_into(engine: &Engine<'_>, mut run: Run<'_>, on: &Lasting<'_>) -> Result<(Findings, Night), Error> {
    let mut store = Store::open(on.dir, on.retention.now_us / 1000, &specs()?)?;
    let ledger = Ledger::of(store.rows("inputs", |_| true)?)?;
    let mut plan = plan(&ledger, std::mem::take(&mut run.inputs));
    let numbering = Numbering::of(&ledger, &mut plan.fresh);
    run.inputs = plan.fresh.iter().map(|f| f.input.clone()).collect();
    let out = OutDir::begin(&run.out)?;
    let collector = Collector::new(engine, &run, &out, Some(Box::new(|day| digests_of(&store, day))));
    let mut collected = read(engine, &run, collector)?;
    let end_us = collected.gathered.end_us.max(ledger.last_event_us());
    collected.gathered.end_us = end_us;
    let oldest_day = on.retention.oldest_day(end_us);
    let joining = Joining { engine, run: &run, on, store: &store, out: &out, numbering: &numbering, oldest_day };
    let (findings, pending, changes) = joining.end(collected, &readings(&plan.fresh, &store, on))?;
    // A run that is killed in between is told twice rather than never.
    out.finish()?;
    store.commit(changes)?;
    let upkeep = after_run(&mut store, oldest_day).err();
    Ok((findings, Night { known_inputs: plan.known, pending, upkeep, store }))
}

fn readings(fresh: &[Fresh], store: &Store, on: &Lasting<'_>) -> Vec<(Reading, u64)> {
    let reading = |f: &Fresh| {
        let reading = Reading { run: store.run(), run_at_us: on.retention.now_us, ..f.reading.clone() };
        (reading, f.input.span.first_record)
    };
    fresh.iter().map(reading).collect()
}

/// What is new, what is to be sent, and what is to be committed.
type Ending = (Findings, Pending, Vec<Change>);

/// What a run needs to meet earlier ones.
struct Joining<'j, 'e> {
    engine: &'j Engine<'e>,
    run: &'j Run<'j>,
    on: &'j Lasting<'j>,
    store: &'j Store,
    out: &'j OutDir,
    numbering: &'j Numbering,
    oldest_day: Option<i32>,
}

impl Joining<'_, '_> {
    /// Joins what was read with what was kept, writes the report of both, and says what is to be committed.
    fn end(&self, mut collected: Collector<'_>, readings: &[(Reading, u64)]) -> Result<Ending, Error> {
        let (store, out, rules) = (self.store, self.out, self.engine.rules);
        let mut kept = Pieces::new(store)?;
        let is_anew = self.has_many_files()?;
        if !is_anew {
            collected.gathered.each_piece(rules, &self.numbering.in_store, &mut |piece| kept.add(piece))?;
        }
        self.restore(&mut collected)?;
        if is_anew {
            collected.gathered.each_piece(rules, &self.numbering.in_store, &mut |piece| kept.add(piece))?;
        }
        let told = self.told()?;
        let (findings, earlier) = report(self.engine, self.run, out, (&mut collected, &told))?;
        let alerts: Vec<&Alert> = findings.alerts.iter().chain(&earlier).collect();
        let (owing, pending) = owe(store, &self.on.receivers, &alerts, &told)?;
        collected.gathered.each_found(&mut |piece| kept.add(piece))?;
        let is_found = |f: &DataFile| Piece::FOUND.iter().any(|kind| f.partition("kind") == Some(kind));
        let mut changes = vec![kept.change(store.files("gathered", |f| is_anew || is_found(f))?)?];
        for table in REPORTED {
            changes.push(lasting::reported(store, out, table)?);
        }
        changes.push(lasting::refused(store, out, (self.engine, &collected))?);
        changes.push(lasting::events(store, &collected)?);
        changes.push(lasting::rejected(store, out)?);
        changes.push(lasting::seen(store, &mut collected)?);
        changes.push(owing);
        changes.push(lasting::inputs(store, out, readings)?);
        Ok((findings, pending, changes))
    }

    fn has_many_files(&self) -> Result<bool, Error> {
        let mut by_kind: BTreeMap<Option<String>, usize> = BTreeMap::new();
        for file in self.store.files("gathered", |_| true)? {
            *by_kind.entry(file.partition("kind").map(str::to_string)).or_default() += 1;
        }
        Ok(by_kind.values().any(|files| *files >= PIECE_FILES))
    }

    /// Brings back what earlier runs kept.
    fn restore(&self, collected: &mut Collector<'_>) -> Result<(), Error> {
        let first_us = collected.coverage.iter().filter_map(|c| c.first_event_time).min();
        let gathered = &mut collected.gathered;
        gathered.resumed = (self.store.run() > 0).then_some(first_us);
        for (number, (name, sources)) in self.numbering.inputs.iter().enumerate() {
            let own = gathered.inputs.get(number).map_or("", |(_, own)| own);
            let all = joined(own, sources);
            gathered.name_input(number, name.clone(), all);
        }
        let ids = Ids::of(self.engine.rules);
        for rows in self.store.rows("gathered", |_| true)? {
            for piece in pieces(&rows?, self.oldest_day) {
                gathered.restore(&ids, &self.numbering.in_run, piece?)?;
            }
        }
        let is_old = is_before(self.oldest_day);
        for rows in self.store.rows("failures", |file| !is_old(file))? {
            restore_refusals(gathered, &ids, &rows?)?;
        }
        Ok(())
    }

    /// What earlier runs told.
    fn told(&self) -> Result<Told, Error> {
        let mut told = Told::default();
        for (table, uid, last) in [("incidents", "incident_uid", "last_seen"), ("alerts", "alert_uid", "window_end")] {
            for rows in self.store.columns(table, &[uid, last])? {
                let rows = rows?;
                let (uids, lasts) =
                    (rows.column(0).as_string::<i32>(), rows.column(1).as_primitive::<TimestampMicrosecondType>());
                (0..rows.num_rows())
                    .for_each(|row| told.add(uids.value(row), lasts.is_valid(row).then(|| lasts.value(row))));
            }
        }
        Ok(told)
    }
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::ours("--store", error)
}

/// Takes refusals that earlier runs kept, without what diagnosis added to them.
fn restore_refusals(gathered: &mut Gathered, ids: &Ids<'_>, rows: &RecordBatch) -> Result<(), Error> {
    let claims = claims(rows)?;
    let own = undiagnosed(rows, &|row, rule| claims[row].iter().any(|claim| claim == rule)).map_err(fault)?;
    let first = gathered.row_verdicts.len();
    let mut numbers = Vec::new();
    for (row, claims) in claims.iter().enumerate() {
        let (known, absent) = ids.claiming(claims);
        numbers.push(known);
        if !absent.is_empty() {
            gathered.absent.claims.insert(first + row, absent);
        }
    }
    gathered.take_failures(own, &numbers)
}

/// The ids of the rules that claimed each record by itself.
fn claims(rows: &RecordBatch) -> Result<Vec<Vec<String>>, Error> {
    let lists = rows.column_by_name("claims").ok_or_else(|| fault("failures has no claims"))?;
    let lists = lists.as_list::<i32>();
    let texts = |list: arrow::array::ArrayRef| list.as_string::<i32>().iter().flatten().map(str::to_string).collect();
    Ok((0..lists.len()).map(|row| if lists.is_valid(row) { texts(lists.value(row)) } else { Vec::new() }).collect())
}
