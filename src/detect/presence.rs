//! When and where a credential is used at all: revived after a long pause, from many networks at once, in several environments; knows no rule.

use super::baseline::{Baseline, DAY_US, HOUR_US};
use super::found::Found;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::place::{Sighting, network_of};
use std::collections::BTreeMap;

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
        let (before, after) = (days[0], days[1]);
        let pause = after.time_us - before.time_us;
        if pause >= anomaly.pause_us && pause > LONGER * longest {
            let since = crate::model::time::rfc3339(Some(before.time_us)).unwrap_or_default();
            let says = format!("used again after {} days without use, last on {}", pause / DAY_US, &since[..10]);
            let span = (after.time_us, after.time_us);
            let mut one = Found::new(Detector::DormantRevived, span, (pause / DAY_US) as f64, says);
            one.expected = Some((longest / DAY_US) as f64);
            one.at = vec![after];
            found.push(one);
        }
        longest = longest.max(pause);
    }
    found
}

/// The networks of one day: the hour in which each was first used, and the first call where the log shows it.
type Day = BTreeMap<String, (i64, Option<Sighting>)>;

/// The networks of every day, until there were too many addresses to look at.
fn networks_by_day(baseline: &Baseline) -> BTreeMap<i64, Day> {
    let crowded = baseline.addresses.crowded_us();
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for address in baseline.addresses.iter() {
        let Some(network) = network_of(&address.ip) else { continue };
        let first = address.first.time_us.div_euclid(HOUR_US);
        for hour in address.hours.from(i64::MIN / 2).take_while(|h| h * HOUR_US <= crowded) {
            let seen = (hour, Some(address.first).filter(|_| hour == first));
            let day = days.entry(hour.div_euclid(24)).or_default();
            match day.get_mut(&network) {
                Some(own) => *own = earlier(*own, seen),
                None => {
                    day.insert(network.clone(), seen);
                }
            }
        }
    }
    days
}

/// The earlier hour, and of one hour the call that the log shows.
fn earlier(a: (i64, Option<Sighting>), b: (i64, Option<Sighting>)) -> (i64, Option<Sighting>) {
    match a.0.cmp(&b.0) {
        std::cmp::Ordering::Less => a,
        std::cmp::Ordering::Greater => b,
        std::cmp::Ordering::Equal => (a.0, [a.1, b.1].into_iter().flatten().min()),
    }
}

/// Days on which it came from far more networks than usual. They begin with the hour in which it were too many.
pub fn shared_networks(baseline: &Baseline, anomaly: &Anomaly) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let least = anomaly.at_least.max(2.0).ceil() as usize;
    if baseline.addresses.len() < least {
        return found;
    }
    let mut before: Vec<usize> = Vec::new();
    for (day, networks) in networks_by_day(baseline) {
        let usual = before.get(before.len() / 2).copied().unwrap_or(0);
        before.insert(before.partition_point(|n| *n < networks.len()), networks.len());
        let least = least.max(MORE_NETWORKS * usual);
        if networks.len() < least {
            continue;
        }
        let end_us = (day + 1) * DAY_US - 1;
        match found.last_mut() {
            Some(last) if day * DAY_US - last.end_us <= PAUSE_DAYS * DAY_US => last.end_us = end_us,
            _ => found.push(many(&networks, (usual, least), end_us)),
        }
    }
    found
}

fn many(networks: &Day, (usual, least): (usize, usize), end_us: i64) -> Found {
    let mut hours: Vec<i64> = networks.values().map(|(hour, _)| *hour).collect();
    hours.sort_unstable();
    let start_us = hours[least - 1] * HOUR_US;
    let says = format!("accepted from {} networks on one day, usually {usual}", networks.len());
    let mut one = Found::new(Detector::SharedNetworks, (start_us, end_us), networks.len() as f64, says);
    one.expected = Some(usual as f64);
    one.values = networks.keys().take(20).cloned().collect();
    one.at = networks.values().filter_map(|(_, seen)| *seen).collect();
    one.at.sort_unstable();
    one
}

/// The moment at which it was accepted in a second environment.
pub fn shared_environments(baseline: &Baseline) -> Vec<Found> {
    let all = baseline.environments.by_time();
    let [first, second, ..] = all[..] else { return Vec::new() };
    let says = format!("accepted in {} and in {}", first.shown, second.shown);
    let span = (second.first.time_us, second.first.time_us);
    let mut one = Found::new(Detector::SharedEnvironments, span, all.len() as f64, says);
    one.expected = Some(1.0);
    one.at = vec![first.first, second.first];
    one.values = all.iter().map(|v| v.shown.to_string()).collect();
    vec![one]
}
