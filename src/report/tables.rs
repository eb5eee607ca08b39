//! The tables of incidents, alerts, credentials, coverage and rejects as Arrow; one function each, the schema follows from it.

use crate::model::column::dict;
use crate::model::finding::{
    Alert, CheckAnswer, Coverage, Credential, Happened, Incident, Micros, Proof, Reject, Sample,
};
use arrow::array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, StringDictionaryBuilder, StructBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
    UInt64Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, TimeUnit};
use arrow::error::ArrowError;
use std::sync::Arc;

fn text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn words<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    values.for_each(|v| builder.append_option(v));
    let array: DictionaryArray<Int32Type> = builder.finish();
    Arc::new(array)
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

fn times(values: impl Iterator<Item = Option<Micros>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter(values).with_timezone("UTC"))
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from_iter(values))
}

fn texts<'v>(values: impl Iterator<Item = &'v [String]>) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new());
    for members in values {
        members.iter().for_each(|m| list.values().append_value(m));
        list.append(true);
    }
    Arc::new(list.finish())
}

fn word_lists<'v>(values: impl Iterator<Item = &'v [String]>) -> ArrayRef {
    let mut list = ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new());
    for members in values {
        members.iter().for_each(|m| list.values().append_value(m));
        list.append(true);
    }
    Arc::new(list.finish())
}

/// A table of named columns; all may be null but those of counts.
fn table(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let fields: Fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), *array.data_type() != DataType::UInt64))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect())
}

