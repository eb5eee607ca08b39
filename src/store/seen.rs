//! Exact de-duplication of events by 128-bit digests, partitioned by day; days not touched lately go to disk past a budget.

use super::sorted::{Merged, Sorted};
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

/// The digests that earlier runs saw on a day.
pub type Past<'p> = Box<dyn Fn(i32) -> Result<Vec<u128>, Error> + Send + 'p>;

/// Digests seen so far.
pub struct Seen<'p> {
    past: Option<Past<'p>>,
    /// Those of this run, kept for a store.
    fresh: Sorted<(i32, u128)>,
    days: BTreeMap<i32, Day>,
    in_memory: usize,
    budget_bytes: usize,
    clock: u64,
    folder: Option<TempDir>,
}

impl<'p> Seen<'p> {
    /// Remembers digests in about that much memory, and on disk beyond. With a past, those of earlier runs count as seen.
    pub fn new(budget_bytes: usize, past: Option<Past<'p>>) -> Seen<'p> {
        const LEAST_BYTES: usize = 1 << 16;
        let fresh = Sorted::new((budget_bytes / 4).max(LEAST_BYTES));
        Seen { past, fresh, days: BTreeMap::new(), in_memory: 0, budget_bytes, clock: 0, folder: None }
    }

    /// The digests of this run, by day; none unless there is a past.
    pub fn into_fresh(self) -> Result<Merged<(i32, u128)>, Error> {
        self.fresh.into_rows()
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
        if !self.days.contains_key(&day) {
            let digests: Digests = match &self.past {
                Some(past) => past(day)?.into_iter().collect(),
                None => Digests::default(),
            };
            self.in_memory += digests.len();
            self.days.insert(day, Day::Memory { digests, touched: clock });
        }
        let Some(entry) = self.days.get_mut(&day) else { return Ok(true) };
        let Day::Memory { digests, touched } = entry else { return Ok(true) };
        *touched = clock;
        let first = digests.insert(digest);
        self.in_memory += usize::from(first);
        if first && self.past.is_some() {
            self.fresh.push((day, digest), size_of::<(i32, u128)>())?;
        }
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
            let mut seen = Seen::new(8 * DIGEST_BYTES, None);
            let mut plain = std::collections::HashSet::new();
            for (day, digest) in digests {
                proptest::prop_assert_eq!(seen.first(day, digest).unwrap(), plain.insert((day, digest)));
            }
        }

        #[test]
        fn what_earlier_runs_saw_is_seen(digests in proptest::collection::vec((0i32..6, 0u128..40), 0..400), at in 0usize..400) {
            let (earlier, later) = digests.split_at(at.min(digests.len()));
            let of_day = |day: i32| Ok(earlier.iter().filter(|(d, _)| *d == day).map(|(_, digest)| *digest).collect());
            let mut seen = Seen::new(8 * DIGEST_BYTES, Some(Box::new(of_day)));
            let mut plain: std::collections::HashSet<_> = earlier.iter().copied().collect();
            let fresh: std::collections::BTreeSet<_> = later.iter().filter(|d| plain.insert(**d)).copied().collect();
            for (day, digest) in later {
                seen.first(*day, *digest).unwrap();
            }
            let told: Vec<_> = seen.into_fresh().unwrap().map(Result::unwrap).collect();
            proptest::prop_assert_eq!(told, fresh.into_iter().collect::<Vec<_>>());
        }
    }
}
