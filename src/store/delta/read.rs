//! The rows of a snapshot as Arrow batches, file by file, in the types the caller asks for; knows no log.

use super::snapshot::DataFile;
use super::write::conformed;
use crate::error::Error;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Iterates over batches of the wanted schema; opens one file at a time.
pub struct Batches {
    table: PathBuf,
    wanted: SchemaRef,
    files: VecDeque<DataFile>,
    open: Option<(DataFile, ParquetRecordBatchReader)>,
}

impl Batches {
    pub(crate) fn new(table: &Path, wanted: SchemaRef, files: VecDeque<DataFile>) -> Batches {
        Batches { table: table.to_path_buf(), wanted, files, open: None }
    }

    fn next_rows(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let Some((file, reader)) = &mut self.open else {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                self.open = Some((file.clone(), open(&self.table.join(&file.path), &file, &self.wanted)?));
                continue;
            };
            match reader.next() {
                Some(Ok(rows)) => return whole(&rows, file, &self.wanted).map(Some).map_err(|e| self.fault(&e)),
                Some(Err(e)) => return Err(self.fault(&e.to_string())),
                None => self.open = None,
            }
        }
    }

    fn fault(&self, thing: &str) -> Error {
        let path = self.open.as_ref().map_or_else(|| self.table.clone(), |(f, _)| self.table.join(&f.path));
        damaged(&path, thing)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.next_rows();
        if rows.is_err() {
            self.open = None;
            self.files.clear();
        }
        rows.transpose()
    }
}

fn damaged(path: &Path, thing: impl std::fmt::Display) -> Error {
    Error::new(path.display().to_string(), format!("data file is damaged: {thing}"), "restore the file from a copy")
}

fn open(path: &Path, file: &DataFile, wanted: &Schema) -> Result<ParquetRecordBatchReader, Error> {
    let handle = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            path.display().to_string(),
            "data file is gone",
            "read a newer version, or restore it from a copy",
        ),
        _ => Error::io(path, &e),
    })?;
    let size = handle.metadata().map_err(|e| Error::io(path, &e))?.len();
    if size != file.size {
        return Err(damaged(path, format_args!("{size} bytes instead of {}", file.size)));
    }
    let footer = ArrowReaderMetadata::load(&handle, ArrowReaderOptions::new()).map_err(|e| damaged(path, e))?;
    let hint = ArrowReaderOptions::new().with_schema(hinted(footer.schema(), wanted));
    let footer = ArrowReaderMetadata::try_new(footer.metadata().clone(), hint).map_err(|e| damaged(path, e))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, footer);
    let names: Vec<usize> = (0..builder.schema().fields().len())
        .filter(|i| wanted.field_with_name(builder.schema().field(*i).name()).is_ok())
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), names);
    builder.with_projection(mask).build().map_err(|e| damaged(path, e))
}

/// The file's schema, with text read as dictionaries where these are wanted: they lie so in the file.
fn hinted(file: &Schema, wanted: &Schema) -> SchemaRef {
    let field = |f: &Arc<Field>| match wanted.field_with_name(f.name()) {
        Ok(w)
            if f.data_type() == &DataType::Utf8
                && matches!(w.data_type(), DataType::Dictionary(_, v) if **v == DataType::Utf8) =>
        {
            Arc::new(f.as_ref().clone().with_data_type(w.data_type().clone()))
        }
        _ => f.clone(),
    };
    Arc::new(Schema::new_with_metadata(file.fields().iter().map(field).collect::<Vec<_>>(), file.metadata().clone()))
}

/// The rows with the columns that are not in the file: partition values, and nulls for columns younger than it.
fn whole(rows: &RecordBatch, file: &DataFile, wanted: &SchemaRef) -> Result<RecordBatch, String> {
    let mut fields = rows.schema().fields().to_vec();
    let mut columns = rows.columns().to_vec();
    for field in wanted.fields().iter().filter(|f| rows.column_by_name(f.name()).is_none()) {
        columns.push(constant(file.partition.get(field.name()), field.data_type(), rows.num_rows())?);
        fields.push(field.clone());
    }
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &count);
    conformed(&rows.map_err(|e| e.to_string())?, wanted)
}

fn constant(value: Option<&Option<String>>, data_type: &DataType, rows: usize) -> Result<ArrayRef, String> {
    match value {
        Some(Some(text)) if !text.is_empty() => {
            let texts: StringArray = std::iter::repeat_n(Some(text.as_str()), rows).collect();
            cast(&texts, data_type).map_err(|e| e.to_string())
        }
        _ => Ok(new_null_array(data_type, rows)),
    }
}
