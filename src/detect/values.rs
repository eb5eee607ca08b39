//! The different values that a credential was seen with, and when: bounded, and the same in whatever order and parts they come; knows no event.

use super::baseline::DAY_US;
use crate::model::finding::Micros;
use crate::model::place::Sighting;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Most values kept: the first by time. Whoever was seen with so many has no habit that one more could break.
pub const VALUES_CAP: usize = 256;
/// Longest part of a value that is kept, in characters.
const SHOWN: usize = 80;

/// A value, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its hash: values stand in the order of these.
    pub hash: u64,
    /// The value, cut.
    pub shown: Box<str>,
    /// First sighting.
    pub first: Sighting,
    /// First sighting on a later day.
    pub again_us: Option<Micros>,
}

/// A bounded set of values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    all: Vec<Value>,
}

/// The hash by which values are told apart.
pub fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

impl Value {
    fn see(&mut self, first: Sighting, again_us: Option<Micros>) {
        let times = [Some(self.first.time_us), self.again_us, Some(first.time_us), again_us];
        self.first = self.first.min(first);
        let day = self.first.time_us.div_euclid(DAY_US);
        self.again_us = times.into_iter().flatten().filter(|t| t.div_euclid(DAY_US) > day).min();
    }
}

impl Values {
    /// Notes a value of that hash on one day.
    pub fn note(&mut self, hash: u64, shown: &str, first: Sighting) {
        match self.all.binary_search_by_key(&hash, |v| v.hash) {
            Ok(at) => self.all[at].see(first, None),
            Err(at) => {
                let end = shown.char_indices().nth(SHOWN).map_or(shown.len(), |(end, _)| end);
                self.all.insert(at, Value { hash, shown: shown[..end].into(), first, again_us: None });
            }
        }
    }

    /// Adds other values.
    pub fn merge(&mut self, other: Values) {
        for value in other.all {
            match self.all.binary_search_by_key(&value.hash, |v| v.hash) {
                Ok(at) => self.all[at].see(value.first, value.again_us),
                Err(at) => self.all.insert(at, value),
            }
        }
        self.cap();
    }

    /// Keeps the first by time. One that is dropped had all of these before it, so nothing is said of it or of what comes later.
    pub fn cap(&mut self) {
        if self.all.len() > VALUES_CAP {
            self.all.sort_unstable_by_key(|v| (v.first.time_us, v.hash));
            self.all.truncate(VALUES_CAP);
            self.all.sort_unstable_by_key(|v| v.hash);
        }
    }

    /// The values by when they were first seen.
    pub fn by_time(&self) -> Vec<&Value> {
        let mut all: Vec<&Value> = self.all.iter().collect();
        all.sort_unstable_by_key(|v| (v.first.time_us, v.hash));
        all
    }

    /// The values, in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.all.iter()
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether no value was seen.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All sightings, to be moved to their place in the run.
    pub fn sightings(&mut self) -> impl Iterator<Item = &mut Sighting> {
        self.all.iter_mut().map(|v| &mut v.first)
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.all.len() * (size_of::<Value>() + 40)
    }
}
