//! From when on a run on a store looks for anomalies anew: what earlier runs found before that stays as it is, unless it was still going on.

use crate::detect::detectors::OPEN_US;
use crate::model::anomaly::Detector;
use crate::model::finding::{Alert, Micros};
use std::collections::BTreeMap;

const DAY_US: Micros = 86_400_000_000;

/// Times from which on credentials are looked at anew.
#[derive(Debug, Default)]
pub struct Reopened {
    since_us: Option<Micros>,
    by_credential: BTreeMap<String, Micros>,
}

fn begin_of_day(time_us: Micros) -> Micros {
    time_us.div_euclid(DAY_US) * DAY_US
}

impl Reopened {
    /// Given what earlier runs found and the time of the first event that is new; without one, nothing is looked at anew.
    pub fn new(earlier: &[Alert], first_us: Option<Micros>) -> Reopened {
        let since_us = first_us.map_or(Micros::MAX, begin_of_day);
        let mut spans: BTreeMap<&str, Vec<(Micros, Micros)>> = BTreeMap::new();
        for alert in earlier {
            let span = alert.window_start.zip(alert.window_end);
            let of = alert.credential_uid.as_deref().zip(span).filter(|(_, (start, _))| *start < since_us);
            of.into_iter().for_each(|(credential, span)| spans.entry(credential).or_default().push(span));
        }
        let by_credential = spans.into_iter().filter_map(|(credential, mut spans)| {
            spans.sort_unstable();
            let still = |since: Micros, (start, end): &(Micros, Micros)| {
                if end.saturating_add(OPEN_US) >= since { since.min(begin_of_day(*start)) } else { since }
            };
            let since = spans.iter().rev().fold(since_us, still);
            (since < since_us).then(|| (credential.to_string(), since))
        });
        Reopened { since_us: Some(since_us), by_credential: by_credential.collect() }
    }

    /// From when on a credential is looked at; from the beginning without a store.
    pub fn since_us(&self, credential: &str) -> Option<Micros> {
        self.by_credential.get(credential).copied().or(self.since_us)
    }

    /// Whether an alert of an earlier run stays as it is. Uses after an end are found anew by every run, for a list may come late.
    pub fn stays(&self, alert: &Alert) -> bool {
        let since = self.since_us(alert.credential_uid.as_deref().unwrap_or_default());
        !Detector::from_name(&alert.detector).is_some_and(Detector::looks_at_ends)
            && alert.window_start.zip(since).is_some_and(|(start, since)| start < since)
    }
}
