//! When and where a credential is used at all: revived after a long pause, from many networks at once, in several environments; knows no rule.

use super::baseline::{Baseline, DAY_US};
use super::found::Found;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::place::{Sighting, network_of};
use std::collections::{BTreeMap, BTreeSet};

/// A pause is unusual only when it is so many times as long as any before it: some credentials are used once a month.
const LONGER: i64 = 2;
/// So many times as many networks as on a usual day are unusual.
const MORE_NETWORKS: usize = 3;
/// Days apart by no more than this are one episode.
const PAUSE_DAYS: i64 = 7;

/// First uses after a long pause.
pub fn revived(baseline: &Baseline, anomaly: &Anomaly) -> Vec<Found> {
    let mut found = Vec::new();
    let mut longest = 0;
    for days in baseline.days.windows(2) {
        let (before, after) = (days[0].1, days[1].0);
        let pause = after.time_us - before;
        if pause >= anomaly.pause_us && pause > LONGER * longest {
            let since = crate::model::time::rfc3339(Some(before)).unwrap_or_default();
            let says = format!("used again after {} days without use, since {since}", pause / DAY_US);
            let span = (after.time_us, days[1].1);
            let mut one = Found::new(Detector::DormantRevived, span, (pause / DAY_US) as f64, says);
            one.expected = Some((longest / DAY_US) as f64);
            one.at = vec![after];
            found.push(one);
        }
        longest = longest.max(pause);
    }
    found
}

/// Days on which it came from far more networks than usual.
pub fn shared_networks(baseline: &Baseline, anomaly: &Anomaly) -> Vec<Found> {
    let mut days: BTreeMap<i64, (BTreeSet<String>, Vec<Sighting>)> = BTreeMap::new();
    for stay in &baseline.stays {
        let (networks, at) = days.entry(stay.hour.div_euclid(24)).or_default();
        if network_of(&stay.src_ip).is_some_and(|network| networks.insert(network)) {
            at.push(stay.first);
        }
    }
    let mut found: Vec<Found> = Vec::new();
    let mut before: Vec<usize> = Vec::new();
    for (day, (networks, at)) in days {
        before.sort_unstable();
        let usual = before.get(before.len() / 2).copied().unwrap_or(0);
        before.push(networks.len());
        if (networks.len() as f64) < anomaly.at_least.max(2.0) || networks.len() < MORE_NETWORKS * usual {
            continue;
        }
        let end_us = (day + 1) * DAY_US - 1;
        match found.last_mut() {
            Some(last) if day * DAY_US - last.end_us <= PAUSE_DAYS * DAY_US => last.end_us = end_us,
            _ => found.push(many(&networks, usual, at, end_us)),
        }
    }
    found
}

fn many(networks: &BTreeSet<String>, usual: usize, at: Vec<Sighting>, end_us: i64) -> Found {
    let start_us = at.iter().map(|s| s.time_us).min().unwrap_or_default();
    let says = format!("accepted from {} networks on one day, usually {usual}", networks.len());
    let mut one = Found::new(Detector::SharedNetworks, (start_us, end_us), networks.len() as f64, says);
    one.expected = Some(usual as f64);
    one.values = networks.iter().take(20).cloned().collect();
    one.at = at;
    one
}

/// The moment at which it was accepted in a second environment.
pub fn shared_environments(baseline: &Baseline) -> Vec<Found> {
    let mut all: Vec<_> = baseline.environments.known().unwrap_or_default().iter().collect();
    all.sort_by_key(|v| v.first);
    let [first, second, ..] = all[..] else { return Vec::new() };
    let says = format!("accepted in {} and in {}", first.shown, second.shown);
    let span = (second.first.time_us, second.first.time_us);
    let mut one = Found::new(Detector::SharedEnvironments, span, all.len() as f64, says);
    one.expected = Some(1.0);
    one.at = vec![first.first, second.first];
    one.values = all.iter().map(|v| v.shown.to_string()).collect();
    vec![one]
}
