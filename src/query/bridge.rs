//! Rows from Arrow to Polars and back, as an IPC stream in memory: no crate converts these versions of the two. Knows no query.
//!
//! Text comes without dictionaries and times come without a zone, which Polars compares more freely: all times are UTC, and go back as such.

use crate::error::Error;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use polars::prelude::{
    CompatLevel, DataFrame, IpcStreamReader, IpcStreamWriter, PolarsError, PolarsResult, SerReader, SerWriter,
};
use std::io::Cursor;
use std::sync::Arc;

/// What no caller can mend.
pub fn ours(error: impl std::fmt::Display) -> Error {
    Error::ours("query", error)
}

/// Rows for Polars.
pub fn frame(rows: &RecordBatch) -> PolarsResult<DataFrame> {
    if rows.num_columns() == 0 {
        return DataFrame::new(rows.num_rows(), Vec::new());
    }
    let bytes = stream(rows).map_err(|e| PolarsError::ComputeError(e.to_string().into()))?;
    IpcStreamReader::new(Cursor::new(bytes)).set_rechunk(false).finish()
}

fn stream(rows: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let rows = lean(&retyped(rows, &simple)?)?;
    let mut writer = StreamWriter::try_new(Vec::new(), rows.schema_ref())?;
    writer.write(&rows)?;
    writer.into_inner()
}

/// The rows without texts of a dictionary or of other rows that no row here has.
fn lean(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let lean = |column: &ArrayRef| -> ArrayRef {
        let Some(texts) = column.as_string_view_opt() else { return column.clone() };
        let held: usize = texts.data_buffers().iter().map(|b| b.len()).sum();
        if texts.total_buffer_bytes_used() < held { Arc::new(texts.gc()) } else { column.clone() }
    };
    RecordBatch::try_new(rows.schema(), rows.columns().iter().map(lean).collect())
}

/// Rows from Polars; one empty batch at least.
pub fn batches(frame: &mut DataFrame) -> Result<Vec<RecordBatch>, Error> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).with_compat_level(CompatLevel::newest()).finish(frame).map_err(ours)?;
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(ours)?;
    let empty = RecordBatch::new_empty(reader.schema());
    let mut rows = reader.collect::<Result<Vec<RecordBatch>, ArrowError>>().map_err(ours)?;
    if rows.is_empty() {
        rows.push(empty);
    }
    rows.iter().map(|rows| retyped(rows, &in_utc).map_err(ours)).collect()
}

/// The rows with other types where these are wanted.
fn retyped(rows: &RecordBatch, wanted: &dyn Fn(&DataType) -> DataType) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<FieldRef> = rows.schema_ref().fields().iter().map(|f| field(f, wanted)).collect();
    let columns = rows.columns().iter().zip(&fields).map(|(array, field)| cast(array, field.data_type()));
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &count)
}

/// All may be null: what is read back need not keep the promise.
fn field(field: &FieldRef, wanted: &dyn Fn(&DataType) -> DataType) -> FieldRef {
    Arc::new(Field::new(field.name(), deep(field.data_type(), wanted), true))
}

fn deep(data_type: &DataType, wanted: &dyn Fn(&DataType) -> DataType) -> DataType {
    match data_type {
        DataType::List(item) => DataType::List(field(item, wanted)),
        DataType::LargeList(item) => DataType::LargeList(field(item, wanted)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| field(f, wanted)).collect()),
        other => wanted(other),
    }
}

fn simple(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => simple(values),
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, None),
        other => other.clone(),
    }
}

fn in_utc(data_type: &DataType) -> DataType {
    match data_type {
        // The name "UTC" would need a database of zones; an offset does not.
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some("+00:00".into())),
        other => other.clone(),
    }
}
