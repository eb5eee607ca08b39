//! Writes chosen rows of a batch as an Arrow table with every column of `events`, secrets masked; knows no report.

use super::batch::Batch;
use super::datum::Datum;
use super::event::Event;
use super::redact::redact;
use crate::model::column::{Column, ColumnType, event_schema};
use crate::model::finding::Outcome;
use crate::model::records::Records;
use arrow::array::UInt64Builder;
use arrow::array::{
    ArrayRef, BooleanBuilder, ListBuilder, RecordBatch, StringBuilder, StringDictionaryBuilder,
    TimestampMicrosecondBuilder, UInt16Builder, UInt64Array, new_null_array,
};
use arrow::datatypes::Int32Type;
use std::borrow::Cow;
use std::sync::Arc;

/// A column under construction.
enum Builder {
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Dict(StringDictionaryBuilder<Int32Type>),
    DictList(ListBuilder<StringDictionaryBuilder<Int32Type>>),
    Bool(BooleanBuilder),
    U16(UInt16Builder),
    U64(UInt64Builder),
    /// The source never fills it.
    Absent,
}

/// The chosen rows as a table. `input_record` holds ordinals within the chunk: who knows the chunk's place adds its offset.
pub fn table(batch: &Batch<'_, '_>, rows: &[usize], input_file: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
    let mut builders: Vec<Builder> = Column::ALL.iter().map(|c| builder(batch, *c, rows.len())).collect();
    let mut slots = batch.slots();
    for &row in rows {
        let event = batch.event(row, &mut slots);
        for (column, builder) in Column::ALL.iter().zip(&mut builders) {
            append(&Row { batch, row, event: &event }, *column, builder);
        }
    }
    let mut columns: Vec<ArrayRef> =
        builders.into_iter().zip(Column::ALL).map(|(b, c)| finish(b, *c, rows.len())).collect();
    let mut file = StringDictionaryBuilder::<Int32Type>::with_capacity(rows.len(), 1, input_file.len());
    file.append_values(input_file, rows.len());
    columns[Column::InputFile.index()] = Arc::new(file.finish());
    columns[Column::InputRecord.index()] = Arc::new(rows.iter().map(|&r| batch.ordinals[r]).collect::<UInt64Array>());
    RecordBatch::try_new(event_schema(), columns)
}

/// Builders are sized to their rows: chunks are often small and the default room is not.
fn builder(batch: &Batch<'_, '_>, column: Column, rows: usize) -> Builder {
    if !batch.has(column) || rows == 0 {
        return Builder::Absent;
    }
    let dict = || StringDictionaryBuilder::with_capacity(rows, rows.min(8), 128);
    match column.kind() {
        ColumnType::Time => Builder::Time(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")),
        ColumnType::Text => Builder::Text(StringBuilder::with_capacity(rows, rows * 24)),
        ColumnType::Dict => Builder::Dict(dict()),
        ColumnType::DictList => Builder::DictList(ListBuilder::with_capacity(dict(), rows)),
        ColumnType::Bool => Builder::Bool(BooleanBuilder::with_capacity(rows)),
        ColumnType::U16 => Builder::U16(UInt16Builder::with_capacity(rows)),
        ColumnType::U64 => Builder::U64(UInt64Builder::with_capacity(rows)),
    }
}

/// A row being written.
struct Row<'r, 'p, 'd> {
    batch: &'r Batch<'p, 'd>,
    row: usize,
    event: &'r Event<'r, 'd>,
}

fn append(row: &Row<'_, '_, '_>, column: Column, builder: &mut Builder) {
    let fingerprint = row.batch.fingerprint(row.row);
    if let Builder::DictList(list) = builder {
        let defects = row.event.defects(fingerprint);
        for defect in &defects {
            list.values().append_value(defect);
        }
        list.append(!defects.is_empty());
        return;
    }
    if matches!(builder, Builder::Absent) {
        return;
    }
    let refused = column != Column::RefusedBy || row.batch.outcome(row.row) == Outcome::Refused;
    let datum = match row.batch.known_text(row.row, column) {
        _ if !refused => Datum::Nothing,
        // A cause claim makes a failure of an event after a rule has looked at these.
        _ if matches!(column, Column::Status | Column::RefusedBy) => row.event.column(column, fingerprint),
        Some(text) => text.as_deref().map_or(Datum::Nothing, |t| Datum::Text(t.into())),
        None => row.event.column(column, fingerprint),
    };
    match builder {
        // Known already, and a rule's test may set it.
        Builder::Time(b) if column == Column::EventTime => b.append_option(row.batch.time_us(row.row)),
        Builder::Time(b) => b.append_option(datum.to_time_us()),
        Builder::Text(b) => b.append_option(shown(column, datum)),
        Builder::Dict(b) => b.append_option(shown(column, datum)),
        Builder::Bool(b) => b.append_option(datum.to_bool()),
        Builder::U16(b) => b.append_option(datum.to_int().and_then(|i| u16::try_from(i).ok())),
        Builder::U64(b) => b.append_option(datum.to_int().and_then(|i| u64::try_from(i).ok())),
        Builder::DictList(_) | Builder::Absent => {}
    }
}

/// The text of a column as it may be shown. Columns whose values are made here or are ids by their nature need no search for secrets.
fn shown<'a>(column: Column, datum: Datum<'a>) -> Option<Cow<'a, str>> {
    use Column::*;
    let text = datum.into_text()?;
    let safe = matches!(column, Source | Status | RefusedBy | CredentialUid | CredentialHint | SrcIp);
    if safe {
        return Some(text);
    }
    match redact(&text) {
        Cow::Borrowed(_) => Some(text),
        Cow::Owned(masked) => Some(Cow::Owned(masked)),
    }
}

fn finish(builder: Builder, column: Column, rows: usize) -> ArrayRef {
    match builder {
        Builder::Time(mut b) => Arc::new(b.finish()),
        Builder::Text(mut b) => Arc::new(b.finish()),
        Builder::Dict(mut b) => Arc::new(b.finish()),
        Builder::DictList(mut b) => Arc::new(b.finish()),
        Builder::Bool(mut b) => Arc::new(b.finish()),
        Builder::U16(mut b) => Arc::new(b.finish()),
        Builder::U64(mut b) => Arc::new(b.finish()),
        Builder::Absent => new_null_array(&column.kind().arrow(), rows),
    }
}
