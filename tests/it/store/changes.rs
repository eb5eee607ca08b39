//! Inputs that change between runs: what is new in them is read once, and what was read is not read again.

use super::logs::{DENIED, START_US, event, key, switched_off};
use super::{Home, Tables, assert_same, count, value};
use keyfault::model::finding::Findings;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// An access log has no ids: what is read twice counts twice.
fn lines(range: std::ops::Range<i64>) -> String {
    let line = |n: i64| {
        let time = chrono::DateTime::from_timestamp_micros(START_US + n * 60_000_000).unwrap();
        format!(
            "10.0.0.1 - ann [{}] \"GET /v1/{n} HTTP/1.1\" 401 7 \"-\" \"curl/8\"\n",
            time.format("%d/%b/%Y:%H:%M:%S +0000")
        )
    };
    range.map(line).collect()
}

/// Writes a file and sets its time, so that two writes of a fast test differ in it as those of two days do.
fn write(path: &Path, text: impl AsRef<[u8]>, day: u64) -> PathBuf {
    std::fs::write(path, text).unwrap();
    set_day(path, day);
    path.to_path_buf()
}

fn set_day(path: &Path, day: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_600_000 + day * 86_400);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

fn read(findings: &Findings) -> (u64, u64, u64) {
    (findings.totals.inputs, findings.totals.events, findings.totals.rejects)
}

/// Every record of the log once: as many failures as lines, each with a path of its own.
fn assert_each_once(tables: &Tables, lines: i64) {
    let mut times: Vec<String> = tables["failures"].iter().map(|row| value(row, "event_time").to_string()).collect();
    times.dedup();
    assert_eq!((tables["failures"].len(), times.len()), (lines as usize, lines as usize));
}

#[test]
fn a_log_that_grows_is_read_from_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (home, whole) = (Home::new(), Home::new());
    let log = write(&folder.path().join("access.log"), lines(0..10), 0);
    assert_eq!(read(&home.run(std::slice::from_ref(&log))), (1, 10, 0));
    assert_eq!(read(&home.run(std::slice::from_ref(&log))), (0, 0, 0));
    write(&log, lines(0..25), 1);
    assert_eq!(read(&home.run(std::slice::from_ref(&log))), (1, 15, 0));
    assert_each_once(&home.tables(), 25);
    whole.run(&[log]);
    let without_inputs = |home: &Home| home.tables().into_iter().filter(|(name, _)| *name != "inputs").collect();
    assert_same(&without_inputs(&whole), &without_inputs(&home), "grown and at once");
}

#[test]
fn an_unfinished_last_line_is_read_again_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let (text, cut) = (lines(0..10), 37);
    let log = write(&folder.path().join("access.log"), &text[..text.len() - cut], 0);
    assert_eq!(read(&home.run(std::slice::from_ref(&log))), (1, 9, 1), "half a line is no event");
    write(&log, text + &lines(10..12), 1);
    let second = home.run(&[log]);
    assert_eq!(read(&second), (1, 3, 0));
    let problem = second.coverage[0].problem.clone().unwrap();
    assert!(problem.contains("last line was unfinished"), "{problem}");
    let tables = home.tables();
    assert_each_once(&tables, 12);
    let mut records: Vec<u64> = tables["failures"].iter().map(|r| value(r, "input_record").as_u64().unwrap()).collect();
    records.sort_unstable();
    assert_eq!(records, (0..12).collect::<Vec<_>>(), "records count on where they stood");
}

#[test]
fn a_log_that_ends_without_a_line_end_and_then_gets_one_is_not_read_twice() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let text = lines(0..10);
    let log = write(&folder.path().join("access.log"), text.trim_end(), 0);
    assert_eq!(read(&home.run(std::slice::from_ref(&log))), (1, 10, 0));
    write(&log, text + &lines(10..13), 1);
    assert_eq!(read(&home.run(&[log])), (1, 3, 0));
    assert_each_once(&home.tables(), 13);
}

