//! A refusal in short: the columns that facts and incidents are made from, ordered by whom it happened to and when; reads `events` columns, never files.

use super::verdicts::VerdictId;
use crate::model::column::Column;
use crate::model::finding::Micros;
use crate::model::place::EventPlace;
use arrow::array::{Array, AsArray, DictionaryArray, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt16Type, UInt64Type};
use serde::{Deserialize, Serialize};

/// Time of a row that has none: far enough from all others to stand apart and near enough not to overflow.
pub const NO_TIME: Micros = -(1 << 61);
/// Longest part of an error text that is quoted, in characters.
const QUOTED: usize = 160;

/// Whom a refusal happened to: a credential, else an actor, else what a source cannot tell apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The credential, under the one name by which it is known in this run.
    pub credential: Option<Box<str>>,
    /// The actor, else the source; empty where the credential is known.
    pub other: Box<str>,
}

impl Subject {
    /// The name by which incidents are told apart.
    pub fn name(&self) -> &str {
        self.credential.as_deref().unwrap_or(&self.other)
    }
}

/// One refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// Whom it happened to.
    pub subject: Subject,
    /// When; [`NO_TIME`] if not known.
    pub event_time_us: Micros,
    /// Number of the input.
    pub input: u32,
    /// Ordinal in its input.
    pub input_record: u64,
    /// Its row in the table of failures.
    pub row: u64,
    /// The verdict of the rules that looked at its record alone.
    pub verdict: VerdictId,
    /// HTTP status, 0 for none.
    pub http_status: u16,
    texts: Vec<Option<Box<str>>>,
}

/// The text columns kept of a failure.
pub const TEXTS: &[Column] = &[
    Column::CredentialUid,
    Column::CredentialHint,
    Column::CredentialAlias,
    Column::CredentialKind,
    Column::CredentialDefects,
    Column::ActorUid,
    Column::ActorName,
    Column::ActorType,
    Column::Provider,
    Column::AccountUid,
    Column::TenantUid,
    Column::Region,
    Column::Service,
    Column::Operation,
    Column::SrcIp,
    Column::Source,
    Column::InputFile,
    Column::EventUid,
    Column::SharedUid,
    Column::Status,
    Column::StatusCode,
    Column::StatusDetail,
    Column::RefusedBy,
    Column::UserAgent,
    Column::DenyAction,
    Column::DenyResource,
    Column::DenyPolicyUid,
    Column::DenyPolicyType,
];

/// The columns of a batch of refusals, to be read row by row.
pub struct FailureRows<'b> {
    rows: &'b RecordBatch,
    texts: Vec<Texts<'b>>,
}

impl<'b> FailureRows<'b> {
    /// The refusals in rows of the `events` table.
    pub fn new(rows: &'b RecordBatch) -> FailureRows<'b> {
        FailureRows { rows, texts: TEXTS.iter().map(|c| Texts::of(rows, *c)).collect() }
    }

    /// One refusal, but for its subject and place among the rest.
    pub fn get(&self, row: usize, verdict: VerdictId) -> Failure {
        let times = self.rows.column(Column::EventTime.index()).as_primitive::<TimestampMicrosecondType>();
        let statuses = self.rows.column(Column::HttpStatus.index()).as_primitive::<UInt16Type>();
        let records = self.rows.column(Column::InputRecord.index()).as_primitive::<UInt64Type>();
        let text = |(column, texts): (&Column, &Texts<'_>)| {
            let text = texts.get(row)?;
            Some(if *column == Column::StatusDetail { quoted(&text).into() } else { text.into() })
        };
        Failure {
            event_time_us: if times.is_valid(row) { times.value(row) } else { NO_TIME },
            input_record: records.value(row),
            http_status: if statuses.is_valid(row) { statuses.value(row) } else { 0 },
            texts: TEXTS.iter().zip(&self.texts).map(text).collect(),
            verdict,
            ..Failure::default()
        }
    }
}

fn quoted(text: &str) -> &str {
    let end = text.char_indices().nth(QUOTED).map_or(text.len(), |(i, _)| i);
    &text[..end]
}

impl Failure {
    /// A column.
    pub fn get(&self, column: Column) -> Option<&str> {
        let at = TEXTS.iter().position(|c| *c == column)?;
        self.texts.get(at)?.as_deref()
    }

    /// When, where the record says.
    pub fn time_us(&self) -> Option<Micros> {
        Some(self.event_time_us).filter(|t| *t != NO_TIME)
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let texts = self.texts.iter().flatten().map(|t| t.len() + 16).sum::<usize>();
        size_of::<Failure>() + TEXTS.len() * size_of::<Option<Box<str>>>() + texts + self.subject.name().len() + 32
    }

    /// Whom it happened to; `credential` is the name by which its credential is known in this run.
    pub fn subject_of(&self, credential: Option<&str>) -> Subject {
        let others = [Column::ActorUid, Column::ActorName, Column::Source].into_iter();
        let other = if credential.is_some() { None } else { others.filter_map(|c| self.get(c)).next() };
        Subject { credential: credential.map(Into::into), other: other.unwrap_or_default().into() }
    }

    /// Where its record stands, so that it can be cited.
    pub fn place(&self) -> EventPlace {
        EventPlace {
            event_time_us: self.time_us(),
            source: self.get(Column::Source).unwrap_or_default().into(),
            event_uid: self.get(Column::EventUid).map(Into::into),
            input_file: self.get(Column::InputFile).unwrap_or_default().into(),
            input_record: self.input_record,
        }
    }
}

fn defects(rows: &RecordBatch, row: usize) -> Option<String> {
    let list: &ListArray = rows.column(Column::CredentialDefects.index()).as_list();
    let members = list.is_valid(row).then(|| list.value(row))?;
    let members: &DictionaryArray<Int32Type> = members.as_dictionary();
    let words = members.downcast_dict::<StringArray>()?;
    let words: Vec<&str> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A text column: plain, by dictionary, or a list joined by commas.
enum Texts<'b> {
    Plain(&'b StringArray),
    Dict(&'b DictionaryArray<Int32Type>, &'b StringArray),
    Defects(&'b RecordBatch),
}

impl<'b> Texts<'b> {
    fn of(rows: &'b RecordBatch, column: Column) -> Texts<'b> {
        if column == Column::CredentialDefects {
            return Texts::Defects(rows);
        }
        let array = rows.column(column.index());
        match array.as_dictionary_opt::<Int32Type>() {
            Some(dict) => Texts::Dict(dict, dict.values().as_string()),
            None => Texts::Plain(array.as_string()),
        }
    }

    fn get(&self, row: usize) -> Option<std::borrow::Cow<'b, str>> {
        match self {
            Texts::Plain(array) => array.is_valid(row).then(|| array.value(row).into()),
            Texts::Dict(dict, values) => dict.key(row).map(|k| values.value(k).into()),
            Texts::Defects(rows) => defects(rows, row).map(Into::into),
        }
    }
}
