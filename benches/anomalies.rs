//! Puts anomalies among weeks of ordinary events, lets `keyfault analyze` look for them, and prints what it finds and what it invents, by rule;
//! then times baselines of a year. Knows the command line, and of the library only baselines.
//!
//! `cargo bench --bench anomalies [-- SEEDS]`: as many runs as SEEDS (default 3), each with other numbers.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark looks at the clock, and its figures are its output"
)]

#[path = "anomalies/background.rs"]
mod background;
#[path = "anomalies/event.rs"]
mod event;
#[path = "anomalies/injected.rs"]
mod injected;
#[path = "anomalies/random.rs"]
mod random;
#[path = "timing/sample.rs"]
#[allow(dead_code, reason = "shared with benches that take medians")]
mod sample;
#[path = "anomalies/scanner.rs"]
mod scanner;
#[path = "anomalies/score.rs"]
mod score;
#[path = "anomalies/year.rs"]
mod year;

use injected::{RULES, WEEKS};
use random::Random;
use score::Score;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let seeds = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(3);
    match (1..=seeds).map(run).collect::<Result<Vec<Vec<Score>>, String>>() {
        Ok(runs) => print(&runs),
        Err(message) => {
            eprintln!("anomalies: {message}");
            return ExitCode::from(2);
        }
    }
    year::time();
    if let Err(message) = scanner::measure() {
        eprintln!("anomalies: {message}");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// One run: generate, analyse, score.
fn run(seed: u64) -> Result<Vec<Score>, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut random = Random::new(seed);
    let keys = background::keys(&mut random);
    let mut plan = injected::inject(&keys, &mut random);
    let mut lines = std::mem::take(&mut plan.lines);
    for (number, key) in keys.iter().enumerate() {
        let is_silent = |hour: i64| plan.silent.iter().any(|(k, hours)| *k == number && hours.contains(&hour));
        lines.extend(key.lines(WEEKS, &is_silent, &mut random));
    }
    eprintln!("anomalies: run {seed}, {} events, {} anomalies", lines.len(), plan.injected.len());
    let (input, out) = (folder.path().join("events.ndjson"), folder.path().join("out"));
    std::fs::write(&input, lines.join("\n")).map_err(|e| e.to_string())?;
    analyze(&input, &out)?;
    let alerts = std::fs::read_to_string(out.join("alerts.ndjson")).map_err(|e| e.to_string())?;
    score::score(&alerts, &plan.injected)
}

fn analyze(input: &Path, out: &Path) -> Result<(), String> {
    let started = std::time::Instant::now();
    let program = Command::new(env!("CARGO_BIN_EXE_keyfault"))
        .args(["analyze", "--format", "ndjson", "--out"])
        .args([out, input])
        .output()
        .map_err(|e| e.to_string())?;
    eprintln!("anomalies: analysed in {:.2} s", started.elapsed().as_secs_f64());
    if program.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&program.stderr).into_owned()) }
}

fn print(runs: &[Vec<Score>]) {
    println!(
        "{:<24}{:>9}{:>8}{:>10}{:>8}{:>26}",
        "rule", "injected", "found", "precision", "recall", "false a week per 100 keys"
    );
    let mut all = Score::default();
    let weeks = (WEEKS * runs.len() as i64) as f64;
    for (number, rule) in RULES.iter().enumerate() {
        let mut sum = Score::default();
        runs.iter().for_each(|scores| sum.add(&scores[number]));
        line(rule, &sum, weeks);
        all.add(&sum);
    }
    let mut other = Score::default();
    runs.iter().for_each(|scores| other.add(&scores[RULES.len()]));
    line("(other anomaly rules)", &other, weeks);
    all.add(&other);
    line("all", &all, weeks);
}

fn line(rule: &str, score: &Score, weeks: f64) {
    let part = |a: u64, b: u64| if b == 0 { "-".into() } else { format!("{:.3}", a as f64 / b as f64) };
    println!(
        "{rule:<24}{:>9}{:>8}{:>10}{:>8}{:>26.2}",
        score.injected,
        score.found,
        part(score.alerts - score.invented, score.alerts),
        part(score.found, score.injected),
        score.invented as f64 / weeks
    );
}
