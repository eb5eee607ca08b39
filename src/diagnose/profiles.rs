//! What every credential did over the run, folded chunk by chunk in bounded memory; runs for every event, so it works on codes.

use crate::model::finding::{Micros, Outcome, Uses};
use crate::model::records::Codes;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// Distinct addresses and operations are counted up to this many: the smallest hashes are kept, so that the order of merging cannot matter.
pub const DISTINCT_CAP: usize = 256;
/// Successes are remembered per operation in steps of this many microseconds, by their first and last.
const STEP_US: Micros = 600_000_000;
/// Most steps remembered per credential; the latest are kept, for recovery is asked about late in the log.
const STEPS_CAP: usize = 1024;

/// What one credential did.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// First and last use.
    pub span_us: Option<(Micros, Micros)>,
    /// Last success.
    pub last_success_us: Option<Micros>,
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
    /// Kinds of actors that used it, sorted.
    pub actor_types: Vec<Box<str>>,
    /// Hashes of addresses, sorted.
    pub src_ips: Vec<u64>,
    /// Hashes of operations, sorted.
    pub operations: Vec<u64>,
    /// First and last success by step of time and operation.
    steps: BTreeMap<(Micros, u64), (Micros, Micros)>,
}

/// Profiles by credential.
#[derive(Debug, Default)]
pub struct Profiles {
    all: FxHashMap<Box<str>, Profile>,
}

/// Per distinct value of a column, its hash.
fn hashes(codes: &Codes) -> Vec<u64> {
    codes.values.iter().map(|v| FxBuildHasher.hash_one(v.as_str())).collect()
}

fn hash_at(hashes: &[u64], codes: &Codes, row: usize) -> Option<u64> {
    (codes.codes[row] as usize).checked_sub(1).and_then(|i| hashes.get(i)).copied()
}

/// The key of a call: service and operation together.
fn call(service: Option<u64>, operation: Option<u64>) -> u64 {
    service.unwrap_or(0).rotate_left(21) ^ operation.unwrap_or(0)
}

impl Profiles {
    /// The profiles of one chunk. Rows marked in `skip` are duplicates and do not count.
    pub fn of(uses: &Uses, skip: Option<&[bool]>) -> Profiles {
        let (ips, services, operations) = (hashes(&uses.src_ip), hashes(&uses.service), hashes(&uses.operation));
        let mut profiles: Vec<Profile> = vec![Profile::default(); uses.credential_uid.values.len()];
        for (row, &code) in uses.credential_uid.codes.iter().enumerate() {
            let Some(index) = (code as usize).checked_sub(1).filter(|_| skip.is_none_or(|s| !s[row])) else { continue };
            let profile = &mut profiles[index];
            let time = Some(uses.event_time_us[row]).filter(|t| *t != i64::MIN);
            let called = call(hash_at(&services, &uses.service, row), hash_at(&operations, &uses.operation, row));
            profile.count(uses.outcome[row], time, called);
            note(&mut profile.src_ips, hash_at(&ips, &uses.src_ip, row));
            note(&mut profile.operations, Some(called));
            profile.describe(uses, row);
        }
        let names = uses.credential_uid.values.iter().map(|v| v.as_str().into());
        Profiles {
            all: names
                .zip(profiles)
                .filter(|(_, p)| p.successes + p.failures + p.refusals > 0 || p.span_us.is_some())
                .collect(),
        }
    }

    /// Adds the profiles of a later chunk.
    pub fn merge(&mut self, later: Profiles) {
        for (credential, profile) in later.all {
            self.all.entry(credential).or_default().merge(profile);
        }
    }

    /// The profile of a credential.
    pub fn get(&self, credential: &str) -> Option<&Profile> {
        self.all.get(credential)
    }

    /// All profiles by credential.
    pub fn sorted(&self) -> Vec<(&str, &Profile)> {
        let mut all: Vec<_> = self.all.iter().map(|(c, p)| (&**c, p)).collect();
        all.sort_unstable_by_key(|(c, _)| *c);
        all
    }

