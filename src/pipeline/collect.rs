//! Takes parts in canonical order and folds them into the run's compact tables: the only place where chunks meet.

use super::engine::Engine;
use super::gather::{Base, Gathered};
use super::work::{Kept, Part};
use super::{Keep, Run};
use crate::error::Error;
use crate::model::column::Column;
use crate::model::finding::{Coverage, Reject, Totals};
use crate::model::time::day_of;
use crate::report::parquet::write_part;
use crate::store::outdir::OutDir;
use crate::store::seen::{Past, Seen};
use crate::store::sorted::Merged;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::UInt64Type;
use arrow::error::ArrowError;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Rejects listed per input; further ones are only counted.
const REJECTS_LISTED: u64 = 10_000;
/// Rows of a part file of `events`.
const EVENTS_PER_FILE: usize = 16_384;

/// The run's compact tables under way.
pub struct Collector<'c> {
    run: &'c Run<'c>,
    out: &'c OutDir,
    seen: Seen<'c>,
    sources_of_input: BTreeSet<String>,
    events: Vec<RecordBatch>,
    event_files: usize,
    /// What diagnosis needs.
    pub gathered: Gathered,
    /// Inputs.
    pub coverage: Vec<Coverage>,
    /// Rejected records.
    pub rejects: Vec<Reject>,
    /// Counts.
    pub totals: Totals,
}

