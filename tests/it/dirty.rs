//! Dirty input never stops a run, never panics and never disappears: records = events + rejects + duplicates.

use super::program::{Ran, analyze};
use super::table;
use std::io::Write;
use std::path::{Path, PathBuf};

const GOOD: &str = r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2026-11-01T10:00:00Z","eventID":"e-1","userIdentity":{"type":"IAMUser"},"awsRegion":"eu-west-1"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Analyses one file; returns what the program said and the file's row of coverage.
fn coverage(folder: &Path, name: &str, bytes: &[u8]) -> (Ran, Vec<String>) {
    let file: PathBuf = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    let report = folder.join(format!("{name}.report"));
    let ran = analyze(&[&file], &report, &[]);
    let columns = ["records", "events", "rejects", "duplicates", "codec", "problem"];
    (ran, table::rows(&report.join("coverage.parquet"), &columns).remove(0))
}

#[test]
fn every_kind_of_dirt_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let twice = format!("{GOOD}\n{GOOD}\n");
    let other = GOOD.replace("e-1", "e-2");
    let long = format!("{GOOD}\n{{\"a\":\"{}\"}}\n{other}\n", "x".repeat(40 << 20));
    let records = format!("{{\"Records\":[{GOOD},{other}");
    let cut = gzip(
        format!("{}\n", (0..2000).map(|i| GOOD.replace("e-1", &format!("e-{i}"))).collect::<Vec<_>>().join("\n"))
            .as_bytes(),
    );
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let many = [gzip(format!("{GOOD}\n").as_bytes()), gzip(format!("{other}\n").as_bytes())].concat();
    let check = |name: &str, bytes: &[u8], expect: [&str; 4], problem: &str| {
        let (ran, row) = coverage(folder.path(), name, bytes);
        assert_eq!(row[..4], expect, "{name}: {row:?} {}", ran.stderr);
        let number = |i: usize| row[i].parse::<u64>().unwrap();
        assert_eq!(number(0), number(1) + number(2) + number(3), "{name}");
        assert!(row[5].contains(problem) && row[5].is_empty() == problem.is_empty(), "{name}: {:?}", row[5]);
        assert_eq!(ran.code, if number(1) > 0 { 0 } else { 3 }, "{name}: {}", ran.stderr);
    };
    check("good.json", GOOD.as_bytes(), ["1", "1", "0", "0"], "");
    check("twice.ndjson", twice.as_bytes(), ["2", "1", "0", "1"], "");
    check("empty.json", b"", ["0", "0", "0", "0"], "empty");
    check("binary.log", b"\x00\x01\x02\xff", ["1", "0", "1", "0"], "binary");
    check("archive.zip", b"PK\x03\x04aaaaaaa", ["1", "0", "1", "0"], "zip archive");
    check("utf8.ndjson", &[GOOD.as_bytes(), b"\n{\"a\":\"\xff\xfe\"}\n"].concat(), ["2", "1", "1", "0"], "");
    check("utf16.json", &utf16, ["1", "1", "0", "0"], "");
    check("bom.json", &[b"\xef\xbb\xbf", GOOD.as_bytes()].concat(), ["1", "1", "0", "0"], "");
    check("long.ndjson", long.as_bytes(), ["3", "2", "1", "0"], "");
    check("deep.json", "[".repeat(200_000).as_bytes(), ["1", "0", "1", "0"], "nested deeper");
    check("records.json", records.as_bytes(), ["2", "2", "0", "0"], "");
    check("broken.json", format!("{records},{{\"eventID\":").as_bytes(), ["3", "2", "1", "0"], "");
    check("crlf.ndjson", format!("{GOOD}\r\n{other}\r\n").as_bytes(), ["2", "2", "0", "0"], "");
    check("plain.gz", GOOD.as_bytes(), ["1", "1", "0", "0"], "");
    check("members.gz", &many, ["2", "2", "0", "0"], "");
    check("unknown.log", b"one line\nanother\n", ["2", "0", "2", "0"], "no events");
    let (_, row) = coverage(folder.path(), "cut.gz", &cut[..cut.len() / 2]);
    assert!(row[1].parse::<u64>().unwrap() > 100 && row[5].contains("ends early"), "{row:?}");
}

#[test]
fn a_wrong_source_is_named_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let ran = analyze(&[Path::new("samples/kong")], &folder.path().join("r"), &["--source", "konk"]);
    assert!(ran.code == 2 && ran.stderr.contains("did you mean \"kong\"?"), "{}", ran.stderr);
    let ran = analyze(&[Path::new("samples/kong")], &folder.path().join("r"), &["--source", "openai_audit"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
}

#[test]
fn mappings_with_faults_are_refused_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("m.yml");
    std::fs::write(&mapping, "source: mine\nrecognise: [{keys: [a]}]\ncolumns:\n  event_tme: a\n").unwrap();
    let ran =
        analyze(&[Path::new("samples/kong")], &folder.path().join("r"), &["--sources", &mapping.display().to_string()]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("m.yml:4:3: unknown column \"event_tme\"; did you mean \"event_time\"?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn own_formats_are_one_file() {
    for kind in ["csv", "ndjson", "text"] {
        let folder = tempfile::tempdir().unwrap();
        let home = format!("tests/user_mappings/{kind}");
        let log = std::fs::read_dir(&home)
            .unwrap()
            .map(|e| e.unwrap().path())
            .find(|p| p.extension().is_some_and(|e| e != "yml"))
            .unwrap();
        let ran = analyze(&[&log], &folder.path().join("r"), &["--sources", &home, "--format", "csv", "--strict"]);
        assert_eq!(ran.code, 0, "{kind}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("credential"), "{kind}: {}", ran.stdout);
    }
}
