//! What every credential did over the run, folded chunk by chunk; runs for every event, so it works on codes.

use super::places::{PLACES_CAP, Stay, Stays};
use crate::model::finding::{Micros, Outcome, Uses};
use crate::model::place::Sighting;
use crate::model::records::Codes;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

/// Distinct addresses and operations are counted up to this many: the smallest hashes are kept, so that the order of merging cannot matter.
pub const DISTINCT_CAP: usize = 256;
/// Successes are remembered per operation in steps of this many microseconds, by their first and last.
const STEP_US: Micros = 600_000_000;
/// Most steps remembered per credential; the latest are kept, for recovery is asked about late in the log.
const STEPS_CAP: usize = 1024;

/// Most other names remembered per credential.
const ALIASES_CAP: usize = 8;

/// Successes of one call in one step of time: step, call, first and last.
type Step = (Micros, u64, Micros, Micros);

/// What one credential did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// First and last use.
    pub span_us: Option<(Micros, Micros)>,
    /// First success.
    pub first_success: Option<Sighting>,
    /// Last success.
    pub last_success: Option<Sighting>,
    /// Last failure.
    pub last_failure_us: Option<Micros>,
    /// Successes.
    pub successes: u64,
    /// Failures that are no refusals.
    pub failures: u64,
    /// Refusals.
    pub refusals: u64,
    /// Masked form.
    pub hint: Option<Box<str>>,
    /// Kind.
    pub kind: Option<Box<str>>,
    /// Provider.
    pub provider: Option<Box<str>>,
    /// Who used it first.
    pub actor_name: Option<Box<str>>,
    /// When hint, kind, provider and actor were seen first.
    described_us: [Micros; 4],
    /// Other ids and names of it in the same records: the first by name, sorted.
    pub aliases: Vec<Box<str>>,
    /// Whether it was sent in a URL.
    pub in_url: bool,
    /// Kinds of actors that used it, sorted.
    pub actor_types: Vec<Box<str>>,
    /// Hashes of addresses, sorted.
    pub src_ips: Vec<u64>,
    /// Hashes of operations, sorted.
    pub operations: Vec<u64>,
    /// Where it was accepted, sorted.
    pub places: Vec<Stay>,
    steps: Vec<Step>,
}

/// Profiles by credential.
#[derive(Debug, Default)]
pub struct Profiles {
    all: FxHashMap<Box<str>, Profile>,
    bytes: usize,
}

/// Per distinct value of a column, its hash.
fn hashes(codes: &Codes) -> Vec<u64> {
    codes.values.iter().map(|v| hash(v)).collect()
}

/// The hash by which values are told apart here.
pub fn hash(text: &str) -> u64 {
    FxBuildHasher.hash_one(text)
}

fn at<T>(values: &[T], codes: &Codes, row: usize) -> Option<usize> {
    (codes.codes[row] as usize).checked_sub(1).filter(|i| *i < values.len())
}

fn word(codes: &Codes, row: usize) -> Option<&str> {
    at(&codes.values, codes, row).map(|i| codes.values[i].as_str())
}

/// The key of a call: service and operation together.
fn call(service: Option<u64>, operation: Option<u64>) -> u64 {
    service.unwrap_or(0).rotate_left(21) ^ operation.unwrap_or(0)
}

/// The rows of a chunk that count: ordinals in it, and which of them repeat events seen before.
#[derive(Clone, Copy)]
pub struct Rows<'r> {
    /// Ordinal of each row.
    pub ordinals: &'r [u64],
    /// Which are duplicates.
    pub skip: Option<&'r [bool]>,
}

impl Rows<'_> {
    /// Whether a row counts.
    pub fn counts(&self, row: usize) -> bool {
        self.skip.is_none_or(|s| !s[row])
    }
}

/// What is worked out once per distinct value of a chunk.
struct Values {
    ips: Vec<u64>,
    services: Vec<u64>,
    operations: Vec<u64>,
}

