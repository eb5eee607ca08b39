//! The limit program: the least work that any reader of CloudTrail must do, timed, so that `keyfault analyze` has something to be measured
//! against. Knows nothing of keyfault.
//!
//! `cargo bench --bench limit -- DIR [--threads N]` reads every `.json`, `.json.gz` and `.ndjson` under DIR. Without DIR it does nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark looks at the clock, and its figures are its output"
)]

#[path = "limit/program.rs"]
mod program;
#[path = "limit/trie.rs"]
mod trie;

use program::{Totals, inputs, run};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => say_nothing_to_do(),
        [dir] => measure(dir, 1),
        [dir, "--threads", threads] | ["--threads", threads, dir] => measure(dir, threads.parse().unwrap_or(1)),
        _ => {
            eprintln!("limit: usage: cargo bench --bench limit -- DIR [--threads N]");
            ExitCode::from(2)
        }
    }
}

fn say_nothing_to_do() -> ExitCode {
    eprintln!("limit: no folder given, nothing measured; cargo bench --bench limit -- DIR");
    ExitCode::SUCCESS
}

fn measure(dir: &str, threads: usize) -> ExitCode {
    let files = inputs(dir.as_ref());
    if files.is_empty() {
        eprintln!("limit: {dir}: no .json, .json.gz or .ndjson file here; give a folder of CloudTrail logs");
        return ExitCode::from(3);
    }
    let started = Instant::now();
    let totals = run(&files, threads);
    print(&totals, files.len(), threads, started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn print(totals: &Totals, files: usize, threads: usize, seconds: f64) {
    let raw_mb = totals.raw_bytes as f64 / 1e6;
    let (events_per_s, mb_per_s) = (totals.events as f64 / seconds, raw_mb / seconds);
    println!(
        "{{\"program\":\"limit\",\"threads\":{threads},\"files\":{files},\"unreadable\":{},\"events\":{},\"raw_mb\":{raw_mb:.1},\
         \"seconds\":{seconds:.3},\"events_per_s\":{events_per_s:.0},\"mb_per_s\":{mb_per_s:.0},\"checksum\":{}}}",
        totals.unreadable, totals.events, totals.checksum
    );
    eprintln!(
        "limit: {} events, {raw_mb:.1} MB raw in {seconds:.3} s on {threads} thread(s): {:.0} k events/s, {mb_per_s:.0} MB/s",
        totals.events,
        events_per_s / 1e3
    );
}
