//! Accepted calls from places further apart than anybody travels in the time between; is told where addresses are.

use super::baseline::{Baseline, DAY_US, Stay};
use super::found::Found;
use super::values::hash;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::Micros;
use crate::model::place::network_of;
use crate::model::whereabouts::{Locate, Whereabouts};

/// Nearer places than this are one: databases of addresses are not exact.
const NEAR_KM: f64 = 500.0;
/// Journeys within this time are one alert.
const TOGETHER_US: Micros = DAY_US;

impl Baseline {
    /// Notes the countries and autonomous systems of the addresses it was accepted from.
    pub fn locate(&mut self, locate: Locate<'_>) {
        for stay in &self.stays {
            let Some(place) = locate(&stay.src_ip) else { continue };
            place.country.iter().for_each(|country| self.countries.note(country, (stay.first, 1)));
            place.asn.iter().for_each(|asn| self.asns.note(asn, (stay.first, 1)));
        }
    }

    /// Whether it came from an address's network for more than a day before: people do not travel between two places that a service runs in.
    fn lives_at(&self, stay: &Stay) -> bool {
        let Some(network) = network_of(&stay.src_ip).map(|n| hash(&n)) else { return false };
        let known = self.networks.known().unwrap_or_default();
        known.iter().any(|v| v.hash == network && stay.first.time_us - v.first.time_us > DAY_US)
    }
}

/// Journeys that nobody makes, one alert a day.
pub fn impossible(baseline: &Baseline, anomaly: &Anomaly, locate: Locate<'_>) -> Vec<Found> {
    let mut stays: Vec<&Stay> = baseline.stays.iter().collect();
    stays.sort_by_key(|s| (s.first, s.last));
    let mut found: Vec<Found> = Vec::new();
    for pair in stays.windows(2) {
        let Some(one) = journey((pair[0], pair[1]), anomaly, locate) else { continue };
        if baseline.lives_at(pair[0]) && baseline.lives_at(pair[1]) {
            continue;
        }
        match found.last_mut() {
            Some(last) if one.start_us - last.end_us <= TOGETHER_US => last.end_us = one.end_us,
            _ => found.push(one),
        }
    }
    found
}

fn journey((from, to): (&Stay, &Stay), anomaly: &Anomaly, locate: Locate<'_>) -> Option<Found> {
    if from.src_ip == to.src_ip {
        return None;
    }
    let (here, there) = (locate(&from.src_ip)?, locate(&to.src_ip)?);
    let distance = here.distance(&there).filter(|km| *km >= NEAR_KM)?;
    let us = (to.first.time_us - from.last.time_us).max(60_000_000);
    let hours = us as f64 / 3.6e9;
    let speed = distance / hours;
    if speed < anomaly.max_speed {
        return None;
    }
    let name = |place: &Whereabouts, stay: &Stay| match &place.country {
        Some(country) => format!("{country} ({})", stay.src_ip),
        None => stay.src_ip.to_string(),
    };
    let minutes = (us / 60_000_000).max(1);
    let says =
        format!("{} and then {}, {distance:.0} km apart, within {minutes} min", name(&here, from), name(&there, to));
    let span = (from.last.time_us.min(to.first.time_us), to.first.time_us);
    let mut one = Found::new(Detector::ImpossibleTravel, span, speed.round(), says);
    one.expected = Some(anomaly.max_speed);
    one.at = vec![from.last, to.first];
    one.src_ip = Some(to.src_ip.to_string());
    one.values = [here.country, there.country].into_iter().flatten().collect();
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::baseline::HOUR_US;
    use crate::model::place::Sighting;

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
            baseline.networks.note(&network_of(ip).unwrap(), (at, 1));
            baseline.stay(Stay { hour: *hour, src_ip: (*ip).into(), first: at, last: at });
        }
        let found = impossible(&baseline, &Anomaly::default(), &locate);
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
