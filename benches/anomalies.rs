//! Puts anomalies among weeks of what real credentials did, lets `keyfault analyze` look for them, and prints what it finds and what it invents, by
//! rule; then times baselines of a year and a scanner. Knows the command line, and of the library only baselines.
//!
//! `cargo bench --bench anomalies -- DIR [SEED...]`: a folder of real logs, and a run for each number (default: 5 runs).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark looks at the clock, and its figures are its output"
)]

#[path = "anomalies/background.rs"]
mod background;
#[path = "anomalies/corpus.rs"]
mod corpus;
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

use corpus::Seen;
use injected::{RULES, WEEKS};
use random::Random;
use score::Score;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Runs by default. Thresholds were chosen on 1 to 9.
const SEEDS: [u64; 5] = [101, 102, 103, 104, 105];

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("anomalies: {message}");
            ExitCode::from(2)
        }
    }
}

fn bench() -> Result<(), String> {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let Some((folder, seeds)) = asked.split_first() {
        let corpus = corpus::credentials(Path::new(folder))?;
        let events: usize = corpus.iter().map(Vec::len).sum();
        println!("{} credentials of {folder}, {events} events, are what the keys do", corpus.len());
        let mut seeds: Vec<u64> = seeds.iter().filter_map(|s| s.parse().ok()).collect();
        if seeds.is_empty() {
            seeds = SEEDS.into();
        }
        print(&seeds.iter().map(|seed| run(*seed, &corpus)).collect::<Result<Vec<Vec<Score>>, String>>()?);
    } else {
        eprintln!("anomalies: without a folder of real logs only times are measured");
    }
    year::time();
    scanner::measure()
}

/// One run: generate, analyse, score.
fn run(seed: u64, corpus: &[Vec<Seen>]) -> Result<Vec<Score>, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut random = Random::new(seed);
    let keys = background::keys(corpus, &mut random);
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
