//! Holds every sample against what is expected of it, and every mapping against every sample: a sample's records are of its own source, and of no
//! other.

use crate::table::rows;
use keyfault::pipeline::{Engine, Options, RuleSources};
use keyfault::read::frame::detect;
use keyfault::rule::set::RuleSet;
use keyfault::source::decode::Decoded;
use keyfault::source::mapper::Chunk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// The sources that have samples, and their files.
fn samples() -> BTreeMap<String, Vec<PathBuf>> {
    let mut samples: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder()).sort_by_file_name().into_iter().map(|e| e.unwrap()) {
        let inside = entry.path().strip_prefix(folder()).unwrap();
        if entry.file_type().is_file() {
            let source = inside.iter().next().unwrap().to_string_lossy().into_owned();
            samples.entry(source).or_default().push(entry.path().to_path_buf());
        }
    }
    samples
}

/// The text of a sample, unpacked.
fn text(file: &Path) -> Vec<u8> {
    use std::io::Read;
    let bytes = std::fs::read(file).unwrap();
    let mut text = Vec::new();
    match file.extension().is_some_and(|e| e == "gz") {
        true => flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).map(drop).unwrap(),
        false => text = bytes,
    }
    text
}

#[test]
fn every_source_has_a_sample() {
    let samples = samples();
    let mappings = RuleSources::builtin().parse_mappings().unwrap();
    let missing: Vec<&str> =
        mappings.iter().map(|m| m.source.as_str()).filter(|s| *s != "keyfault" && !samples.contains_key(*s)).collect();
    assert!(missing.is_empty(), "no samples/{missing:?}");
}

#[test]
fn every_sample_becomes_the_rows_expected_of_it() {
    for source in samples().keys() {
        let report = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfault"));
        command.arg("analyze").arg(folder().join(source)).args(["--keep", "all", "--out"]).arg(report.path().join("r"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        insta::assert_snapshot!(format!("samples_{source}"), told(&report.path().join("r")));
    }
}

/// The events of a report, with the causes of those that failed.
fn told(report: &Path) -> String {
    let place = ["input_file", "input_record"];
    let columns = [
        "event_time",
        "source",
        "provider",
        "service",
        "operation",
        "status",
        "refused_by",
        "status_code",
        "actor_name",
        "credential_uid",
        "src_ip",
        "lifecycle_op",
        "target_credential_uid",
        "target_user_name",
    ];
    let failures = rows(&report.join("failures.parquet"), &[&place[..], &["cause", "verdict"]].concat());
    let causes: BTreeMap<_, _> =
        failures.into_iter().map(|r| ((r[0].clone(), r[1].clone()), (r[2].clone(), r[3].clone()))).collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(report.join("events")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let events = files.iter().flat_map(|file| rows(file, &[&place[..], &columns[..]].concat()));
    let mut lines = vec![format!("{},cause,verdict", columns.join(","))];
    for event in events {
        let cause = causes.get(&(event[0].clone(), event[1].clone())).cloned().unwrap_or_default();
        lines.push(format!("{},{},{}", event[2..].join(","), cause.0, cause.1));
    }
    let rejects = rows(&report.join("rejects.parquet"), &["input_record", "reason"]);
    lines.extend(rejects.iter().map(|r| format!("rejected: {}: {}", r[0], r[1])));
    lines.join("\n")
}

#[test]
fn no_mapping_takes_a_sample_of_another_source() {
    let rules = RuleSet::default();
    let mappings = RuleSources::builtin().parse_mappings().unwrap();
    let texts: Vec<(String, PathBuf, Vec<u8>)> = samples()
        .into_iter()
        .flat_map(|(s, files)| files.into_iter().map(move |f| (s.clone(), f.clone(), text(&f))))
        .collect();
    let (mut pairs, mut taken) = (0, Vec::new());
    for mapping in &mappings {
        let engine = Engine::new(&rules, vec![mapping.clone()], &Options::default()).unwrap();
        for (source, file, text) in &texts {
            let frame = detect(&file.to_string_lossy(), text, true);
            let decoded = Decoded::default();
            let chunk = Chunk { framing: frame.framing, body: &text[frame.start..], header: &frame.header };
            let events: usize = engine.mapper.map(chunk, &decoded).batches.iter().map(|b| b.ordinals.len()).sum();
            pairs += 1;
            if events > 0 && mapping.source != *source {
                taken.push(format!("{} takes {events} of {}", mapping.file, file.display()));
            }
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    assert!(pairs > 1000, "only {pairs} pairs");
}
