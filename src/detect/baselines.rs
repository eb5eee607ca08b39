//! Takes baselines out of events, chunk by chunk; runs for every event, so it works on codes. Opens no file.

use super::baseline::{Baseline, HOUR_US, Stay};
use super::client::family;
use crate::model::environment::environment_of;
use crate::model::finding::{Micros, Outcome, Uses};
use crate::model::place::{Sighting, network_of};
use crate::model::records::Codes;
use rustc_hash::FxHashMap;

/// What a baseline takes beside what grows in it.
const ENTRY_BYTES: usize = 1_000;

/// Baselines by credential.
#[derive(Debug, Default)]
pub struct Baselines {
    all: FxHashMap<Box<str>, Box<Baseline>>,
    bytes: usize,
}

/// What is noted of a credential by codes, so that texts are made once each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Coded {
    /// Service and operation.
    Operation(u32, u32),
    Client(u32),
    /// Service and tenant: they may name an environment.
    Named(u32, u32),
    /// Address and hour.
    Stay(u32, i64),
    Hour(i64),
}

/// First and last sighting, calls and refusals.
type Noted = (Sighting, Sighting, u32, u32);

/// A chunk under way.
struct Chunk<'u> {
    uses: &'u Uses,
    noted: FxHashMap<(u32, Coded), Noted>,
    /// By credential: the row where it first appears, which has the words that describe it.
    described: FxHashMap<u32, usize>,
}

fn text(codes: &Codes, code: u32) -> Option<&str> {
    codes.values.get((code as usize).checked_sub(1)?).map(String::as_str)
}

impl Baselines {
    /// The baselines of one chunk: `ordinals` are those of its rows, and rows marked in `skip` do not count.
    pub fn of(uses: &Uses, ordinals: &[u64], skip: Option<&[bool]>) -> Baselines {
        let mut chunk = Chunk { uses, noted: FxHashMap::default(), described: FxHashMap::default() };
        for (row, &code) in uses.credential_uid.codes.iter().enumerate() {
            let time_us = uses.event_time_us[row];
            chunk.described.entry(code).or_insert(row);
            if code > 0 && time_us != Micros::MIN && skip.is_none_or(|s| !s[row]) {
                chunk.row(row, code, Sighting { time_us, input: 0, record: ordinals[row] });
            }
        }
        chunk.finish()
    }

    /// Adds the baselines of another chunk, whose records begin at `record` of the input of that number.
    pub fn merge(&mut self, other: Baselines, (input, record): (u32, u64)) {
        for (credential, mut baseline) in other.all {
            baseline.place(input, record);
            self.add(credential, *baseline);
        }
    }

    /// Adds a baseline, such as one that a store kept.
    pub fn add(&mut self, credential: Box<str>, baseline: Baseline) {
        let own = self.all.entry(credential).or_default();
        let before = own.bytes();
        own.merge(baseline);
        self.bytes += own.bytes().saturating_sub(before);
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes + self.all.len() * ENTRY_BYTES
    }

    /// Takes all out as rows, in no order.
    pub fn take(&mut self) -> impl Iterator<Item = (Box<str>, Baseline)> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.all).into_iter().map(|(credential, baseline)| (credential, *baseline))
    }
}

impl Chunk<'_> {
    fn row(&mut self, row: usize, credential: u32, seen: Sighting) {
        let uses = self.uses;
        let outcome = uses.outcome[row];
        let refused = u32::from(outcome == Outcome::Refused);
        let mut note = |coded| {
            let own = self.noted.entry((credential, coded)).or_insert((seen, seen, 0, 0));
            (own.0, own.1) = (own.0.min(seen), own.1.max(seen));
            (own.2, own.3) = (own.2 + 1, own.3 + refused);
        };
        let hour = seen.time_us.div_euclid(HOUR_US);
        note(Coded::Hour(hour));
        let (service, operation) = (uses.service.codes[row], uses.operation.codes[row]);
        if operation > 0 {
            note(Coded::Operation(service, operation));
        }
        let client = uses.user_agent.codes[row];
        if client > 0 {
            note(Coded::Client(client));
        }
        if outcome == Outcome::Success {
            note(Coded::Stay(uses.src_ip.codes[row], hour));
            note(Coded::Named(service, uses.tenant_uid.codes[row]));
        }
    }

    fn finish(self) -> Baselines {
        let uses = self.uses;
        let mut all: FxHashMap<u32, Baseline> = FxHashMap::default();
        for ((credential, coded), noted) in self.noted {
            all.entry(credential).or_default().learn(uses, coded, noted);
        }
        let named = all.into_iter().filter_map(|(code, mut baseline)| {
            let row = *self.described.get(&code)?;
            let word = |codes: &Codes| text(codes, codes.codes[row]).map(Into::into);
            baseline.hint = word(&uses.credential_hint);
            baseline.provider = word(&uses.provider);
            baseline.kind = word(&uses.credential_kind);
            baseline.actor = word(&uses.actor_name);
            Some((text(&uses.credential_uid, code)?.into(), Box::new(baseline)))
        });
        Baselines { all: named.collect(), bytes: 0 }
    }
}

impl Baseline {
    fn learn(&mut self, uses: &Uses, coded: Coded, (first, last, calls, refusals): Noted) {
        match coded {
            Coded::Hour(hour) => {
                self.calls.add(hour, calls);
                if refusals > 0 {
                    self.refusals.add(hour, refusals);
                }
                self.first_us = Some(self.first_us.map_or(first.time_us, |f| f.min(first.time_us)));
            }
            Coded::Operation(service, operation) => {
                let named = [text(&uses.service, service), text(&uses.operation, operation)];
                let name: Vec<&str> = named.into_iter().flatten().collect();
                self.operations.note(&name.join(":"), (first, calls));
            }
            Coded::Client(client) => {
                let family = text(&uses.user_agent, client).and_then(family);
                family.into_iter().for_each(|f| self.clients.note(&f, (first, calls)));
            }
            Coded::Named(service, tenant) => {
                let names = [text(&uses.service, service), text(&uses.tenant_uid, tenant)];
                if let Some(environment) = names.into_iter().flatten().find_map(environment_of) {
                    self.environments.note(environment, (first, calls));
                }
            }
            Coded::Stay(src_ip, hour) => {
                self.day(first, last.time_us);
                let Some(src_ip) = text(&uses.src_ip, src_ip) else { return };
                if let Some(network) = network_of(src_ip) {
                    self.networks.note(&network, (first, calls));
                    self.stay(Stay { hour, src_ip: src_ip.into(), first, last });
                }
            }
        }
    }
}
