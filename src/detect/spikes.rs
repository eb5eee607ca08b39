//! Hours with far more calls or refusals than usual, above a number, or with refusals only; knows counts, not events.

use super::baseline::{Baseline, HOUR_US};
use super::found::Found;
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::usual::Usual;

/// Hours apart by no more than this are one episode.
const PAUSE_HOURS: i64 = 6;
/// The part of the calls of an hour that must be refused for the hour to count as refused.
const REFUSED: f64 = 0.9;

/// An hour that stands out.
struct Peak {
    hour: i64,
    count: u32,
    usual: Option<Usual>,
}

/// Hours of more calls or refusals than usual. Within an episode the hours before it are what is usual.
pub fn spikes(baseline: &Baseline, anomaly: &Anomaly, detector: Detector) -> Vec<Found> {
    let (counts, what) = match detector {
        Detector::RefusalSpike => (&baseline.refusals, "refusals"),
        _ => (&baseline.calls, "calls"),
    };
    // A key that was never refused before has a history too: that of its calls.
    let first = baseline.calls.first().unwrap_or(0);
    let mut known = counts.clone();
    if detector == Detector::RefusalSpike {
        known.add(first, 0);
    }
    let mut peaks: Vec<Peak> = Vec::new();
    for (hour, count) in counts.iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least) {
        let until = begun(&peaks, hour).unwrap_or(hour);
        let Some(usual) = known.usual(hour, until, &anomaly.narrowing) else { continue };
        if usual.is_exceeded(f64::from(count), &anomaly.narrowing) {
            peaks.push(Peak { hour, count, usual: Some(usual) });
        }
    }
    episodes(&peaks, detector, what)
}

/// Hours of more calls than a fixed number.
pub fn exceeded(baseline: &Baseline, anomaly: &Anomaly) -> Vec<Found> {
    let above = baseline.calls.iter().filter(|(_, n)| f64::from(*n) >= anomaly.at_least.max(1.0));
    let peaks: Vec<Peak> = above.map(|(hour, count)| Peak { hour, count, usual: None }).collect();
    let mut found = episodes(&peaks, Detector::ThresholdExceeded, "calls");
    for one in &mut found {
        one.expected = Some(anomaly.at_least);
        one.says = format!("{}, more than {}", one.says, anomaly.at_least);
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

/// Runs of hours in which the calls were refused, without an hour between that went well.
pub fn consistent(baseline: &Baseline, anomaly: &Anomaly) -> Vec<Found> {
    let (calls, refusals) = (&baseline.calls, &baseline.refusals);
    let hours: Vec<(i64, u32, u32)> = calls.iter().map(|(hour, n)| (hour, n, refusals.get(hour))).collect();
    let is_refused = |(_, calls, refused): &(i64, u32, u32)| f64::from(*refused) >= REFUSED * f64::from(*calls);
    let runs = hours.chunk_by(|a, b| is_refused(a) == is_refused(b)).filter(|run| is_refused(&run[0]));
    let long = runs.filter(|run| run.len() as f64 >= anomaly.at_least.max(2.0));
    long.map(|run| {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        let (calls, refused) = run.iter().fold((0, 0), |(c, r), (_, calls, refused)| (c + calls, r + refused));
        let says = format!("{refused} of {calls} calls refused, in {} hours without one that went well", run.len());
        let span = (first * HOUR_US, (last + 1) * HOUR_US - 1);
        Found::new(Detector::ConsistentFailure, span, f64::from(refused), says)
    })
    .collect()
}
