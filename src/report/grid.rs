//! Rows of any table in aligned columns, or a column a line where these are too many for the terminal; knows no table's meaning.

use super::cells::{columns, is_number, texts};
use super::words::plain;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;

/// Narrowest that a column is made so that others have room.
const NARROWEST: usize = 6;
/// Between columns.
const GAP: &str = "  ";

/// How wide columns are, in characters, and which side their cells stand on.
pub struct Grid {
    names: Vec<String>,
    widths: Vec<usize>,
    right: Vec<bool>,
}

impl Grid {
    /// Columns as wide as their names.
    pub fn of(rows: &RecordBatch) -> Grid {
        let fields = rows.schema_ref().fields();
        let names: Vec<String> = fields.iter().map(|f| plain(f.name())).collect();
        let widths = names.iter().map(|n| n.chars().count()).collect();
        Grid { names, widths, right: fields.iter().map(is_number).collect() }
    }

    /// Makes room for rows.
    pub fn widen(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        for (width, (field, column)) in
            self.widths.iter_mut().zip(rows.schema_ref().fields().iter().zip(rows.columns()))
        {
            let widest = texts(field, column)?.iter().flatten().map(|t| t.chars().count()).max();
            *width = (*width).max(widest.unwrap_or_default());
        }
        Ok(())
    }

    /// Whether a line of so many characters can hold all columns, if shortened.
    pub fn fits(&self, line: usize) -> bool {
        let narrow: usize = self.widths.iter().map(|w| (*w).min(NARROWEST)).sum();
        narrow + GAP.len() * self.widths.len().saturating_sub(1) <= line
    }

    /// Rows with each column in a line of its own, cut at so many characters; empty where a cell is null. The first row is that after `before` others.
    pub fn records(&self, rows: &RecordBatch, before: usize, line: usize) -> Result<String, ArrowError> {
        let columns = columns(rows)?;
        let widest = self.names.iter().map(|n| n.chars().count()).max().unwrap_or_default();
        let room = line.saturating_sub(widest + GAP.len());
        let cell = |(name, column): (&String, &Vec<Option<String>>), at: usize| {
            let text = short(&plain(column[at].as_deref().unwrap_or_default()), room);
            format!("{}\n", format!("{name:<widest$}{GAP}{text}").trim_end())
        };
        let record = |at: usize| -> String {
            let cells = self.names.iter().zip(&columns).map(|pair| cell(pair, at));
            std::iter::once(format!("--- row {}\n", before + at + 1)).chain(cells).collect()
        };
        Ok((0..rows.num_rows()).map(record).collect())
    }

    /// Makes all fit into a line of so many characters, by shortening the widest columns.
    pub fn fit(&mut self, line: usize) {
        let gaps = GAP.len() * self.widths.len().saturating_sub(1);
        let taken = |cap: usize| gaps + self.widths.iter().map(|w| (*w).min(cap)).sum::<usize>();
        let widest = self.widths.iter().copied().max().unwrap_or_default();
        let cap = (NARROWEST..=widest).rev().find(|cap| taken(*cap) <= line).unwrap_or(NARROWEST);
        self.widths.iter_mut().for_each(|w| *w = (*w).min(cap));
    }

    /// The names of the columns, underlined.
    pub fn header(&self) -> String {
        let names: Vec<Option<&str>> = self.names.iter().map(|n| Some(n.as_str())).collect();
        let rules: Vec<String> = self.widths.iter().map(|w| "-".repeat(*w)).collect();
        format!("{}{}\n", self.line(&names), rules.join(GAP))
    }

    /// Rows, a line each; empty where a cell is null.
    pub fn lines(&self, rows: &RecordBatch) -> Result<String, ArrowError> {
        let columns = columns(rows)?;
        let line = |at: usize| self.line(&columns.iter().map(|c| c[at].as_deref()).collect::<Vec<_>>());
        Ok((0..rows.num_rows()).map(line).collect())
    }

    fn line(&self, cells: &[Option<&str>]) -> String {
        let sized = cells.iter().zip(self.widths.iter().zip(&self.right));
        let cells = sized.map(|(cell, (width, right))| {
            let text = short(&plain(cell.unwrap_or_default()), *width);
            if *right { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        format!("{}\n", cells.collect::<Vec<String>>().join(GAP).trim_end())
    }
}

/// A text of at most so many characters, with a mark where something was left out.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringViewArray};
    use std::sync::Arc;

    #[test]
    fn the_widest_columns_give_way() {
        let grid =
            |widths: &[usize]| Grid { names: Vec::new(), widths: widths.to_vec(), right: vec![false; widths.len()] };
        for (widths, line, expect) in [
            (&[4, 10, 50][..], 80, &[4, 10, 50][..]),
            (&[4, 10, 50], 40, &[4, 10, 22]),
            (&[4, 50, 50], 40, &[4, 16, 16]),
            (&[50, 50], 1, &[6, 6]),
            (&[3, 2], 1, &[3, 2]),
            (&[], 9, &[]),
        ] {
            let mut grid = grid(widths);
            grid.fit(line);
            assert_eq!(grid.widths, expect);
        }
        assert_eq!(short("revoked", 4), "rev…");
    }

    #[test]
    fn what_no_line_can_hold_stands_a_column_a_line() {
        let text = |texts: [Option<&str>; 2]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        let columns = [("id", text([Some("1"), Some("2")])), ("says", text([Some("a\u{1b}[31mlong text"), None]))];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let grid = Grid::of(&rows);
        assert!(grid.fits(8) && !grid.fits(7));
        assert_eq!(
            grid.records(&rows, 10, 14).unwrap(),
            "--- row 11\nid    1\nsays  a [31ml…\n--- row 12\nid    2\nsays\n"
        );
    }
}
