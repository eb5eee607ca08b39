//! The view of a batch of records that rules evaluate: what they may ask of it, and nothing about how it was read.

use super::cell::Cell;
use super::column::Column;

/// A field as a rule names it: the record's own, or a column of the `events` table (`taxonomy: keyfault`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldRef {
    /// A field of the source's own records, dotted.
    Native(String),
    /// A column of the `events` table.
    Column(Column),
}

impl FieldRef {
    /// The name as written in the rule.
    pub fn name(&self) -> &str {
        match self {
            FieldRef::Native(name) => name,
            FieldRef::Column(column) => column.name(),
        }
    }
}

/// One field of a batch as dictionary codes: code 0 is missing or null, code `n` is `values[n - 1]`.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    /// One code a row. [`Codes::ODD`] marks rows whose field is a list or object: they must be looked at one by one.
    pub codes: Vec<u32>,
    /// The distinct scalar texts in order of first appearance.
    pub values: Vec<String>,
}

impl Codes {
    /// The code of a row whose field is neither missing nor a plain scalar.
    pub const ODD: u32 = u32::MAX;
}

/// A batch of records of one source.
pub trait Records {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// The dictionary codes of the `n`-th field that the rules asked to have coded (see [`Projection`]).
    fn anchor(&self, n: usize) -> &Codes;

    /// When a row happened, in microseconds since 1970 UTC; none where the record does not say.
    fn time_us(&self, row: usize) -> Option<i64>;

    /// The order of rows that happened at the same time: what changes credentials and users comes first.
    fn rank(&self, row: usize) -> u8;

    /// A field of one row, found on demand: only asked for candidate rows.
    fn cell(&self, row: usize, field: &FieldRef) -> Cell<'_>;

    /// Visits every scalar of a row's record as text, until the visitor returns true; returns whether it did. For keyword searches.
    fn any_scalar(&self, row: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool;
}

/// The fields of one source that rules want as dictionary codes, so that most rows are decided by one look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// In the order in which [`Records::anchor`] counts them.
    pub anchors: Vec<FieldRef>,
}

/// Which log source a mapping reads or a rule wants, in Sigma's three parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSource {
    /// Sigma's `category`, e.g. `gateway`.
    pub category: Option<String>,
    /// Sigma's `product`, e.g. `aws`.
    pub product: Option<String>,
    /// Sigma's `service`, e.g. `cloudtrail`.
    pub service: Option<String>,
}

impl LogSource {
    /// Whether a rule that wants `self` applies to a source that is `other`: exact on every stated part.
    pub fn accepts(&self, other: &LogSource) -> bool {
        let part = |want: &Option<String>, is: &Option<String>| want.is_none() || want == is;
        part(&self.category, &other.category)
            && part(&self.product, &other.product)
            && part(&self.service, &other.service)
    }
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [&self.category, &self.product, &self.service].into_iter().flatten();
        f.write_str(&parts.map(String::as_str).collect::<Vec<_>>().join("/"))
    }
}