/// The `incidents` table.
pub fn incidents(rows: &[Incident]) -> Result<RecordBatch, ArrowError> {
    let sample = |get: fn(&Incident) -> &Sample| {
        (texts(rows.iter().map(move |r| &get(r).values[..])), counts(rows.iter().map(move |r| get(r).total)))
    };
    let (services, services_total) = sample(|r| &r.services);
    let (operations, operations_total) = sample(|r| &r.operations);
    let (src_ips, src_ips_total) = sample(|r| &r.src_ips);
    table(vec![
        ("incident_uid", text(rows.iter().map(|r| Some(&r.incident_uid)))),
        ("cause", words(rows.iter().map(|r| r.cause.as_deref()))),
        ("verdict", words(rows.iter().map(|r| Some(r.verdict.name())))),
        ("confidence", Arc::new(Float32Array::from_iter_values(rows.iter().map(|r| r.confidence)))),
        ("level", words(rows.iter().map(|r| Some(r.level.name())))),
        ("credential_uid", text(rows.iter().map(|r| r.credential_uid.as_deref()))),
        ("credential_hint", text(rows.iter().map(|r| r.credential_hint.as_deref()))),
        ("actor_uid", text(rows.iter().map(|r| r.actor_uid.as_deref()))),
        ("actor_name", text(rows.iter().map(|r| r.actor_name.as_deref()))),
        ("provider", words(rows.iter().map(|r| r.provider.as_deref()))),
        ("account_uid", words(rows.iter().map(|r| r.account_uid.as_deref()))),
        ("services", services),
        ("services_total", services_total),
        ("operations", operations),
        ("operations_total", operations_total),
        ("src_ips", src_ips),
        ("src_ips_total", src_ips_total),
        ("first_seen", times(rows.iter().map(|r| r.first_seen))),
        ("last_seen", times(rows.iter().map(|r| r.last_seen))),
        ("state", words(rows.iter().map(|r| Some(r.state.name())))),
        ("recovered_at", times(rows.iter().map(|r| r.recovered_at))),
        ("failures", counts(rows.iter().map(|r| r.failures))),
        ("proof", proofs(rows.iter().map(|r| &r.proof[..]))),
        ("owner", words(rows.iter().map(|r| r.owner.map(|o| o.name())))),
        ("remediation", texts(rows.iter().map(|r| &r.remediation[..]))),
        ("checklist", checklists(rows.iter().map(|r| &r.checklist[..]))),
    ])
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn proofs<'v>(values: impl Iterator<Item = &'v [Proof]>) -> ArrayRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields: Fields = vec![
        field("event_uid", DataType::Utf8),
        field("event_time", time),
        field("source", dict()),
        field("input_file", DataType::Utf8),
        field("input_record", DataType::UInt64),
        field("shows", dict()),
        field("says", DataType::Utf8),
    ]
    .into();
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields, 0));
    for members in values {
        for proof in members {
            let row = list.values();
            put_text(row, 0, Some(&proof.event_uid));
            if let Some(b) = row.field_builder::<TimestampMicrosecondBuilder>(1) {
                b.append_option(proof.event_time);
            }
            put_word(row, 2, &proof.source);
            put_text(row, 3, Some(&proof.input_file));
            if let Some(b) = row.field_builder::<UInt64Builder>(4) {
                b.append_value(proof.input_record);
            }
            put_word(row, 5, proof.shows.name());
            put_text(row, 6, Some(&proof.says));
            row.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

fn checklists<'v>(values: impl Iterator<Item = &'v [CheckAnswer]>) -> ArrayRef {
    let fields: Fields = vec![field("check", dict()), field("answer", dict()), field("says", DataType::Utf8)].into();
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields, 0));
    for members in values {
        for answer in members {
            let row = list.values();
            put_word(row, 0, &answer.check);
            put_word(row, 1, answer.answer.name());
            put_text(row, 2, Some(&answer.says));
            row.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

/// Appends to a text field of a struct under construction.
pub(super) fn put_text(row: &mut StructBuilder, field: usize, text: Option<&str>) {
    if let Some(builder) = row.field_builder::<StringBuilder>(field) {
        builder.append_option(text);
    }
}

/// Appends to a dictionary field of a struct under construction.
pub(super) fn put_word(row: &mut StructBuilder, field: usize, word: &str) {
    if let Some(builder) = row.field_builder::<StringDictionaryBuilder<Int32Type>>(field) {
        builder.append_value(word);
    }
}

/// The `alerts` table.
pub fn alerts(rows: &[Alert]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("alert_uid", text(rows.iter().map(|r| Some(&r.alert_uid)))),
        ("rule_id", text(rows.iter().map(|r| Some(&r.rule_id)))),
        ("rule_author", text(rows.iter().map(|r| Some(&r.rule_author)))),
        ("rule_license", text(rows.iter().map(|r| Some(&r.rule_license)))),
        ("title", text(rows.iter().map(|r| Some(&r.title)))),
        ("level", words(rows.iter().map(|r| Some(r.level.name())))),
        ("tags", texts(rows.iter().map(|r| &r.tags[..]))),
        ("references", texts(rows.iter().map(|r| &r.references[..]))),
        ("detector", words(rows.iter().map(|r| Some(&r.detector)))),
        ("window_start", times(rows.iter().map(|r| r.window_start))),
        ("window_end", times(rows.iter().map(|r| r.window_end))),
        ("credential_uid", text(rows.iter().map(|r| r.credential_uid.as_deref()))),
        ("credential_hint", text(rows.iter().map(|r| r.credential_hint.as_deref()))),
        ("actor_uid", text(rows.iter().map(|r| r.actor_uid.as_deref()))),
        ("src_ip", text(rows.iter().map(|r| r.src_ip.as_deref()))),
        ("provider", words(rows.iter().map(|r| r.provider.as_deref()))),
        ("observed", floats(rows.iter().map(|r| Some(r.observed)))),
        ("expected", floats(rows.iter().map(|r| r.expected))),
        ("score", floats(rows.iter().map(|r| r.score))),
        ("says", text(rows.iter().map(|r| Some(&r.says)))),
        ("event_uids", texts(rows.iter().map(|r| &r.event_uids.values[..]))),
        ("event_uids_total", counts(rows.iter().map(|r| r.event_uids.total))),
        ("causes", causes(rows.iter().map(|r| &r.causes[..]))),
    ])
}

