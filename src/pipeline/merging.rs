//! What is known of each credential in parts, merged in the order of credentials; parts spill to disk past a budget. Knows not what is merged.

use crate::error::Error;
use crate::store::sorted::Sorted;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Something known of a credential, in parts that add up in any order.
pub trait Part: Clone + Serialize + DeserializeOwned {
    /// Adds another part.
    fn merge(&mut self, other: Self);

    /// About how much memory it takes.
    fn bytes(&self) -> usize;
}

/// A part on its way, by its credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row<P> {
    credential: Box<str>,
    order: u32,
    part: P,
}

impl<P> PartialEq for Row<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<P> Eq for Row<P> {}

impl<P> PartialOrd for Row<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Row<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.credential, self.order).cmp(&(&other.credential, other.order))
    }
}

/// Parts under way.
pub struct Merging<P> {
    rows: Sorted<Row<P>>,
    /// Those in memory.
    bytes: usize,
    budget_bytes: usize,
    spills: u32,
}

impl<P: Part> Merging<P> {
    /// None yet; about so much of what is added one by one stays in memory.
    pub fn new(budget_bytes: usize) -> Merging<P> {
        Merging { rows: Sorted::new(usize::MAX), bytes: 0, budget_bytes, spills: 0 }
    }

    /// Adds a part.
    pub fn add(&mut self, credential: Box<str>, part: P) -> Result<(), Error> {
        self.bytes += part.bytes() + credential.len();
        self.rows.push(Row { credential, order: self.spills, part }, 0)?;
        if self.bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    /// Adds the parts of a table, which its owner keeps within bounds.
    pub fn add_table(&mut self, parts: impl Iterator<Item = (Box<str>, P)>) -> Result<(), Error> {
        let order = self.spills;
        parts.map(|(credential, part)| Row { credential, order, part }).try_for_each(|row| self.rows.push(row, 0))
    }

    /// Moves what is in memory to disk.
    pub fn spill(&mut self) -> Result<(), Error> {
        self.spills += 1;
        self.bytes = 0;
        self.rows.spill()
    }

    /// Hands out what is known of every credential, in the order of their names. May be asked again.
    pub fn each(&mut self, each: &mut dyn FnMut(&str, P) -> Result<(), Error>) -> Result<(), Error> {
        let mut current: Option<Row<P>> = None;
        for row in self.rows.rows()? {
            let row = row?;
            match &mut current {
                Some(own) if own.credential == row.credential => own.part.merge(row.part),
                _ => {
                    if let Some(done) = current.replace(row) {
                        each(&done.credential, done.part)?;
                    }
                }
            }
        }
        current.map_or(Ok(()), |done| each(&done.credential, done.part))
    }
}
