//! One data file under construction: Parquet written aside, named by its digest, published when whole; knows no partition but its own.

use super::disk::Draft;
use super::schema::stored;
use super::snapshot::DataFile;
use super::stats::Stats;
use crate::error::Error;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Rows of a row group.
const GROUP_ROWS: usize = 131_072;
/// Rows handed to the encoder at a time, always so many: equal rows give equal bytes, however they come.
const BATCH_ROWS: usize = 4096;

/// Values of a partition's columns, in the columns' order.
pub(crate) type Partition = Vec<Option<String>>;

/// A file that knows its digest and size.
struct Digested {
    file: File,
    digest: Xxh3,
    size: u64,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A data file under construction.
pub(crate) struct Part {
    draft: Draft,
    writer: ArrowWriter<Digested>,
    stored: SchemaRef,
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
}

/// Where a finished part goes.
pub(crate) struct Berth<'b> {
    /// The table's folder.
    pub table: &'b Path,
    /// Names of the partition columns.
    pub columns: &'b [String],
    /// Values of the partition columns.
    pub partition: &'b Partition,
    /// Version the commit hopes for.
    pub version: i64,
    /// Number of the file within the commit.
    pub ordinal: usize,
}

impl Part {
    /// Begins a file of that schema, which has no partition columns.
    pub(crate) fn create(table: &Path, schema: &Schema) -> Result<Part, Error> {
        let draft = Draft::create(table)?;
        let sink = Digested { file: draft.handle()?, digest: Xxh3::new(), size: 0 };
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let (stored, schema) = (stored(schema)?, SchemaRef::from(schema.clone()));
        let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options).map_err(|e| fault(table, e))?;
        Ok(Part { draft, writer, stored, schema, waiting: Vec::new(), waiting_rows: 0 })
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, table: &Path, rows: &RecordBatch) -> Result<(), Error> {
        self.waiting_rows += rows.num_rows();
        self.waiting.push(rows.clone());
        if self.waiting_rows < BATCH_ROWS {
            return Ok(());
        }
        let all = self.joined(table)?;
        let whole = all.num_rows() / BATCH_ROWS * BATCH_ROWS;
        for from in (0..whole).step_by(BATCH_ROWS) {
            self.writer.write(&all.slice(from, BATCH_ROWS)).map_err(|e| fault(table, e))?;
        }
        self.waiting_rows = all.num_rows() - whole;
        self.waiting.extend((self.waiting_rows > 0).then(|| all.slice(whole, self.waiting_rows)));
        Ok(())
    }

    fn joined(&mut self, table: &Path) -> Result<RecordBatch, Error> {
        let waiting = std::mem::take(&mut self.waiting);
        concat_batches(&self.schema, &waiting).map_err(|e| fault(table, e))
    }

    /// Bytes of rows that are not yet on disk.
    pub(crate) fn memory(&self) -> usize {
        self.writer.memory_size()
    }

    /// Ends the row group, to free its memory.
    pub(crate) fn flush(&mut self, table: &Path) -> Result<(), Error> {
        self.writer.flush().map_err(|e| fault(table, e))
    }

    /// Ends the file and gives it its name. It joins the table with the commit that adds it.
    pub(crate) fn publish(mut self, berth: &Berth<'_>) -> Result<DataFile, Error> {
        let rest = self.joined(berth.table)?;
        self.writer.write(&rest).map_err(|e| fault(berth.table, e))?;
        let footer = self.writer.finish().map_err(|e| fault(berth.table, e))?;
        let stats = Stats::of(&footer, &self.stored);
        let (digest, size) = (self.writer.inner().digest.digest(), self.writer.inner().size);
        let name = format!("part-{:010}-{:05}-{digest:016x}.parquet", berth.version, berth.ordinal);
        let path = format!("{}{name}", folder(berth.columns, berth.partition));
        self.draft.replace(&berth.table.join(&path))?;
        let partition: BTreeMap<_, _> = berth.columns.iter().cloned().zip(berth.partition.iter().cloned()).collect();
        Ok(DataFile { path, size, partition, stats, modified_ms: None })
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_coerce_types(true)
        .set_created_by("keyfault".to_string())
        .build()
}

/// `date=2026-01-02/source=aws.cloudtrail/`, with what file names may not hold as `%XX`.
fn folder(columns: &[String], partition: &Partition) -> String {
    let mut folder = String::new();
    for (column, value) in columns.iter().zip(partition) {
        let value = value.as_deref().map_or_else(|| "__HIVE_DEFAULT_PARTITION__".to_string(), escape);
        let _ = write!(folder, "{}={value}/", escape(column));
    }
    folder
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => escaped.push(byte.into()),
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

pub(crate) fn fault(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(path.display().to_string(), format!("cannot be written: {error}"), "check free disk space")
}
