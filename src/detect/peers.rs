//! What like credentials do: how many of a provider's credentials had a habit by some time; judges none of them.

use super::novelty::{LOOKED_AT, Looked};
use super::values::hash;
use crate::model::anomaly::Detector;
use crate::model::finding::Micros;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Most credentials of a provider that are looked at: the first by time, so that those that come later change nothing.
const PEERS_CAP: usize = 1_000;
/// Most habits of a kind counted of one credential: the first by time.
const HABITS_CAP: usize = 32;
/// Fewer peers than this are no yardstick.
const FEWEST: usize = 5;
/// What a credential was first seen with in this time belongs to its habits.
const LEARNING_US: Micros = 7 * super::baseline::DAY_US;

/// A habit: its kind, and the hash of the value.
type Habit = (Detector, u64);

/// The credentials of one provider: by first use and name, since when each has which habit.
#[derive(Debug, Default)]
struct Provider {
    first: BTreeMap<(Micros, u64), Vec<(Habit, Micros)>>,
    /// Since when credentials have a habit, in order.
    since: FxHashMap<Habit, Vec<Micros>>,
    began: Vec<Micros>,
}

/// The habits of the credentials of every provider.
#[derive(Debug, Default)]
pub struct Peers {
    by_provider: BTreeMap<Box<str>, Provider>,
}

impl Peers {
    /// Counts the habits of a credential.
    pub fn add(&mut self, uid: &str, looked: &mut Looked<'_>) {
        let baseline = looked.baseline;
        let Some(first_us) = baseline.first_us().filter(|_| baseline.was_accepted()) else { return };
        let own = self.by_provider.entry(provider(looked)).or_default();
        let key = (first_us, hash(uid));
        if own.first.len() >= PEERS_CAP && own.first.last_key_value().is_some_and(|(last, _)| *last < key) {
            return;
        }
        let mut habits = Vec::new();
        for detector in LOOKED_AT {
            let values = looked.values(detector).by_time();
            let early = values.into_iter().take_while(|v| v.first.time_us - first_us < LEARNING_US).take(HABITS_CAP);
            habits.extend(early.map(|v| ((detector, v.hash), v.first.time_us)));
        }
        own.first.insert(key, habits);
        if own.first.len() > PEERS_CAP {
            own.first.pop_last();
        }
    }

    /// All credentials were counted.
    pub fn settle(&mut self) {
        for own in self.by_provider.values_mut() {
            for ((began, _), habits) in std::mem::take(&mut own.first) {
                own.began.push(began);
                habits.into_iter().for_each(|(habit, since)| own.since.entry(habit).or_default().push(since));
            }
            own.since.values_mut().for_each(|times| times.sort_unstable());
        }
    }

    /// The part of the peers that had a habit before a time.
    pub fn share(&self, looked: &Looked<'_>, habit: Habit, now_us: Micros) -> f64 {
        let Some(own) = self.by_provider.get(&provider(looked)) else { return 0.0 };
        let before = |times: &[Micros]| times.partition_point(|t| *t < now_us);
        let (all, with) = (before(&own.began), own.since.get(&habit).map_or(0, |times| before(times)));
        if all < FEWEST { 0.0 } else { with as f64 / all as f64 }
    }
}

fn provider(looked: &Looked<'_>) -> Box<str> {
    looked.baseline.provider.as_ref().map_or_else(Default::default, |(_, name)| name.clone())
}
