//! Rows of any table as CSV, JSON, lines of JSON and Markdown; knows no table's meaning.

use super::cells::{columns, is_number};
use super::csv::guard;
use super::markdown::cell;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;

/// The names of the columns as a line of CSV.
pub fn csv_header(rows: &RecordBatch) -> String {
    csv_lines(std::iter::once(rows.schema_ref().fields().iter().map(|f| guard(f.name())).collect()))
}

/// Rows as CSV, safe to open in a spreadsheet; empty where a cell is null.
pub fn csv(rows: &RecordBatch) -> Result<String, ArrowError> {
    let numbers: Vec<bool> = rows.schema_ref().fields().iter().map(is_number).collect();
    let columns = columns(rows)?;
    // A minus begins a formula in texts only.
    let cell = |(text, number): (&Option<String>, &bool)| match text {
        Some(text) if *number => text.clone(),
        Some(text) => guard(text),
        None => String::new(),
    };
    let row = |at: usize| columns.iter().map(|c| &c[at]).zip(&numbers).map(cell).collect();
    Ok(csv_lines((0..rows.num_rows()).map(row)))
}

fn csv_lines(lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Memory takes all that is written to it, and lines of one table are of one length.
    lines.for_each(|line| drop(writer.write_record(line)));
    String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
}

/// Rows as JSON, an object a line; null where a cell is null.
pub fn ndjson(rows: &RecordBatch) -> Result<String, ArrowError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(rows)?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// Rows as members of one JSON array, with what stands before each: a bracket before the first, a comma before others.
pub fn json_members(rows: &RecordBatch, is_first: bool) -> Result<String, ArrowError> {
    let lines = ndjson(rows)?;
    let before = |i: usize| if i == 0 && is_first { "[\n" } else { ",\n" };
    Ok(lines.lines().enumerate().map(|(i, line)| format!("{}{line}", before(i))).collect())
}

/// The names of the columns as the head of a Markdown table; numbers stand right.
pub fn markdown_header(rows: &RecordBatch) -> String {
    let fields = rows.schema_ref().fields();
    let names: Vec<String> = fields.iter().map(|f| cell(f.name())).collect();
    let rules: Vec<&str> = fields.iter().map(|f| if is_number(f) { "---:" } else { "---" }).collect();
    format!("| {} |\n|{}|\n", names.join(" | "), rules.join("|"))
}

/// Rows of a Markdown table; empty where a cell is null.
pub fn markdown(rows: &RecordBatch) -> Result<String, ArrowError> {
    let columns = columns(rows)?;
    let cells = |at: usize| columns.iter().map(|c| cell(c[at].as_deref().unwrap_or_default())).collect::<Vec<_>>();
    Ok((0..rows.num_rows()).map(|at| format!("| {} |\n", cells(at).join(" | "))).collect())
}
