//! What the others did in the same minutes: how many credentials of a provider were refused and accepted, who was rate limited, which addresses
//! try many keys; keeps hashes and counts, no events.

use super::profiles::{Rows, hash, note};
use crate::error::Error;
use crate::model::finding::{Micros, Outcome, Uses};
use crate::model::records::Codes;
use polars::prelude::{DataFrame, IntoColumn, NamedFrom, PolarsError, Series, SortMultipleOptions};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minutes are counted in steps of this many microseconds.
const STEP_US: Micros = 300_000_000;
/// Hashes kept of the credentials accepted in a step: more are estimated from how small the kept ones are.
const KEPT: usize = 32;
/// From so many credentials refused around one step on, a provider may be at fault.
const MANY_FAILING: usize = 5;
/// From so many credentials on, an address is trying keys.
const MANY_KEYS: usize = 10;

/// Distinct credentials accepted by provider and step of time: for every event, so a sample of the smallest hashes each.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: FxHashMap<(u64, Micros), Vec<u64>>,
    /// Addresses from which some credential was accepted.
    addresses: FxHashSet<u64>,
}

/// What a pulse holds, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Beats {
    /// Provider, step of time, hashes of credentials.
    beats: Vec<(u64, Micros, Vec<u64>)>,
    addresses: Vec<u64>,
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
            if let Some(hash) = text_hash(&uses.provider, row) {
                *provider = hash;
            }
            if uses.outcome[row] != Outcome::Success || !rows.counts(row) {
                continue;
            }
            if *ip != uses.src_ip.codes[row] {
                *ip = uses.src_ip.codes[row];
                pulse.addresses.extend(text_hash(&uses.src_ip, row));
            }
            let step = uses.event_time_us[row].div_euclid(STEP_US);
            if *seen != step {
                *seen = step;
                pulse.add((*provider, step), hash(&uses.credential_uid.values[index]));
            }
        }
        pulse
    }

    fn add(&mut self, beat: (u64, Micros), credential: u64) {
        let kept = self.beats.entry(beat).or_default();
        note(kept, Some(credential));
        kept.truncate(KEPT);
    }

    /// Adds another chunk's.
    pub fn merge(&mut self, other: Pulse) {
        for (beat, credentials) in other.beats {
            credentials.into_iter().for_each(|credential| self.add(beat, credential));
        }
        self.addresses.extend(other.addresses);
    }

    /// The same day by day (since 1970), so that a store can forget old ones; addresses, which have no day, come with none.
    pub fn by_day(&self) -> BTreeMap<Option<i32>, Beats> {
        const STEPS_A_DAY: Micros = 86_400_000_000 / STEP_US;
        let mut days: BTreeMap<Option<i32>, Beats> = BTreeMap::new();
        for ((provider, step), credentials) in &self.beats {
            let day = i32::try_from(step.div_euclid(STEPS_A_DAY)).unwrap_or(i32::MIN);
            days.entry(Some(day)).or_default().beats.push((*provider, *step, credentials.clone()));
        }
        if !self.addresses.is_empty() {
            days.entry(None).or_default().addresses.extend(&self.addresses);
        }
        for of_day in days.values_mut() {
            of_day.beats.sort_unstable();
            of_day.addresses.sort_unstable();
        }
        days
    }

    /// Takes what an earlier run saw.
    pub fn restore(&mut self, beats: Beats) {
        self.addresses.extend(beats.addresses);
        for (provider, step, credentials) in beats.beats {
            credentials.into_iter().for_each(|credential| self.add((provider, step), credential));
        }
    }

    fn count(&self, provider: u64, step: Micros) -> f64 {
        match self.beats.get(&(provider, step)).map(Vec::as_slice) {
            Some([.., largest]) if self.beats[&(provider, step)].len() == KEPT => {
                (KEPT - 1) as f64 * (u64::MAX as f64 / *largest as f64)
            }
            kept => kept.map_or(0.0, |kept| kept.len() as f64),
        }
    }
}