fn causes<'v>(values: impl Iterator<Item = &'v [(String, u64)]>) -> ArrayRef {
    let fields: Fields = vec![field("cause", dict()), field("failures", DataType::UInt64)].into();
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields, 0));
    for members in values {
        for (cause, failures) in members {
            let row = list.values();
            put_word(row, 0, cause);
            if let Some(builder) = row.field_builder::<UInt64Builder>(1) {
                builder.append_value(*failures);
            }
            row.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

/// The `credentials` table.
pub fn credentials(rows: &[Credential]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("credential_uid", text(rows.iter().map(|r| Some(&r.credential_uid)))),
        ("credential_hint", text(rows.iter().map(|r| r.credential_hint.as_deref()))),
        ("credential_alias", text(rows.iter().map(|r| r.credential_alias.as_deref()))),
        ("credential_kind", words(rows.iter().map(|r| r.credential_kind.as_deref()))),
        ("provider", words(rows.iter().map(|r| r.provider.as_deref()))),
        ("owner", text(rows.iter().map(|r| r.owner.as_deref()))),
        ("owner_kind", words(rows.iter().map(|r| r.owner_kind.as_deref()))),
        ("state", words(rows.iter().map(|r| r.state.as_deref()))),
        ("created_at", times(rows.iter().map(|r| r.created_at))),
        ("expires_at", times(rows.iter().map(|r| r.expires_at))),
        ("age_days", Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.age_days)))),
        ("first_use", times(rows.iter().map(|r| r.first_use))),
        ("last_use", times(rows.iter().map(|r| r.last_use))),
        ("last_success", times(rows.iter().map(|r| r.last_success))),
        ("last_failure", times(rows.iter().map(|r| r.last_failure))),
        ("successes", counts(rows.iter().map(|r| r.successes))),
        ("failures", counts(rows.iter().map(|r| r.failures))),
        ("refusals", counts(rows.iter().map(|r| r.refusals))),
        ("actor_types", word_lists(rows.iter().map(|r| &r.actor_types[..]))),
        ("distinct_src_ips", counts(rows.iter().map(|r| r.distinct_src_ips))),
        ("distinct_operations", counts(rows.iter().map(|r| r.distinct_operations))),
        ("environments", word_lists(rows.iter().map(|r| &r.environments[..]))),
        ("countries", word_lists(rows.iter().map(|r| &r.countries[..]))),
        ("findings", word_lists(rows.iter().map(|r| &r.findings[..]))),
    ])
}

/// The `timeline` table.
pub fn timeline(rows: &[Happened]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("credential_uid", text(rows.iter().map(|r| Some(&r.credential_uid)))),
        ("event_time", times(rows.iter().map(|r| r.event_time))),
        ("what", words(rows.iter().map(|r| Some(r.what.as_str())))),
        ("says", text(rows.iter().map(|r| Some(&r.says)))),
        ("source", words(rows.iter().map(|r| Some(r.source.as_str())))),
        ("event_uid", text(rows.iter().map(|r| Some(&r.event_uid)))),
        ("input_file", words(rows.iter().map(|r| Some(r.input_file.as_str())))),
        ("input_record", counts(rows.iter().map(|r| r.input_record))),
    ])
}

/// The `coverage` table.
pub fn coverage(rows: &[Coverage]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("input_file", text(rows.iter().map(|r| Some(&*r.input_file)))),
        ("bytes", counts(rows.iter().map(|r| r.bytes))),
        ("codec", words(rows.iter().map(|r| Some(r.codec)))),
        ("source", words(rows.iter().map(|r| r.source.as_deref()))),
        ("records", counts(rows.iter().map(|r| r.records))),
        ("events", counts(rows.iter().map(|r| r.events))),
        ("rejects", counts(rows.iter().map(|r| r.rejects))),
        ("duplicates", counts(rows.iter().map(|r| r.duplicates))),
        ("first_event_time", times(rows.iter().map(|r| r.first_event_time))),
        ("last_event_time", times(rows.iter().map(|r| r.last_event_time))),
        ("problem", text(rows.iter().map(|r| r.problem.as_deref()))),
    ])
}

/// The `rejects` table.
pub fn rejects(rows: &[Reject]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("input_file", words(rows.iter().map(|r| Some(&*r.input_file)))),
        ("input_record", counts(rows.iter().map(|r| r.input_record))),
        ("reason", text(rows.iter().map(|r| Some(&r.reason)))),
        ("excerpt", text(rows.iter().map(|r| Some(&r.excerpt)))),
    ])
}
