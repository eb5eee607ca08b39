//! Opens the tables of a report for reading by columns; knows no table's meaning.

use crate::error::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows read at a time.
const ROWS: usize = 16_384;

const REMEDY: &str = "name the folder of a report with --out; `keyfault analyze` writes one";

/// A table of a report: one file, or the parts in a folder.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Its name: that of the file or folder.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// In the order of their names.
    files: Vec<PathBuf>,
}

/// The tables of a report, by name.
pub fn tables(out: &Path) -> Result<Vec<Saved>, Error> {
    let mut found = Vec::new();
    for path in entries(out)? {
        let files = if path.is_dir() { parquets(entries(&path)?) } else { parquets(vec![path.clone()]) };
        let Some(first) = files.first() else { continue };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Saved { name, schema: open(first)?.schema().clone(), files });
    }
    if found.is_empty() {
        return Err(Error::new(out.display().to_string(), "holds no table", REMEDY));
    }
    Ok(found)
}

fn parquets(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fault = |e: std::io::Error| Error::new(folder.display().to_string(), e.to_string(), REMEDY);
    let entries = std::fs::read_dir(folder).map_err(fault)?;
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<PathBuf>, _>>().map_err(fault)?;
    paths.sort();
    Ok(paths)
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(path, &e))
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(path.display().to_string(), format!("cannot be read: {error}"), "run `keyfault analyze` again")
}

impl Saved {
    /// How many rows there are, by the files' footers.
    pub fn rows(&self) -> Result<u64, Error> {
        self.files.iter().map(|path| Ok(open(path)?.metadata().file_metadata().num_rows().unsigned_abs())).sum()
    }

    /// All rows, of these columns only; one file is open at a time.
    pub fn columns(&self, names: &[&str]) -> impl Iterator<Item = Result<RecordBatch, Error>> + 'static {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let batches = move |path: PathBuf| -> Box<dyn Iterator<Item = Result<RecordBatch, Error>>> {
            match reader(&path, &names) {
                Ok(reader) => Box::new(reader.map(move |rows| rows.map_err(|e| damaged(&path, &e)))),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        };
        self.files.clone().into_iter().flat_map(batches)
    }
}

fn reader(path: &Path, names: &[String]) -> Result<ParquetRecordBatchReader, Error> {
    let builder = open(path)?;
    let fields = builder.schema().fields().iter().enumerate();
    let wanted: Vec<usize> = fields.filter(|(_, f)| names.contains(f.name())).map(|(i, _)| i).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    builder.with_projection(mask).with_batch_size(ROWS).build().map_err(|e| damaged(path, &e))
}
