//! The different values that a credential was seen with, and when each was first seen: bounded, and the same in any order; knows no event.

use crate::model::place::Sighting;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Most values kept. A credential with more of them has no habit that a new one could break.
pub const VALUES_CAP: usize = 256;
/// Longest part of a value that is kept, in characters.
const SHOWN: usize = 80;

/// A value, when it was first and last seen, and where first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its hash: values stand in the order of these.
    pub hash: u64,
    /// The value, cut.
    pub shown: Box<str>,
    /// First sighting.
    pub first: Sighting,
    /// How often it was seen.
    pub seen: u32,
}

/// A bounded set of values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    all: Vec<Value>,
    full: bool,
}

/// The hash by which values are told apart.
pub fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

impl Value {
    fn add(&mut self, first: Sighting, seen: u32) {
        self.first = self.first.min(first);
        self.seen = self.seen.saturating_add(seen);
    }
}

impl Values {
    /// Notes a value.
    pub fn note(&mut self, text: &str, (first, seen): (Sighting, u32)) {
        let hash = hash(text);
        match self.all.binary_search_by_key(&hash, |v| v.hash) {
            Ok(at) => self.all[at].add(first, seen),
            Err(at) if at < VALUES_CAP => {
                let shown = text.chars().take(SHOWN).collect::<String>().into();
                self.all.insert(at, Value { hash, shown, first, seen });
                self.cap();
            }
            Err(_) => self.full = true,
        }
    }

    fn cap(&mut self) {
        if self.all.len() > VALUES_CAP {
            self.all.truncate(VALUES_CAP);
            self.full = true;
        }
    }

    /// Adds other values. The smallest hashes are kept, so that order does not matter.
    pub fn merge(&mut self, other: Values) {
        self.full |= other.full;
        for value in other.all {
            match self.all.binary_search_by_key(&value.hash, |v| v.hash) {
                Ok(at) => self.all[at].add(value.first, value.seen),
                Err(at) => self.all.insert(at, value),
            }
        }
        self.cap();
    }

    /// The values, in the order of their hashes; none where there are too many.
    pub fn known(&self) -> Option<&[Value]> {
        (!self.full).then_some(&self.all)
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
        self.all.iter().map(|v| size_of::<Value>() + v.shown.len() + 16).sum()
    }
}
