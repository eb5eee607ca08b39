//! Which times the audit logs of a run cover: without that, "no change was found" proves nothing; knows hours, no events.

use crate::model::finding::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const HOUR_US: Micros = 3_600_000_000;
/// With fewer hours than this nobody can tell a gap from a quiet time.
const FEW_HOURS: usize = 12;
/// A silence this many times as long as the usual one is a gap.
const UNUSUAL: i64 = 10;

/// Hours with events, by source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditLogs {
    hours: BTreeMap<String, BTreeSet<i64>>,
}

/// Whether an audit log covers a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// It has events before and after and no unusual silence between.
    Covered(String),
    /// It has a gap.
    Gap(String, Micros, Micros),
    /// It begins after, or ends before.
    Part(String, Micros, Micros),
    /// It has too few events to tell.
    Sparse(String),
    /// There is none.
    Absent,
}

impl AuditLogs {
    /// Takes in the times of events of an audit source.
    pub fn add(&mut self, source: &str, times_us: &[Micros]) {
        let hours = self.hours.entry(source.to_string()).or_default();
        let mut last = None;
        for hour in times_us.iter().filter(|t| **t != Micros::MIN).map(|t| t.div_euclid(HOUR_US)) {
            if last.replace(hour) != Some(hour) {
                hours.insert(hour);
            }
        }
    }

    /// Adds what an earlier run saw.
    pub fn merge(&mut self, other: AuditLogs) {
        other.hours.into_iter().for_each(|(source, hours)| self.hours.entry(source).or_default().extend(hours));
    }

    /// Whether no audit log was seen.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Whether the audit log of a provider covers a time.
    pub fn cover(&self, provider: &str, from_us: Micros, to_us: Micros) -> Cover {
        let Some((source, hours)) = self.hours.iter().find(|(s, _)| is_of(s, provider)) else { return Cover::Absent };
        let source = source.clone();
        let (Some(&first), Some(&last)) = (hours.first(), hours.last()) else { return Cover::Absent };
        let (from, to) = (from_us.div_euclid(HOUR_US), to_us.div_euclid(HOUR_US));
        if first > from || last < to {
            return Cover::Part(source, first * HOUR_US, (last + 1) * HOUR_US);
        }
        if hours.len() < FEW_HOURS {
            return Cover::Sparse(source);
        }
        let all: Vec<i64> = hours.iter().copied().collect();
        let mut silences: Vec<i64> = all.windows(2).map(|w| w[1] - w[0]).collect();
        silences.sort_unstable();
        let usual = silences[silences.len() / 2];
        let touches = |w: &&[i64]| w[0] < to && w[1] > from && w[1] - w[0] > usual * UNUSUAL;
        match all.windows(2).find(touches) {
            Some(w) => Cover::Gap(source, (w[0] + 1) * HOUR_US, w[1] * HOUR_US),
            None => Cover::Covered(source),
        }
    }
}

/// Whether a source tells what happens to credentials of a provider.
fn is_of(source: &str, provider: &str) -> bool {
    !provider.is_empty() && (source == provider || source.split('_').next() == provider.split('_').next())
}

impl Cover {
    /// In words, for the checklist.
    pub fn says(&self) -> String {
        let time = |us: &Micros| crate::model::time::rfc3339(Some(*us)).unwrap_or_default();
        match self {
            Cover::Covered(source) => format!("{source} covers the time without a gap"),
            Cover::Gap(source, from, to) => {
                format!("{source} has a gap from {} to {}: what happened then is not known", time(from), time(to))
            }
            Cover::Part(source, from, to) => format!("{source} covers only {} to {}", time(from), time(to)),
            Cover::Sparse(source) => format!("{source} has too few events to tell a gap from a quiet time"),
            Cover::Absent => "no audit log of the provider is among the inputs".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_far_longer_than_usual_is_a_gap() {
        let mut logs = AuditLogs::default();
        let hours: Vec<i64> = (0..30).chain(60..90).map(|h| h * HOUR_US).collect();
        logs.add("aws_cloudtrail", &hours);
        let cover = |from: i64, to: i64| logs.cover("aws", from * HOUR_US, to * HOUR_US);
        assert_eq!(cover(2, 9), Cover::Covered("aws_cloudtrail".into()));
        assert_eq!(cover(20, 70), Cover::Gap("aws_cloudtrail".into(), 30 * HOUR_US, 60 * HOUR_US));
        assert!(matches!(cover(20, 200), Cover::Part(..)));
        assert_eq!(logs.cover("openai", 0, 1), Cover::Absent);
        logs.add("okta", &[0, 50 * HOUR_US]);
        assert_eq!(logs.cover("okta", HOUR_US, 2 * HOUR_US), Cover::Sparse("okta".into()));
    }
}
