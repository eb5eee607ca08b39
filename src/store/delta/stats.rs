//! Row counts and ranges of a data file, as Delta's log holds them; knows nothing of where the file lies.

use arrow::datatypes::{DataType, Field, Schema};
use chrono::DateTime;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Row count and ranges. Only exact ranges of top-level columns are written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stats {
    /// Rows.
    pub num_records: Option<u64>,
    /// Least value of each column.
    pub min_values: Map<String, Value>,
    /// Greatest value of each column.
    pub max_values: Map<String, Value>,
    /// Nulls of each column.
    pub null_count: Map<String, Value>,
}

/// The range of one column over the row groups seen so far.
#[derive(Clone)]
enum Range {
    Numbers(i64, i64),
    Texts(Vec<u8>, Vec<u8>),
}

impl Stats {
    /// What a closed file's footer says.
    pub(crate) fn of(footer: &ParquetMetaData, stored: &Schema) -> Stats {
        let mut stats = Stats { num_records: Some(footer.file_metadata().num_rows() as u64), ..Stats::default() };
        for (number, column) in footer.file_metadata().schema_descr().columns().iter().enumerate() {
            let [name] = column.path().parts() else { continue };
            if let Ok(field) = stored.field_with_name(name) {
                stats.add(footer, number, field);
            }
        }
        stats
    }

    fn add(&mut self, footer: &ParquetMetaData, number: usize, field: &Field) {
        let groups = || footer.row_groups().iter().map(|g| g.column(number).statistics());
        let nulls: Option<u64> = groups().map(|s| s.and_then(Statistics::null_count_opt)).sum();
        if let Some(nulls) = nulls {
            self.null_count.insert(field.name().clone(), nulls.into());
        }
        let rows = footer.row_groups().iter().zip(groups());
        let filled = rows.filter(|(g, s)| s.and_then(Statistics::null_count_opt) != Some(g.num_rows() as u64));
        let ranges: Option<Vec<Range>> = filled.map(|(_, s)| range(s?)).collect();
        let Some((low, high)) = ranges.and_then(|r| r.into_iter().reduce(joined)).and_then(|r| ends(r, field)) else {
            return;
        };
        self.min_values.insert(field.name().clone(), low);
        self.max_values.insert(field.name().clone(), high);
    }

    /// The range of a time column in microseconds, if the log has it.
    pub fn times(&self, column: &str) -> Option<(i64, i64)> {
        let end = |m: &Map<String, Value>| {
            DateTime::parse_from_rfc3339(m.get(column)?.as_str()?).ok().map(|t| t.timestamp_micros())
        };
        Some((end(&self.min_values)?, end(&self.max_values)?))
    }
}

fn range(statistics: &Statistics) -> Option<Range> {
    match statistics {
        Statistics::Int32(s) => Some(Range::Numbers((*s.min_opt()?).into(), (*s.max_opt()?).into())),
        Statistics::Int64(s) => Some(Range::Numbers(*s.min_opt()?, *s.max_opt()?)),
        Statistics::ByteArray(s) if s.min_is_exact() && s.max_is_exact() => {
            Some(Range::Texts(s.min_opt()?.data().to_vec(), s.max_opt()?.data().to_vec()))
        }
        _ => None,
    }
}

fn joined(a: Range, b: Range) -> Range {
    match (a, b) {
        (Range::Numbers(a, b), Range::Numbers(c, d)) => Range::Numbers(a.min(c), b.max(d)),
        (Range::Texts(a, b), Range::Texts(c, d)) => Range::Texts(a.min(c), b.max(d)),
        (a, _) => a,
    }
}

fn ends(range: Range, field: &Field) -> Option<(Value, Value)> {
    let both = |low: Option<Value>, high: Option<Value>| Some((low?, high?));
    match (range, field.data_type()) {
        (Range::Numbers(a, b), DataType::Timestamp(..)) => both(time(a), time(b)),
        (Range::Numbers(a, b), DataType::Date32) => both(date(a), date(b)),
        (Range::Numbers(a, b), t) if t.is_integer() => Some((a.into(), b.into())),
        (Range::Texts(a, b), DataType::Utf8) => both(text(a), text(b)),
        _ => None,
    }
}

fn time(micros: i64) -> Option<Value> {
    let time = DateTime::from_timestamp_micros(micros)?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into())
}

fn date(days: i64) -> Option<Value> {
    let date = DateTime::from_timestamp(days.checked_mul(86_400)?, 0)?;
    Some(date.format("%Y-%m-%d").to_string().into())
}

fn text(bytes: Vec<u8>) -> Option<Value> {
    String::from_utf8(bytes).ok().map(Value::from)
}
