//! Takes baselines out of events, chunk by chunk; runs for every event, so it works on codes. Opens no file.

use super::baseline::{BURST_US, Baseline, HOUR_US};
use super::client::family;
use super::values::hash;
use crate::model::environment::environment_of;
use crate::model::finding::{Micros, Outcome, Uses};
use crate::model::place::Sighting;
use crate::model::records::Codes;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// What a credential takes beside its baseline: its name and its place in a table.
const ENTRY_BYTES: usize = 120;

/// Baselines by credential.
#[derive(Debug, Default)]
pub struct Baselines {
    all: FxHashMap<Box<str>, Box<Baseline>>,
    bytes: usize,
}

/// What calls have in common, by codes. Most calls of a chunk are like the one before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Alike {
    credential: u32,
    /// The hour; of refused calls the ten minutes.
    step: i64,
    service: u32,
    operation: u32,
    client: u32,
    outcome: Outcome,
    /// Address and tenant, of accepted calls only.
    place: (u32, u32),
}

/// Calls that are alike: the first of them, its row, and how many.
struct Noted {
    first: Sighting,
    row: usize,
    calls: u32,
}

/// A chunk under way.
struct Chunk<'u> {
    uses: &'u Uses,
    noted: Vec<(Alike, Noted)>,
    at: FxHashMap<Alike, usize>,
}

fn text(codes: &Codes, code: u32) -> Option<&str> {
    codes.values.get((code as usize).checked_sub(1)?).map(String::as_str)
}

impl Baselines {
    /// The baselines of one chunk: `ordinals` are those of its rows, and rows marked in `skip` do not count.
    pub fn of(uses: &Uses, ordinals: &[u64], skip: Option<&[bool]>) -> Baselines {
        let mut chunk = Chunk { uses, noted: Vec::new(), at: FxHashMap::default() };
        for (row, &code) in uses.credential_uid.codes.iter().enumerate() {
            let time_us = uses.event_time_us[row];
            if code > 0 && time_us != Micros::MIN && skip.is_none_or(|s| !s[row]) {
                chunk.note(row, Sighting { time_us, input: 0, record: ordinals[row] });
            }
        }
        chunk.finish()
    }

    /// Adds the baselines of another chunk, whose records begin at `record` of the input of that number.
    pub fn merge(&mut self, other: Baselines, (input, record): (u32, u64)) {
        for (credential, mut baseline) in other.all {
            baseline.place(input, record);
            match self.all.entry(credential) {
                Entry::Vacant(own) => {
                    self.bytes += own.key().len() + ENTRY_BYTES + baseline.bytes();
                    own.insert(baseline);
                }
                Entry::Occupied(mut own) => {
                    let before = own.get().bytes();
                    own.get_mut().merge(*baseline);
                    self.bytes += own.get().bytes().saturating_sub(before);
                }
            }
        }
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes all out as rows, in no order.
    pub fn take(&mut self) -> impl Iterator<Item = (Box<str>, Box<Baseline>)> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.all).into_iter()
    }
}

impl Chunk<'_> {
    fn note(&mut self, row: usize, seen: Sighting) {
        let uses = self.uses;
        let outcome = uses.outcome[row];
        let place = match outcome {
            Outcome::Success => (uses.src_ip.codes[row], uses.tenant_uid.codes[row]),
            _ => (0, 0),
        };
        let alike = Alike {
            credential: uses.credential_uid.codes[row],
            step: seen.time_us.div_euclid(if outcome == Outcome::Refused { BURST_US } else { HOUR_US }),
            service: uses.service.codes[row],
            operation: uses.operation.codes[row],
            client: uses.user_agent.codes[row],
            outcome,
            place,
        };
        let at = match self.noted.last() {
            Some((last, _)) if *last == alike => self.noted.len() - 1,
            _ => *self.at.entry(alike).or_insert(self.noted.len()),
        };
        match self.noted.get_mut(at) {
            Some((_, own)) => {
                own.calls += 1;
                if seen < own.first {
                    (own.first, own.row) = (seen, row);
                }
            }
            None => self.noted.push((alike, Noted { first: seen, row, calls: 1 })),
        }
    }

    fn finish(self) -> Baselines {
        let uses = self.uses;
        let mut words = Words::new(uses);
        let mut all: Vec<Option<Box<Baseline>>> = Vec::new();
        all.resize_with(uses.credential_uid.values.len(), || None);
        for (alike, noted) in &self.noted {
            let Some(own) = all.get_mut(alike.credential as usize - 1) else { continue };
            own.get_or_insert_default().learn(&mut words, alike, noted);
        }
        let named = all.into_iter().zip(&uses.credential_uid.values);
        let named = named.filter_map(|(baseline, name)| {
            let mut baseline = baseline?;
            baseline.cap();
            Some((name.as_str().into(), baseline))
        });
        Baselines { all: named.collect(), bytes: 0 }
    }
}

