//! Rows of a table to data files, one at a time for each partition; knows nothing of the log.

use super::part::{Berth, Part, Partition};
use super::schema::writable;
use super::snapshot::DataFile;
use crate::error::Error;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{CastOptions, cast, cast_with_options, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of unwritten rows over all open files before the largest is flushed.
const MEMORY: usize = 64 << 20;
/// Columns of all open files together, each of which takes memory before it has a row: beyond, the file that was written to longest ago is closed.
const OPEN_COLUMNS: usize = 2048;
/// Most open files, however few columns they have.
const OPEN_FILES: usize = 128;

/// Writes rows to data files that a later commit may add.
pub struct Writer {
    table: PathBuf,
    schema: SchemaRef,
    columns: Vec<String>,
    version: i64,
    open: BTreeMap<Partition, Part>,
    /// Open partitions, the one that was written to longest ago first.
    order: VecDeque<Partition>,
    done: Vec<DataFile>,
}

impl Writer {
    /// Begins files for the commit of that version.
    pub(crate) fn new(table: &Path, schema: &Schema, columns: &[String], version: i64) -> Result<Writer, Error> {
        Ok(Writer {
            table: table.to_path_buf(),
            schema: writable(schema)?,
            columns: columns.to_vec(),
            version,
            open: BTreeMap::new(),
            order: VecDeque::new(),
            done: Vec::new(),
        })
    }

    /// Adds rows of the table's schema; dictionaries and unsigned numbers are fine.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = conformed(rows, &self.schema).map_err(|e| misfit(&self.table, e))?;
        for (partition, rows) in split(&rows, &self.columns).map_err(|e| misfit(&self.table, e))? {
            self.put(partition, &rows)?;
        }
        self.spare_memory()
    }

    fn put(&mut self, partition: Partition, rows: &RecordBatch) -> Result<(), Error> {
        self.order.retain(|open| *open != partition);
        let most = (OPEN_COLUMNS / rows.num_columns().max(1)).clamp(1, OPEN_FILES);
        if self.order.len() >= most
            && let Some(oldest) = self.order.pop_front()
        {
            self.close(oldest)?;
        }
        self.order.push_back(partition.clone());
        let part = match self.open.entry(partition) {
            std::collections::btree_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::btree_map::Entry::Vacant(e) => e.insert(Part::create(&self.table, rows.schema_ref())?),
        };
        part.write(&self.table, rows)
    }

    fn spare_memory(&mut self) -> Result<(), Error> {
        if self.open.values().map(Part::memory).sum::<usize>() < MEMORY {
            return Ok(());
        }
        match self.open.values_mut().max_by_key(|p| p.memory()) {
            Some(largest) => largest.flush(&self.table),
            None => Ok(()),
        }
    }

    fn close(&mut self, partition: Partition) -> Result<(), Error> {
        let Some(part) = self.open.remove(&partition) else { return Ok(()) };
        let (version, ordinal) = (self.version, self.done.len());
        let berth = Berth { table: &self.table, columns: &self.columns, partition: &partition, version, ordinal };
        self.done.push(part.publish(&berth)?);
        Ok(())
    }

    /// Ends the files. Until a commit adds them they are orphans, which `vacuum` removes.
    pub fn finish(mut self) -> Result<Vec<DataFile>, Error> {
        // In the order of partitions, so that names do not tell in which order rows came.
        let open: Vec<Partition> = self.open.keys().cloned().collect();
        open.into_iter().try_for_each(|partition| self.close(partition))?;
        Ok(self.done)
    }
}

fn misfit(table: &Path, thing: String) -> Error {
    Error::new(table.display().to_string(), thing, "check the rows")
}

/// The rows in another schema's types and order. Numbers that do not fit are an error, not a null.
pub(crate) fn conformed(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let column = |name: &str, wanted: &DataType| -> Result<ArrayRef, String> {
        let array = rows.column_by_name(name).ok_or_else(|| format!("column {name} is missing"))?;
        if array.data_type() == wanted {
            return Ok(array.clone());
        }
        cast_with_options(array, wanted, &options).map_err(|e| format!("column {name}: {e}"))
    };
    let columns = schema.fields().iter().map(|f| column(f.name(), f.data_type())).collect::<Result<Vec<_>, _>>()?;
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &count).map_err(|e| e.to_string())
}

/// The rows of each partition, without the partition columns.
fn split(rows: &RecordBatch, columns: &[String]) -> Result<Vec<(Partition, RecordBatch)>, String> {
    if columns.is_empty() {
        return Ok(vec![(Vec::new(), rows.clone())]);
    }
    let keys = columns
        .iter()
        .map(|c| rows.column_by_name(c).ok_or_else(|| format!("column {c} is missing")))
        .map(|c| cast(c?, &DataType::Utf8).map_err(|e| e.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    for (key, column) in keys.iter().zip(columns) {
        if key.as_string::<i32>().iter().any(|v| v == Some("")) {
            return Err(format!(
                "column {column} partitions the table and holds an empty text, which Delta reads as null"
            ));
        }
    }
    let mut members: BTreeMap<Partition, Vec<u32>> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        let key = keys.iter().map(|k| (!k.is_null(row)).then(|| k.as_string::<i32>().value(row).to_string())).collect();
        members.entry(key).or_default().push(row as u32);
    }
    let rest = without(rows, columns)?;
    members.into_iter().map(|(key, picked)| Ok((key, taken(&rest, picked)?))).collect()
}

fn taken(rows: &RecordBatch, picked: Vec<u32>) -> Result<RecordBatch, String> {
    if picked.len() == rows.num_rows() {
        return Ok(rows.clone());
    }
    take_record_batch(rows, &UInt32Array::from(picked)).map_err(|e| e.to_string())
}

fn without(rows: &RecordBatch, columns: &[String]) -> Result<RecordBatch, String> {
    let schema = rows.schema();
    let kept: Vec<usize> = (0..schema.fields().len()).filter(|i| !columns.contains(schema.field(*i).name())).collect();
    rows.project(&kept).map_err(|e| e.to_string())
}

/// The fields of a schema that data files hold.
pub(crate) fn file_schema(schema: &Schema, columns: &[String]) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().filter(|f| !columns.contains(f.name())).cloned().collect::<Vec<_>>()))
}
