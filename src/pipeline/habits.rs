//! The baselines of a run on their way together, in bounded memory: finds nothing unusual itself.

use crate::detect::baseline::Baseline;
use crate::detect::baselines::Baselines;
use crate::error::Error;
use crate::store::sorted::Sorted;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A baseline on its way to be merged with others of the same credential; also how a store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselineRow {
    /// The credential.
    pub credential: Box<str>,
    order: u32,
    /// What it usually does.
    pub baseline: Baseline,
}

impl PartialEq for BaselineRow {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for BaselineRow {}

impl PartialOrd for BaselineRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BaselineRow {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.credential, self.order).cmp(&(&other.credential, other.order))
    }
}

/// Baselines by credential, spilled past a budget.
pub struct Habits {
    all: Baselines,
    rows: Sorted<BaselineRow>,
    spills: u32,
    budget_bytes: usize,
}

impl Habits {
    /// None yet; about so much of them stays in memory.
    pub fn new(budget_bytes: usize) -> Habits {
        Habits { all: Baselines::default(), rows: Sorted::new(usize::MAX), spills: 0, budget_bytes }
    }

    /// Adds the baselines of a chunk, whose records begin at `record` of the input of that number.
    pub fn take(&mut self, chunk: Baselines, (input, record): (u32, u64)) -> Result<(), Error> {
        self.all.merge(chunk, (input, record));
        if self.all.bytes() > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn gather(&mut self) -> Result<(), Error> {
        let order = self.spills;
        for (credential, baseline) in self.all.take() {
            self.rows.push(BaselineRow { credential, order, baseline }, 0)?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<(), Error> {
        self.gather()?;
        self.spills += 1;
        self.rows.spill()
    }

    /// Hands out the baseline of every credential, in the order of their names. May be asked again.
    pub fn each(&mut self, each: &mut dyn FnMut(&str, Baseline) -> Result<(), Error>) -> Result<(), Error> {
        self.spill()?;
        let mut current: Option<BaselineRow> = None;
        for row in self.rows.rows()? {
            let row = row?;
            match &mut current {
                Some(own) if own.credential == row.credential => own.baseline.merge(row.baseline),
                _ => {
                    if let Some(done) = current.replace(row) {
                        each(&done.credential, done.baseline)?;
                    }
                }
            }
        }
        current.map_or(Ok(()), |done| each(&done.credential, done.baseline))
    }
}
