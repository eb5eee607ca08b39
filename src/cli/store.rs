//! `keyfault store`: what lies in a store, whether it is whole, and how it is made smaller.

use super::args::StoreCommand;
use super::rows::print;
use super::{Exit, terminal};
use crate::error::Error;
use crate::model::finding::Micros;
use crate::pipeline::{Retention, compact_store};
use crate::report::words::{count, time};
use crate::store::lasting::INPUTS;
use crate::store::ledger::Ledger;
use crate::store::standing::{Standing, tables};
use crate::store::verify::faults;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use std::path::Path;
use std::sync::Arc;

/// Runs the command.
pub fn run(command: &StoreCommand) -> Result<Exit, Error> {
    match command {
        StoreCommand::Show { dir, format } => {
            let tables = tables(dir)?;
            let rows = shown(&tables)?;
            print(*format, &|| Box::new(std::iter::once(Ok(rows.clone()))))?;
            terminal::talk(&last_run(&tables)?);
            Ok(Exit::Done)
        }
        StoreCommand::Verify { dir } => verify(dir),
        StoreCommand::Compact { dir, retain } => {
            tables(dir)?;
            let done = compact_store(dir, retention(retain.as_deref())?)?;
            terminal::talk(&format!("{} files joined into others, {} old files deleted", done.joined, done.deleted));
            Ok(Exit::Done)
        }
    }
}

/// How long a store keeps rows: `400d`, or a number of days.
#[expect(clippy::disallowed_methods, reason = "a store says when it was written, and what is old by now")]
pub fn retention(text: Option<&str>) -> Result<Retention, Error> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let days = text.map(days).transpose()?;
    Ok(Retention { now_us: now.map_or(0, |d| d.as_micros() as Micros), days })
}

fn days(text: &str) -> Result<u32, Error> {
    let number = text.strip_suffix('d').unwrap_or(text).parse::<u32>().ok().filter(|days| *days > 0);
    number.ok_or_else(|| Error::new("--retain", format!("\"{text}\" is no number of days"), "write 400d"))
}

/// A row a table.
fn shown(tables: &[Standing]) -> Result<RecordBatch, Error> {
    let counts =
        |get: fn(&Standing) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(tables.iter().map(get))) };
    let names: StringArray = tables.iter().map(|t| Some(t.name.as_str())).collect();
    let versions = Int64Array::from_iter_values(tables.iter().map(Standing::version));
    let columns: [(&str, ArrayRef); 5] = [
        ("table", Arc::new(names)),
        ("version", Arc::new(versions)),
        ("rows", counts(Standing::count)),
        ("files", counts(files)),
        ("bytes", counts(|t| t.files().map(|f| f.size).sum())),
    ];
    RecordBatch::try_from_iter(columns).map_err(|e| Error::new("store", e.to_string(), "report this as a bug"))
}

fn files(table: &Standing) -> u64 {
    table.files().count() as u64
}

/// When the last run was, and what it brought.
fn last_run(tables: &[Standing]) -> Result<String, Error> {
    let ledger = Ledger::of(tables.iter().filter(|table| table.name == INPUTS).flat_map(Standing::rows))?;
    let Some(last) = ledger.last_reading() else { return Ok("no run has brought any input yet".into()) };
    let inputs = count(ledger.inputs().len() as u64);
    let event = time(ledger.last_event_us());
    Ok(format!(
        "{inputs} inputs; the last new ones came with run {} at {}; last event at {event}",
        last.run,
        time(Some(last.run_at_us))
    ))
}

fn verify(dir: &Path) -> Result<Exit, Error> {
    let tables = tables(dir)?;
    let faults: Vec<Error> = tables.iter().flat_map(faults).collect();
    faults.iter().for_each(|fault| terminal::data(&format!("{fault}\n")));
    let files = count(tables.iter().map(files).sum());
    terminal::talk(&match faults.len() {
        0 => format!("{} tables, {files} files: whole", tables.len()),
        n => format!("{n} of {files} files are damaged; the rest can still be read with `keyfault query`"),
    });
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_or_refused() {
        assert_eq!((days("400d").unwrap(), days("7").unwrap()), (400, 7));
        assert!(days("0d").is_err() && days("4w").is_err());
    }
}
