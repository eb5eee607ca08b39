//! What one credential usually does, in bounded memory: hourly counts, days of use, and the values it was seen with; finds nothing unusual itself.
//!
//! Baselines merge in any order and split to the same result, so a store may keep them between runs. What they drop is older than
//! [`KEPT_US`], or comes after more values than a habit can have: detectors look at neither.

use super::addresses::Addresses;
use super::values::Values;
use crate::model::counts::Counts;
pub use crate::model::counts::HOUR_US;
use crate::model::finding::Micros;
use crate::model::place::Sighting;
use serde::{Deserialize, Serialize};

/// How far back hours and days are kept, from the last hour with calls.
pub const KEPT_US: Micros = 400 * DAY_US;
/// A day.
pub const DAY_US: Micros = 86_400_000_000;

/// A word, and when it was first seen: of several the first by time, then by name.
pub type Word = Option<(Micros, Box<str>)>;

/// What one credential usually does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Calls by hour.
    pub calls: Counts,
    /// Refusals by hour.
    pub refusals: Counts,
    /// The first accepted call of each day.
    pub days: Vec<Sighting>,
    /// Where from it was accepted.
    pub addresses: Addresses,
    /// Operations it was used for.
    pub operations: Values,
    /// Families of clients that used it.
    pub clients: Values,
    /// Environments it was accepted in.
    pub environments: Values,
    /// Masked form.
    pub hint: Word,
    /// Who owns it.
    pub provider: Word,
    /// Its kind.
    pub kind: Word,
    /// Who used it first.
    pub actor: Word,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline {
            calls: Counts::hourly(),
            refusals: Counts::hourly(),
            days: Vec::new(),
            addresses: Addresses::default(),
            operations: Values::default(),
            clients: Values::default(),
            environments: Values::default(),
            hint: None,
            provider: None,
            kind: None,
            actor: None,
        }
    }
}

impl Baseline {
    /// Adds what another part of the log, or an earlier run, shows.
    pub fn merge(&mut self, other: Baseline) {
        self.calls.merge(&other.calls);
        self.refusals.merge(&other.refusals);
        other.days.into_iter().for_each(|first| self.day(first));
        self.addresses.merge(other.addresses);
        self.operations.merge(other.operations);
        self.clients.merge(other.clients);
        self.environments.merge(other.environments);
        let words = [other.hint, other.provider, other.kind, other.actor];
        self.words().into_iter().zip(words).for_each(|(own, new)| tell(own, new));
        self.forget();
    }

    fn words(&mut self) -> [&mut Word; 4] {
        [&mut self.hint, &mut self.provider, &mut self.kind, &mut self.actor]
    }

    /// Takes words seen at a time: of hint, provider, kind and actor.
    pub fn describe(&mut self, seen: Micros, words: [Option<&str>; 4]) {
        for (own, new) in self.words().into_iter().zip(words) {
            let Some(new) = new else { continue };
            if own.as_ref().is_none_or(|(since, known)| (seen, new) < (*since, known)) {
                *own = Some((seen, new.into()));
            }
        }
    }

    /// Notes an accepted call, the first of its day as far as one knows.
    pub fn day(&mut self, first: Sighting) {
        let day = |seen: &Sighting| seen.time_us.div_euclid(DAY_US);
        match self.days.binary_search_by_key(&day(&first), day) {
            Ok(at) => self.days[at] = self.days[at].min(first),
            Err(at) => self.days.insert(at, first),
        }
    }

    /// Drops what is further back than is kept. In each part of a log no more is dropped than in the whole of it.
    fn forget(&mut self) {
        let Some(last) = self.calls.last() else { return };
        let from = last - KEPT_US / HOUR_US;
        self.calls.keep_from(from);
        self.refusals.keep_from(from);
        self.addresses.keep(from);
        let old = self.days.partition_point(|seen| seen.time_us < from * HOUR_US);
        self.days.drain(..old);
    }

    /// From this hour on all that detectors look back to is known; what is before it is not looked at.
    pub fn known_from(&self, back_us: Micros) -> i64 {
        let Some((first, last)) = self.calls.first().zip(self.calls.last()) else { return i64::MIN };
        let kept = last - KEPT_US / HOUR_US;
        if first >= kept { i64::MIN } else { kept + back_us / HOUR_US }
    }

    /// First call of any kind, to the hour.
    pub fn first_us(&self) -> Option<Micros> {
        self.calls.first().map(|hour| hour * HOUR_US)
    }

    /// Moves sightings to their place in the run: those of a chunk whose records begin at `record` of an input.
    pub fn place(&mut self, input: u32, record: u64) {
        for seen in self.sightings() {
            seen.input = input;
            seen.record += record;
        }
    }

    /// The events by which it says when something was seen.
    pub fn sightings(&mut self) -> impl Iterator<Item = &mut Sighting> {
        let values = [&mut self.operations, &mut self.clients, &mut self.environments];
        let seen = values.into_iter().flat_map(Values::sightings);
        seen.chain(self.addresses.sightings()).chain(&mut self.days)
    }

    /// Whether it was ever accepted.
    pub fn was_accepted(&self) -> bool {
        !self.days.is_empty()
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let counts = (self.calls.len() + self.refusals.len()) * 16;
        let values = self.operations.bytes() + self.clients.bytes() + self.environments.bytes();
        size_of::<Baseline>() + 200 + counts + values + self.addresses.bytes() + self.days.len() * 24
    }
}

/// Takes a word unless one before it is known.
fn tell(own: &mut Word, new: Word) {
    *own = [own.take(), new].into_iter().flatten().min();
}
