//! The same inputs give the same report: whatever the threads, the order of arguments and the size of chunks.

use super::program::{analyze, files};
use super::table;
use keyfault::pipeline::{Engine, Keep, Options, RuleSources, Run};
use keyfault::read::find::find;
use keyfault::read::reader::Limits;
use keyfault::report::alerts::AlertFormat;
use std::path::{Path, PathBuf};

#[test]
fn threads_and_the_order_of_arguments_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let inputs =
        ["samples/kong", "samples/apinto", "samples/aws_cloudtrail", "samples/nginx", "samples/litellm"].map(Path::new);
    let mut backwards = inputs;
    backwards.reverse();
    analyze(&inputs, &one, &["--threads", "1", "--keep", "all"]);
    analyze(&backwards, &other, &["--threads", "4", "--keep", "all"]);
    let (one, other) = (files(&one), files(&other));
    assert!(one.len() >= 9, "{:?}", one.iter().map(|(n, _)| n).collect::<Vec<_>>());
    assert!(one == other, "reports differ");
}

/// Runs the library on inputs, cut as the limits say.
fn run(inputs: &[PathBuf], out: &Path, limits: Limits) {
    let sources = RuleSources::builtin();
    let (rules, _) = sources.rule_set().unwrap();
    let engine = Engine::new(&rules, sources.parse_mappings().unwrap(), &Options::default()).unwrap();
    let names: Vec<String> = inputs.iter().map(|i| i.display().to_string()).collect();
    let run = Run {
        inputs: find(&names).unwrap().0,
        out: out.to_path_buf(),
        keep: Keep::All,
        alert_format: AlertFormat::Keyfault,
        since_us: None,
        until_us: None,
        threads: 3,
        memory_bytes: 64 << 20,
        gap_us: 3_600_000_000,
        limits,
        rule_notes: Default::default(),
        locate: None,
        progress: &|_| {},
    };
    keyfault::pipeline::analyze(&engine, run).unwrap();
}

#[test]
fn the_size_of_chunks_changes_no_row_and_no_choice_of_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    // Every record twice: in the file it came in, and in one more form.
    let kong = std::fs::read_to_string(root.join("kong/orders.ndjson")).unwrap();
    let mixed = folder.path().join("mixed.ndjson");
    let apinto = std::fs::read_to_string(root.join("apinto/2026-11-01.ndjson")).unwrap();
    let lines: Vec<&str> = kong.lines().zip(apinto.lines()).flat_map(|(k, a)| [k, a, "not a record"]).collect();
    std::fs::write(&mixed, lines.join("\n")).unwrap();
    let pretty = folder.path().join("pretty.json");
    let records: Vec<serde_json::Value> = kong.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    std::fs::write(&pretty, serde_json::to_string_pretty(&serde_json::json!({"Records": records})).unwrap()).unwrap();
    let inputs = [root, mixed, pretty];
    let whole = folder.path().join("whole");
    run(&inputs, &whole, Limits::default());
    for (chunk_bytes, whole_bytes, chunk_lines) in
        [(4_000, 2_000, 8_192), (70_000, 5_000, 8_192), (4 << 20, 12 << 20, 2)]
    {
        let cut = folder.path().join(format!("cut{chunk_bytes}"));
        run(&inputs, &cut, Limits { chunk_bytes, whole_bytes, chunk_lines, ..Limits::default() });
        let columns = ["input_file", "source", "records", "events", "rejects", "duplicates", "problem"];
        let inputs_of = |report: &Path| table::rows(&report.join("coverage.parquet"), &columns);
        for (of_whole, of_cut) in inputs_of(&whole).iter().zip(&inputs_of(&cut)) {
            assert_eq!(of_whole, of_cut, "inputs differ with chunks of {chunk_bytes} bytes");
        }
        for (name, bytes) in files(&whole).iter().filter(|(n, _)| !n.starts_with("events/")) {
            assert!(
                *bytes == std::fs::read(cut.join(name)).unwrap(),
                "{name} differs with chunks of {chunk_bytes} bytes"
            );
        }
        let columns = ["input_file", "input_record", "event_uid", "source", "status"];
        let rows = |report: &Path| {
            files(report)
                .iter()
                .filter(|(n, _)| n.starts_with("events/"))
                .flat_map(|(n, _)| table::rows(&report.join(n), &columns))
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&whole), rows(&cut), "events differ with chunks of {chunk_bytes} bytes");
    }
}