impl Profiles {
    /// The profiles of one chunk.
    pub fn of(uses: &Uses, rows: Rows<'_>) -> Profiles {
        let values =
            Values { ips: hashes(&uses.src_ip), services: hashes(&uses.service), operations: hashes(&uses.operation) };
        let mut profiles: Vec<(Profile, Stays)> = vec![Default::default(); uses.credential_uid.values.len()];
        for (row, &code) in uses.credential_uid.codes.iter().enumerate() {
            let Some(index) = (code as usize).checked_sub(1).filter(|_| rows.counts(row)) else { continue };
            let (profile, stays) = &mut profiles[index];
            let hash_at = |hashes: &[u64], codes: &Codes| at(hashes, codes, row).map(|i| hashes[i]);
            let called = call(hash_at(&values.services, &uses.service), hash_at(&values.operations, &uses.operation));
            let seen = Sighting { time_us: uses.event_time_us[row], input: 0, record: rows.ordinals[row] };
            profile.count(uses.outcome[row], seen, called);
            if uses.outcome[row] == Outcome::Success && seen.time_us != Micros::MIN {
                stays.note(uses, row, seen);
            }
            note(&mut profile.src_ips, hash_at(&values.ips, &uses.src_ip));
            note(&mut profile.operations, Some(called));
            profile.describe(uses, row);
        }
        let names = uses.credential_uid.values.iter().map(|v| v.as_str().into());
        let told = names.zip(profiles).map(|(name, (profile, stays))| (name, profile.with(stays, uses)));
        let all = told.filter(|(_, p)| p.successes + p.failures + p.refusals > 0 || p.span_us.is_some()).collect();
        Profiles { all, bytes: 0 }
    }

    /// Adds the profiles of a later chunk, whose records begin at `record` of the input of that number.
    pub fn merge(&mut self, later: Profiles, (input, record): (u32, u64)) {
        for (credential, mut profile) in later.all {
            profile.shift(input, record);
            match self.all.entry(credential) {
                Entry::Vacant(own) => {
                    self.bytes += profile.bytes();
                    own.insert(profile);
                }
                Entry::Occupied(mut own) => {
                    let before = own.get().bytes();
                    own.get_mut().merge(profile);
                    self.bytes += own.get().bytes().saturating_sub(before);
                }
            }
        }
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes all profiles out, in no order.
    pub fn take(&mut self) -> impl Iterator<Item = (Box<str>, Profile)> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.all).into_iter()
    }
}

/// Keeps the smallest hashes of a set, sorted.
pub fn note(set: &mut Vec<u64>, hash: Option<u64>) {
    let Some(hash) = hash else { return };
    if let Err(at) = set.binary_search(&hash) {
        set.insert(at, hash);
        set.truncate(DISTINCT_CAP);
    }
}

fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Profile {
    fn count(&mut self, outcome: Outcome, seen: Sighting, called: u64) {
        let time = Some(seen.time_us).filter(|t| *t != Micros::MIN);
        if let Some(at) = time {
            self.span_us = Some(self.span_us.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        match outcome {
            Outcome::Success => {
                self.successes += 1;
                if let Some(at) = time {
                    self.first_success = earlier(self.first_success, Some(seen));
                    self.last_success = self.last_success.max(Some(seen));
                    self.step((at.div_euclid(STEP_US), called, at, at));
                }
            }
            Outcome::Refused => {
                self.refusals += 1;
                self.last_failure_us = self.last_failure_us.max(time);
            }
            Outcome::Failed => {
                self.failures += 1;
                self.last_failure_us = self.last_failure_us.max(time);
            }
            Outcome::Unknown => {}
        }
    }

    fn step(&mut self, (step, called, first, last): Step) {
        match self.steps.binary_search_by_key(&(step, called), |s| (s.0, s.1)) {
            Ok(at) => {
                let own = &mut self.steps[at];
                (own.2, own.3) = (own.2.min(first), own.3.max(last));
            }
            Err(at) => self.steps.insert(at, (step, called, first, last)),
        }
        if self.steps.len() > STEPS_CAP {
            self.steps.remove(0);
        }
    }

    /// Takes the words that describe the credential from the earliest row that has them.
    fn describe(&mut self, uses: &Uses, row: usize) {
        let seen = dated(uses.event_time_us[row]);
        for (at, codes) in
            [&uses.credential_hint, &uses.credential_kind, &uses.provider, &uses.actor_name].into_iter().enumerate()
        {
            // Most rows come later, and say nothing new.
            if seen <= self.described_us[at] || self.described()[at].is_none() {
                word(codes, row).into_iter().for_each(|word| self.told(at, (seen, word)));
            }
        }
        self.in_url |= uses.in_url.codes[row] > 0;
        word(&uses.actor_type, row).into_iter().for_each(|kind| insert(&mut self.actor_types, kind));
        if let Some(alias) = word(&uses.credential_alias, row) {
            insert(&mut self.aliases, alias);
            self.aliases.truncate(ALIASES_CAP);
        }
    }

    /// Hint, kind, provider and actor.
    fn described(&mut self) -> [&mut Option<Box<str>>; 4] {
        [&mut self.hint, &mut self.kind, &mut self.provider, &mut self.actor_name]
    }

    /// Takes a word unless an earlier one is known; of the words of one time the first by name, so that order cannot matter.
    fn told(&mut self, at: usize, (seen, word): (Micros, &str)) {
        let since = self.described_us[at];
        let own = &mut self.described()[at];
        if own.as_deref().is_some_and(|known| (since, known) <= (seen, word)) {
            return;
        }
        if own.as_deref() != Some(word) {
            **own = Some(word.into());
        }
        self.described_us[at] = seen;
    }

    fn with(mut self, stays: Stays, uses: &Uses) -> Profile {
        stays.told(uses).into_iter().for_each(|stay| self.stay(stay));
        // Most credentials have few of each, and there may be very many credentials.
        self.places.shrink_to_fit();
        self.steps.shrink_to_fit();
        self.src_ips.shrink_to_fit();
        self.operations.shrink_to_fit();
        self
    }

    fn stay(&mut self, (place, first, last): Stay) {
        match self.places.binary_search_by(|(known, ..)| known.cmp(&place)) {
            Ok(at) => {
                let own = &mut self.places[at];
                (own.1, own.2) = (own.1.min(first), own.2.max(last));
            }
            Err(at) => self.places.insert(at, (place, first, last)),
        }
        self.places.truncate(PLACES_CAP);
    }

    /// The events by which it says when something was seen.
    pub fn sightings(&mut self) -> impl Iterator<Item = &mut Sighting> {
        let stays = self.places.iter_mut().flat_map(|(_, first, last)| [first, last]);
        self.first_success.iter_mut().chain(self.last_success.iter_mut()).chain(stays)
    }

    /// The profile with its sightings placed in the run's inputs.
    fn shift(&mut self, input: u32, record: u64) {
        self.sightings().for_each(|seen| {
            seen.input = input;
            seen.record += record;
        });
    }

    /// Adds what a later chunk, or the same credential under another name, shows.
    pub fn merge(&mut self, other: Profile) {
        self.span_us = match (self.span_us, other.span_us) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.first_success = earlier(self.first_success, other.first_success);
        self.last_success = self.last_success.max(other.last_success);
        self.last_failure_us = self.last_failure_us.max(other.last_failure_us);
        self.successes += other.successes;
        self.failures += other.failures;
        self.refusals += other.refusals;
        self.in_url |= other.in_url;
        let words = [&other.hint, &other.kind, &other.provider, &other.actor_name];
        for (at, (word, seen)) in words.into_iter().zip(other.described_us).enumerate() {
            word.iter().for_each(|word| self.told(at, (seen, word)));
        }
        other.actor_types.iter().for_each(|t| insert(&mut self.actor_types, t));
        other.aliases.iter().for_each(|a| insert(&mut self.aliases, a));
        self.aliases.truncate(ALIASES_CAP);
        other.src_ips.into_iter().for_each(|h| note(&mut self.src_ips, Some(h)));
        other.operations.into_iter().for_each(|h| note(&mut self.operations, Some(h)));
        other.places.into_iter().for_each(|stay| self.stay(stay));
        other.steps.into_iter().for_each(|step| self.step(step));
    }

    /// The first success after a time; with a call (service and operation), the first of that call. Exact but within one step of ten minutes,
    /// where it is a success after that time, though there may have been an earlier one.
    pub fn first_success_after(&self, of: Option<(Option<&str>, Option<&str>)>, time_us: Micros) -> Option<Micros> {
        let wanted = of.map(|(service, operation)| call(service.map(hash), operation.map(hash)));
        let from = self.steps.partition_point(|s| s.0 < time_us.div_euclid(STEP_US));
        let after = self.steps[from..].iter().filter(|s| wanted.is_none_or(|w| w == s.1) && s.3 > time_us);
        after.map(|(_, _, first, last)| if *first > time_us { *first } else { *last }).min()
    }

    /// Whether a call was accepted at any time.
    pub fn was_accepted(&self, service: Option<&str>, operation: Option<&str>) -> bool {
        let wanted = call(service.map(hash), operation.map(hash));
        self.steps.iter().any(|step| step.1 == wanted)
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let stays = self.places.len() * (size_of::<Stay>() + 64);
        let words = self.src_ips.len() + self.operations.len();
        size_of::<Profile>() + 200 + stays + self.steps.len() * size_of::<Step>() + words * 8
    }
}

fn insert(set: &mut Vec<Box<str>>, word: &str) {
    if let Err(at) = set.binary_search_by(|known| (**known).cmp(word)) {
        set.insert(at, word.into());
    }
}

/// Rows without a time come after all others.
fn dated(time_us: Micros) -> Micros {
    if time_us == Micros::MIN { Micros::MAX } else { time_us }
}
