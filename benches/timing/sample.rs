//! Times a command as a process of its own, with the most memory it held; knows nothing of what it does.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// One run of a command.
pub struct Sample {
    /// From start to end.
    pub seconds: f64,
    /// The most memory held at once.
    pub peak_bytes: u64,
}

impl Sample {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Result<(Sample, Output), String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let id = child.id();
        let memory = std::thread::spawn(move || peak_bytes(id));
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let seconds = started.elapsed().as_secs_f64();
        Ok((Sample { seconds, peak_bytes: memory.join().unwrap_or(0) }, output))
    }
}

/// The median of some runs' seconds.
pub fn median_seconds(samples: &[Sample]) -> f64 {
    let mut seconds: Vec<f64> = samples.iter().map(|s| s.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most memory that a process has held, read from the system (Linux) until the process is gone; 0 where that is not known.
fn peak_bytes(process: u32) -> u64 {
    let status = format!("/proc/{process}/status");
    let mut peak_kib = 0;
    while let Ok(text) = std::fs::read_to_string(&status) {
        let Some(line) = text.lines().find_map(|l| l.strip_prefix("VmHWM:")) else { break };
        peak_kib = line.trim().trim_end_matches(" kB").parse().unwrap_or(peak_kib).max(peak_kib);
        std::thread::sleep(Duration::from_millis(10));
    }
    peak_kib * 1024
}
