//! Values that a credential was never seen with before, and that few like it have: networks, operations, clients; opens no address database.

use super::baseline::{Baseline, DAY_US};
use super::found::Found;
use super::peers::Peers;
use super::values::{VALUES_CAP, Value, Values};
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::Micros;
use crate::model::place::network_of;
use crate::model::whereabouts::Locate;

/// New values within this time are one alert.
const TOGETHER_US: Micros = DAY_US;
/// A credential that got so many new values a week, or has so many that came on one day only, gets new ones all the time.
const RESTLESS_A_WEEK: f64 = 0.34;
/// Whoever was accepted on fewer days has no habits yet, however long ago that was.
const FEWEST_DAYS: usize = 5;
/// Most values named in an alert.
const NAMED: usize = 5;

/// Kinds of values that are looked at.
pub const LOOKED_AT: [Detector; 5] =
    [Detector::NewNetwork, Detector::NewOperation, Detector::NewClient, Detector::NewCountry, Detector::NewAsn];

/// A baseline with what addresses tell, worked out when it is asked for.
pub struct Looked<'b> {
    /// The baseline.
    pub baseline: &'b Baseline,
    locate: Locate<'b>,
    places: Vec<(Detector, Values)>,
}

impl<'b> Looked<'b> {
    /// Nothing worked out yet.
    pub fn new(baseline: &'b Baseline, locate: Locate<'b>) -> Looked<'b> {
        Looked { baseline, locate, places: Vec::new() }
    }

    /// The values that a detector looks at.
    pub fn values(&mut self, detector: Detector) -> &Values {
        match detector {
            Detector::NewOperation => &self.baseline.operations,
            Detector::NewClient => &self.baseline.clients,
            place => self.place(place),
        }
    }

    fn place(&mut self, detector: Detector) -> &Values {
        let at = self.places.iter().position(|(d, _)| *d == detector).unwrap_or_else(|| {
            let locate = self.locate;
            let values = self.baseline.addresses.named(&|ip| match detector {
                Detector::NewCountry => locate(ip)?.country,
                Detector::NewAsn => locate(ip)?.asn,
                _ => network_of(ip),
            });
            self.places.push((detector, values));
            self.places.len() - 1
        });
        &self.places[at].1
    }

    /// From this time on there were too many values for a habit.
    fn crowded_us(&self, detector: Detector, known: &[&Value]) -> Micros {
        let own = known.get(VALUES_CAP - 1).map_or(Micros::MAX, |v| v.first.time_us);
        let is_place = !matches!(detector, Detector::NewOperation | Detector::NewClient);
        if is_place { own.min(self.baseline.addresses.crowded_us()) } else { own }
    }
}

/// What one value of that kind is called.
fn what(detector: Detector) -> &'static str {
    match detector {
        Detector::NewOperation => "operation",
        Detector::NewClient => "client",
        Detector::NewCountry => "country",
        Detector::NewAsn => "autonomous system",
        _ => "network",
    }
}

/// New values of one kind, one alert for those that come together.
pub fn new_values(
    looked: &mut Looked<'_>,
    anomaly: &Anomaly,
    detector: Detector,
    (peers, since_us): (&Peers, Option<Micros>),
) -> Vec<Found> {
    if !looked.baseline.was_accepted() {
        return Vec::new();
    }
    let Some(first_us) = looked.baseline.first_us() else { return Vec::new() };
    let values = looked.values(detector).clone();
    let known = values.by_time();
    // Where a log begins to name networks or clients later than it names the credential, learning begins there.
    let first_us = known.first().map_or(first_us, |v| v.first.time_us.max(first_us));
    let history_us = anomaly.narrowing.min_history_us;
    let crowded_us = looked.crowded_us(detector, &known);
    let days = &looked.baseline.days;
    let since_us = since_us.unwrap_or(Micros::MIN).max(first_us.saturating_add(history_us));
    let is_unusual = |value: &&Value| {
        let now = value.first.time_us;
        (since_us..crowded_us).contains(&now)
            && days.partition_point(|day| day.time_us < now) >= FEWEST_DAYS
            && peers.share(looked, (detector, value.hash), now) < anomaly.peers
            && !is_restless(&before(&known, now - TOGETHER_US), (first_us, now), history_us)
    };
    let new: Vec<&Value> = known.iter().copied().filter(|v| is_unusual(v)).collect();
    let mut found = Vec::new();
    let mut rest = &new[..];
    while let Some(first) = rest.first() {
        let now = first.first.time_us;
        let (together, later) = rest.split_at(rest.partition_point(|v| v.first.time_us <= now + TOGETHER_US));
        found.push(told(together, &before(&known, now), detector));
        rest = later;
    }
    found
}

/// The values, given in order of time, that were first seen before a time.
fn before<'v>(known: &[&'v Value], now_us: Micros) -> Vec<&'v Value> {
    known[..known.partition_point(|v| v.first.time_us < now_us)].to_vec()
}

/// Whether values like a new one come all the time: by those that came after the first days, and by those seen on one day only, of which every
/// further day may bring another (Good and Turing).
fn is_restless(had: &[&Value], (first_us, now_us): (Micros, Micros), history_us: Micros) -> bool {
    let settled_us = first_us + history_us / 2;
    let late = had.iter().filter(|v| v.first.time_us >= settled_us).count() as f64;
    let rare = had.iter().filter(|v| v.again_us.is_none_or(|again| again >= now_us)).count() as f64;
    let weeks = |since: Micros| (now_us - since) as f64 / (7 * DAY_US) as f64;
    late > (RESTLESS_A_WEEK * weeks(settled_us)).max(1.0) || rare > (RESTLESS_A_WEEK * weeks(first_us)).max(1.0)
}

fn told(together: &[&Value], had: &[&Value], detector: Detector) -> Found {
    let names = |values: &[&Value]| {
        let named: Vec<&str> = values.iter().take(NAMED).map(|v| &*v.shown).collect();
        let more = values.len().saturating_sub(NAMED);
        if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
    };
    let (start_us, end_us) =
        (together[0].first.time_us, together.iter().map(|v| v.first.time_us).max().unwrap_or_default());
    let until_then = if had.is_empty() { "none".into() } else { names(had) };
    let says = format!("never before with {} {}; until then {until_then}", what(detector), names(together));
    let mut found = Found::new(detector, (start_us, end_us), together.len() as f64, says);
    found.at = together.iter().map(|v| v.first).collect();
    found.values = together.iter().map(|v| v.shown.to_string()).collect();
    found.expected = Some(0.0);
    found
}
