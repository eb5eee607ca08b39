//! What a store refuses, and that it leaves every byte as it was.

use super::logs::{cut, events};
use super::{Home, assert_same};
use crate::program::{Ran, analyze};
use keyfault::store::delta::{Commit, Filter, Lock, Table, lock::Holder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file and folder below a folder, with the bytes of files.
fn picture(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries
        .map(|e| (e.path().to_path_buf(), e.file_type().is_file().then(|| std::fs::read(e.path()).unwrap())))
        .collect()
}

/// The command on a store.
fn on(store: &Path, input: &Path) -> Ran {
    let report = tempfile::tempdir().unwrap();
    analyze(&[input], &report.path().join("report"), &["--store", store.to_str().unwrap()])
}

/// A store that two runs filled, and an input that is new to it.
fn filled() -> (Home, Vec<PathBuf>, PathBuf) {
    let home = Home::new();
    let inputs = cut(home.folder.path(), &events(120), 40);
    home.run(&inputs[..1]);
    home.run(&inputs[1..2]);
    let new = inputs[2].clone();
    (home, inputs, new)
}

/// The command refuses the folder, says so in these words, and touches nothing.
fn refuses(folder: &Path, input: &Path, words: &[&str]) {
    let before = picture(folder);
    let ran = on(folder, input);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no \"{word}\" in {}", ran.stderr);
    }
    let after = picture(folder);
    let changed: Vec<&PathBuf> =
        before.keys().chain(after.keys()).filter(|p| before.get(*p) != after.get(*p)).collect();
    assert!(changed.is_empty(), "{words:?}: {changed:?}");
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = picture(folder)
        .into_iter()
        .filter(|(p, bytes)| bytes.is_some() && p.display().to_string().ends_with(end))
        .map(|(p, _)| p)
        .collect();
    found.sort();
    found
}

#[test]
fn folders_that_hold_other_things_are_no_stores() {
    let folder = tempfile::tempdir().unwrap();
    let input = cut(folder.path(), &events(10), 10).remove(0);
    let other = folder.path().join("other");
    std::fs::create_dir_all(other.join("thesis")).unwrap();
    std::fs::write(other.join("thesis/chapter.txt"), "x").unwrap();
    refuses(&other, &input, &["holds \"thesis\" and is no store of keyfault"]);
    std::fs::write(folder.path().join("file"), "x").unwrap();
    refuses(&folder.path().join("file"), &input, &["file: "]);
}

#[test]
fn a_delta_table_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let input = cut(folder.path(), &events(10), 10).remove(0);
    let store = folder.path().join("store");
    let log = store.join("inputs/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    let schema =
        r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let first = format!(
        "{{\"protocol\":{{\"minReaderVersion\":1,\"minWriterVersion\":2}}}}\n{{\"metaData\":{{\"id\":\"x\",\"format\":{{\"provider\":\"parquet\",\"options\":{{}}}},\"schemaString\":\"{schema}\",\"partitionColumns\":[],\"configuration\":{{}},\"createdTime\":0}}}}\n"
    );
    std::fs::write(log.join(format!("{:020}.json", 0)), first).unwrap();
    refuses(&store, &input, &["inputs", "is a Delta table that keyfault did not make"]);
}

#[test]
fn stores_of_a_newer_and_of_an_older_layout_are_left_alone() {
    let (home, _, new) = filled();
    for (layout, words) in [
        (999, ["has layout 999, newer than", "use the newer keyfault"]),
        (0, ["has layout 0, which is read no more", "begin a new --store"]),
    ] {
        written_as(&home.store(), layout);
        refuses(&home.store(), &new, &words);
    }
}

