//! Times `keyfault analyze` on one folder of CloudTrail logs with more and more rules, and with one source instead of all, turn by turn, and
//! prints what each costs as a ratio; knows only the command line.
//!
//! `cargo bench --bench rules -- DIR [RUNS]`: medians of RUNS turns (default 5). Without DIR it does nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark's figures are its output"
)]

#[path = "timing/sample.rs"]
mod sample;

use sample::{Sample, median_seconds};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

/// How many rules are loaded beside the built-in ones.
const RULES: [usize; 5] = [0, 60, 300, 1_000, 3_000];

/// A way to run, and what its runs took.
struct Case {
    name: String,
    arguments: Vec<String>,
    samples: Vec<Sample>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            eprintln!("rules: no folder given, nothing measured; cargo bench --bench rules -- DIR [RUNS]");
            Ok(())
        }
        [dir] => compare(dir, 5),
        [dir, runs] => runs.parse().map_err(|e| format!("{runs}: {e}")).and_then(|runs| compare(dir, runs)),
        _ => Err("usage: cargo bench --bench rules -- DIR [RUNS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("rules: {message}");
            ExitCode::from(2)
        }
    }
}

fn compare(dir: &str, runs: usize) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut cases = vec![Case::new("one source", vec!["--source".into(), "aws_cloudtrail".into()])];
    for count in RULES {
        let file = folder.path().join(format!("{count}.yml"));
        std::fs::write(&file, rules(count)).map_err(|e| e.to_string())?;
        let arguments = if count == 0 { vec![] } else { vec!["--rules".into(), file.display().to_string()] };
        cases.push(Case::new(&format!("{count} more rules"), arguments));
    }
    for turn in 1..=runs.max(1) {
        eprintln!("rules: turn {turn} of {runs}");
        for case in &mut cases {
            case.run(dir, folder.path())?;
        }
    }
    let without = median_seconds(&cases[1].samples);
    println!("medians of {runs} runs taken in turns, one thread");
    println!("{:<18} seconds  of no more rules  peak MiB", "");
    for case in &cases {
        let seconds = median_seconds(&case.samples);
        let peak_bytes = case.samples.iter().map(|s| s.peak_bytes).max().unwrap_or(0);
        println!("{:<18} {seconds:>7.3} {:>17.3} {:>9}", case.name, seconds / without, peak_bytes >> 20);
    }
    Ok(())
}

impl Case {
    fn new(name: &str, arguments: Vec<String>) -> Case {
        Case { name: name.into(), arguments, samples: Vec::new() }
    }

    fn run(&mut self, dir: &str, folder: &Path) -> Result<(), String> {
        let report = folder.join("report");
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfault"));
        command.args(["analyze", dir, "--threads", "1", "--out"]).arg(&report).args(&self.arguments);
        let (sample, output) = Sample::of(&mut command)?;
        if !output.status.success() {
            return Err(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr)));
        }
        self.samples.push(sample);
        Ok(())
    }
}

/// Rules as detection engineers write them for CloudTrail: most ask for a source and names of calls, some for parts of names, absent
/// errors, parts of parameters, or user agents. A few match what is common.
fn rules(count: usize) -> String {
    const SERVICES: [&str; 8] = ["iam", "ec2", "s3", "sts", "kms", "lambda", "rds", "secretsmanager"];
    const VERBS: [&str; 7] = ["Create", "Delete", "Update", "Put", "Attach", "Modify", "Get"];
    const NOUNS: [&str; 9] = ["User", "Role", "Policy", "Bucket", "Key", "Function", "Secret", "Snapshot", "Trail"];
    const COMMON: [&str; 5] = ["AssumeRole", "GetCallerIdentity", "DescribeInstances", "ListBuckets", "GetSecretValue"];
    let mut text = String::new();
    for number in 0..count {
        let pick = |words: &[&str], salt: usize| {
            words[(number * 7 + salt * 13 + number / words.len()) % words.len()].to_string()
        };
        let call = if number % 9 == 0 { pick(&COMMON, 1) } else { pick(&VERBS, 2) + &pick(&NOUNS, 3) };
        let service = format!("eventSource: {}.amazonaws.com", pick(&SERVICES, 4));
        let asks = match number % 20 {
            0..=14 => format!("{service}, eventName: [{call}, {}Default{}]", pick(&VERBS, 5), pick(&NOUNS, 6)),
            15..=16 => format!("{service}, eventName|startswith: {call}, errorCode: null"),
            17..=18 => format!("{service}, eventName: {call}, requestParameters|contains: '0.0.0.0/{number}'"),
            _ => format!("userAgent|contains: ['tool-{number}', 'scan-{number}']"),
        };
        let _ = write!(
            text,
            "---\ntitle: Rule {number}\nid: 00000000-0000-4000-8000-{number:012}\nstatus: test\nlevel: low\n\
             logsource: {{product: aws, service: cloudtrail}}\ndetection: {{selection: {{{asks}}}, condition: selection}}\n"
        );
    }
    text
}
