//! The cells of any column as text: times as RFC 3339, lists and structures as JSON; knows no form of output.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

/// The cells of all columns.
pub fn columns(rows: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, column)| texts(field, column)).collect()
}

/// The cells of a column, none where they are null.
pub fn texts(field: &FieldRef, column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    match field.data_type() {
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) => as_json(field, column),
        DataType::Utf8View => Ok(column.as_string_view().iter().map(|t| t.map(str::to_string)).collect()),
        _ => as_words(column),
    }
}

/// Whether what stands in a column is a number.
pub fn is_number(field: &FieldRef) -> bool {
    field.data_type().is_numeric()
}

fn as_words(column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let options = FormatOptions::default().with_duration_format(DurationFormat::ISO8601);
    let formatter = ArrayFormatter::try_new(column, &options)?;
    Ok((0..column.len()).map(|at| column.is_valid(at).then(|| formatter.value(at).to_string())).collect())
}

fn as_json(field: &FieldRef, column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, column, &options)?;
    let mut text = |at: usize| {
        let mut bytes = Vec::new();
        encoder.encode(at, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok((0..column.len()).map(|at| column.is_valid(at).then(|| text(at))).collect())
}
