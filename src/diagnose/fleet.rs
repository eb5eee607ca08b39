//! What the others did in the same minutes: how many credentials of a provider were refused and accepted, who was rate limited, which addresses
//! try many keys; keeps small samples of hashes, no events.

use super::profiles::{Rows, hash, note};
use crate::model::finding::{Micros, Outcome, Uses};
use rustc_hash::{FxHashMap, FxHashSet};

/// Minutes are counted in steps of this many microseconds.
pub const STEP_US: Micros = 300_000_000;
/// Hashes kept of each set: more are estimated from how small the kept ones are.
const KEPT: usize = 32;
/// From so many credentials refused in one step on, a provider may be at fault.
const MANY_FAILING: f64 = 5.0;
/// From so many credentials on, an address is trying keys.
const MANY_KEYS: f64 = 10.0;

/// Distinct credentials, counted by a sample of the smallest hashes.
#[derive(Debug, Clone, Default)]
struct Distinct {
    smallest: Vec<u64>,
}

impl Distinct {
    fn add(&mut self, hash: u64) {
        note(&mut self.smallest, Some(hash));
        self.smallest.truncate(KEPT);
    }

    fn count(&self) -> f64 {
        match self.smallest.last() {
            Some(largest) if self.smallest.len() == KEPT => (KEPT - 1) as f64 * (u64::MAX as f64 / *largest as f64),
            _ => self.smallest.len() as f64,
        }
    }
}

/// Credentials by provider and step of time.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: FxHashMap<(u64, Micros), Distinct>,
    /// Addresses from which some credential was accepted.
    addresses: FxHashSet<u64>,
}

impl Pulse {
    /// The credentials accepted in one chunk.
    pub fn of(uses: &Uses, rows: Rows<'_>) -> Pulse {
        let mut pulse = Pulse::default();
        // What belongs to a credential stands where the chunk first shows it.
        let mut last: Vec<(Micros, u64, u32)> = vec![(Micros::MIN, 0, 0); uses.credential_uid.values.len()];
        for (row, &code) in uses.credential_uid.codes.iter().enumerate() {
            let Some(index) = (code as usize).checked_sub(1) else { continue };
            let (seen, provider, ip) = &mut last[index];
            if let Some(text) = text(&uses.provider, row) {
                *provider = hash(text);
            }
            let step = uses.event_time_us[row].div_euclid(STEP_US);
            if uses.outcome[row] != Outcome::Success || !rows.counts(row) {
                continue;
            }
            if *ip != uses.src_ip.codes[row] {
                *ip = uses.src_ip.codes[row];
                pulse.addresses.extend(text_hash(&uses.src_ip, row));
            }
            if *seen != step {
                *seen = step;
                pulse.beats.entry((*provider, step)).or_default().add(hash(&uses.credential_uid.values[index]));
            }
        }
        pulse
    }

    /// Adds another chunk's.
    pub fn merge(&mut self, other: Pulse) {
        for (key, distinct) in other.beats {
            let own = self.beats.entry(key).or_default();
            distinct.smallest.into_iter().for_each(|h| own.add(h));
        }
        self.addresses.extend(other.addresses);
    }

    /// Over the step and its neighbours: what happens at once may fall on both sides of a step's end.
    fn count_around(&self, provider: u64, step: Micros) -> f64 {
        let mut all = Distinct::default();
        let near = (step - 1..=step + 1).filter_map(|s| self.beats.get(&(provider, s)));
        near.flat_map(|d| &d.smallest).for_each(|h| all.add(*h));
        all.count()
    }

    fn count(&self, provider: u64, step: Micros) -> f64 {
        self.beats.get(&(provider, step)).map_or(0.0, Distinct::count)
    }
}

fn text(codes: &crate::model::records::Codes, row: usize) -> Option<&str> {
    (codes.codes[row] as usize).checked_sub(1).and_then(|i| codes.values.get(i)).map(String::as_str)
}

fn text_hash(codes: &crate::model::records::Codes, row: usize) -> Option<u64> {
    text(codes, row).map(hash)
}

/// A refusal, as the fleet counts it.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'r> {
    /// Whose credential.
    pub provider: Option<&'r str>,
    /// Which.
    pub credential: &'r str,
    /// From where.
    pub src_ip: Option<&'r str>,
    /// When.
    pub time_us: Micros,
    /// Whether its own record says that it was rate limited.
    pub is_throttled: bool,
    /// Whether its own record leaves open whose fault it is.
    pub is_open: bool,
}

/// All of it together.
#[derive(Debug, Default)]
pub struct Fleet {
    accepted: Pulse,
    refused: Pulse,
    throttled: FxHashSet<(u64, Micros)>,
    tried: FxHashMap<u64, Distinct>,
}

impl Fleet {
    /// Begins with what was accepted.
    pub fn new(accepted: Pulse) -> Fleet {
        Fleet { accepted, ..Fleet::default() }
    }

    /// Counts a refusal.
    pub fn add(&mut self, refusal: Refusal<'_>) {
        let credential = hash(refusal.credential);
        let step = refusal.time_us.div_euclid(STEP_US);
        if refusal.is_throttled {
            self.throttled.insert((credential, step));
            return;
        }
        if refusal.is_open {
            let provider = refusal.provider.map_or(0, hash);
            self.refused.beats.entry((provider, step)).or_default().add(credential);
            if let Some(ip) = refusal.src_ip.map(hash).filter(|ip| !self.accepted.addresses.contains(ip)) {
                self.tried.entry(ip).or_default().add(credential);
            }
        }
    }

    /// How many credentials of a provider were refused and accepted around a time, where those refused are many and more than those accepted.
    pub fn outage(&self, provider: Option<&str>, time_us: Micros) -> Option<(u64, u64)> {
        let provider = provider.map_or(0, hash);
        let step = time_us.div_euclid(STEP_US);
        let refused = self.refused.count_around(provider, step);
        let accepted = self.accepted.count(provider, step);
        (refused >= MANY_FAILING && refused >= accepted).then_some((refused as u64, accepted as u64))
    }

    /// Whether a credential was rate limited around a time.
    pub fn is_throttled(&self, credential: &str, time_us: Micros) -> bool {
        let (credential, step) = (hash(credential), time_us.div_euclid(STEP_US));
        (step - 1..=step + 1).any(|s| self.throttled.contains(&(credential, s)))
    }

    /// How many credentials an address tried, where they are many and none was ever accepted from it.
    pub fn keys_tried(&self, src_ip: &str) -> Option<u64> {
        let tried = self.tried.get(&hash(src_ip))?.count();
        (tried >= MANY_KEYS).then_some(tried as u64)
    }
}
