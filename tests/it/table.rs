//! Reads columns of a Parquet table as text, for tests that look at what a run wrote; knows no table.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::path::Path;
use std::sync::Arc;

/// The wanted cells of one row; null is the empty text.
pub type Row = Vec<String>;

/// The named columns of all rows, in order.
pub fn rows(file: &Path, columns: &[&str]) -> Vec<Row> {
    let opened = std::fs::File::open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let batches = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let texts = columns.iter().map(|name| {
            let column = batch.column_by_name(name).unwrap_or_else(|| panic!("{}: no column {name}", file.display()));
            match column.data_type() {
                DataType::Timestamp(..) => times(column),
                _ => cast(column, &DataType::Utf8).unwrap(),
            }
        });
        let texts: Vec<_> = texts.collect();
        let cell = |column: &dyn Array, row: usize| match column.is_null(row) {
            true => String::new(),
            false => column.as_string::<i32>().value(row).to_string(),
        };
        rows.extend((0..batch.num_rows()).map(|row| texts.iter().map(|column| cell(column, row)).collect::<Row>()));
    }
    rows
}

/// Times in RFC 3339.
fn times(column: &ArrayRef) -> ArrayRef {
    let micros = cast(column, &DataType::Int64).unwrap();
    let text = |us: i64| {
        chrono::DateTime::from_timestamp_micros(us).unwrap().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    };
    let texts: StringArray = micros.as_primitive::<Int64Type>().iter().map(|us| us.map(text)).collect();
    Arc::new(texts)
}

#[test]
fn cells_are_read_as_text_whatever_their_type() {
    use arrow::array::{DictionaryArray, RecordBatch, UInt64Array};
    use arrow::datatypes::Int32Type;
    let words: DictionaryArray<Int32Type> = [Some("gzip"), None].into_iter().collect();
    let words: ArrayRef = Arc::new(words);
    let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![7, 8]));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("codec", words, true), ("records", numbers, false)]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(rows(file.path(), &["records", "codec"]), [["7", "gzip"], ["8", ""]]);
}
