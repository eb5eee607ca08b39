//! Which data files a reader needs, told from partition values and ranges in the log; knows no rows.

use super::snapshot::DataFile;
use std::collections::{BTreeMap, BTreeSet};

/// Other programs cut the greatest time in the log to milliseconds.
const SLACK_MICROS: i64 = 1_000;

/// What a reader asks for. Files are left out, rows are not: those of kept files all come.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    partitions: BTreeMap<String, BTreeSet<String>>,
    times: Option<(String, i64, i64)>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Filter {
        Filter::default()
    }

    /// Only these values of a partition column.
    #[must_use]
    pub fn partition<S: Into<String>>(mut self, column: &str, values: impl IntoIterator<Item = S>) -> Filter {
        self.partitions.insert(column.to_string(), values.into_iter().map(Into::into).collect());
        self
    }

    /// Only times of a column in `from..to`, in microseconds.
    #[must_use]
    pub fn times(mut self, column: &str, from: i64, to: i64) -> Filter {
        self.times = Some((column.to_string(), from, to));
        self
    }

    /// Whether a file may hold rows asked for.
    pub fn may_match(&self, file: &DataFile) -> bool {
        let partitions = self.partitions.iter().all(|(column, wanted)| match file.partition.get(column) {
            Some(Some(value)) => wanted.contains(value),
            Some(None) => false,
            None => true,
        });
        partitions && self.times.as_ref().is_none_or(|(column, from, to)| overlaps(file, column, (*from, *to)))
    }
}

fn overlaps(file: &DataFile, column: &str, (from, to): (i64, i64)) -> bool {
    match file.stats.times(column) {
        Some((low, high)) => low < to && high.saturating_add(SLACK_MICROS) >= from,
        None => true,
    }
}