fn text_hash(codes: &Codes, row: usize) -> Option<u64> {
    (codes.codes[row] as usize).checked_sub(1).and_then(|i| codes.values.get(i)).map(|text| hash(text))
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

/// What is counted by, when, and which credential.
#[derive(Debug, Default)]
struct Tried {
    by: Vec<u64>,
    step: Vec<Micros>,
    credential: Vec<u64>,
}

impl Tried {
    fn push(&mut self, by: u64, step: Micros, credential: u64) {
        self.by.push(by);
        self.step.push(step);
        self.credential.push(credential);
    }

    /// The distinct credentials of each group, sorted.
    fn grouped(self) -> Result<FxHashMap<(u64, Micros), Vec<u64>>, PolarsError> {
        let rows = self.by.len();
        let columns = vec![
            Series::new("by".into(), self.by).into_column(),
            Series::new("step".into(), self.step).into_column(),
            Series::new("credential".into(), self.credential).into_column(),
        ];
        let sorted =
            DataFrame::new(rows, columns)?.sort(["by", "step", "credential"], SortMultipleOptions::default())?;
        let (by, step) = (sorted.column("by")?.u64()?, sorted.column("step")?.i64()?);
        let credential = sorted.column("credential")?.u64()?;
        let mut groups: FxHashMap<(u64, Micros), Vec<u64>> = FxHashMap::default();
        for ((by, step), credential) in by.iter().zip(step.iter()).zip(credential.iter()) {
            let group = groups.entry((by.unwrap_or_default(), step.unwrap_or_default())).or_default();
            if group.last() != credential.as_ref() {
                group.extend(credential);
            }
        }
        Ok(groups)
    }

    /// How many distinct credentials each group has, of those that have at least `least`.
    fn counted(self, least: usize) -> Result<FxHashMap<(u64, Micros), u64>, PolarsError> {
        let groups = self.grouped()?.into_iter().map(|(group, of)| (group, of.len() as u64));
        Ok(groups.filter(|(_, count)| *count >= least as u64).collect())
    }

    /// The same over a step and its neighbours: what happens at once may fall on both sides of a step's end.
    fn counted_around(self, least: usize) -> Result<FxHashMap<(u64, Micros), u64>, PolarsError> {
        let groups = self.grouped()?;
        let touched: FxHashSet<(u64, Micros)> =
            groups.keys().flat_map(|(by, step)| (step - 1..=step + 1).map(move |s| (*by, s))).collect();
        let count = |(by, step): (u64, Micros)| {
            let near = (step - 1..=step + 1).filter_map(|s| groups.get(&(by, s)));
            near.flatten().collect::<FxHashSet<_>>().len() as u64
        };
        let counted = touched.into_iter().map(|group| (group, count(group)));
        Ok(counted.filter(|(_, count)| *count >= least as u64).collect())
    }
}

/// Refusals under count.
#[derive(Debug, Default)]
pub struct Refusals {
    by_provider: Tried,
    by_address: Tried,
    throttled: FxHashSet<(u64, Micros)>,
}

impl Refusals {
    /// Counts a refusal.
    pub fn add(&mut self, refusal: Refusal<'_>) {
        let credential = hash(refusal.credential);
        let step = refusal.time_us.div_euclid(STEP_US);
        if refusal.is_throttled {
            self.throttled.insert((credential, step));
        } else if refusal.is_open {
            self.by_provider.push(refusal.provider.map_or(0, hash), step, credential);
            if let Some(ip) = refusal.src_ip {
                self.by_address.push(hash(ip), 0, credential);
            }
        }
    }
}

/// All of it together.
#[derive(Debug, Default)]
pub struct Fleet {
    accepted: Pulse,
    refused: FxHashMap<(u64, Micros), u64>,
    tried: FxHashMap<(u64, Micros), u64>,
    throttled: FxHashSet<(u64, Micros)>,
}

impl Fleet {
    /// What was accepted, and what was refused.
    pub fn new(accepted: Pulse, refusals: Refusals) -> Result<Fleet, Error> {
        let fault = |e: PolarsError| Error::ours("fleet", e);
        Ok(Fleet {
            refused: refusals.by_provider.counted_around(MANY_FAILING).map_err(fault)?,
            tried: refusals.by_address.counted(MANY_KEYS).map_err(fault)?,
            throttled: refusals.throttled,
            accepted,
        })
    }

    /// How many credentials of a provider were refused around a time, where they are many and more than those accepted.
    pub fn outage(&self, provider: Option<&str>, time_us: Micros) -> Option<u64> {
        let provider = provider.map_or(0, hash);
        let step = time_us.div_euclid(STEP_US);
        let refused = *self.refused.get(&(provider, step))?;
        (refused as f64 >= self.accepted.count(provider, step)).then_some(refused)
    }

    /// Whether a credential was rate limited around a time.
    pub fn is_throttled(&self, credential: &str, time_us: Micros) -> bool {
        let (credential, step) = (hash(credential), time_us.div_euclid(STEP_US));
        (step - 1..=step + 1).any(|s| self.throttled.contains(&(credential, s)))
    }

    /// How many credentials an address tried, where they are many and none was ever accepted from it.
    pub fn keys_tried(&self, src_ip: &str) -> Option<u64> {
        let ip = hash(src_ip);
        self.tried.get(&(ip, 0)).copied().filter(|_| !self.accepted.addresses.contains(&ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(refusals: &[(u64, i64, &str)]) -> Fleet {
        let mut counted = Refusals::default();
        let names: Vec<String> = refusals.iter().map(|(n, ..)| format!("key-{n}")).collect();
        for ((_, minute, ip), credential) in refusals.iter().zip(&names) {
            let time_us = minute * 60_000_000;
            let (provider, src_ip) = (Some("acme"), Some(*ip));
            counted.add(Refusal { provider, credential, src_ip, time_us, is_throttled: false, is_open: true });
        }
        Fleet::new(Pulse::default(), counted).unwrap()
    }

    #[test]
    fn distinct_credentials_count_within_minutes_of_each_other() {
        let five: Vec<(u64, i64, &str)> = (0..5).map(|n| (n, 8 + n as i64, "a")).collect();
        assert_eq!(fleet(&five).outage(Some("acme"), 9 * 60_000_000), Some(5));
        assert_eq!(fleet(&five).outage(Some("other"), 9 * 60_000_000), None);
        assert_eq!(fleet(&five).outage(Some("acme"), 60 * 60_000_000), None);
        assert_eq!(fleet(&[(1, 8, "a"); 9]).outage(Some("acme"), 9 * 60_000_000), None);
        assert_eq!(fleet(&five).keys_tried("a"), None);
        let ten: Vec<(u64, i64, &str)> = (0..10).map(|n| (n, 100 * n as i64, "a")).collect();
        assert_eq!(fleet(&ten).keys_tried("a"), Some(10));
        assert_eq!(fleet(&[]).keys_tried("a"), None);
    }
}
