//! `keyfault query`: SQL over the tables of a report or a store, and what tables there are.

use super::Exit;
use super::args::QueryArgs;
use super::rows::{fault, print};
use crate::error::Error;
use crate::query::{Answer, Batches, Table, run as answer};
use crate::report::columns::{self, Saved};
use crate::store::standing::{self, Standing};
use arrow::array::{ArrayRef, RecordBatch, StringViewArray, UInt64Array};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Runs the command.
pub fn run(args: &QueryArgs) -> Result<Exit, Error> {
    let tables: Vec<Table> = match &args.store {
        Some(store) => standing::tables(store)?.into_iter().map(of_store).collect(),
        None => columns::tables(&args.out)?.into_iter().map(of_report).collect(),
    };
    let Some(sql) = sql(args)? else {
        let listed = listed(&tables)?;
        return print(args.format, &|| Box::new(std::iter::once(Ok(listed.clone())))).map(|()| Exit::Done);
    };
    // A panic of the engine is told as an error; what it prints by itself helps nobody.
    std::panic::set_hook(Box::new(|_| ()));
    let answer: Answer = answer(&sql, tables)?;
    print(args.format, &|| Box::new(answer.batches()))?;
    Ok(Exit::Done)
}

/// The query, from the arguments, a file or standard input; none when the tables are asked for.
fn sql(args: &QueryArgs) -> Result<Option<String>, Error> {
    let mut text = String::new();
    match (args.sql.as_deref(), &args.file) {
        (None, None) | (Some(".tables"), _) => return Ok(None),
        _ if args.tables => return Ok(None),
        (_, Some(file)) => text = std::fs::read_to_string(file).map_err(|e| Error::io(file, &e))?,
        (Some("-"), _) => {
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|e| Error::io(Path::new("standard input"), &e))?;
        }
        (Some(sql), _) => text.push_str(sql),
    }
    Ok(Some(text))
}

fn of_report(saved: Saved) -> Table {
    let (name, schema, counted) = (saved.name.clone(), saved.schema.clone(), saved.clone());
    let read = move |names: &[&str]| -> Result<Batches, Error> { Ok(Box::new(saved.columns(names))) };
    Table { name, schema, read: Box::new(read), count: Box::new(move || counted.rows()) }
}

fn of_store(standing: Standing) -> Table {
    let (name, schema, rows) = (standing.name.clone(), standing.schema().clone(), standing.count());
    let read = move |names: &[&str]| -> Result<Batches, Error> { Ok(Box::new(standing.columns(names))) };
    Table { name, schema, read: Box::new(read), count: Box::new(move || Ok(rows)) }
}

/// The tables, a row a column.
fn listed(tables: &[Table]) -> Result<RecordBatch, Error> {
    let mut lines: Vec<(String, u64, String, String)> = Vec::new();
    for table in tables {
        let (name, rows) = (&table.name, (table.count)()?);
        let columns = table.columns().into_iter();
        lines.extend(columns.map(|(column, word)| (name.clone(), rows, column, word)));
    }
    let texts = |get: fn(&(String, u64, String, String)) -> &String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(lines.iter().map(get)))
    };
    let rows: ArrayRef = Arc::new(UInt64Array::from_iter_values(lines.iter().map(|l| l.1)));
    let columns = [("table", texts(|l| &l.0)), ("rows", rows), ("column", texts(|l| &l.2)), ("type", texts(|l| &l.3))];
    RecordBatch::try_from_iter(columns).map_err(fault)
}
