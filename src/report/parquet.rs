//! Writes Arrow tables as Parquet so that the same rows give the same bytes, however they came; knows no table's meaning.

use crate::error::Error;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows written at a time.
const BATCH_ROWS: usize = 8192;
/// Rows of a row group.
const GROUP_ROWS: usize = 131_072;

/// Writes one table.
pub struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
}

impl TableWriter {
    /// Begins a table of that name and schema.
    pub fn create(path: &Path, table: &str, schema: SchemaRef) -> Result<TableWriter, Error> {
        let file = File::create(path).map_err(|e| Error::io(path, &e))?;
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties(table))).map_err(|e| fault(path, e))?;
        Ok(TableWriter { path: path.to_path_buf(), schema, writer, pending: Vec::new(), pending_rows: 0 })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        self.pending_rows += rows.num_rows();
        self.pending.push(rows);
        if self.pending_rows < BATCH_ROWS {
            return Ok(());
        }
        let all = self.join()?;
        let whole = all.num_rows() / BATCH_ROWS * BATCH_ROWS;
        for from in (0..whole).step_by(BATCH_ROWS) {
            self.put(&all.slice(from, BATCH_ROWS))?;
        }
        self.pending_rows = all.num_rows() - whole;
        self.pending = vec![all.slice(whole, self.pending_rows)];
        Ok(())
    }

    fn join(&mut self) -> Result<RecordBatch, Error> {
        let pending = std::mem::take(&mut self.pending);
        concat_batches(&self.schema, &pending).map_err(|e| fault(&self.path, e))
    }

    fn put(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let columns =
            rows.columns().iter().map(canonical).collect::<Result<Vec<_>, _>>().map_err(|e| fault(&self.path, e))?;
        let rows = RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| fault(&self.path, e))?;
        self.writer.write(&rows).map_err(|e| fault(&self.path, e))
    }

    /// Ends the table.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.pending_rows > 0 {
            let rest = self.join()?;
            self.put(&rest)?;
        }
        self.writer.close().map(|_| ()).map_err(|e| fault(&self.path, e))
    }
}

/// Writes batches as one file as they are: for parts of a table whose make-up does not depend on chance.
pub fn write_part(path: &Path, table: &str, batches: &[RecordBatch]) -> Result<(), Error> {
    let Some(first) = batches.first() else { return Ok(()) };
    let file = File::create(path).map_err(|e| Error::io(path, &e))?;
    let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties(table))).map_err(|e| fault(path, e))?;
    for batch in batches {
        writer.write(batch).map_err(|e| fault(path, e))?;
    }
    writer.close().map(|_| ()).map_err(|e| fault(path, e))
}

/// The rows of a table that was written here.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + use<>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let place = path.display().to_string();
    let torn = move |thing: String| Error::new(place.clone(), thing, "write the report anew");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.with_batch_size(BATCH_ROWS).build());
    let reader = reader.map_err(|e| torn(e.to_string()))?;
    Ok(reader.map(move |rows| rows.map_err(|e| torn(e.to_string()))))
}

fn fault(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(path.display().to_string(), format!("cannot be written: {error}"), "check free disk space")
}

fn properties(table: &str) -> WriterProperties {
    let facts = vec![
        KeyValue::new("keyfault.table".to_string(), table.to_string()),
        KeyValue::new("keyfault.version".to_string(), env!("CARGO_PKG_VERSION").to_string()),
    ];
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("keyfault ", env!("CARGO_PKG_VERSION")).to_string())
        .set_key_value_metadata(Some(facts))
        .build()
}

/// The same values with dictionaries in order of first appearance: chunks bring dictionaries of their own.
fn canonical(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match plain(array.data_type()) {
        None => Ok(array.clone()),
        Some(plain) => cast(&cast(array, &plain)?, array.data_type()),
    }
}

/// The type without dictionaries, where it has any.
fn plain(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Dictionary(_, values) => Some(values.as_ref().clone()),
        DataType::List(item) => {
            plain(item.data_type()).map(|t| DataType::List(Arc::new(Field::new(item.name(), t, true))))
        }
        _ => None,
    }
}
