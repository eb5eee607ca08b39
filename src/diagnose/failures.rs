//! The compact table of all refusals of a run: what incidents need of each, strings as numbers; reads `events` columns, never files.

use super::verdicts::VerdictId;
use crate::model::column::Column;
use crate::model::finding::Micros;
use arrow::array::{Array, AsArray, DictionaryArray, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt16Type, UInt64Type};
use rustc_hash::FxHashMap;

/// Number of an interned string; 0 is none.
pub type Text = u32;

/// One refusal.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// When, if known.
    pub event_time_us: Option<Micros>,
    /// The credential, else the actor, else the source: whom the failure happened to.
    pub subject: Text,
    /// Its verdict.
    pub verdict: VerdictId,
    /// Ordinal in its input.
    pub input_record: u64,
    /// HTTP status, 0 for none.
    pub http_status: u16,
    /// Columns as interned strings.
    pub texts: [Text; TEXTS.len()],
}

/// The text columns kept of a failure.
pub const TEXTS: [Column; 17] = [
    Column::CredentialUid,
    Column::CredentialHint,
    Column::ActorUid,
    Column::ActorName,
    Column::Provider,
    Column::AccountUid,
    Column::Service,
    Column::Operation,
    Column::SrcIp,
    Column::Source,
    Column::InputFile,
    Column::EventUid,
    Column::SharedUid,
    Column::StatusCode,
    Column::StatusDetail,
    Column::RefusedBy,
    Column::TenantUid,
];

/// Bytes of strings beyond which further distinct details are not kept: they only serve to quote.
const DETAIL_BUDGET_BYTES: usize = 64 << 20;
/// Longest part of an error text that is quoted, in characters.
const QUOTED: usize = 160;

/// All refusals of a run, in the order in which they were read.
#[derive(Debug, Default)]
pub struct FailureTable {
    /// The refusals.
    pub rows: Vec<Failure>,
    strings: Vec<Box<str>>,
    known: FxHashMap<Box<str>, Text>,
    bytes: usize,
    /// Texts of further columns that remediation may name: the first of each subject and verdict.
    pub extras: FxHashMap<(Text, VerdictId), Vec<(Column, String)>>,
}

/// Columns that remediation texts may name beside those of [`TEXTS`].
const EXTRAS: [Column; 7] = [
    Column::DenyAction,
    Column::DenyResource,
    Column::DenyPolicyUid,
    Column::DenyPolicyType,
    Column::Region,
    Column::CredentialKind,
    Column::CredentialDefects,
];

impl FailureTable {
    /// Adds refusals: rows of the `events` table with the verdict of each.
    pub fn push(&mut self, rows: &RecordBatch, verdicts: &[VerdictId]) {
        let texts = TEXTS.map(|c| Texts::of(rows, c));
        let times = rows.column(Column::EventTime.index()).as_primitive::<TimestampMicrosecondType>();
        let statuses = rows.column(Column::HttpStatus.index()).as_primitive::<UInt16Type>();
        let records = rows.column(Column::InputRecord.index()).as_primitive::<UInt64Type>();
        for (row, &verdict) in verdicts.iter().enumerate() {
            let texts: [Text; TEXTS.len()] = std::array::from_fn(|i| self.keep(TEXTS[i], texts[i].get(row)));
            let subject = Failure::subject_of(&texts);
            self.extras.entry((subject, verdict)).or_insert_with(|| extras(rows, row));
            self.rows.push(Failure {
                event_time_us: times.is_valid(row).then(|| times.value(row)),
                subject,
                verdict,
                input_record: records.value(row),
                http_status: if statuses.is_valid(row) { statuses.value(row) } else { 0 },
                texts,
            });
        }
    }

    fn keep(&mut self, column: Column, text: Option<&str>) -> Text {
        let Some(text) = text else { return 0 };
        if column == Column::StatusDetail {
            if self.bytes > DETAIL_BUDGET_BYTES {
                return self.known.get(text).copied().unwrap_or(0);
            }
            let end = text.char_indices().nth(QUOTED).map_or(text.len(), |(i, _)| i);
            return self.intern(&text[..end]);
        }
        self.intern(text)
    }

    /// The number of a string.
    pub fn intern(&mut self, text: &str) -> Text {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        self.bytes += text.len();
        self.strings.push(text.into());
        let number = self.strings.len() as Text;
        self.known.insert(text.into(), number);
        number
    }

    /// The string of a number.
    pub fn text(&self, text: Text) -> Option<&str> {
        text.checked_sub(1).map(|i| &*self.strings[i as usize])
    }

    /// A column of a failure.
    pub fn get(&self, failure: &Failure, column: Column) -> Option<&str> {
        self.text(failure.number(column))
    }
}

impl Failure {
    /// The interned number of one of the [`TEXTS`] columns.
    pub fn number(&self, column: Column) -> Text {
        TEXTS.iter().position(|c| *c == column).map_or(0, |i| self.texts[i])
    }

    /// Credential, else actor, else source.
    fn subject_of(texts: &[Text; TEXTS.len()]) -> Text {
        let [credential, _, actor_uid, actor_name, ..] = *texts;
        let source = texts[9];
        [credential, actor_uid, actor_name, source].into_iter().find(|t| *t > 0).unwrap_or(0)
    }
}

fn extras(rows: &RecordBatch, row: usize) -> Vec<(Column, String)> {
    let mut found = Vec::new();
    for column in EXTRAS {
        let text = match column {
            Column::CredentialDefects => defects(rows, row),
            _ => Texts::of(rows, column).get(row).map(str::to_string),
        };
        found.extend(text.map(|t| (column, t)));
    }
    found
}

fn defects(rows: &RecordBatch, row: usize) -> Option<String> {
    let list: &ListArray = rows.column(Column::CredentialDefects.index()).as_list();
    let members = list.is_valid(row).then(|| list.value(row))?;
    let members: &DictionaryArray<Int32Type> = members.as_dictionary();
    let words = members.downcast_dict::<StringArray>()?;
    let words: Vec<&str> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A text column, plain or by dictionary.
enum Texts<'b> {
    Plain(&'b StringArray),
    Dict(&'b DictionaryArray<Int32Type>, &'b StringArray),
}

impl<'b> Texts<'b> {
    fn of(rows: &'b RecordBatch, column: Column) -> Texts<'b> {
        let array = rows.column(column.index());
        match array.as_dictionary_opt::<Int32Type>() {
            Some(dict) => Texts::Dict(dict, dict.values().as_string()),
            None => Texts::Plain(array.as_string()),
        }
    }

    fn get(&self, row: usize) -> Option<&'b str> {
        match self {
            Texts::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Texts::Dict(dict, values) => dict.key(row).map(|k| values.value(k)),
        }
    }
}
