//! Runs a query and holds its answer; must not print.

use super::bridge::batches;
use super::fault::{Known, explained};
use super::scan::{Met, lazy};
use super::table::Table;
use super::{check, fault};
use crate::error::Error;
use arrow::array::RecordBatch;
use polars::prelude::{DataFrame, PolarsResult};
use polars::sql::{SQLContext, extract_table_identifiers};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows of an answer handed out at a time.
const ROWS: usize = 16_384;

/// What came of a query.
pub struct Answer {
    frame: DataFrame,
}

impl Answer {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The rows, some at a time; one empty batch where there are none. Times are in UTC.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, Error>> + '_ {
        let starts = (0..self.rows().max(1)).step_by(ROWS);
        starts.flat_map(|from| match batches(&mut self.frame.slice(from as i64, ROWS)) {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }
}

/// Answers one query. Errors say where in the text the fault is, as far as that is known.
pub fn run(sql: &str, tables: Vec<Table>) -> Result<Answer, Error> {
    check::only_reads(sql)?;
    let known = Known::of(sql, &tables);
    extract_table_identifiers(sql, false, true).map_err(|e| explained(&e, &known))?;
    let met = Met::default();
    let asked = || asked(&check::typed_times(sql), tables, &met);
    // Polars panics where it was built without a feature that a query asks for, and there is no list of these to check against.
    let answer = catch_unwind(AssertUnwindSafe(asked)).map_err(|panic| fault::panicked(panic.as_ref()))?;
    match (met.get(), answer) {
        (Some(error), Err(_)) => Err(error.clone()),
        (_, answer) => answer.map(|frame| Answer { frame }).map_err(|e| explained(&e, &known)),
    }
}

fn asked(sql: &str, tables: Vec<Table>, met: &Met) -> PolarsResult<DataFrame> {
    // Warnings are for those who write programs with Polars.
    polars::error::set_warning_function(|_, _| ());
    let mut context = SQLContext::new();
    for table in tables {
        context.register(&table.name.clone(), lazy(table, met)?);
    }
    context.execute(sql)?.collect()
}