/// Rows of `events` that fill a file: written by the thread that brought the last of them, while others go on.
pub struct PartFile {
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

impl PartFile {
    /// Writes the file.
    pub fn run(self) -> Result<(), Error> {
        write_part(&self.path, "events", &self.batches)
    }
}

fn events_file(number: usize) -> String {
    format!("events/part-{number:05}.parquet")
}

fn fault(error: ArrowError) -> Error {
    Error::ours("rows", error)
}

impl<'c> Collector<'c> {
    /// An empty collector.
    pub fn new(engine: &Engine<'_>, run: &'c Run<'c>, out: &'c OutDir, past: Option<Past<'c>>) -> Self {
        Collector {
            run,
            out,
            seen: Seen::new(run.memory_bytes / 4, past),
            sources_of_input: BTreeSet::new(),
            events: Vec::new(),
            event_files: 0,
            gathered: Gathered::new(engine, run.gap_us, run.memory_bytes),
            coverage: Vec::new(),
            rejects: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Takes the next part. May hand back a file to write.
    pub fn take(&mut self, part: Part) -> Result<Option<PartFile>, Error> {
        if let Some(fault) = part.fault {
            return Err(Error::ours("rows", fault));
        }
        if self.coverage.len() <= part.input {
            let input = &self.run.inputs[part.input];
            let (input_file, problem) = (input.name.clone(), input.problem.clone());
            self.coverage.push(Coverage { input_file, bytes: input.bytes, problem, ..Coverage::default() });
            self.sources_of_input.clear();
        }
        let base = self.run.inputs[part.input].span.first_record + self.coverage[part.input].records;
        self.take_rejects(part.input, base, part.rejects);
        let mut taken = Taken::default();
        for kept in part.batches {
            self.take_batch((part.input, base), kept, &mut taken)?;
        }
        self.take_failures(taken.failures, base)?;
        let file = self.take_events(taken.events, base)?;
        let row = &mut self.coverage[part.input];
        row.records += part.records;
        row.codec = part.codec;
        row.problem = row.problem.take().or(part.problem);
        self.totals.raw_bytes += part.raw_bytes;
        if part.last {
            self.end_input(part.input);
        }
        Ok(file)
    }

    fn take_rejects(&mut self, input: usize, base: u64, rejects: Vec<crate::source::mapper::Rejected>) {
        let row = &mut self.coverage[input];
        for reject in rejects {
            row.rejects += 1;
            if row.rejects <= REJECTS_LISTED {
                let (reason, excerpt) = (reject.reason, reject.excerpt);
                self.rejects.push(Reject {
                    input_file: row.input_file.clone(),
                    input_record: base + reject.ordinal,
                    reason,
                    excerpt,
                });
            }
        }
    }

    fn take_batch(&mut self, (input, base): (usize, u64), mut kept: Kept, taken: &mut Taken) -> Result<(), Error> {
        let duplicate = self.duplicates(&kept)?;
        let duplicates = duplicate.as_ref().map_or(0, |d| d.iter().filter(|d| **d).count() as u64);
        let row = &mut self.coverage[input];
        row.duplicates += duplicates;
        row.events += kept.ordinals.len() as u64 - duplicates;
        for time in kept.uses.event_time_us.iter().copied().filter(|t| *t != i64::MIN) {
            row.first_event_time = Some(row.first_event_time.map_or(time, |t| t.min(time)));
            row.last_event_time = row.last_event_time.max(Some(time));
        }
        self.sources_of_input.insert(kept.source.clone());
        self.totals.outside_window += kept.outside;
        let is_first = |row: usize| duplicate.as_ref().is_none_or(|d| !d[row]);
        let name = self.coverage[input].input_file.clone();
        let at = Base { input: self.run.inputs[input].number, name: &name, record: base };
        self.gathered.take(at, &mut kept, duplicate.as_deref().filter(|_| duplicates > 0))?;
        if let Some(refused) = kept.failures {
            taken.failures.push(Rows::new(refused, kept.claims, &kept.ordinals, &is_first)?);
        }
        if let Some(all) = kept.events {
            taken.events.push(Rows::new(all, Vec::new(), &kept.ordinals, &is_first)?);
        }
        Ok(())
    }

    /// Which rows repeat events seen before; none when none does.
    fn duplicates(&mut self, kept: &Kept) -> Result<Option<Vec<bool>>, Error> {
        let mut duplicate: Option<Vec<bool>> = None;
        for (row, digest) in kept.digests.iter().enumerate().filter(|(_, d)| **d != 0) {
            let day = day_of(kept.uses.event_time_us[row]).unwrap_or(i32::MIN);
            if !self.seen.first(day, *digest)? {
                duplicate.get_or_insert_with(|| vec![false; kept.digests.len()])[row] = true;
            }
        }
        Ok(duplicate)
    }

    fn take_failures(&mut self, parts: Vec<Rows>, base: u64) -> Result<(), Error> {
        let Some((rows, claims)) = Rows::join(parts, base).map_err(fault)? else { return Ok(()) };
        self.totals.failures += rows.num_rows() as u64;
        self.gathered.take_failures(rows, &claims)
    }

    fn take_events(&mut self, parts: Vec<Rows>, base: u64) -> Result<Option<PartFile>, Error> {
        let Some((rows, _)) = Rows::join(parts, base).map_err(fault)? else { return Ok(None) };
        self.events.push(rows);
        if self.events.iter().map(RecordBatch::num_rows).sum::<usize>() < EVENTS_PER_FILE {
            Ok(None)
        } else {
            self.event_file().map(Some)
        }
    }

    fn event_file(&mut self) -> Result<PartFile, Error> {
        let path = self.out.file(&events_file(self.event_files))?;
        self.event_files += 1;
        Ok(PartFile { path, batches: std::mem::take(&mut self.events) })
    }

    /// Writes what is left of `events`. With all events kept there is at least one file, so that readers find a schema.
    pub fn end_events(&mut self) -> Result<(), Error> {
        if self.run.keep == Keep::All && (!self.events.is_empty() || self.event_files == 0) {
            if self.events.is_empty() {
                self.events.push(RecordBatch::new_empty(crate::model::column::event_schema()));
            }
            self.event_file()?.run()?;
        }
        Ok(())
    }

    /// The files of `events`, in order.
    pub fn event_paths(&self) -> Result<Vec<PathBuf>, Error> {
        (0..self.event_files).map(|number| self.out.file(&events_file(number))).collect()
    }

    /// The digests of this run's events, by day, for a store.
    pub fn take_digests(&mut self) -> Result<Merged<(i32, u128)>, Error> {
        std::mem::replace(&mut self.seen, Seen::new(0, None)).into_fresh()
    }

    fn end_input(&mut self, input: usize) {
        let row = &mut self.coverage[input];
        let sources: Vec<&str> = self.sources_of_input.iter().map(String::as_str).collect();
        row.source = (!sources.is_empty()).then(|| sources.join(","));
        self.gathered.name_input(self.run.inputs[input].number, row.input_file.clone(), sources.join(",").into());
        if row.records == 0 && row.problem.is_none() {
            row.problem = Some("no records".into());
        }
        if row.events == 0 && row.rejects > 0 && row.problem.is_none() {
            let reason =
                self.rejects.iter().rev().find(|r| r.input_file == row.input_file).map_or("", |r| r.reason.as_str());
            row.problem = Some(format!("no events: {reason}"));
        }
        let totals = &mut self.totals;
        totals.inputs += 1;
        totals.bytes += row.bytes;
        totals.records += row.records;
        totals.events += row.events;
        totals.rejects += row.rejects;
        totals.duplicates += row.duplicates;
        totals.last_event_time = totals.last_event_time.max(row.last_event_time);
        self.gathered.end_us = totals.last_event_time;
        totals.first_event_time = match (totals.first_event_time, row.first_event_time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (self.run.progress)(row.bytes);
    }
}

/// The rows of one part, batch by batch.
#[derive(Default)]
struct Taken {
    failures: Vec<Rows>,
    events: Vec<Rows>,
}

/// Rows of `failures` with the rules that claim each.
type Claimed = (RecordBatch, Vec<Vec<u32>>);

/// Rows of one batch on their way into a table, with their ordinals in the chunk.
struct Rows {
    rows: RecordBatch,
    ordinals: Vec<u64>,
    claims: Vec<Vec<u32>>,
}

impl Rows {
    /// The rows that are no duplicates.
    fn new(
        (rows, numbers): (RecordBatch, Vec<usize>),
        claims: Vec<Vec<u32>>,
        ordinals: &[u64],
        is_first: &dyn Fn(usize) -> bool,
    ) -> Result<Rows, Error> {
        let keep: Vec<bool> = numbers.iter().map(|&r| is_first(r)).collect();
        let ordinals = numbers.iter().zip(&keep).filter(|(_, k)| **k).map(|(&r, _)| ordinals[r]).collect();
        if keep.iter().all(|k| *k) {
            return Ok(Rows { rows, ordinals, claims });
        }
        let claims = claims.into_iter().zip(&keep).filter(|(_, k)| **k).map(|(c, _)| c).collect();
        let rows = filter_record_batch(&rows, &BooleanArray::from(keep)).map_err(fault)?;
        Ok(Rows { rows, ordinals, claims })
    }

    /// The rows of a chunk's batches in the order of their records, with ordinals counted from the input's beginning.
    fn join(parts: Vec<Rows>, base: u64) -> Result<Option<Claimed>, ArrowError> {
        let mut parts: Vec<Rows> = parts.into_iter().filter(|p| p.rows.num_rows() > 0).collect();
        let joined = match parts.len() {
            0 => return Ok(None),
            1 => parts.remove(0),
            _ => Rows::interleave(parts)?,
        };
        let at = Column::InputRecord.index();
        let placed: UInt64Array = joined.rows.column(at).as_primitive::<UInt64Type>().unary(|o| o + base);
        let mut columns: Vec<ArrayRef> = joined.rows.columns().to_vec();
        columns[at] = Arc::new(placed);
        Ok(Some((RecordBatch::try_new(joined.rows.schema(), columns)?, joined.claims)))
    }

    fn interleave(parts: Vec<Rows>) -> Result<Rows, ArrowError> {
        let schema = parts[0].rows.schema();
        let all = concat_batches(&schema, parts.iter().map(|p| &p.rows))?;
        let ordinals: Vec<u64> = parts.iter().flat_map(|p| p.ordinals.iter().copied()).collect();
        let claims: Vec<Vec<u32>> = parts.into_iter().flat_map(|p| p.claims).collect();
        let mut order: Vec<u32> = (0..ordinals.len() as u32).collect();
        order.sort_by_key(|&i| ordinals[i as usize]);
        let rows = take_record_batch(&all, &UInt32Array::from(order.clone()))?;
        let claims =
            if claims.is_empty() { claims } else { order.iter().map(|&i| claims[i as usize].clone()).collect() };
        Ok(Rows { rows, ordinals: order.iter().map(|&i| ordinals[i as usize]).collect(), claims })
    }
}
