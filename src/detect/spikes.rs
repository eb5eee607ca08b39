//! Hours with far more calls or refusals than usual, above a number, or with refusals only; knows counts, not events.

use super::baseline::{Baseline, HOUR_US};
use super::found::Found;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::Micros;
use crate::model::usual::Usual;

/// Hours apart by no more than this are one episode.
const PAUSE_HOURS: i64 = 6;
/// Refused hours apart by more than this are not one run of refusals.
const PAUSE_REFUSED_HOURS: i64 = 7 * 24;
/// The part of the calls of an hour that must be refused for the hour to count as refused.
const REFUSED: f64 = 0.9;

/// An hour that stands out.
struct Peak {
    hour: i64,
    count: u32,
    usual: Option<Usual>,
}

/// The first hour that begins at or after a time.
fn hour_from(since_us: Option<Micros>) -> i64 {
    since_us.map_or(i64::MIN, |since| since.saturating_add(HOUR_US - 1).div_euclid(HOUR_US))
}

/// Hours of more calls or refusals than usual. Within an episode the hours before it are what is usual.
pub fn spikes(baseline: &Baseline, anomaly: &Anomaly, detector: Detector, since_us: Option<Micros>) -> Vec<Found> {
    let (counts, what) = match detector {
        Detector::RefusalSpike => (&baseline.refusals, "refusals"),
        _ => (&baseline.calls, "calls"),
    };
    let from = hour_from(since_us).max(baseline.known_from(anomaly.narrowing.baseline_us));
    let mut peaks: Vec<Peak> = Vec::new();
    for &(hour, count) in counts.from(from).iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least) {
        let until = begun(&peaks, hour).unwrap_or(hour);
        let Some(usual) = counts.usual(hour, until, &anomaly.narrowing) else { continue };
        if usual.is_exceeded(f64::from(count), &anomaly.narrowing) {
            peaks.push(Peak { hour, count, usual: Some(usual) });
        }
    }
    episodes(&peaks, detector, what)
}

/// Hours of more calls than a fixed number.
pub fn exceeded(baseline: &Baseline, anomaly: &Anomaly, since_us: Option<Micros>) -> Vec<Found> {
    let hours = baseline.calls.from(hour_from(since_us));
    let above = hours.iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least.max(1.0));
    let peaks: Vec<Peak> = above.map(|&(hour, count)| Peak { hour, count, usual: None }).collect();
    let mut found = episodes(&peaks, Detector::ThresholdExceeded, "calls");
    for one in &mut found {
        one.expected = Some(anomaly.at_least);
        one.says = format!("{}, at most {} are planned", one.says, anomaly.at_least);
    }
    found
}

/// The hour in which the episode began that an hour goes on.
fn begun(peaks: &[Peak], hour: i64) -> Option<i64> {
    let mut begun = None;
    let mut next = hour;
    for peak in peaks.iter().rev() {
        if next - peak.hour > PAUSE_HOURS {
            break;
        }
        next = peak.hour;
        begun = Some(next);
    }
    begun
}

fn episodes(peaks: &[Peak], detector: Detector, what: &str) -> Vec<Found> {
    peaks.chunk_by(|a, b| b.hour - a.hour <= PAUSE_HOURS).filter_map(|episode| told(episode, detector, what)).collect()
}

fn told(episode: &[Peak], detector: Detector, what: &str) -> Option<Found> {
    let peak = episode.iter().max_by_key(|p| (p.count, -p.hour))?;
    let (first, last) = (episode.first()?.hour, episode.last()?.hour);
    let compared = peak.usual.as_ref().map(|u| format!(", {}", u.says())).unwrap_or_default();
    let lasting = if episode.len() > 1 { format!("; unusual in {} hours", episode.len()) } else { String::new() };
    let says = format!("{} {what} in an hour{compared}{lasting}", peak.count);
    let mut found = Found::new(detector, (first * HOUR_US, (last + 1) * HOUR_US - 1), f64::from(peak.count), says);
    found.expected = peak.usual.as_ref().map(|u| u.median);
    found.score = peak.usual.as_ref().map(|u| u.score(f64::from(peak.count)));
    Some(found)
}

/// An hour with calls: which, how many, and how many of them were refused.
type Hour = (i64, u32, u32);

/// Runs of hours in which the calls were refused, without an hour between that went well. They begin with the hour that makes them long enough.
pub fn consistent(baseline: &Baseline, anomaly: &Anomaly, since_us: Option<Micros>) -> Vec<Found> {
    let least = (anomaly.at_least.max(2.0)).ceil() as usize;
    let hour = |&(hour, calls): &(i64, u32)| (hour, calls, baseline.refusals.get(hour));
    let all = baseline.calls.from(i64::MIN);
    // So many hours before decide whether a run was long enough already.
    let before = all.len() - baseline.calls.from(hour_from(since_us)).len();
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
