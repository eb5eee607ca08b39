//! What one credential usually does, in bounded memory: hourly counts, days of use, and the values it was seen with; finds nothing unusual itself.
//!
//! Baselines merge in any order to the same result, and a store may keep them between runs.

use super::values::Values;
use crate::model::finding::Micros;
use crate::model::place::Sighting;
use crate::model::usual::Counts;
use serde::{Deserialize, Serialize};

/// How far back hourly counts are kept.
pub const KEPT_US: Micros = 57 * DAY_US;
/// Most days of use remembered.
const DAYS_CAP: usize = 400;
/// Most stays remembered: the latest.
const STAYS_CAP: usize = 512;
/// A day.
pub const DAY_US: Micros = 86_400_000_000;
/// An hour.
pub const HOUR_US: Micros = 3_600_000_000;

/// Accepted calls from one address in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stay {
    /// The hour since 1970.
    pub hour: i64,
    /// The address.
    pub src_ip: Box<str>,
    /// The first of them.
    pub first: Sighting,
    /// The last of them.
    pub last: Sighting,
}

/// What one credential usually does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Calls by hour.
    pub calls: Counts,
    /// Refusals by hour.
    pub refusals: Counts,
    /// Days with accepted calls: the first and the last of each.
    pub days: Vec<(Sighting, Micros)>,
    /// Networks it was accepted from.
    pub networks: Values,
    /// Operations it was used for.
    pub operations: Values,
    /// Families of clients that used it.
    pub clients: Values,
    /// Environments it was accepted in.
    pub environments: Values,
    /// Countries it was accepted from, where a database tells.
    pub countries: Values,
    /// Autonomous systems it was accepted from, where a database tells.
    pub asns: Values,
    /// Where it was accepted from lately.
    pub stays: Vec<Stay>,
    /// First use of any kind.
    pub first_us: Option<Micros>,
    /// Masked form.
    pub hint: Option<Box<str>>,
    /// Who owns it.
    pub provider: Option<Box<str>>,
    /// Its kind.
    pub kind: Option<Box<str>>,
    /// Who used it first.
    pub actor: Option<Box<str>>,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline {
            calls: Counts::hourly(),
            refusals: Counts::hourly(),
            days: Vec::new(),
            networks: Values::default(),
            operations: Values::default(),
            clients: Values::default(),
            environments: Values::default(),
            countries: Values::default(),
            asns: Values::default(),
            stays: Vec::new(),
            first_us: None,
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
        self.calls.keep(KEPT_US);
        self.refusals.keep(KEPT_US);
        other.days.into_iter().for_each(|(first, last)| self.day(first, last));
        self.networks.merge(other.networks);
        self.operations.merge(other.operations);
        self.clients.merge(other.clients);
        self.environments.merge(other.environments);
        self.countries.merge(other.countries);
        self.asns.merge(other.asns);
        other.stays.into_iter().for_each(|stay| self.stay(stay));
        self.first_us = [self.first_us, other.first_us].into_iter().flatten().min();
        for (own, new) in [
            (&mut self.hint, other.hint),
            (&mut self.provider, other.provider),
            (&mut self.kind, other.kind),
            (&mut self.actor, other.actor),
        ] {
            // The smallest, not the first: order must not matter.
            *own = [own.take(), new].into_iter().flatten().min();
        }
    }

    /// Notes accepted calls of one day.
    pub fn day(&mut self, first: Sighting, last: Micros) {
        let day = first.time_us.div_euclid(DAY_US);
        match self.days.binary_search_by_key(&day, |(seen, _)| seen.time_us.div_euclid(DAY_US)) {
            Ok(at) => {
                let own = &mut self.days[at];
                *own = (own.0.min(first), own.1.max(last));
            }
            Err(at) => self.days.insert(at, (first, last)),
        }
        let over = self.days.len().saturating_sub(DAYS_CAP);
        self.days.drain(..over);
    }

    /// Notes accepted calls from one address in one hour.
    pub fn stay(&mut self, stay: Stay) {
        match self.stays.binary_search_by(|own| (own.hour, &own.src_ip).cmp(&(stay.hour, &stay.src_ip))) {
            Ok(at) => {
                let own = &mut self.stays[at];
                (own.first, own.last) = (own.first.min(stay.first), own.last.max(stay.last));
            }
            Err(at) => self.stays.insert(at, stay),
        }
        let over = self.stays.len().saturating_sub(STAYS_CAP);
        self.stays.drain(..over);
    }

    /// Moves sightings to their place in the run: those of a chunk whose records begin at `record` of an input.
    pub fn place(&mut self, input: u32, record: u64) {
        let stays = self.stays.iter_mut().flat_map(|s| [&mut s.first, &mut s.last]);
        let days = self.days.iter_mut().map(|(first, _)| first);
        let values = [
            &mut self.networks,
            &mut self.operations,
            &mut self.clients,
            &mut self.environments,
            &mut self.countries,
            &mut self.asns,
        ];
        for seen in values.into_iter().flat_map(Values::sightings).chain(stays).chain(days) {
            seen.input = input;
            seen.record += record;
        }
    }

    /// Whether it was ever accepted.
    pub fn was_accepted(&self) -> bool {
        !self.days.is_empty()
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let counts = (self.calls.len() + self.refusals.len()) * 16;
        let sets = [&self.networks, &self.operations, &self.clients, &self.environments, &self.countries, &self.asns];
        let values: usize = sets.into_iter().map(Values::bytes).sum();
        size_of::<Baseline>() + 150 + counts + values + self.days.len() * 40 + self.stays.len() * 120
    }
}
