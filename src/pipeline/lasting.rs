//! The tables of a store, and what a run does to each: which rows join, which files leave. Commits nothing.

use super::carry::{self, Dated};
use super::collect::Collector;
use super::engine::Engine;
use super::owed;
use crate::error::Error;
use crate::model::column::event_schema;
use crate::model::time::day_of;
use crate::report::{failures, parquet, tables};
use crate::store::delta::DataFile;
use crate::store::delta::write::Writer;
use crate::store::lasting::{Change, Store, TableSpec};
use crate::store::ledger::{Reading, reading_columns, reading_fields};
use crate::store::outdir::OutDir;
use arrow::array::{ArrayRef, AsArray, BinaryArray, Date32Array, ListBuilder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use std::sync::Arc;

/// Rows made into a batch at a time.
const ROWS: usize = 4096;
/// The day of what has none.
const NO_DAY: i32 = i32::MIN;

fn fault(error: impl std::fmt::Display) -> Error {
    Error::ours("--store", error)
}

/// A schema with more columns behind its own.
fn with_fields(schema: &Schema, more: impl IntoIterator<Item = Field>) -> SchemaRef {
    let own = schema.fields().iter().map(|f| f.as_ref().clone());
    Arc::new(Schema::new(own.chain(more).collect::<Vec<_>>()))
}

fn date_field() -> Field {
    Field::new("date", DataType::Date32, true)
}

/// Ids of the rules that claim a record by itself: from them, and from all that is known by then, a later run reaches its verdict anew.
fn claims_field() -> Field {
    Field::new("claims", DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))), true)
}

fn seen_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![date_field(), Field::new("digest", DataType::Binary, false)]))
}

/// The tables of a store; `inputs`, by which a folder is known as one, first.
pub fn specs() -> Result<Vec<TableSpec>, Error> {
    let of = |rows: Result<RecordBatch, ArrowError>| rows.map(|r| r.schema()).map_err(fault);
    let spec = |name, schema, partition| TableSpec { name, schema, partition };
    Ok(vec![
        spec("inputs", with_fields(&*of(tables::coverage(&[]))?, reading_fields()), &[]),
        spec("alerts", of(tables::alerts(&[]))?, &[]),
        spec("credentials", of(tables::credentials(&[]))?, &[]),
        spec(owed::DELIVERIES, owed::schema(), &[]),
        spec("events", with_fields(&event_schema(), [date_field()]), &["date", "source"]),
        spec("failures", with_fields(&failures::schema(), [claims_field(), date_field()]), &["date"]),
        spec("gathered", carry::schema(), &["kind"]),
        spec("incidents", of(tables::incidents(&[]))?, &[]),
        spec("rejects", of(tables::rejects(&[]))?, &[]),
        spec("seen", seen_schema(), &["date"]),
        spec("timeline", of(tables::timeline(&[]))?, &[]),
    ])
}

/// The tables of which a run writes every row anew; files that hold the same as before stay.
pub const REPORTED: [&str; 4] = ["alerts", "credentials", "incidents", "timeline"];

/// A table of the report in place of what the store has of it.
pub fn reported(store: &Store, out: &OutDir, table: &'static str) -> Result<Change, Error> {
    copied(store, out, (table, store.files(table, |_| true)?))
}

/// Rows of the report behind those that the store has.
pub fn rejected(store: &Store, out: &OutDir) -> Result<Change, Error> {
    copied(store, out, ("rejects", Vec::new()))
}

