//! Finds keys that are nearly a key that works, from sketches alone; knows no key.

use super::profiles::hash;
use crate::model::sketch::{Near, Sketch};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Most sketches kept: those of the fingerprints with the smallest hashes.
const CAP: usize = 1 << 16;

/// What more keys than this have in common tells none of them.
const COMMON: usize = 64;

/// Sketches of the keys of a run.
#[derive(Debug, Default)]
pub struct Sketches {
    all: BTreeMap<u64, (Box<str>, Sketch)>,
}

impl Sketches {
    /// Adds the sketch of a key by its fingerprint.
    pub fn add(&mut self, uid: &str, sketch: Sketch) {
        let at = hash(uid);
        if self.all.len() >= CAP && self.all.last_key_value().is_some_and(|(last, _)| at > *last) {
            return;
        }
        self.all.entry(at).or_insert_with(|| (uid.into(), sketch));
        if self.all.len() > CAP {
            self.all.pop_last();
        }
    }

    /// Whether a fingerprint's sketch is kept.
    pub fn holds(&self, uid: &str) -> bool {
        self.all.get(&hash(uid)).is_some_and(|(known, _)| **known == *uid)
    }
}

/// A key that was found to be nearly one that works. Sketches are never stored: from hashes of parts a key could be guessed part by part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NearMiss {
    /// The key that does not work.
    pub uid: Box<str>,
    /// How it differs.
    pub near: Near,
    /// The key that works.
    pub good: Box<str>,
}

/// Keys that work, to be compared with.
#[derive(Debug)]
pub struct NearMisses {
    sketches: Sketches,
    by_key: FxHashMap<u64, Vec<u64>>,
    /// What earlier runs found, and this one so far.
    found: RefCell<BTreeMap<Box<str>, NearMiss>>,
}

impl NearMisses {
    /// Of the sketched keys, those for which `works` holds are what others may be near to.
    pub fn new(sketches: Sketches, earlier: Vec<NearMiss>, works: &dyn Fn(&str) -> bool) -> NearMisses {
        let mut by_key: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
        for (at, (_, sketch)) in sketches.all.iter().filter(|(_, (uid, _))| works(uid)) {
            sketch.keys().into_iter().for_each(|key| by_key.entry(key).or_default().push(*at));
        }
        let mut found: BTreeMap<Box<str>, NearMiss> = BTreeMap::new();
        for miss in earlier {
            let known = found.entry(miss.uid.clone()).or_insert_with(|| miss.clone());
            *known = miss.min(known.clone());
        }
        NearMisses { sketches, by_key, found: RefCell::new(found) }
    }

    /// The key that works and is nearest to this one, which does not.
    pub fn near(&self, uid: &str) -> Option<NearMiss> {
        let now = self.sketched(uid).map(|(good, near)| NearMiss { uid: uid.into(), near, good: good.into() });
        let mut found = self.found.borrow_mut();
        let nearest = found.get(uid).cloned().into_iter().chain(now).min()?;
        found.insert(uid.into(), nearest.clone());
        Some(nearest)
    }

    /// All that earlier runs and this one found.
    pub fn into_found(self) -> Vec<NearMiss> {
        self.found.into_inner().into_values().collect()
    }

    fn sketched(&self, uid: &str) -> Option<(&str, Near)> {
        let at = hash(uid);
        let (_, sketch) = self.sketches.all.get(&at).filter(|(known, _)| **known == *uid)?;
        let alike = sketch.keys().into_iter().filter_map(|key| self.by_key.get(&key));
        let alike = alike.filter(|good| good.len() <= COMMON).flatten();
        let near = alike.filter(|good| **good != at).filter_map(|good| {
            let (good, other) = self.sketches.all.get(good)?;
            Some((sketch.near(other)?, &**good))
        });
        near.min().map(|(kind, good)| (good, kind))
    }
}
