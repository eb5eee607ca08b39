//! Rows of any table on standard output, in the format that is asked for; knows no table.

use super::args::RowsArg;
use super::terminal;
use crate::error::Error;
use crate::report::grid::Grid;
use crate::report::rows;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;

/// A fault of ours in making or showing rows.
pub fn fault(error: ArrowError) -> Error {
    Error::ours("query", error)
}

/// Rows that can be gone through more than once.
pub type Rows<'a> = dyn Fn() -> Box<dyn Iterator<Item = Result<RecordBatch, Error>> + 'a> + 'a;

/// Prints rows.
pub fn print(format: RowsArg, all: &Rows<'_>) -> Result<(), Error> {
    match format {
        RowsArg::Table => grid(all),
        RowsArg::Csv => each(all, rows::csv_header, rows::csv),
        RowsArg::Markdown => each(all, rows::markdown_header, rows::markdown),
        RowsArg::Ndjson => each(all, |_| String::new(), rows::ndjson),
        RowsArg::Json => json(all),
    }
}

/// A header, then the rows.
fn each(
    all: &Rows<'_>,
    header: fn(&RecordBatch) -> String,
    told: fn(&RecordBatch) -> Result<String, ArrowError>,
) -> Result<(), Error> {
    for (number, rows) in all().enumerate() {
        let rows = rows?;
        if number == 0 {
            terminal::data(&header(&rows));
        }
        terminal::data(&told(&rows).map_err(fault)?);
    }
    Ok(())
}

fn json(all: &Rows<'_>) -> Result<(), Error> {
    let mut begun = false;
    for rows in all() {
        let members = rows::json_members(&rows?, !begun).map_err(fault)?;
        begun |= !members.is_empty();
        terminal::data(&members);
    }
    terminal::data(if begun { "\n]\n" } else { "[]\n" });
    Ok(())
}

/// Goes through the rows twice, first for the widths of the columns. What no line of the terminal can hold stands a column a line.
fn grid(all: &Rows<'_>) -> Result<(), Error> {
    let mut grid: Option<Grid> = None;
    for rows in all() {
        let rows = rows?;
        grid.get_or_insert_with(|| Grid::of(&rows)).widen(&rows).map_err(fault)?;
    }
    let Some(mut grid) = grid else { return Ok(()) };
    let width = terminal::width();
    let narrow = width.filter(|width| !grid.fits(*width));
    grid.fit(width.unwrap_or(usize::MAX));
    if narrow.is_none() {
        terminal::data(&grid.header());
    }
    let mut count = 0;
    for rows in all() {
        let rows = rows?;
        let told = match narrow {
            Some(width) => grid.records(&rows, count, width),
            None => grid.lines(&rows),
        };
        terminal::data(&told.map_err(fault)?);
        count += rows.num_rows();
    }
    terminal::talk(&format!("{count} row{}", if count == 1 { "" } else { "s" }));
    Ok(())
}