#[test]
fn rotated_logs_are_known_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let name = |n: u32| folder.path().join(if n == 0 { "access.log".into() } else { format!("access.log.{n}") });
    write(&name(0), lines(0..10), 0);
    assert_eq!(read(&home.run(&[name(0)])), (1, 10, 0));
    // Between two runs the log grows by lines that no run saw, is renamed, and a new one begins.
    write(&name(0), lines(0..14), 1);
    std::fs::rename(name(0), name(1)).unwrap();
    write(&name(0), lines(14..20), 2);
    assert_eq!(read(&home.run(&[name(0), name(1)])), (2, 10, 0));
    std::fs::rename(name(1), name(2)).unwrap();
    std::fs::rename(name(0), name(1)).unwrap();
    write(&name(0), lines(20..21), 3);
    assert_eq!(read(&home.run(&[name(0), name(1), name(2)])), (1, 1, 0));
    assert_each_once(&home.tables(), 21);
    assert_eq!(read(&home.run(&[name(0), name(1), name(2)])), (0, 0, 0));
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn a_log_that_rotation_packed_is_known_and_only_its_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let name = |name: &str| folder.path().join(name);
    write(&name("access.log"), lines(0..10), 0);
    assert_eq!(read(&home.run(&[name("access.log")])), (1, 10, 0));
    // It grows by lines that no run saw, is packed, and a new one begins.
    write(&name("access.log.1.gz"), packed(&lines(0..14)), 1);
    write(&name("access.log"), lines(14..20), 1);
    let all = [name("access.log"), name("access.log.1.gz")];
    assert_eq!(read(&home.run(&all)), (2, 10, 0));
    assert_eq!(read(&home.run(&all)), (0, 0, 0));
    // Packed as it was read: nothing in it is new.
    write(&name("access.log.2.gz"), packed(&lines(0..14)), 2);
    write(&name("access.log.1.gz"), packed(&lines(14..20)), 2);
    std::fs::remove_file(name("access.log")).unwrap();
    assert_eq!(read(&home.run(&[name("access.log.1.gz"), name("access.log.2.gz")])), (0, 0, 0));
    assert_each_once(&home.tables(), 20);
}

#[test]
fn what_a_rule_said_is_kept_through_runs_without_it() {
    const RULE: &str = "title: Mine\nid: 5f4f1f7e-8a5e-4f0e-9d6a-2b8a6a2f0c01\nstatus: test\nlevel: low\ntaxonomy: keyfault\n\
        logsource: {product: keyfault}\ndetection:\n  selection: {http_status: 401}\n  condition: selection\n\
        cause: {id: context.wrong_region, basis: proof, confidence: 0.99}\n";
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    write(&name("mine.yml"), RULE, 0);
    let run = |log: &str, rules: &[&str]| {
        let mut analyze = std::process::Command::new(env!("CARGO_BIN_EXE_keyfault"));
        analyze.arg("analyze").arg(name(log)).args(rules).current_dir(folder.path());
        analyze.args(["--store", "store", "--out", "report"]);
        assert!(analyze.output().unwrap().status.success());
        let tables = super::tables(&name("store"));
        let caused = tables["failures"].iter().filter(|row| value(row, "cause") == "context.wrong_region").count();
        (tables["failures"].len(), caused)
    };
    let with = ["--rules", "mine.yml"];
    write(&name("a.log"), lines(0..10), 0);
    assert_eq!(run("a.log", &with), (10, 10));
    write(&name("b.log"), lines(10..14), 0);
    assert_eq!(run("b.log", &[]), (14, 0));
    write(&name("c.log"), lines(14..15), 0);
    assert_eq!(run("c.log", &with), (15, 11));
}

#[test]
fn a_log_copied_away_and_emptied_is_not_read_twice() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let (log, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    write(&log, lines(0..10), 0);
    home.run(std::slice::from_ref(&log));
    std::fs::copy(&log, &old).unwrap();
    write(&log, "", 1);
    let emptied = home.run(&[log.clone(), old.clone()]);
    assert_eq!(emptied.totals.events, 0);
    assert_eq!(emptied.coverage[0].problem.as_deref(), Some("the file is empty"));
    write(&log, lines(10..12), 2);
    assert_eq!(read(&home.run(&[log, old])), (1, 2, 0));
    assert_each_once(&home.tables(), 12);
}

#[test]
fn a_copy_beside_its_original_counts_as_it_does_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let (home, whole) = (Home::new(), Home::new());
    let log = write(&folder.path().join("a.log"), lines(0..10), 0);
    home.run(std::slice::from_ref(&log));
    let copy = write(&folder.path().join("b.log"), lines(0..10), 1);
    assert_eq!(read(&home.run(&[log.clone(), copy.clone()])), (1, 10, 0), "equal lines without ids are two requests");
    whole.run(&[log, copy]);
    assert_same(&whole.tables(), &home.tables(), "a copy");
}

