//! Times `keyfault analyze` and the limit program on the same folder, turn by turn, and prints their ratios; knows only the command line.
//!
//! `cargo bench --bench pipeline -- DIR [RUNS]`: medians of RUNS turns (default 5). Without DIR it does nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark looks at the clock, and its figures are its output"
)]

#[path = "limit/program.rs"]
mod program;
#[path = "timing/sample.rs"]
mod sample;
#[path = "limit/trie.rs"]
mod trie;

use sample::{Sample, median_seconds};
use std::process::{Command, ExitCode, Output};

/// What is timed, always as a process of its own.
#[derive(Clone, Copy, PartialEq)]
enum Job {
    Limit,
    Analyze { keep: &'static str },
}

impl Job {
    const ALL: [Job; 3] = [Job::Limit, Job::Analyze { keep: "failures" }, Job::Analyze { keep: "all" }];

    fn name(self) -> String {
        match self {
            Job::Limit => "limit program".into(),
            Job::Analyze { keep } => format!("analyze --keep {keep}"),
        }
    }
}

/// A job on a number of threads, and what its runs took.
struct Case {
    job: Job,
    threads: usize,
    samples: Vec<Sample>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            eprintln!("pipeline: no folder given, nothing measured; cargo bench --bench pipeline -- DIR [RUNS]");
            Ok(())
        }
        ["--limit", dir, threads] => limit(dir, threads),
        [dir] => compare(dir, 5),
        [dir, runs] => runs.parse().map_err(|e| format!("{runs}: {e}")).and_then(|runs| compare(dir, runs)),
        _ => Err("usage: cargo bench --bench pipeline -- DIR [RUNS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("pipeline: {message}");
            ExitCode::from(2)
        }
    }
}

/// The limit program, when this program runs itself: as a process it pays for its start as `analyze` does.
fn limit(dir: &str, threads: &str) -> Result<(), String> {
    let totals = program::run(&program::inputs(dir.as_ref()), threads.parse().unwrap_or(1));
    println!("{} {} {}", totals.events, totals.raw_bytes, totals.unreadable);
    eprintln!("checksum {}", totals.checksum);
    Ok(())
}

fn compare(dir: &str, runs: usize) -> Result<(), String> {
    let mut cases: Vec<Case> =
        [1, 2].iter().flat_map(|&threads| Job::ALL.map(|job| Case { job, threads, samples: Vec::new() })).collect();
    let (events, raw_mb) = size_of(dir)?;
    for turn in 1..=runs.max(1) {
        eprintln!("pipeline: turn {turn} of {runs}");
        for case in &mut cases {
            case.samples.push(measure(case.job, dir, case.threads)?);
        }
    }
    println!("{events} events, {raw_mb:.0} MB raw, medians of {runs} runs taken in turns");
    println!("{:<24} threads  seconds  k events/s   MB/s  of limit  of one thread  peak MiB", "");
    for case in &cases {
        print(case, &cases, events, raw_mb);
    }
    Ok(())
}

fn print(case: &Case, all: &[Case], events: f64, raw_mb: f64) {
    let seconds = case.seconds();
    let other = |job: Job, threads: usize| {
        all.iter().find(|c| c.job == job && c.threads == threads).map_or(f64::NAN, |c| c.seconds() / seconds)
    };
    println!(
        "{:<24} {:>7} {seconds:>8.3} {:>11.0} {:>6.0} {:>9.2} {:>14.2} {:>9.0}",
        case.job.name(),
        case.threads,
        events / seconds / 1e3,
        raw_mb / seconds,
        other(Job::Limit, case.threads),
        other(case.job, 1),
        case.peak_bytes() as f64 / f64::from(1 << 20),
    );
}

impl Case {
    fn seconds(&self) -> f64 {
        median_seconds(&self.samples)
    }

    fn peak_bytes(&self) -> u64 {
        self.samples.iter().map(|s| s.peak_bytes).max().unwrap_or(0)
    }
}

/// Events and raw megabytes of a folder, as the limit program counts them; also brings the folder into the system's file cache.
fn size_of(dir: &str) -> Result<(f64, f64), String> {
    let (_, output) = Sample::of(&mut command(Job::Limit, dir, 1, "")?)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    match counts[..] {
        [events, raw_bytes, 0.0] if events > 0.0 => Ok((events, raw_bytes / 1e6)),
        _ => Err(format!(
            "{dir}: not a folder of readable CloudTrail logs: {text}; give one with .json.gz or .ndjson files"
        )),
    }
}

fn measure(job: Job, dir: &str, threads: usize) -> Result<Sample, String> {
    let out = tempfile::tempdir().map_err(|e| e.to_string())?;
    let report = out.path().join("report");
    let (sample, output) = Sample::of(&mut command(job, dir, threads, &report.to_string_lossy())?)?;
    let done = job == Job::Limit || report.join("summary.json").exists();
    if !done || !output.status.success() {
        return Err(failure(job, &output));
    }
    Ok(sample)
}

fn failure(job: Job, output: &Output) -> String {
    format!("{}: {}, and no whole report: {}", job.name(), output.status, String::from_utf8_lossy(&output.stderr))
}

fn command(job: Job, dir: &str, threads: usize, report: &str) -> Result<Command, String> {
    let threads = threads.to_string();
    Ok(match job {
        Job::Limit => {
            let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
            command.args(["--limit", dir, &threads]);
            command
        }
        Job::Analyze { keep } => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_keyfault"));
            command.args(["analyze", dir, "--out", report, "--keep", keep, "--threads", &threads]);
            command
        }
    })
}
