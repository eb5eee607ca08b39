//! Keeps a store small: what is too old is forgotten, small files are joined, what no reader needs is deleted. No row that is kept changes.

use super::lasting::{date_text, specs};
use super::owed::DELIVERIES;
use crate::error::Error;
use crate::model::finding::Micros;
use crate::model::time::day_of;
use crate::store::delta::DataFile;
use crate::store::lasting::{Store, TableSpec};
use crate::store::ledger::Ledger;
use std::path::Path;

/// From so many small files of one partition on, a run joins them.
const SMALL_FILES: usize = 8;
/// Files that no version of the last week needs are deleted.
const KEPT_MS: i64 = 7 * 86_400_000;
/// The tables whose rows have a day after which they may be forgotten.
const DATED: [&str; 3] = ["events", "failures", "seen"];

/// How long a store keeps rows.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The time, in microseconds.
    pub now_us: Micros,
    /// Days; for ever without.
    pub days: Option<u32>,
}

impl Retention {
    /// The first day that is kept. A clock that is ahead must not cost data: time counts only up to the last event.
    pub fn oldest_day(&self, last_event_us: Option<Micros>) -> Option<i32> {
        let today = day_of(last_event_us.map_or(self.now_us, |last| last.min(self.now_us)))?;
        Some(today.saturating_sub(i32::try_from(self.days?).unwrap_or(i32::MAX)))
    }
}

/// After a run is there, so that a crash costs nothing.
pub fn after_run(store: &mut Store, oldest_day: Option<i32>) -> Result<(), Error> {
    forget(store, oldest_day)?;
    for table in DATED.into_iter().chain(["inputs", "rejects", DELIVERIES]) {
        store.compact(table, SMALL_FILES)?;
    }
    store.tidy(KEPT_MS).map(|_| ())
}

fn forget(store: &mut Store, oldest_day: Option<i32>) -> Result<(), Error> {
    let is_old = is_before(oldest_day);
    DATED.into_iter().try_for_each(|table| store.forget(table, store.files(table, &is_old)?))
}

/// Whether a file holds rows of a day before the first that is kept.
pub fn is_before(oldest_day: Option<i32>) -> impl Fn(&DataFile) -> bool {
    let oldest = oldest_day.map(date_text);
    move |file| file.partition("date").zip(oldest.as_deref()).is_some_and(|(date, oldest)| date < oldest)
}

/// What compacting did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compacted {
    /// Files that were joined into others.
    pub joined: usize,
    /// Files that were deleted.
    pub deleted: usize,
}

/// Joins all small files of a store and deletes what no version of the last week needs.
pub fn compact_store(dir: &Path, retention: Retention) -> Result<Compacted, Error> {
    let specs: Vec<TableSpec> = specs()?;
    let mut store = Store::open(dir, retention.now_us / 1000, &specs)?;
    let ledger = Ledger::of(store.rows("inputs", |_| true)?)?;
    forget(&mut store, retention.oldest_day(ledger.last_event_us()))?;
    let mut joined = 0;
    for spec in &specs {
        joined += store.compact(spec.name, 2)?;
    }
    Ok(Compacted { joined, deleted: store.tidy(KEPT_MS)? })
}
