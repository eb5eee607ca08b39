//! All detectors on one page: what each finds in the baseline of one credential. Pure: no clock, no files.
//!
//! What is found at a time depends on what was before it only, and begins with what makes it unusual: so a later run finds the same.

use super::baseline::DAY_US;
use super::found::Found;
use super::novelty::{Looked, new_values};
use super::peers::Peers;
use super::travel::impossible;
use super::{ended, presence, spikes};
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::{Micros, UseAfterEnd};
use crate::model::whereabouts::Locate;

/// What ended longer ago than this does not go on any more: the longest pause inside an episode of any detector.
pub const OPEN_US: Micros = 7 * DAY_US;

/// What detectors know beside a baseline.
pub struct Around<'a> {
    /// What like credentials do.
    pub peers: &'a Peers,
    /// Where addresses are.
    pub locate: Locate<'a>,
    /// Only what begins at or after this time is told, and little is looked at that is before it. Nothing must be going on at that time: what
    /// ended less than [`OPEN_US`] before may be. Uses after an end are told whenever they were.
    pub since_us: Option<Micros>,
}

/// What is unusual about one credential.
pub fn detect(looked: &mut Looked<'_>, ends: &[UseAfterEnd], anomaly: &Anomaly, around: &Around<'_>) -> Vec<Found> {
    let Some(detector) = anomaly.detector else { return Vec::new() };
    use Detector::*;
    let (baseline, since_us) = (looked.baseline, around.since_us);
    let mut found = match detector {
        UseAfterRevocation | UseAfterExpiry => return ended::after_end(ends, detector),
        UsageSpike | RefusalSpike => spikes::spikes(baseline, anomaly, detector, since_us),
        ThresholdExceeded => spikes::exceeded(baseline, anomaly, since_us),
        ConsistentFailure => spikes::consistent(baseline, anomaly, since_us),
        NewNetwork | NewAsn | NewCountry | NewOperation | NewClient => {
            new_values(looked, anomaly, detector, (around.peers, since_us))
        }
        DormantRevived => presence::revived(baseline, anomaly),
        ImpossibleTravel => impossible(looked, anomaly, (around.locate, since_us)),
        SharedNetworks => presence::shared_networks(baseline, anomaly),
        SharedEnvironments => presence::shared_environments(baseline),
    };
    found.retain(|f| since_us.is_none_or(|since| f.start_us >= since));
    found
}

#[cfg(test)]
mod tests {
    use super::super::baseline::{Baseline, HOUR_US};
    use super::super::baselines::Baselines;
    use super::*;
    use crate::model::finding::{Outcome, Uses};
    use crate::model::records::Codes;
    use crate::model::usual::Narrowing;
    use crate::model::whereabouts::Whereabouts;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// An event: second, credential, address, operation, client, how it ended.
    type Event = (i64, usize, usize, usize, usize, usize);

    const HOUR: i64 = 3_600;

    /// Forty days in which few hours are busy, most calls are alike, and some are not.
    fn events() -> impl Strategy<Value = Vec<Event>> {
        let second =
            (0i64..40, 0i64..4, 0i64..3).prop_map(|(day, hour, s)| (day * 24 + hour * hour) * HOUR + s * 1_000);
        let rare = |common: usize, all: usize| prop_oneof![9 => 0..common, 1 => 0..all];
        prop::collection::vec((second, 0usize..2, rare(1, 9), rare(2, 7), rare(1, 4), rare(1, 4)), 1..400)
    }

    fn codes<T: ToString>(all: &[(u64, Event)], of: impl Fn(&Event) -> T) -> Codes {
        let mut codes = Codes::default();
        for (_, event) in all {
            let text = of(event).to_string();
            let at = codes.values.iter().position(|v| *v == text).unwrap_or_else(|| {
                codes.values.push(text);
                codes.values.len() - 1
            });
            codes.codes.push(at as u32 + 1);
        }
        codes
    }

    /// The baselines of a part of the log; numbers are the events' own, in whatever part they stand.
    fn baselines(part: &[(u64, Event)]) -> Baselines {
        let none = || Codes { codes: vec![0; part.len()], values: vec![] };
        let outcome = |e: &Event| [Outcome::Success, Outcome::Refused, Outcome::Failed, Outcome::Refused][e.5];
        let uses = Uses {
            event_time_us: part.iter().map(|(_, e)| e.0 * 1_000_000).collect(),
            outcome: part.iter().map(|(_, e)| outcome(e)).collect(),
            credential_uid: codes(part, |e| format!("key{}", e.1)),
            credential_alias: none(),
            in_url: none(),
            credential_hint: codes(part, |e| format!("k...{}", e.4)),
            credential_kind: none(),
            provider: codes(part, |_| "p"),
            actor_name: codes(part, |e| format!("actor{}", e.3)),
            actor_type: none(),
            src_ip: codes(part, |e| format!("192.0.{}.1", e.2)),
            region: none(),
            tenant_uid: codes(part, |e| ["prod", "team-prod", "x", "lab-staging"][e.4]),
            service: codes(part, |e| format!("service{}", e.3 / 4)),
            operation: codes(part, |e| format!("Do{}", e.3)),
            user_agent: codes(part, |e| format!("client{}/1", e.4)),
        };
        let ordinals: Vec<u64> = part.iter().map(|(n, _)| *n).collect();
        Baselines::of(&uses, &ordinals, None)
    }

