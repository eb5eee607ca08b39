//! Times a scanner that tries 100,000 keys of which none is good, and counts what is said of it; knows only the command line.

use super::event::{MONDAY, line};
use super::sample::Sample;
use std::process::Command;

const KEYS: i64 = 100_000;

/// Prints alerts, seconds and peak memory.
pub fn measure() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (input, out) = (folder.path().join("events.ndjson"), folder.path().join("out"));
    let lines = (0..KEYS).map(|n| {
        let members = "\"provider\":\"openai\",\"status\":\"failure\",\"refused_by\":\"provider\",\"status_code\":\"invalid_api_key\"";
        line(MONDAY + n / 20, &format!("{members},\"credential_uid\":\"tried{n}\",\"src_ip\":\"203.0.113.9\""))
    });
    std::fs::write(&input, lines.collect::<Vec<_>>().join("\n")).map_err(|e| e.to_string())?;
    let mut analyze = Command::new(env!("CARGO_BIN_EXE_keyfault"));
    analyze.args(["analyze", "--format", "ndjson", "--out"]).args([&out, &input]);
    let (sample, _) = Sample::of(&mut analyze)?;
    let alerts = std::fs::read_to_string(out.join("alerts.ndjson")).map_err(|e| e.to_string())?;
    let (seconds, megabytes) = (sample.seconds, sample.peak_bytes as f64 / 1e6);
    let count = alerts.lines().count();
    println!("a scanner with {KEYS} bad keys: {count} alerts, {seconds:.2} s, {megabytes:.0} MB at most");
    for alert in alerts.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()) {
        println!("  {}", alert["says"].as_str().unwrap_or_default());
    }
    Ok(())
}
