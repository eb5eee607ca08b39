//! Times `keyfault analyze` on calls of very many distinct credentials, and on ten times fewer, and prints what ten times the data costs and the most
//! memory held; knows only the command line.
//!
//! `cargo bench --bench credentials -- NUMBER [RUNS]`: NUMBER credentials, medians of RUNS turns (default 3). Without NUMBER it does nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark's figures are its output"
)]

#[path = "timing/sample.rs"]
mod sample;

use sample::{Sample, median_seconds};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let numbers: Result<Vec<usize>, _> = arguments.iter().map(|a| a.parse()).collect();
    let outcome = match numbers.as_deref() {
        Ok([]) => {
            eprintln!(
                "credentials: no number given, nothing measured; cargo bench --bench credentials -- NUMBER [RUNS]"
            );
            Ok(())
        }
        Ok([number]) => compare(*number, 3),
        Ok([number, runs]) => compare(*number, *runs),
        _ => Err("usage: cargo bench --bench credentials -- NUMBER [RUNS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("credentials: {message}");
            ExitCode::from(2)
        }
    }
}

fn compare(number: usize, runs: usize) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    println!("medians of {runs} runs, default threads and --memory");
    for (name, refused) in [("all accepted", false), ("all refused", true)] {
        let mut seconds = Vec::new();
        for size in [number / 10, number] {
            let file = calls(folder.path(), size, refused).map_err(|e| e.to_string())?;
            let samples: Vec<Sample> = (0..runs.max(1)).map(|_| run(&file, folder.path())).collect::<Result<_, _>>()?;
            let peak_bytes = samples.iter().map(|s| s.peak_bytes).max().unwrap_or(0);
            let median = median_seconds(&samples);
            println!("{name:<13} {size:>9} credentials {median:>8.3} s {:>5} MiB", peak_bytes >> 20);
            seconds.push(median);
        }
        println!("{name:<13} ten times the data takes {:.2} times as long", seconds[1] / seconds[0]);
    }
    Ok(())
}

/// A log of Kong with one call of each credential.
fn calls(folder: &Path, number: usize, refused: bool) -> std::io::Result<PathBuf> {
    let path = folder.join("calls.ndjson");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let status = if refused { 401 } else { 200 };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..number {
        let key: String = (0..24).map(|_| four_letters(&mut state)).collect();
        let at = 1_793_491_200_000 + n * 80;
        let ip = format!("10.{}.{}.{}", n % 7, n / 250 % 250, n % 250);
        writeln!(
            file,
            r#"{{"started_at":{at},"client_ip":"{ip}","source":"upstream","upstream_status":"{status}","request":{{"method":"POST","uri":"/v1/messages","headers":{{"x-api-key":"sk-ant-api03-{}AA"}},"querystring":{{}},"size":"100"}},"response":{{"status":{status},"headers":{{}},"size":"200"}},"latencies":{{"kong":1,"proxy":5,"request":6}},"service":{{"name":"anthropic","host":"api.anthropic.com"}}}}"#,
            &key[..93]
        )?;
    }
    file.flush()?;
    Ok(path)
}

/// Four letters by a linear congruential generator: the same in every run.
fn four_letters(state: &mut u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let bits = *state >> 40;
    (0..4).map(|n| char::from(LETTERS[(bits >> (6 * n)) as usize & 63])).collect()
}

fn run(file: &Path, folder: &Path) -> Result<Sample, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyfault"));
    command.arg("analyze").arg(file).arg("--out").arg(folder.join("report"));
    let (sample, output) = Sample::of(&mut command)?;
    match output.status.code() {
        Some(0) => Ok(sample),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