fn copied(store: &Store, out: &OutDir, (table, leaves): (&'static str, Vec<DataFile>)) -> Result<Change, Error> {
    let mut writer = store.writer(table)?;
    for rows in parquet::read(&out.file(&format!("{table}.parquet"))?)? {
        writer.write(&rows?)?;
    }
    Ok(Change { table, joins: writer.finish()?, leaves })
}

/// The events of the run.
pub fn events(store: &Store, collected: &Collector<'_>) -> Result<Change, Error> {
    let mut writer = store.writer("events")?;
    for path in collected.event_paths()? {
        for rows in parquet::read(&path)? {
            writer.write(&dated(&rows?, &[])?)?;
        }
    }
    Ok(Change { table: "events", joins: writer.finish()?, leaves: Vec::new() })
}

/// All refusals with their verdicts, those of earlier runs too.
pub fn refused(
    store: &Store,
    out: &OutDir,
    (engine, collected): (&Engine<'_>, &Collector<'_>),
) -> Result<Change, Error> {
    let gathered = &collected.gathered;
    let mut writer = store.writer("failures")?;
    let mut verdicts = gathered.row_verdicts.iter().enumerate();
    for rows in parquet::read(&out.file("failures.parquet")?)? {
        let rows = rows?;
        let mut claims = ListBuilder::new(StringBuilder::new());
        for (row, verdict) in verdicts.by_ref().take(rows.num_rows()) {
            let ids = gathered.verdicts.rules(*verdict).iter().map(|r| &engine.rules.rules[*r as usize].meta.id);
            let absent = gathered.absent.claims.get(&row).into_iter().flatten();
            ids.chain(absent).for_each(|id| claims.values().append_value(id));
            claims.append(true);
        }
        writer.write(&dated(&rows, &[(claims_field(), Arc::new(claims.finish()))])?)?;
    }
    Ok(Change { table: "failures", joins: writer.finish()?, leaves: store.files("failures", |_| true)? })
}

/// Rows of events with further columns and the day of each.
fn dated(rows: &RecordBatch, more: &[(Field, ArrayRef)]) -> Result<RecordBatch, Error> {
    let times = rows.column_by_name("event_time").ok_or_else(|| fault("no event_time"))?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let days: Date32Array = times.iter().map(|time| time.and_then(day_of)).collect();
    let all = more.iter().cloned().chain([(date_field(), Arc::new(days) as ArrayRef)]);
    let (fields, added): (Vec<Field>, Vec<ArrayRef>) = all.unzip();
    let columns = rows.columns().iter().cloned().chain(added).collect();
    RecordBatch::try_new(with_fields(&rows.schema(), fields), columns).map_err(fault)
}

/// The ids of the run's events.
pub fn seen(store: &Store, collected: &mut Collector<'_>) -> Result<Change, Error> {
    let mut writer = store.writer("seen")?;
    let mut digests = collected.take_digests()?;
    loop {
        let some = digests.by_ref().take(ROWS).collect::<Result<Vec<_>, _>>()?;
        if some.is_empty() {
            return Ok(Change { table: "seen", joins: writer.finish()?, leaves: Vec::new() });
        }
        let days: Date32Array = some.iter().map(|(day, _)| Some(*day).filter(|d| *d != NO_DAY)).collect();
        let bytes = BinaryArray::from_iter_values(some.iter().map(|(_, digest)| digest.to_le_bytes()));
        let rows = RecordBatch::try_new(seen_schema(), vec![Arc::new(days), Arc::new(bytes)]).map_err(fault)?;
        writer.write(&rows)?;
    }
}

/// The ids of the events that earlier runs saw on a day.
pub fn digests_of(store: &Store, day: i32) -> Result<Vec<u128>, Error> {
    let date = (day != NO_DAY).then(|| date_text(day));
    let mut found = Vec::new();
    for rows in store.rows("seen", |file| file.partition("date") == date.as_deref())? {
        let rows = rows?;
        let digests = rows.column_by_name("digest").ok_or_else(|| fault("no digest"))?;
        let bytes = digests.as_binary::<i32>().iter().flatten();
        found.extend(bytes.filter_map(|b| b.try_into().ok().map(u128::from_le_bytes)));
    }
    Ok(found)
}

/// A day as partitions are named by it.
pub fn date_text(day: i32) -> String {
    let date = chrono::DateTime::from_timestamp(i64::from(day) * 86_400, 0);
    date.map_or_else(String::new, |d| d.format("%Y-%m-%d").to_string())
}

/// Rows of `gathered` under way.
pub struct Pieces {
    writer: Writer,
    waiting: Vec<Dated>,
}

impl Pieces {
    /// None yet.
    pub fn new(store: &Store) -> Result<Pieces, Error> {
        Ok(Pieces { writer: store.writer("gathered")?, waiting: Vec::new() })
    }

    /// Adds one.
    pub fn add(&mut self, piece: Dated) -> Result<(), Error> {
        self.waiting.push(piece);
        if self.waiting.len() < ROWS { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let rows = carry::rows(&self.waiting)?;
        self.waiting.clear();
        self.writer.write(&rows)
    }

    /// The change that they make.
    pub fn change(mut self, leaves: Vec<DataFile>) -> Result<Change, Error> {
        self.flush()?;
        Ok(Change { table: "gathered", joins: self.writer.finish()?, leaves })
    }
}

/// The inputs of the run with what the ledger says of each and the records that stand before.
pub fn inputs(store: &Store, out: &OutDir, readings: &[(Reading, u64)]) -> Result<Change, Error> {
    let mut writer = store.writer("inputs")?;
    let mut at = 0;
    for rows in parquet::read(&out.file("coverage.parquet")?)? {
        let rows = rows?;
        let own = &readings[at..(at + rows.num_rows()).min(readings.len())];
        at += rows.num_rows();
        let columns = rows.columns().iter().cloned().chain(reading_columns(own)).collect();
        let schema = with_fields(&rows.schema(), reading_fields());
        writer.write(&RecordBatch::try_new(schema, columns).map_err(fault)?)?;
    }
    Ok(Change { table: "inputs", joins: writer.finish()?, leaves: Vec::new() })
}
