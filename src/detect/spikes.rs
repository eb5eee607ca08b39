//! Hours with far more calls or refusals than usual, above a number, or with refusals only; knows counts, not events.

use super::baseline::{BURST_US, Baseline, HOUR_US};
use super::found::Found;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::counts::Counts;
use crate::model::finding::Micros;
use crate::model::usual::Usual;
use std::borrow::Cow;

/// Steps apart by no more than this are one episode: hours, or of bursts ten minutes.
const PAUSE: i64 = 6;
/// Refused hours apart by more than this are not one run of refusals.
const PAUSE_REFUSED_HOURS: i64 = 7 * 24;
/// The part of the calls of an hour that must be refused for the hour to count as refused.
const REFUSED: f64 = 0.9;

/// A step that stands out.
struct Peak {
    step: i64,
    count: u32,
    usual: Option<Usual>,
}

/// The first step that begins at or after a time.
fn step_from(since_us: Option<Micros>, step_us: Micros) -> i64 {
    since_us.map_or(i64::MIN, |since| since.saturating_add(step_us - 1).div_euclid(step_us))
}

/// Hours, or of bursts ten minutes, of more calls or refusals than usual.
pub fn spikes(baseline: &Baseline, anomaly: &Anomaly, detector: Detector, since_us: Option<Micros>) -> Vec<Found> {
    let counts = counted(baseline, detector);
    let is_burst = detector == Detector::RefusalBurst;
    let how = &anomaly.narrowing;
    let known_us = since_us.max(Some(baseline.known_from_us(how.baseline_us)));
    let mut peaks: Vec<Peak> = Vec::new();
    let steps = counts.from(step_from(known_us, counts.step_us()));
    for &(step, count) in steps.iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least) {
        // Within an episode the hours before it are what is usual. Bursts that do not end become usual.
        let until = begun(&peaks, step).filter(|_| !is_burst).unwrap_or(step);
        let mut usual = counts.usual(step, until, how);
        let is_unusual = |usual| counts.is_unusual(f64::from(count), (usual, until), how);
        if usual.as_mut().map_or_else(|| is_burst && is_all_refused(baseline, step), is_unusual) {
            peaks.push(Peak { step, count, usual });
        }
    }
    episodes(&peaks, (&counts, detector))
}

/// Whether hardly a call went well in the hour of a burst: where nothing is usual yet, that makes its number worth an alert.
fn is_all_refused(baseline: &Baseline, burst: i64) -> bool {
    let steps = HOUR_US / BURST_US;
    let hour = burst.div_euclid(steps);
    let refused: u32 = (hour * steps..(hour + 1) * steps).map(|step| baseline.refusals.get(step)).sum();
    f64::from(refused) >= REFUSED * f64::from(baseline.calls.get(hour))
}

/// What a detector counts.
fn counted(baseline: &Baseline, detector: Detector) -> Cow<'_, Counts> {
    match detector {
        Detector::RefusalBurst => Cow::Borrowed(&baseline.refusals),
        Detector::RefusalSpike | Detector::RefusalsExceeded => Cow::Owned(baseline.refusals.by(HOUR_US)),
        _ => Cow::Borrowed(&baseline.calls),
    }
}

/// Hours of at least a fixed number of calls or refusals.
pub fn exceeded(baseline: &Baseline, anomaly: &Anomaly, detector: Detector, since_us: Option<Micros>) -> Vec<Found> {
    let counts = counted(baseline, detector);
    let steps = counts.from(step_from(since_us, counts.step_us()));
    let above = steps.iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least.max(1.0));
    let peaks: Vec<Peak> = above.map(|&(step, count)| Peak { step, count, usual: None }).collect();
    let mut found = episodes(&peaks, (&counts, detector));
    for one in &mut found {
        one.expected = Some(anomaly.at_least);
        one.says = format!("{}; the limit of the rule is {}", one.says, anomaly.at_least);
    }
    found
}

