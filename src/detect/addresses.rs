//! Where from a credential was accepted: addresses with their hours; bounded, and the same in whatever order and parts they come. Asks no database.

use super::baseline::DAY_US;
use super::values::{Values, hash};
use crate::model::counts::HOUR_US;
use crate::model::finding::Micros;
use crate::model::place::Sighting;
use crate::model::runs::Runs;
use serde::{Deserialize, Serialize};

/// Most addresses kept: the first by time. What comes from so many is a fleet, of which no address is unusual.
pub const ADDRESSES_CAP: usize = 512;

/// An address, and the hours in which the credential was accepted from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: Box<str>,
    /// First accepted call from it.
    pub first: Sighting,
    /// Hours with accepted calls from it.
    pub hours: Runs,
}

/// Addresses in their order as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    all: Vec<Address>,
}

impl Addresses {
    /// Notes accepted calls of one hour.
    pub fn note(&mut self, ip: &str, first: Sighting) {
        let hour = first.time_us.div_euclid(HOUR_US);
        match self.all.binary_search_by(|a| (*a.ip).cmp(ip)) {
            Ok(at) => {
                let own = &mut self.all[at];
                own.first = own.first.min(first);
                own.hours.add(hour);
            }
            Err(at) => {
                let mut hours = Runs::default();
                hours.add(hour);
                self.all.insert(at, Address { ip: ip.into(), first, hours });
            }
        }
    }

    /// Adds others.
    pub fn merge(&mut self, other: Addresses) {
        for address in other.all {
            match self.all.binary_search_by(|a| a.ip.cmp(&address.ip)) {
                Ok(at) => {
                    let own = &mut self.all[at];
                    own.first = own.first.min(address.first);
                    own.hours.merge(&address.hours);
                }
                Err(at) => self.all.insert(at, address),
            }
        }
        self.cap();
    }

    /// Keeps the first by time, as [`Values::cap`] does.
    pub fn cap(&mut self) {
        if self.all.len() > ADDRESSES_CAP {
            self.all.sort_unstable_by(|a, b| (a.first.time_us, &a.ip).cmp(&(b.first.time_us, &b.ip)));
            self.all.truncate(ADDRESSES_CAP);
            self.all.sort_unstable_by(|a, b| a.ip.cmp(&b.ip));
        }
    }

    /// Forgets hours before one.
    pub fn keep(&mut self, from: i64) {
        self.all.iter_mut().for_each(|a| a.hours.keep(from));
    }

    /// When there were too many to look at; the end of time where there are not.
    pub fn crowded_us(&self) -> Micros {
        let last = self.all.iter().map(|a| a.first.time_us).max().filter(|_| self.all.len() >= ADDRESSES_CAP);
        last.unwrap_or(Micros::MAX)
    }

    /// What addresses have in common, such as their networks: each with when it was seen.
    pub fn named(&self, name: &dyn Fn(&str) -> Option<String>) -> Values {
        let mut values = Values::default();
        for address in &self.all {
            let Some(name) = name(&address.ip) else { continue };
            let hash = hash(&name);
            values.note(hash, &name, address.first);
            // Later days tell whether it came again.
            let next_day = (address.first.time_us.div_euclid(DAY_US) + 1) * 24;
            if let Some(hour) = address.hours.from(next_day).next() {
                values.note(hash, &name, Sighting { time_us: hour * HOUR_US, ..address.first });
            }
        }
        values.cap();
        values
    }

    /// The addresses, in their order as text.
    pub fn iter(&self) -> impl Iterator<Item = &Address> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All sightings, to be moved to their place in the run.
    pub fn sightings(&mut self) -> impl Iterator<Item = &mut Sighting> {
        self.all.iter_mut().map(|a| &mut a.first)
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        let runs: usize = self.all.iter().map(|a| a.hours.len()).sum();
        self.all.len() * (size_of::<Address>() + 80) + runs * 16
    }
}
