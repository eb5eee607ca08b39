//! Accepted calls from places further apart than anybody travels in the time between; is told where addresses are.

use super::addresses::Address;
use super::baseline::{Baseline, DAY_US, HOUR_US};
use super::found::Found;
use super::novelty::Looked;
use super::values::hash;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::Micros;
use crate::model::place::{Sighting, network_of};
use crate::model::whereabouts::{Locate, Whereabouts};

/// Nearer places than this are one: databases of addresses are not exact.
const NEAR_KM: f64 = 500.0;
/// Journeys within this time are one alert.
const TOGETHER_US: Micros = DAY_US;
/// Half around the Earth.
const FURTHEST_KM: f64 = 20_040.0;

/// An hour with accepted calls from a place.
struct Stay<'s> {
    hour: i64,
    address: &'s Address,
    place: &'s Whereabouts,
}

/// Journeys that nobody makes, one alert a day.
pub fn impossible(
    looked: &mut Looked<'_>,
    anomaly: &Anomaly,
    (locate, since_us): (Locate<'_>, Option<Micros>),
) -> Vec<Found> {
    let baseline = looked.baseline;
    let mut found: Vec<Found> = Vec::new();
    if baseline.addresses.len() < 2 {
        return found;
    }
    let located: Vec<(&Address, Whereabouts)> =
        baseline.addresses.iter().filter_map(|a| Some((a, locate(&a.ip).filter(|w| w.point.is_some())?))).collect();
    let is_one_place = |(a, b): (&Whereabouts, &Whereabouts)| a.distance(b).is_none_or(|distance| distance < NEAR_KM);
    if located.windows(2).all(|pair| is_one_place((&pair[0].1, &pair[1].1))) {
        return found;
    }
    for pair in stays(&located, (baseline, anomaly, since_us)).windows(2) {
        let Some(one) = journey((&pair[0], &pair[1]), anomaly) else { continue };
        if since_us.is_some_and(|since| one.start_us < since)
            || (lives_at(looked, &pair[0]) && lives_at(looked, &pair[1]))
        {
            continue;
        }
        match found.last_mut() {
            Some(last) if one.start_us - last.end_us <= TOGETHER_US => last.end_us = one.end_us,
            _ => found.push(one),
        }
    }
    found
}

/// Hours and places in order, from as far before a time as a journey can begin that ends after it.
fn stays<'s>(
    located: &'s [(&'s Address, Whereabouts)],
    (baseline, anomaly, since_us): (&Baseline, &Anomaly, Option<Micros>),
) -> Vec<Stay<'s>> {
    let longest = (FURTHEST_KM / anomaly.max_speed.max(1.0)).ceil() as i64 + 1;
    let from = since_us.map_or(i64::MIN / 2, |since| since.div_euclid(HOUR_US) - longest);
    let crowded = baseline.addresses.crowded_us().div_euclid(HOUR_US);
    let of = |(address, place): &'s (&'s Address, Whereabouts)| {
        let hours = address.hours.from(from).take_while(move |hour| *hour <= crowded);
        hours.map(move |hour| Stay { hour, address, place })
    };
    let mut all: Vec<Stay<'s>> = located.iter().flat_map(of).collect();
    all.sort_by(|a, b| (a.hour, &a.address.ip).cmp(&(b.hour, &b.address.ip)));
    all
}

/// Whether it came from an address's network for more than a day before: people do not travel between two places that a service runs in.
fn lives_at(looked: &mut Looked<'_>, stay: &Stay<'_>) -> bool {
    let Some(network) = network_of(&stay.address.ip).map(|n| hash(&n)) else { return false };
    let networks = looked.values(Detector::NewNetwork);
    networks.iter().any(|v| v.hash == network && stay.hour * HOUR_US - v.first.time_us > DAY_US)
}

fn journey((from, to): (&Stay<'_>, &Stay<'_>), anomaly: &Anomaly) -> Option<Found> {
    let distance = from.place.distance(to.place).filter(|km| *km >= NEAR_KM)?;
    // Between calls of two hours lies no more than from the begin of one to the end of the other.
    let hours = to.hour - from.hour + 1;
    let speed = distance / hours as f64;
    if speed < anomaly.max_speed {
        return None;
    }
    let name = |stay: &Stay<'_>| match &stay.place.country {
        Some(country) => format!("{country} ({})", stay.address.ip),
        None => stay.address.ip.to_string(),
    };
    let within = if hours == 1 { "the same hour".to_string() } else { format!("{hours} hours") };
    let says = format!("{} and {}, {distance:.0} km apart, within {within}", name(from), name(to));
    let span = (to.hour * HOUR_US, (to.hour + 1) * HOUR_US - 1);
    let mut one = Found::new(Detector::ImpossibleTravel, span, speed.round(), says);
    one.expected = Some(anomaly.max_speed);
    one.at = [from, to].into_iter().filter_map(first_call).collect();
    one.src_ip = Some(to.address.ip.to_string());
    one.values = [&from.place.country, &to.place.country].into_iter().flatten().cloned().collect();
    Some(one)
}

/// The first call from an address, where it was in that hour.
fn first_call(stay: &Stay<'_>) -> Option<Sighting> {
    Some(stay.address.first).filter(|first| first.time_us.div_euclid(HOUR_US) == stay.hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(ip: &str) -> Option<Whereabouts> {
        let (country, point) = match ip {
            "192.0.2.1" => ("DE", (52.5, 13.4)),
            "192.0.2.200" => ("DE", (50.1, 8.7)),
            "203.0.113.9" => ("AU", (-33.9, 151.2)),
            _ => return None,
        };
        Some(Whereabouts { country: Some(country.into()), asn: None, point: Some(point) })
    }

    fn found(calls: &[(i64, &str)]) -> Vec<i64> {
        let mut baseline = Baseline::default();
        for (n, (hour, ip)) in calls.iter().enumerate() {
            let at = Sighting { time_us: hour * HOUR_US, input: 0, record: n as u64 };
            baseline.addresses.note(ip, at);
        }
        let found = impossible(&mut Looked::new(&baseline, &locate), &Anomaly::default(), (&locate, None));
        found.iter().map(|f| f.end_us / HOUR_US).collect()
    }

    #[test]
    fn nobody_is_in_two_continents_within_an_hour() {
        let (berlin, frankfurt, sydney) = ("192.0.2.1", "192.0.2.200", "203.0.113.9");
        assert_eq!(found(&[(0, berlin), (1, sydney)]), [1]);
        assert!(found(&[(0, berlin), (30, sydney)]).is_empty());
        assert!(found(&[(0, berlin), (1, frankfurt)]).is_empty());
        assert!(found(&[(0, berlin), (1, "198.51.100.1")]).is_empty());
        // One alert for a day of going to and fro, and none for services that live in both places.
        assert_eq!(found(&[(0, berlin), (1, sydney), (2, berlin), (3, sydney)]), [3]);
        assert!(found(&[(0, sydney), (40, berlin), (80, sydney), (81, berlin)]).is_empty());
    }
}
