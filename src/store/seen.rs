//! Exact de-duplication of events by 128-bit digests, partitioned by day; days not touched lately go to disk past a budget.

use crate::error::Error;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{Read, Write};
use std::path::PathBuf;
use tempfile::TempDir;

/// A digest is a hash already.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

type Digests = HashSet<u128, BuildHasherDefault<Identity>>;

/// Memory of one digest in a hash set, its share of empty slots included.
const DIGEST_BYTES: usize = 32;

/// One day's digests.
enum Day {
    Memory { digests: Digests, touched: u64 },
    Disk(PathBuf),
}

/// Digests seen so far.
pub struct Seen {
    days: BTreeMap<i32, Day>,
    in_memory: usize,
    budget_bytes: usize,
    clock: u64,
    folder: Option<TempDir>,
}

impl Seen {
    /// Remembers digests in about that much memory, and on disk beyond.
    pub fn new(budget_bytes: usize) -> Seen {
        Seen { days: BTreeMap::new(), in_memory: 0, budget_bytes, clock: 0, folder: None }
    }

    /// Whether a digest comes for the first time on its day (days since 1970).
    pub fn first(&mut self, day: i32, digest: u128) -> Result<bool, Error> {
        self.clock += 1;
        let clock = self.clock;
        if let Some(Day::Disk(path)) = self.days.get(&day) {
            let digests = load(path)?;
            self.in_memory += digests.len();
            self.days.insert(day, Day::Memory { digests, touched: clock });
        }
        let entry = self.days.entry(day).or_insert_with(|| Day::Memory { digests: Digests::default(), touched: clock });
        let Day::Memory { digests, touched } = entry else { return Ok(true) };
        *touched = clock;
        let first = digests.insert(digest);
        self.in_memory += usize::from(first);
        if self.in_memory * DIGEST_BYTES > self.budget_bytes {
            self.spill(day)?;
        }
        Ok(first)
    }

    /// Sends the days that were not touched for longest to disk until half of the budget is free.
    fn spill(&mut self, current: i32) -> Result<(), Error> {
        let mut order: Vec<(u64, i32)> = self
            .days
            .iter()
            .filter_map(|(day, state)| match state {
                Day::Memory { touched, .. } if *day != current => Some((*touched, *day)),
                _ => None,
            })
            .collect();
        order.sort_unstable();
        for (_, day) in order {
            if self.in_memory * DIGEST_BYTES * 2 <= self.budget_bytes {
                break;
            }
            let path = self.folder()?.join(day.to_string());
            if let Some(Day::Memory { digests, .. }) = self.days.insert(day, Day::Disk(path.clone())) {
                self.in_memory -= digests.len();
                save(&path, &digests)?;
            }
        }
        Ok(())
    }

    fn folder(&mut self) -> Result<PathBuf, Error> {
        if self.folder.is_none() {
            let folder = tempfile::tempdir().map_err(|e| Error::io(&std::env::temp_dir(), &e))?;
            self.folder = Some(folder);
        }
        Ok(self.folder.as_ref().map_or_else(PathBuf::new, |f| f.path().to_path_buf()))
    }
}

fn load(path: &PathBuf) -> Result<Digests, Error> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)).map_err(|e| Error::io(path, &e))?;
    Ok(bytes.as_chunks::<16>().0.iter().map(|c| u128::from_le_bytes(*c)).collect())
}

fn save(path: &PathBuf, digests: &Digests) -> Result<(), Error> {
    let bytes: Vec<u8> = digests.iter().flat_map(|d| d.to_le_bytes()).collect();
    File::create(path).and_then(|mut f| f.write_all(&bytes)).map_err(|e| Error::io(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn spilling_never_changes_the_answer(digests in proptest::collection::vec((0i32..6, 0u128..40), 0..400)) {
            let mut seen = Seen::new(8 * DIGEST_BYTES);
            let mut plain = std::collections::HashSet::new();
            for (day, digest) in digests {
                proptest::prop_assert_eq!(seen.first(day, digest).unwrap(), plain.insert((day, digest)));
            }
        }
    }
}