    fn numbered(events: &[Event]) -> Vec<(u64, Event)> {
        (0..).zip(events.iter().copied()).collect()
    }

    /// Baselines of parts, each written and read as a store does, and merged in their order.
    fn merged(parts: &[Vec<(u64, Event)>]) -> BTreeMap<Box<str>, Baseline> {
        let mut all: BTreeMap<Box<str>, Baseline> = BTreeMap::new();
        for part in parts {
            let mut run = Baselines::default();
            run.merge(baselines(part), (0, 0));
            for (name, baseline) in run.take() {
                let row = postcard::to_allocvec(&(&name, &baseline)).unwrap();
                let (name, kept): (Box<str>, Baseline) = postcard::from_bytes(&row).unwrap();
                all.entry(name).or_default().merge(kept);
            }
        }
        all
    }

    fn locate(ip: &str) -> Option<Whereabouts> {
        let third: u8 = ip.split('.').nth(2)?.parse().ok()?;
        let point = Some((f64::from(third) * 15.0, 0.0));
        Some(Whereabouts { country: Some(format!("C{}", third / 2)), asn: Some(format!("AS{third}")), point })
    }

    fn asked(detector: Detector) -> Anomaly {
        let narrowing = Narrowing { min_history_us: 3 * DAY_US, min_z: 2.0, floor: 0.5, ..Narrowing::default() };
        let at_least = match detector {
            Detector::RefusalSpike => 1.0,
            Detector::SharedNetworks | Detector::ConsistentFailure => 2.0,
            _ => 3.0,
        };
        Anomaly { detector: Some(detector), narrowing, at_least, pause_us: 4 * DAY_US, ..Anomaly::default() }
    }

    /// What is found of all credentials.
    fn found(all: &BTreeMap<Box<str>, Baseline>, since_us: Option<Micros>) -> Vec<(Box<str>, Found)> {
        let mut peers = Peers::default();
        all.iter().for_each(|(name, baseline)| peers.add(name, &mut Looked::new(baseline, &locate)));
        peers.settle();
        let around = Around { peers: &peers, locate: &locate, since_us };
        let mut found = Vec::new();
        for (name, baseline) in all {
            let mut looked = Looked::new(baseline, &locate);
            for detector in Detector::ALL {
                let own = detect(&mut looked, &[], &asked(*detector), &around);
                found.extend(own.into_iter().map(|f| (name.clone(), f)));
            }
        }
        found
    }

    proptest! {
        #[test]
        fn runs_find_what_one_run_finds(events in events(), runs in 1usize..8, turn in 1u64..1000) {
            let events = numbered(&events);
            let one = merged(std::slice::from_ref(&events));
            let mut parts = vec![Vec::new(); runs];
            for (n, event) in &events {
                parts[(n.wrapping_mul(turn) % 31) as usize % runs].push((*n, *event));
            }
            let many = merged(&parts);
            prop_assert_eq!(&one, &many);
            prop_assert_eq!(found(&one, None), found(&many, None));
        }

        #[test]
        fn what_comes_later_changes_nothing(events in events(), day in 1i64..39) {
            let whole = found(&merged(&[numbered(&events)]), None);
            let end = day * 24 * HOUR;
            let early: Vec<(u64, Event)> = numbered(&events).into_iter().filter(|(_, e)| e.0 < end).collect();
            let part = found(&merged(&[early]), None);
            let begins = |(name, f): &(Box<str>, Found)| (name.clone(), f.detector, f.start_us);
            let told: Vec<_> = whole.iter().map(begins).filter(|(_, _, start)| *start < end * 1_000_000).collect();
            prop_assert_eq!(told, part.iter().map(begins).collect::<Vec<_>>());
        }

        #[test]
        fn since_a_quiet_time_the_same_is_found(events in events(), hour in 1i64..40 * 24) {
            let all = merged(&[numbered(&events)]);
            let since = hour * HOUR_US;
            let whole = found(&all, None);
            let is_open = |f: &Found| f.start_us < since && f.end_us + OPEN_US >= since;
            let quiet = |name: &str, detector| !whole.iter().any(|(n, f)| &**n == name && f.detector == detector && is_open(f));
            let wanted = |all: Vec<(Box<str>, Found)>| -> Vec<(Box<str>, Found)> {
                all.into_iter().filter(|(name, f)| f.start_us >= since && quiet(name, f.detector)).collect()
            };
            prop_assert_eq!(wanted(whole.clone()), wanted(found(&all, Some(since))));
        }
    }

    #[test]
    fn the_properties_are_about_something() {
        use proptest::strategy::ValueTree;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut seen: BTreeMap<Detector, usize> = BTreeMap::new();
        for _ in 0..40 {
            let events = events().new_tree(&mut runner).unwrap().current();
            found(&merged(&[numbered(&events)]), None)
                .iter()
                .for_each(|(_, f)| *seen.entry(f.detector).or_default() += 1);
        }
        let ended = [Detector::UseAfterRevocation, Detector::UseAfterExpiry];
        for detector in Detector::ALL.iter().filter(|d| !ended.contains(d)) {
            assert!(seen.get(detector).is_some_and(|n| *n > 0), "{} finds nothing: {seen:?}", detector.name());
        }
    }
}
