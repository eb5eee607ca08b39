//! Times what a nightly run does to baselines that hold a year: read, update by a day, write; for 10,000 credentials.

use keyfault::detect::baseline::Baseline;
use keyfault::model::place::Sighting;
use std::time::Instant;

const CREDENTIALS: usize = 10_000;
const YEAR: i64 = 365 * 24;
const HOUR_US: i64 = 3_600_000_000;

fn hours(hours: std::ops::Range<i64>, seed: usize) -> Baseline {
    let mut baseline = Baseline::default();
    for hour in hours {
        baseline.calls.add(hour, 5 + (hour as usize * 7 + seed) as u32 % 20);
        if hour % 24 == 0 {
            let at = Sighting { time_us: hour * HOUR_US, input: 0, record: 0 };
            baseline.day(at, at.time_us + HOUR_US);
        }
    }
    baseline
}

/// Prints the seconds.
pub fn time() {
    let started = Instant::now();
    let rows: Vec<Vec<u8>> = (0..CREDENTIALS)
        .map(|c| {
            let mut baseline = Baseline::default();
            // A year, as it came: month by month.
            (0..12).for_each(|m| baseline.merge(hours(m * YEAR / 12..(m + 1) * YEAR / 12, c)));
            postcard::to_allocvec(&baseline).unwrap_or_default()
        })
        .collect();
    let built = started.elapsed().as_secs_f64();
    let bytes: usize = rows.iter().map(Vec::len).sum();
    let started = Instant::now();
    let mut after = 0;
    for (credential, row) in rows.iter().enumerate() {
        let mut baseline: Baseline = postcard::from_bytes(row).unwrap_or_default();
        baseline.merge(hours(YEAR..YEAR + 24, credential));
        after += postcard::to_allocvec(&baseline).map_or(0, |row| row.len());
    }
    println!(
        "baselines of {CREDENTIALS} credentials: a year of hours taken in {built:.2} s; a day added to all in {:.2} s; {:.1} MB then {:.1} MB",
        started.elapsed().as_secs_f64(),
        bytes as f64 / 1e6,
        after as f64 / 1e6
    );
}
