//! Times what a nightly run does to baselines that hold a year: read, update by a day, write, look for what that day brought; for 10,000 credentials.

use keyfault::detect::baseline::Baseline;
use keyfault::detect::detectors::{Around, detect};
use keyfault::detect::novelty::Looked;
use keyfault::detect::peers::Peers;
use keyfault::detect::values::hash;
use keyfault::model::anomaly::{Anomaly, Detector};
use keyfault::model::place::Sighting;
use std::time::Instant;

const CREDENTIALS: usize = 10_000;
const YEAR: i64 = 365 * 24;
const HOUR_US: i64 = 3_600_000_000;

/// Hours of a key that is used in each of them, by day from one of three networks.
fn hours(hours: std::ops::Range<i64>, seed: usize) -> Baseline {
    let mut baseline = Baseline::default();
    for hour in hours {
        let at = Sighting { time_us: hour * HOUR_US, input: 0, record: hour as u64 };
        baseline.calls.add(hour, 5 + (hour as usize * 7 + seed) as u32 % 20);
        baseline.refusals.begin(hour);
        if hour % 5 == 0 {
            baseline.refusals.add(hour, 1);
        }
        if hour % 24 == 0 {
            baseline.day(at);
        }
        baseline.addresses.note(&format!("10.{}.{}.7", seed % 250, hour / 24 % 3), at);
        let operation = format!("operation{}", hour % 12);
        baseline.operations.note(hash(&operation), &operation, at);
    }
    baseline
}

/// Prints seconds and bytes.
pub fn time() {
    let started = Instant::now();
    // A year, as it came: month by month.
    let months = |c| (0..12).map(move |m| hours(m * YEAR / 12..(m + 1) * YEAR / 12, c));
    let year = |c| {
        let mut baseline = Baseline::default();
        months(c).for_each(|month| baseline.merge(month));
        postcard::to_allocvec(&baseline).unwrap_or_default()
    };
    let rows: Vec<Vec<u8>> = (0..CREDENTIALS).map(year).collect();
    let (built, before) = (started.elapsed().as_secs_f64(), rows.iter().map(Vec::len).sum::<usize>());
    let days: Vec<Baseline> = (0..CREDENTIALS).map(|c| hours(YEAR..YEAR + 24, c)).collect();
    let started = Instant::now();
    let mut peers = Peers::default();
    let updated = rows.iter().zip(days).enumerate().map(|(number, (row, day))| {
        let mut baseline: Baseline = postcard::from_bytes(row).unwrap_or_default();
        baseline.merge(day);
        peers.add(&format!("key{number}"), &mut Looked::new(&baseline, &|_| None));
        postcard::to_allocvec(&baseline).unwrap_or_default()
    });
    let rows: Vec<Vec<u8>> = updated.collect();
    peers.settle();
    let merged = started.elapsed().as_secs_f64();
    let around = Around { peers: &peers, locate: &|_| None, since_us: Some(YEAR * HOUR_US) };
    let found: usize = rows.iter().map(|row| alerts(row, &around)).sum();
    println!(
        "baselines of {CREDENTIALS} credentials: a year of hours taken in {built:.2} s, {:.1} MB; a day added in {merged:.2} s, looked at since then in {:.2} s ({found} found), {:.1} MB",
        before as f64 / 1e6,
        started.elapsed().as_secs_f64() - merged,
        rows.iter().map(Vec::len).sum::<usize>() as f64 / 1e6
    );
}

fn alerts(row: &[u8], around: &Around<'_>) -> usize {
    let baseline: Baseline = postcard::from_bytes(row).unwrap_or_default();
    let mut looked = Looked::new(&baseline, around.locate);
    let asked = |d: &Detector| Anomaly { detector: Some(*d), at_least: 12.0, ..Anomaly::default() };
    Detector::ALL.iter().map(|d| detect(&mut looked, &[], &asked(d), around).len()).sum()
}
