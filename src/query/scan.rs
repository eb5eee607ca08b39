//! A table as Polars scans it: columns that no query names are not read, rows that a condition rules out are not kept. Knows no SQL.

use super::bridge::frame;
use super::table::Table;
use crate::error::Error;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use polars::lazy::dsl::{BooleanFunction, Expr, FunctionExpr, Operator, StringFunction};
use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, DataFrame, IntoLazy, LazyFrame, PlSmallStr, PolarsError, PolarsResult,
    ScanArgsAnonymous,
};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// The first fault met while tables were read, which Polars would hand on as mere text.
pub type Met = Arc<OnceLock<Error>>;

struct Scan {
    table: Table,
    met: Met,
}

/// The table, to be read when a query runs.
pub fn lazy(table: Table, met: &Met) -> PolarsResult<LazyFrame> {
    let schema = frame(&RecordBatch::new_empty(table.schema.clone()))?.schema().clone();
    let scan = Scan { table, met: met.clone() };
    let arguments = ScanArgsAnonymous { schema: Some(schema), name: "TABLE", ..ScanArgsAnonymous::default() };
    LazyFrame::anonymous_scan(Arc::new(scan), arguments)
}

impl AnonymousScan for Scan {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }

    fn allows_predicate_pushdown(&self) -> bool {
        true
    }

    fn scan(&self, asked: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let names: Vec<PlSmallStr> = match &asked.with_columns {
            Some(names) => names.to_vec(),
            None => asked.schema.iter_names_cloned().collect(),
        };
        let texts: Vec<&str> = names.iter().map(PlSmallStr::as_str).collect();
        let batches = (self.table.read)(&texts).map_err(|e| self.remember(e))?;
        let (by_row, whole) = match asked.predicate.and_then(without_hints) {
            Some(condition) if is_by_row(&condition) => (Some(condition), None),
            other => (None, other),
        };
        let mut kept = selected(&RecordBatch::new_empty(self.table.schema.clone()), &names)?;
        let mut left = asked.n_rows.unwrap_or(usize::MAX);
        for rows in batches {
            let rows = rows.map_err(|e| self.remember(e))?;
            let rows = rows.slice(0, rows.num_rows().min(left));
            left -= rows.num_rows();
            let rows = match &by_row {
                Some(condition) => holding(&rows, condition)?,
                None => rows,
            };
            kept.vstack_mut_owned(selected(&rows, &names)?)?;
            if left == 0 {
                break;
            }
        }
        match whole {
            Some(condition) => kept.lazy().filter(condition).collect(),
            None => Ok(kept),
        }
    }
}

impl Scan {
    fn remember(&self, error: Error) -> PolarsError {
        let text = error.to_string();
        // Only the first is told.
        let _ = self.met.set(error);
        PolarsError::ComputeError(text.into())
    }
}

/// The wanted columns.
fn selected(rows: &RecordBatch, names: &[PlSmallStr]) -> PolarsResult<DataFrame> {
    match names {
        [] => DataFrame::new(rows.num_rows(), Vec::new()),
        names => frame(rows)?.select(names.iter().cloned()),
    }
}

/// The rows for which a condition holds. It is asked of its own columns, so that the others are handed over for the rows that are kept only.
fn holding(rows: &RecordBatch, condition: &Expr) -> PolarsResult<RecordBatch> {
    let names: BTreeSet<&str> = condition.into_iter().filter_map(column).collect();
    let places: Vec<usize> = names.iter().filter_map(|name| rows.schema_ref().index_of(name).ok()).collect();
    let its = rows.project(&places).map_err(arrow_fault)?;
    let told = frame(&its)?.lazy().select([condition.clone()]).collect()?;
    let told: BooleanArray = told.columns()[0].bool()?.iter().collect();
    filter_record_batch(rows, &told).map_err(arrow_fault)
}

fn column(part: &Expr) -> Option<&str> {
    if let Expr::Column(name) = part { Some(name.as_str()) } else { None }
}

fn arrow_fault(error: ArrowError) -> PolarsError {
    PolarsError::ComputeError(error.to_string().into())
}

/// The condition without what Polars adds for its own haste, as the best value so far of `ORDER BY x LIMIT 5`: it comes to us as mere words, and rows
/// that are kept for want of it do no harm.
fn without_hints(condition: Expr) -> Option<Expr> {
    match condition {
        Expr::Display { .. } => None,
        Expr::BinaryExpr { left, op: op @ (Operator::And | Operator::LogicalAnd), right } => {
            match (without_hints(left.as_ref().clone()), without_hints(right.as_ref().clone())) {
                (Some(left), Some(right)) => {
                    Some(Expr::BinaryExpr { left: Arc::new(left), op, right: Arc::new(right) })
                }
                (left, right) => left.or(right),
            }
        }
        other => Some(other),
    }
}

/// Whether a condition can be asked of each row alone, so that it may be asked of some rows at a time. One without columns has no rows.
fn is_by_row(condition: &Expr) -> bool {
    let has_column = condition.into_iter().any(|part| column(part).is_some());
    has_column
        && condition.into_iter().all(|part| match part {
            Expr::Column(_)
            | Expr::Literal(_)
            | Expr::BinaryExpr { .. }
            | Expr::Cast { .. }
            | Expr::Ternary { .. }
            | Expr::Alias(..) => true,
            Expr::Function { function, .. } => is_of_row(function),
            _ => false,
        })
}

/// The commonest functions that look at one row; others are asked when all rows are there.
fn is_of_row(function: &FunctionExpr) -> bool {
    use BooleanFunction::{AllHorizontal, AnyHorizontal, IsBetween, IsIn, IsNotNull, IsNull, Not};
    match function {
        FunctionExpr::StringExpr(text) => !matches!(text, StringFunction::ConcatVertical { .. }),
        FunctionExpr::Boolean(IsNull | IsNotNull | Not | AllHorizontal | AnyHorizontal) => true,
        FunctionExpr::Boolean(IsIn { .. } | IsBetween { .. }) => true,
        _ => false,
    }
}