/// The step in which the episode began that a step goes on.
fn begun(peaks: &[Peak], step: i64) -> Option<i64> {
    let mut begun = None;
    let mut next = step;
    for peak in peaks.iter().rev() {
        if next - peak.step > PAUSE {
            break;
        }
        next = peak.step;
        begun = Some(next);
    }
    begun
}

fn episodes(peaks: &[Peak], counted: (&Counts, Detector)) -> Vec<Found> {
    peaks.chunk_by(|a, b| b.step - a.step <= PAUSE).filter_map(|episode| told(episode, counted)).collect()
}

fn told(episode: &[Peak], (counts, detector): (&Counts, Detector)) -> Option<Found> {
    let peak = episode.iter().max_by_key(|p| (p.count, -p.step))?;
    let (first, last) = (episode.first()?.step, episode.last()?.step);
    let what = match detector {
        Detector::UsageSpike | Detector::ThresholdExceeded => "calls",
        _ => "refusals",
    };
    let (within, periods) = match counts.step_us() {
        HOUR_US => ("an hour", "hours"),
        _ => ("10 min", "periods of 10 min"),
    };
    let compared = match &peak.usual {
        Some(usual) => format!(", {}", usual.says()),
        None if detector == Detector::RefusalBurst => ", and hardly a call of that hour that went well".into(),
        None => String::new(),
    };
    let lasting = if episode.len() > 1 { format!("; too many in {} {periods}", episode.len()) } else { String::new() };
    let says = format!("{} {what} in {within}{compared}{lasting}", peak.count);
    let span = (counts.begins(first), counts.begins(last + 1) - 1);
    let mut found = Found::new(detector, span, f64::from(peak.count), says);
    found.expected = peak.usual.as_ref().map(|u| u.median);
    found.score = peak.usual.as_ref().map(|u| u.score(f64::from(peak.count)));
    Some(found)
}

/// An hour with calls: which, how many, and how many of them were refused.
type Hour = (i64, u32, u32);

/// Runs of hours in which the calls were refused, without an hour between that went well. They begin with the hour that makes them long enough.
pub fn consistent(baseline: &Baseline, anomaly: &Anomaly, since_us: Option<Micros>) -> Vec<Found> {
    let least = (anomaly.at_least.max(2.0)).ceil() as usize;
    if baseline.refusals.is_empty() {
        return Vec::new();
    }
    let refusals = baseline.refusals.by(HOUR_US);
    let hour = |&(hour, calls): &(i64, u32)| (hour, calls, refusals.get(hour));
    let all = baseline.calls.from(i64::MIN);
    // So many hours before decide whether a run was long enough already.
    let before = all.len() - baseline.calls.from(step_from(since_us, HOUR_US)).len();
    let hours: Vec<Hour> = all[before.saturating_sub(least)..].iter().map(hour).collect();
    let is_refused = |(_, calls, refused): &Hour| f64::from(*refused) >= REFUSED * f64::from(*calls);
    let goes_on =
        |a: &Hour, b: &Hour| is_refused(a) == is_refused(b) && (!is_refused(a) || b.0 - a.0 <= PAUSE_REFUSED_HOURS);
    let runs = hours.chunk_by(goes_on).filter(|run| is_refused(&run[0]) && run.len() >= least);
    let found = runs.map(|run| lasting(run, least));
    found.filter(|one| since_us.is_none_or(|since| one.start_us >= since)).collect()
}

fn lasting(run: &[Hour], least: usize) -> Found {
    let (first, last) = (run[0].0, run[run.len() - 1].0);
    let (calls, refused) =
        run.iter().fold((0u64, 0u64), |(c, r), (_, calls, refused)| (c + u64::from(*calls), r + u64::from(*refused)));
    let since = crate::model::time::rfc3339(Some(first * HOUR_US)).unwrap_or_default();
    let says =
        format!("{refused} of {calls} calls refused since {since}, in {} hours without one that went well", run.len());
    let span = (run[least - 1].0 * HOUR_US, (last + 1) * HOUR_US - 1);
    Found::new(Detector::ConsistentFailure, span, refused as f64, says)
}
