//! Reads tables of a report back, cell by cell as text; knows no table's meaning.

use crate::error::Error;
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{Fields, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Columns by name.
type Cells = Arc<Vec<(String, ArrayRef)>>;

/// A row of a table, or a member of a list in one.
#[derive(Clone)]
pub struct Row {
    cells: Cells,
    at: usize,
}

/// The rows of a table of a report for which `wanted` holds. Large tables are looked at batch by batch and not held.
pub fn rows(out: &Path, table: &str, wanted: &dyn Fn(&Row) -> bool) -> Result<Vec<Row>, Error> {
    let path = out.join(format!("{table}.parquet"));
    let remedy = "name the folder of a report with --out; `keyfault analyze` writes one";
    let bad = |thing: String| Error::new(path.display().to_string(), thing, remedy);
    let file = File::open(&path).map_err(|e| bad(e.to_string()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.with_batch_size(1024).build());
    let mut found = Vec::new();
    for batch in reader.map_err(|e| bad(e.to_string()))? {
        let batch = batch.map_err(|e| bad(e.to_string()))?;
        let cells = cells(batch.schema_ref().fields(), batch.columns());
        found.extend((0..batch.num_rows()).map(|at| Row { cells: cells.clone(), at }).filter(wanted));
    }
    Ok(found)
}

fn cells(fields: &Fields, columns: &[ArrayRef]) -> Cells {
    Arc::new(fields.iter().map(|f| f.name().clone()).zip(columns.iter().cloned()).collect())
}

impl Row {
    fn cell(&self, name: &str) -> Option<&ArrayRef> {
        self.cells.iter().find(|(n, _)| n == name).map(|(_, array)| array).filter(|array| array.is_valid(self.at))
    }

    /// A cell as text, times in words; none where it is null.
    pub fn text(&self, name: &str) -> Option<String> {
        let array = self.cell(name)?;
        if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            return Some(super::words::time(Some(times.value(self.at))));
        }
        let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default()).ok()?;
        Some(formatter.value(self.at).to_string())
    }

    /// A cell as text, empty where it is null.
    pub fn get(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// The members of a list of texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let Some(list) = self.list(name) else { return Vec::new() };
        let formatter = ArrayFormatter::try_new(list.as_ref(), &FormatOptions::default());
        formatter.map_or_else(|_| Vec::new(), |f| (0..list.len()).map(|at| f.value(at).to_string()).collect())
    }

    /// The members of a list of structures.
    pub fn members(&self, name: &str) -> Vec<Row> {
        let Some(list) = self.list(name) else { return Vec::new() };
        let Some(members) = list.as_struct_opt() else { return Vec::new() };
        let cells = cells(members.fields(), members.columns());
        (0..members.len()).map(|at| Row { cells: cells.clone(), at }).collect()
    }

    fn list(&self, name: &str) -> Option<ArrayRef> {
        let list: &ListArray = self.cell(name)?.as_list_opt()?;
        Some(list.value(self.at))
    }
}