    /// The first success of a credential after a time; with a call (service and operation), the first of that call. Exact but within one
    /// step of ten minutes, where it is a success after that time, though there may have been an earlier one.
    pub fn first_success_after(
        &self,
        credential: &str,
        of: Option<(Option<&str>, Option<&str>)>,
        time_us: Micros,
    ) -> Option<Micros> {
        let hash = |t: Option<&str>| t.map(|t| FxBuildHasher.hash_one(t));
        let wanted = of.map(|(service, operation)| call(hash(service), hash(operation)));
        let steps = self.all.get(credential)?.steps.range((time_us.div_euclid(STEP_US), 0)..);
        let after = steps.filter(|((_, c), (_, last))| wanted.is_none_or(|w| w == *c) && *last > time_us);
        after.map(|(_, (first, last))| if *first > time_us { *first } else { *last }).min()
    }
}

/// Keeps the smallest hashes of a set, sorted.
fn note(set: &mut Vec<u64>, hash: Option<u64>) {
    let Some(hash) = hash else { return };
    if let Err(at) = set.binary_search(&hash) {
        set.insert(at, hash);
        set.truncate(DISTINCT_CAP);
    }
}

fn later(a: Option<Micros>, b: Option<Micros>) -> Option<Micros> {
    a.max(b)
}

impl Profile {
    fn count(&mut self, outcome: Outcome, time: Option<Micros>, called: u64) {
        if let Some(at) = time {
            self.span_us = Some(self.span_us.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        match outcome {
            Outcome::Success => {
                self.successes += 1;
                self.last_success_us = later(self.last_success_us, time);
                self.step(time, called);
            }
            Outcome::Refused => {
                self.refusals += 1;
                self.last_failure_us = later(self.last_failure_us, time);
            }
            Outcome::Failed => {
                self.failures += 1;
                self.last_failure_us = later(self.last_failure_us, time);
            }
            Outcome::Unknown => {}
        }
    }

    fn step(&mut self, time: Option<Micros>, called: u64) {
        let Some(at) = time else { return };
        let step = self.steps.entry((at.div_euclid(STEP_US), called)).or_insert((at, at));
        *step = (step.0.min(at), step.1.max(at));
        while self.steps.len() > STEPS_CAP {
            self.steps.pop_first();
        }
    }

    /// Takes the words that describe the credential from the first row that has them.
    fn describe(&mut self, uses: &Uses, row: usize) {
        let word = |codes: &Codes| {
            (codes.codes[row] as usize).checked_sub(1).and_then(|i| codes.values.get(i)).map(|v| v.as_str().into())
        };
        for (own, codes) in [
            (&mut self.hint, &uses.credential_hint),
            (&mut self.kind, &uses.credential_kind),
            (&mut self.provider, &uses.provider),
            (&mut self.actor_name, &uses.actor_name),
        ] {
            if own.is_none() {
                *own = word(codes);
            }
        }
        if let Some(kind) = word(&uses.actor_type) {
            insert(&mut self.actor_types, kind);
        }
    }

    fn merge(&mut self, other: Profile) {
        self.span_us = match (self.span_us, other.span_us) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.last_success_us = later(self.last_success_us, other.last_success_us);
        self.last_failure_us = later(self.last_failure_us, other.last_failure_us);
        self.successes += other.successes;
        self.failures += other.failures;
        self.refusals += other.refusals;
        for (own, new) in [
            (&mut self.hint, other.hint),
            (&mut self.kind, other.kind),
            (&mut self.provider, other.provider),
            (&mut self.actor_name, other.actor_name),
        ] {
            if own.is_none() {
                *own = new;
            }
        }
        other.actor_types.into_iter().for_each(|t| insert(&mut self.actor_types, t));
        other.src_ips.into_iter().for_each(|h| note(&mut self.src_ips, Some(h)));
        other.operations.into_iter().for_each(|h| note(&mut self.operations, Some(h)));
        for (step, (first, last)) in other.steps {
            let own = self.steps.entry(step).or_insert((first, last));
            *own = (own.0.min(first), own.1.max(last));
        }
        while self.steps.len() > STEPS_CAP {
            self.steps.pop_first();
        }
    }
}

fn insert(set: &mut Vec<Box<str>>, word: Box<str>) {
    if let Err(at) = set.binary_search(&word) {
        set.insert(at, word);
    }
}
