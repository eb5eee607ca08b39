//! Values that a credential was never seen with before, and that few like it have: networks, operations, clients; knows no address database.

use super::baseline::{Baseline, DAY_US};
use super::found::Found;
use super::values::{Value, Values};
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::Micros;
use rustc_hash::FxHashMap;

/// New values within this time are one alert.
const TOGETHER_US: Micros = DAY_US;
/// A credential that got so many new values a week, or has so many that it was seen with once only, gets new ones all the time.
const RESTLESS_A_WEEK: f64 = 0.34;
/// Fewer peers than this are no yardstick.
const FEWEST_PEERS: u32 = 5;
/// What a credential was first seen with in this time belongs to its habits.
const LEARNING_US: Micros = 7 * DAY_US;
/// Most different values of peers counted.
const PEERS_CAP: usize = 200_000;
/// Most values named in an alert.
const NAMED: usize = 5;

/// Which habits the credentials of a provider have, and how many of them.
#[derive(Debug, Default)]
pub struct Peers {
    with: FxHashMap<(Box<str>, Detector, u64), u32>,
    all: FxHashMap<Box<str>, u32>,
}

const LOOKED_AT: [Detector; 5] =
    [Detector::NewNetwork, Detector::NewOperation, Detector::NewClient, Detector::NewCountry, Detector::NewAsn];

/// The values that a detector looks at, and what one of them is called.
fn looked_at(baseline: &Baseline, detector: Detector) -> (&Values, &'static str) {
    match detector {
        Detector::NewOperation => (&baseline.operations, "operation"),
        Detector::NewClient => (&baseline.clients, "client"),
        Detector::NewCountry => (&baseline.countries, "country"),
        Detector::NewAsn => (&baseline.asns, "autonomous system"),
        _ => (&baseline.networks, "network"),
    }
}

impl Peers {
    /// Counts the habits of a credential.
    pub fn add(&mut self, baseline: &Baseline) {
        let Some(first_us) = baseline.first_us.filter(|_| baseline.was_accepted()) else { return };
        let provider = baseline.provider.clone().unwrap_or_default();
        *self.all.entry(provider.clone()).or_default() += 1;
        for detector in LOOKED_AT {
            let known = looked_at(baseline, detector).0.known().unwrap_or_default();
            for value in known.iter().filter(|v| v.first.time_us - first_us < LEARNING_US) {
                let key = (provider.clone(), detector, value.hash);
                if self.with.len() < PEERS_CAP || self.with.contains_key(&key) {
                    *self.with.entry(key).or_default() += 1;
                }
            }
        }
    }

    /// The part of the peers that have a value.
    fn share(&self, provider: Option<&str>, detector: Detector, hash: u64) -> f64 {
        let provider: Box<str> = provider.unwrap_or_default().into();
        let all = self.all.get(&provider).copied().unwrap_or(0);
        let with = self.with.get(&(provider, detector, hash)).copied().unwrap_or(0);
        if all < FEWEST_PEERS { 0.0 } else { f64::from(with) / f64::from(all) }
    }
}

/// New values of one kind, one alert for those that come together.
pub fn new_values(baseline: &Baseline, anomaly: &Anomaly, detector: Detector, peers: &Peers) -> Vec<Found> {
    let (values, what) = looked_at(baseline, detector);
    let (Some(known), Some(first_us)) = (values.known(), baseline.first_us) else { return Vec::new() };
    let mut known: Vec<&Value> = known.iter().collect();
    known.sort_by_key(|v| (v.first, v.hash));
    // Where a log begins to name networks or clients later than it names the credential, learning begins there.
    let first_us = known.first().map_or(first_us, |v| v.first.time_us.max(first_us));
    let history_us = anomaly.narrowing.min_history_us;
    let is_unusual = |value: &&&Value| {
        let settled = value.first.time_us - first_us >= history_us;
        settled && peers.share(baseline.provider.as_deref(), detector, value.hash) < anomaly.peers
    };
    let new: Vec<&Value> = known.iter().filter(is_unusual).copied().collect();
    let mut found = Vec::new();
    let mut rest = &new[..];
    while let Some(first) = rest.first() {
        let until = first.first.time_us.saturating_add(TOGETHER_US);
        let (together, later) = rest.split_at(rest.partition_point(|v| v.first.time_us <= until));
        let had: Vec<&Value> = known.iter().filter(|v| v.first.time_us < first.first.time_us).copied().collect();
        if !is_restless(&had, (first_us, first.first.time_us), history_us) {
            found.push(told(together, had, (detector, what)));
        }
        rest = later;
    }
    found
}

/// Whether values like a new one come all the time: by those that came after the first days, and by those seen once, of which every further
/// call may bring another (Good and Turing).
fn is_restless(had: &[&Value], (first_us, now_us): (Micros, Micros), history_us: Micros) -> bool {
    let settled_us = first_us + history_us / 2;
    let late = had.iter().filter(|v| v.first.time_us >= settled_us).count();
    let seen = |times: u32| had.iter().filter(|v| v.seen == times).count() as f64;
    let rare = seen(1) + seen(2) / 2.0;
    let weeks = |since: Micros| (now_us - since) as f64 / (7 * DAY_US) as f64;
    late as f64 > (RESTLESS_A_WEEK * weeks(settled_us)).max(1.0) || rare > RESTLESS_A_WEEK * weeks(first_us)
}

fn told(together: &[&Value], had: Vec<&Value>, (detector, what): (Detector, &str)) -> Found {
    let names = |values: &[&Value]| {
        let named: Vec<&str> = values.iter().take(NAMED).map(|v| &*v.shown).collect();
        let more = values.len().saturating_sub(NAMED);
        if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
    };
    let (start_us, end_us) =
        (together[0].first.time_us, together.iter().map(|v| v.first.time_us).max().unwrap_or_default());
    let before = if had.is_empty() { "none".into() } else { names(&had) };
    let says = format!("never before with {what} {}; until then {before}", names(together));
    let mut found = Found::new(detector, (start_us, end_us), together.len() as f64, says);
    found.at = together.iter().map(|v| v.first).collect();
    found.values = together.iter().map(|v| v.shown.to_string()).collect();
    found.expected = Some(0.0);
    found
}
