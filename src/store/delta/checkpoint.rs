//! Checkpoints: the actions of a snapshot as one Parquet file, so that readers need not replay the log; knows no snapshot.

use super::action::Action;
use super::disk::Draft;
use super::log::Log;
use super::part::fault;
use crate::error::Error;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::json::{ReaderBuilder, WriterBuilder, writer::LineDelimited};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Actions turned at a time.
const BATCH: usize = 1024;

/// Writes the checkpoint of a version, and points to it.
pub(crate) fn write(log: &Log, version: i64, actions: &[Action]) -> Result<(), Error> {
    let path = log.checkpoint_path(version);
    let draft = Draft::create(&log.table)?;
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(draft.handle()?, schema(), options).map_err(|e| fault(&path, e))?;
    let mut decoder =
        ReaderBuilder::new(schema()).with_batch_size(BATCH).build_decoder().map_err(|e| fault(&path, e))?;
    for chunk in actions.chunks(BATCH) {
        decoder.serialize(chunk).map_err(|e| fault(&path, e))?;
        if let Some(rows) = decoder.flush().map_err(|e| fault(&path, e))? {
            writer.write(&rows).map_err(|e| fault(&path, e))?;
        }
    }
    writer.close().map_err(|e| fault(&path, e))?;
    draft.replace(&path)?;
    let pointer = Draft::create(&log.table)?;
    pointer.write(json!({"version": version, "size": actions.len()}).to_string().as_bytes())?;
    pointer.replace(&log.folder().join("_last_checkpoint"))
}

/// Reads a checkpoint, also one that another program wrote.
pub(crate) fn read(path: &Path) -> Result<Vec<Action>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build()).map_err(|e| torn(path, e))?;
    let mut actions = Vec::new();
    for rows in reader {
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        writer.write(&rows.map_err(|e| torn(path, e))?).map_err(|e| torn(path, e))?;
        writer.finish().map_err(|e| torn(path, e))?;
        for line in writer.into_inner().split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            actions.push(serde_json::from_slice(line).map_err(|e| torn(path, e))?);
        }
    }
    Ok(actions)
}

fn torn(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(path.display().to_string(), format!("not a checkpoint: {error}"), "restore the file from a copy")
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        group("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
        group(
            "add",
            vec![
                text("path"),
                texts("partitionValues"),
                long("size"),
                long("modificationTime"),
                flag("dataChange"),
                text("stats"),
            ],
        ),
        group(
            "remove",
            vec![
                text("path"),
                long("deletionTimestamp"),
                flag("dataChange"),
                flag("extendedFileMetadata"),
                texts("partitionValues"),
                long("size"),
            ],
        ),
        group(
            "metaData",
            vec![
                text("id"),
                text("name"),
                group("format", vec![text("provider"), texts("options")]),
                text("schemaString"),
                Field::new("partitionColumns", DataType::List(Arc::new(text("element"))), true),
                texts("configuration"),
                long("createdTime"),
            ],
        ),
        group("protocol", vec![int("minReaderVersion"), int("minWriterVersion")]),
    ]))
}

fn group(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(fields.into()), true)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn flag(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

fn texts(name: &str) -> Field {
    let entry: Fields = vec![Field::new("key", DataType::Utf8, false), text("value")].into();
    let entry = Field::new("key_value", DataType::Struct(entry), false);
    Field::new(name, DataType::Map(Arc::new(entry), false), true)
}