#[test]
fn a_rewritten_file_is_read_as_a_whole_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    // More than the head by which files are looked up stays as it was.
    let log = write(&folder.path().join("access.log"), lines(0..200), 0);
    home.run(std::slice::from_ref(&log));
    write(&log, lines(0..150) + &lines(500..550), 1);
    let again = home.run(std::slice::from_ref(&log));
    assert_eq!(read(&again), (1, 200, 0));
    let problem = again.coverage[0].problem.clone().unwrap();
    assert!(problem.starts_with("was rewritten since run 0 read it"), "{problem}");
    write(&log, lines(0..150) + &lines(500..550), 2);
    assert_eq!(read(&home.run(&[log])), (0, 0, 0), "touched, but the same bytes");
}

#[test]
fn grown_documents_are_read_as_a_whole_and_their_ids_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let document = |number: u64| {
        let records: Vec<String> =
            (0..number).map(|n| event(n, START_US + n as i64 * 1_000_000, &key(n % 3), 1, DENIED)).collect();
        format!("{{\"Records\":[{}]}}", records.join(","))
    };
    let packed = |number| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(document(number).as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let trail = folder.path().join("trail.json");
    let archive = folder.path().join("trail.json.gz");
    write(&trail, document(5), 0);
    assert_eq!(read(&home.run(std::slice::from_ref(&trail))), (1, 5, 0));
    write(&trail, document(8), 1);
    let grown = home.run(std::slice::from_ref(&trail));
    assert_eq!((read(&grown), grown.totals.duplicates), ((1, 3, 0), 5));
    write(&archive, packed(8), 1);
    let copied = home.run(&[trail.clone(), archive.clone()]);
    assert_eq!((read(&copied), copied.totals.duplicates), ((1, 0, 0), 8));
    let mut both = packed(8);
    both.extend(packed(9));
    write(&archive, both, 2);
    let grown = home.run(&[trail, archive]);
    assert_eq!((read(&grown), grown.totals.duplicates), ((1, 1, 0), 16));
    let problem = grown.coverage[0].problem.clone().unwrap();
    assert!(problem.contains("has grown since it was read, and is not a plain log of lines"), "{problem}");
    assert_eq!(home.tables()["failures"].len(), 9);
}

#[test]
fn a_part_that_holds_no_events_does_not_hide_what_the_log_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let (home, whole) = (Home::new(), Home::new());
    let off = event(1, START_US, &key(500), 9, &switched_off(&key(1)));
    let trail = folder.path().join("a-trail.ndjson");
    let denied = folder.path().join("b-trail.ndjson");
    write(&denied, event(2, START_US + 60_000_000, &key(1), 1, DENIED) + "\n", 0);
    write(&trail, off.clone() + "\n", 0);
    home.run(&[trail.clone(), denied.clone()]);
    write(&trail, off + "\nno record that anybody knows\n", 1);
    assert_eq!(read(&home.run(&[trail.clone(), denied.clone()])), (1, 0, 1));
    whole.run(&[trail, denied]);
    let (mut whole, mut found) = (whole.tables(), home.tables());
    assert!(count(&whole, "incidents", "AKIASTORE00000000001 off 1 min earlier") > 0, "{whole:?}");
    whole.remove("inputs");
    found.remove("inputs");
    assert_same(&whole, &found, "grown by a line that nobody knows");
}

#[test]
fn files_that_vanish_keep_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let logs: Vec<PathBuf> =
        (0..3).map(|n| write(&folder.path().join(format!("{n}.log")), lines(n * 10..n * 10 + 10), n as u64)).collect();
    home.run(&logs);
    let before = home.tables();
    std::fs::remove_file(&logs[1]).unwrap();
    home.run(&[logs[0].clone(), logs[2].clone()]);
    home.run(&[]);
    assert_same(&before, &home.tables(), "one file less, then none");
    assert_eq!(count(&before, "inputs", ".log"), 3);
}

#[test]
fn a_log_that_is_written_while_it_is_read_is_read_to_where_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let log = write(&folder.path().join("access.log"), lines(0..10), 0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = std::fs::File::options().append(true).open(&log).unwrap();
            let mut n = 10;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(lines(n..n + 1).as_bytes()).unwrap();
                n += 1;
                std::thread::sleep(Duration::from_micros(400));
            }
            n
        });
        (0..2).for_each(|_| drop(home.run(std::slice::from_ref(&log))));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap()
    });
    home.run(&[log]);
    assert_each_once(&home.tables(), last);
}