/// Writes another number of the layout into the log of `inputs`.
fn written_as(store: &Path, layout: u32) {
    let first = store.join("inputs/_delta_log").join(format!("{:020}.json", 0));
    let text = std::fs::read_to_string(&first).unwrap();
    let other = format!("\"keyfault.store\":\"{layout}\"");
    let text = regex::Regex::new(r#""keyfault.store":"\d+""#).unwrap().replace(&text, other.as_str()).into_owned();
    std::fs::write(&first, text).unwrap();
}

#[test]
fn damage_is_told_and_repaired_by_a_copy() {
    let (home, inputs, new) = filled();
    for (table, words) in
        [("gathered", "data file is damaged"), ("failures", "data file is damaged"), ("inputs", "data file is damaged")]
    {
        let (snapshot_file, bytes) = newest_file(&home.store(), table);
        std::fs::write(&snapshot_file, &bytes[..bytes.len() - 9]).unwrap();
        refuses(&home.store(), &new, &[snapshot_file.to_str().unwrap(), words, "restore the file from a copy"]);
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        std::fs::write(&snapshot_file, &flipped).unwrap();
        refuses(&home.store(), &new, &[snapshot_file.to_str().unwrap(), "its bytes are not those that were written"]);
        std::fs::remove_file(&snapshot_file).unwrap();
        refuses(&home.store(), &new, &[snapshot_file.to_str().unwrap(), "data file is gone"]);
        std::fs::write(&snapshot_file, bytes).unwrap();
    }
    let whole = Home { keep: home.keep, ..Home::new() };
    whole.run(&inputs);
    home.run(&[new]);
    assert_same(&whole.tables(), &home.tables(), "after the damage was repaired");
}

/// A data file of the newest version of a table.
fn newest_file(store: &Path, table: &str) -> (PathBuf, Vec<u8>) {
    let table = Table::open(&store.join(table)).unwrap();
    let snapshot = table.snapshot().unwrap();
    let path = table.dir().join(snapshot.files.keys().next().unwrap());
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn a_missing_or_torn_commit_is_told() {
    let (home, _, new) = filled();
    for table in ["inputs", "incidents"] {
        let commit = files(&home.store().join(table).join("_delta_log"), "00000000000000000001.json").remove(0);
        let bytes = std::fs::read(&commit).unwrap();
        std::fs::remove_file(&commit).unwrap();
        refuses(&home.store(), &new, &[table, "the commit 1 is missing", "restore the folder from a copy"]);
        std::fs::write(&commit, &bytes[..bytes.len() / 2]).unwrap();
        refuses(&home.store(), &new, &[commit.to_str().unwrap(), "not an action of Delta Lake"]);
        std::fs::write(&commit, bytes).unwrap();
    }
    assert_eq!(on(&home.store(), &new).code, 0);
}

#[test]
fn the_second_process_on_a_store_is_told_who_has_it() {
    let (home, _, new) = filled();
    let lock = Lock::take(&home.store(), &Holder::me(1_795_500_000_000)).unwrap();
    let pid = format!("in use by process {} on ", std::process::id());
    refuses(&home.store(), &new, &["LOCK", &pid, " since 2026-11-24T06:00:00", "wait for it to end"]);
    drop(lock);
    assert_eq!(on(&home.store(), &new).code, 0);
}

#[test]
fn a_commit_of_another_program_stops_a_run_before_it_harms() {
    let (home, _, new) = filled();
    let before = home.tables();
    let (_, night) = home.night(&[]).unwrap();
    drop(night);
    // Another program adds a version that is no run of ours: it is kept, and the run goes on top of it.
    let lock = Lock::take(&home.store(), &Holder::me(0)).unwrap();
    let table = Table::open(&home.store().join("rejects")).unwrap();
    let base = table.snapshot().unwrap();
    table.commit(&lock, &base, &Commit { operation: "OPTIMIZE", ..Commit::default() }).unwrap();
    drop(lock);
    assert_same(&before, &home.tables(), "an empty commit");
    home.run(&[new]);
    let table = Table::open(&home.store().join("rejects")).unwrap();
    assert_eq!(table.rows(&table.snapshot().unwrap(), &Filter::all()).count(), 0);
}
