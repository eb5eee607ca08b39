//! The `failures` table: the columns of `events`, the evidence, and the verdict of each refusal.

use super::tables::{put_text, put_word};
use crate::model::column::{dict, event_fields};
use crate::model::finding::Evidence;
use crate::model::verdict::Verdict;
use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float32Builder, ListArray, ListBuilder, RecordBatch, StringArray,
    StringDictionaryBuilder, StructBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use std::sync::Arc;

/// What diagnosis adds to a refusal.
pub struct Diagnosed<'d> {
    /// Its verdict.
    pub verdict: &'d Verdict,
    /// Id of the rule behind it.
    pub rule_id: Option<&'d str>,
    /// Its incident.
    pub incident_uid: &'d str,
    /// Evidence from other records.
    pub evidence: &'d [Evidence],
}

fn why_fields() -> Fields {
    let names = ["rule_id", "rule_author", "field", "matcher", "pattern", "value", "proof_event_uid", "says"];
    names.iter().map(|n| Field::new(*n, DataType::Utf8, true)).collect()
}

fn alternative_fields() -> Fields {
    vec![
        Field::new("cause", dict(), true),
        Field::new("verdict", dict(), true),
        Field::new("confidence", DataType::Float32, true),
    ]
    .into()
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true)))
}

/// The schema of `events` with `why`: what workers hand over.
pub fn evidence_schema() -> SchemaRef {
    let mut fields = event_fields().to_vec();
    fields.push(Arc::new(Field::new("why", list_of(why_fields()), true)));
    Arc::new(Schema::new(fields))
}

/// The schema of `failures`.
pub fn schema() -> SchemaRef {
    let mut fields = event_fields().to_vec();
    let added = [
        ("cause", dict()),
        ("verdict", dict()),
        ("confidence", DataType::Float32),
        ("rule_id", DataType::Utf8),
        ("why", list_of(why_fields())),
        ("alternatives", list_of(alternative_fields())),
        ("incident_uid", DataType::Utf8),
    ];
    fields.extend(added.into_iter().map(|(name, t)| Arc::new(Field::new(name, t, true))));
    Arc::new(Schema::new(fields))
}

/// Rows of `events` with the evidence for each.
pub fn with_evidence(events: &RecordBatch, why: &[Vec<Evidence>]) -> Result<RecordBatch, ArrowError> {
    let mut columns = events.columns().to_vec();
    columns.push(Arc::new(why_array(why.iter().map(Vec::as_slice))));
    RecordBatch::try_new(evidence_schema(), columns)
}

/// The evidence that workers handed over, with that from other records before it.
fn with_more(why: &ArrayRef, added: &[Diagnosed<'_>]) -> Result<ArrayRef, ArrowError> {
    if added.iter().all(|a| a.evidence.is_empty()) {
        return Ok(why.clone());
    }
    let more = why_array(added.iter().map(|a| a.evidence));
    let (own, more): (&ListArray, &ListArray) = (why.as_list(), &more);
    let both = [more.values().as_ref(), own.values().as_ref()];
    let mut offsets = vec![0i32];
    let mut picked = Vec::new();
    for row in 0..own.len() {
        for (number, list) in [more, own].into_iter().enumerate() {
            let (from, to) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
            picked.extend((from..to).map(|at| (number, at)));
        }
        offsets.push(picked.len() as i32);
    }
    let values = arrow::compute::interleave(&both, &picked)?;
    let field = Arc::new(Field::new("item", DataType::Struct(why_fields()), true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, None)?))
}

fn why_array<'e>(rows: impl Iterator<Item = &'e [Evidence]>) -> ListArray {
    let mut list = ListBuilder::new(StructBuilder::from_fields(why_fields(), 0));
    for evidence in rows {
        for e in evidence {
            let texts = [&e.rule_id, &e.rule_author, &e.field, &e.matcher, &e.pattern, &e.value];
            let row = list.values();
            texts.iter().enumerate().for_each(|(i, t)| put_text(row, i, Some(t)));
            put_text(row, 6, e.proof_event_uid.as_deref());
            put_text(row, 7, Some(&e.says));
            row.append(true);
        }
        list.append(true);
    }
    list.finish()
}

/// Rows of `failures` as workers handed them over: without what diagnosis added. `is_own` says of a row whether a rule claimed its record alone.
pub fn undiagnosed(rows: &RecordBatch, is_own: &dyn Fn(usize, &str) -> bool) -> Result<RecordBatch, ArrowError> {
    let schema = evidence_schema();
    let column = |name: &str| {
        rows.column_by_name(name).cloned().ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
    };
    let mut columns = event_fields().iter().map(|f| column(f.name())).collect::<Result<Vec<_>, _>>()?;
    let why = column("why")?;
    let why: &ListArray = why.as_list();
    let rules = why.values().as_struct().column_by_name("rule_id").cloned();
    let rules = rules.ok_or_else(|| ArrowError::SchemaError("no rule_id in why".into()))?;
    let rules: &StringArray = rules.as_string();
    let (mut keep, mut offsets) = (vec![false; why.values().len()], vec![0i32]);
    for row in 0..why.len() {
        let (from, to) = (why.value_offsets()[row] as usize, why.value_offsets()[row + 1] as usize);
        let own = (from..to).filter(|at| rules.is_valid(*at) && is_own(row, rules.value(*at)));
        let kept = own.map(|at| keep[at] = true).count();
        offsets.push(offsets[row] + kept as i32);
    }
    let values = arrow::compute::filter(why.values(), &keep.into())?;
    let field = Arc::new(Field::new("item", DataType::Struct(why_fields()), true));
    columns.push(Arc::new(ListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, None)?));
    RecordBatch::try_new(schema, columns)
}

/// Rows of `failures` from rows that workers handed over and what diagnosis adds to each.
pub fn diagnosed(rows: &RecordBatch, added: &[Diagnosed<'_>]) -> Result<RecordBatch, ArrowError> {
    let events = event_fields().len();
    let mut columns: Vec<ArrayRef> = rows.columns()[..events].to_vec();
    let mut cause = StringDictionaryBuilder::<Int32Type>::new();
    let mut verdict = StringDictionaryBuilder::<Int32Type>::new();
    for row in added {
        cause.append_option(row.verdict.cause.as_deref());
        verdict.append_value(row.verdict.sureness.name());
    }
    columns.push(Arc::new(cause.finish()));
    columns.push(Arc::new(verdict.finish()));
    columns.push(Arc::new(Float32Array::from_iter_values(added.iter().map(|r| r.verdict.confidence))));
    columns.push(Arc::new(added.iter().map(|r| r.rule_id).collect::<StringArray>()));
    columns.push(with_more(rows.column(events), added)?);
    columns.push(Arc::new(alternatives(added)));
    columns.push(Arc::new(added.iter().map(|r| Some(r.incident_uid)).collect::<StringArray>()));
    RecordBatch::try_new(schema(), columns)
}

fn alternatives(rows: &[Diagnosed<'_>]) -> ListArray {
    let mut list = ListBuilder::new(StructBuilder::from_fields(alternative_fields(), 0));
    for row in rows {
        for alternative in &row.verdict.alternatives {
            let values = list.values();
            put_word(values, 0, &alternative.cause);
            put_word(values, 1, alternative.sureness.name());
            if let Some(builder) = values.field_builder::<Float32Builder>(2) {
                builder.append_value(alternative.confidence);
            }
            values.append(true);
        }
        list.append(true);
    }
    list.finish()
}