/// What is worked out once per distinct value of a chunk.
struct Words<'u> {
    uses: &'u Uses,
    operations: FxHashMap<(u32, u32), (u64, String)>,
    families: Vec<Option<Option<(u64, String)>>>,
    environments: FxHashMap<(u32, u32), Option<&'static str>>,
}

impl<'u> Words<'u> {
    fn new(uses: &'u Uses) -> Words<'u> {
        let families = vec![None; uses.user_agent.values.len()];
        Words { uses, operations: FxHashMap::default(), families, environments: FxHashMap::default() }
    }

    /// Service and operation, and the hash of both.
    fn operation(&mut self, service: u32, operation: u32) -> Option<&(u64, String)> {
        let name = text(&self.uses.operation, operation)?;
        let service_name = text(&self.uses.service, service);
        Some(self.operations.entry((service, operation)).or_insert_with(|| {
            let name = service_name.map_or_else(|| name.to_string(), |service| format!("{service}:{name}"));
            (hash(&name), name)
        }))
    }

    fn family(&mut self, client: u32) -> Option<&(u64, String)> {
        let agent = text(&self.uses.user_agent, client)?;
        let known = self.families.get_mut(client as usize - 1)?;
        known.get_or_insert_with(|| family(agent).map(|family| (hash(&family), family))).as_ref()
    }

    /// The environment that the names of service and tenant speak of.
    fn environment(&mut self, service: u32, tenant: u32) -> Option<&'static str> {
        let names = [text(&self.uses.service, service), text(&self.uses.tenant_uid, tenant)];
        let find = || names.into_iter().flatten().find_map(environment_of);
        *self.environments.entry((service, tenant)).or_insert_with(find)
    }
}

impl Baseline {
    fn learn(&mut self, words: &mut Words<'_>, alike: &Alike, noted: &Noted) {
        let (uses, first) = (words.uses, noted.first);
        self.calls.add(first.time_us.div_euclid(HOUR_US), noted.calls);
        let burst = first.time_us.div_euclid(BURST_US);
        self.refusals.begin(burst);
        if alike.outcome == Outcome::Refused {
            self.refusals.add(burst, noted.calls);
        }
        if let Some((hash, name)) = words.operation(alike.service, alike.operation) {
            self.operations.note(*hash, name, first);
        }
        if let Some((hash, name)) = words.family(alike.client) {
            self.clients.note(*hash, name, first);
        }
        let told = [&uses.credential_hint, &uses.provider, &uses.credential_kind, &uses.actor_name];
        self.describe(first.time_us, told.map(|codes| text(codes, codes.codes[noted.row])));
        if alike.outcome != Outcome::Success {
            return;
        }
        self.day(first);
        let (src_ip, tenant) = alike.place;
        if let Some(environment) = words.environment(alike.service, tenant) {
            self.environments.note(hash(environment), environment, first);
        }
        if let Some(ip) = text(&uses.src_ip, src_ip) {
            self.addresses.note(ip, first);
        }
    }

    fn cap(&mut self) {
        self.operations.cap();
        self.clients.cap();
        self.addresses.cap();
    }
}
