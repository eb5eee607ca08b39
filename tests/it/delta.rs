//! The layer as its callers use it, and as it meets what others left in a folder.

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit};
use keyfault::store::delta::lock::Holder;
use keyfault::store::delta::{Commit, CommitError, Filter, Lock, Snapshot, Table};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn dict() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn schema() -> SchemaRef {
    let words = Arc::new(Field::new("item", dict(), true));
    Arc::new(Schema::new(vec![
        Field::new("source", dict(), false),
        Field::new("event_time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("status", DataType::UInt16, true),
        Field::new("record", DataType::UInt64, false),
        Field::new("defects", DataType::List(words), true),
    ]))
}

fn rows(source: &str, from: i64, record: u64) -> RecordBatch {
    let mut list = ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new());
    list.values().append_value("short");
    list.append(true);
    list.append(false);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(vec![source; 2].into_iter().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(from), Some(from + 999)]).with_timezone("UTC")),
        Arc::new(UInt16Array::from(vec![Some(u16::MAX), None])),
        Arc::new(UInt64Array::from(vec![record, record + 1])),
        Arc::new(list.finish()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn store() -> (tempfile::TempDir, Lock, Table) {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path(), &Holder::me(0)).unwrap();
    let table = Table::open_or_create(&lock, &dir.path().join("events"), &schema(), &["source"]).unwrap();
    (dir, lock, table)
}

#[expect(clippy::too_many_arguments, reason = "what is committed where")]
fn commit(lock: &Lock, table: &Table, base: &Snapshot, batch: &RecordBatch, txn: i64) -> Result<i64, CommitError> {
    let mut writer = table.writer(lock, base)?;
    writer.write(batch)?;
    let commit = Commit {
        adds: writer.finish()?,
        txn: Some(("app".into(), txn)),
        operation: "WRITE",
        now_ms: 5,
        ..Commit::default()
    };
    table.commit(lock, base, &commit)
}

fn all(table: &Table, snapshot: &Snapshot, filter: &Filter) -> Vec<RecordBatch> {
    table.rows(snapshot, filter).collect::<Result<_, _>>().unwrap()
}

/// Every file of a folder with its bytes, to prove that nothing was touched.
fn picture(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(picture(&path)),
            false => drop(found.insert(path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found
}

fn refused(lock: &Lock, dir: &Path) -> String {
    let before = picture(dir);
    let error = Table::open_or_create(lock, dir, &schema(), &["source"]).unwrap_err().to_string();
    assert_eq!(before, picture(dir));
    error
}

#[test]
fn rows_come_back_in_the_types_they_had() {
    let (_dir, lock, table) = store();
    let batch = rows("a b/ü%", 1_000_000, 7);
    commit(&lock, &table, &table.snapshot().unwrap(), &batch, 0).unwrap();
    let snapshot = table.snapshot().unwrap();
    assert_eq!((snapshot.version, snapshot.rows(), snapshot.files.len()), (1, 2, 1));
    assert_eq!(all(&table, &snapshot, &Filter::all()), [batch]);
    assert_eq!(Table::open(table.dir()).unwrap().schema().field(3).data_type(), &DataType::Int64);
}

#[test]
fn numbers_that_do_not_fit_are_an_error_and_no_null() {
    let (_dir, lock, table) = store();
    let error = commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, u64::MAX - 1), 0).unwrap_err();
    assert!(error.to_string().contains("column record"), "{error}");
    assert_eq!(table.snapshot().unwrap().version, 0);
}

#[test]
fn files_are_left_out_by_partition_and_by_time() {
    let (_dir, lock, table) = store();
    for (number, source) in ["a", "b", "a"].into_iter().enumerate() {
        let batch = rows(source, number as i64 * 10_000_000, 0);
        commit(&lock, &table, &table.snapshot().unwrap(), &batch, number as i64).unwrap();
    }
    let snapshot = table.snapshot().unwrap();
    let count = |f: Filter| snapshot.matching(&f).count();
    assert_eq!(count(Filter::all().partition("source", ["a"])), 2);
    assert_eq!(count(Filter::all().times("event_time", 9_000_000, 10_000_001)), 1);
    assert_eq!(count(Filter::all().partition("source", ["a"]).times("event_time", 9_000_000, 10_000_001)), 0);
    assert_eq!(all(&table, &snapshot, &Filter::all().partition("source", ["b"])), [rows("b", 10_000_000, 0)]);
}

#[test]
fn of_two_commits_on_one_base_the_second_is_a_conflict() {
    let (_dir, lock, table) = store();
    let base = table.snapshot().unwrap();
    assert_eq!(commit(&lock, &table, &base, &rows("a", 0, 0), 0).unwrap(), 1);
    assert!(matches!(commit(&lock, &table, &base, &rows("a", 0, 9), 1), Err(CommitError::Conflict(1))));
    assert!(matches!(
        commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, 9), 0),
        Err(CommitError::Done(0))
    ));
}

#[test]
fn a_checkpoint_holds_the_same_state_as_the_log() {
    let (_dir, lock, table) = store();
    for number in 0..4 {
        commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", number, 0), number).unwrap();
    }
    table.withdraw_to(&lock, 3, 6).unwrap();
    let from_log = table.snapshot().unwrap();
    table.checkpoint(&lock, &from_log, 6).unwrap();
    fs::remove_file(table.dir().join("_delta_log").join(format!("{:020}.json", from_log.version))).unwrap();
    let from_checkpoint = table.snapshot().unwrap();
    assert_eq!(from_checkpoint.files, from_log.files);
    assert_eq!(from_checkpoint.txns, from_log.txns);
    assert_eq!(from_checkpoint.metadata, from_log.metadata);
    assert_eq!(from_checkpoint.tombstones, from_log.tombstones);
    assert_eq!((from_log.rows(), from_log.txn("app")), (6, Some(2)));
}

#[test]
fn vacuum_takes_orphans_of_an_age_and_nothing_else() {
    let (_dir, lock, table) = store();
    commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, 0), 0).unwrap();
    let mut writer = table.writer(&lock, &table.snapshot().unwrap()).unwrap();
    writer.write(&rows("a", 1, 1)).unwrap();
    writer.finish().unwrap();
    fs::write(table.dir().join("_tmp/left"), "x").unwrap();
    let soon = i64::MAX / 2;
    let young = table.vacuum(&lock, 0, 1_000).unwrap();
    assert_eq!((young.orphans, young.drafts), (0, 1));
    let old = table.vacuum(&lock, soon, 1_000).unwrap();
    assert_eq!((old.orphans, old.removed), (1, 0));
    assert!(table.damage().unwrap().is_empty());
}

#[test]
fn new_columns_are_added_and_old_files_have_nulls_there() {
    let (dir, lock, table) = store();
    commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, 0), 0).unwrap();
    let mut fields = schema().fields().to_vec();
    fields.insert(1, Arc::new(Field::new("region", dict(), true)));
    let grown: SchemaRef = Arc::new(Schema::new(fields));
    let table = Table::open_or_create(&lock, &dir.path().join("events"), &grown, &["source"]).unwrap();
    let snapshot = table.snapshot().unwrap();
    assert_eq!(snapshot.version, 2);
    assert_eq!(all(&table, &snapshot, &Filter::all())[0].column(1).null_count(), 2);
    assert!(refused(&lock, table.dir()).contains("region that is not known here"));
}

#[test]
fn what_is_not_ours_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path(), &Holder::me(0)).unwrap();
    let foreign = dir.path().join("photos");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("cat.jpg"), "meow").unwrap();
    assert!(refused(&lock, &foreign).contains("holds \"cat.jpg\" but no Delta table"));
    assert!(Table::open(&foreign).unwrap_err().to_string().contains("holds no Delta table"));
}

#[test]
fn newer_and_foreign_tables_are_refused_untouched() {
    for (from, to, says) in [
        ("\"keyfault.store\":\"1\"", "\"keyfault.store\":\"2\"", "has layout 2, newer than 1"),
        ("\"keyfault.store\":\"1\"", "", "keyfault did not make"),
        ("\"minWriterVersion\":2", "\"minWriterVersion\":7", "needs a writer of version 7"),
        ("\"minReaderVersion\":1", "\"minReaderVersion\":3,\"readerFeatures\":[\"deletionVectors\"]", "needs a reader"),
        ("\\\"type\\\":\\\"string\\\"", "\\\"type\\\":\\\"binary\\\"", "column source is Binary there and Utf8 here"),
        ("{\"metaData\"", "{\"metaDa", "events/_delta_log/00000000000000000000.json:3: not an action"),
    ] {
        let (_dir, lock, table) = store();
        let path = table.dir().join("_delta_log/00000000000000000000.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        let torn = if from.starts_with('{') {
            text[..text.find(from).unwrap() + 9].to_string()
        } else {
            text.replacen(from, to, 1)
        };
        fs::write(&path, torn).unwrap();
        let error = refused(&lock, table.dir());
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn damage_is_told_by_file() {
    let (_dir, lock, table) = store();
    for number in 0..3 {
        commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", number, 0), number).unwrap();
    }
    let snapshot = table.snapshot().unwrap();
    let path = table.dir().join(snapshot.files.keys().next().unwrap());
    fs::write(&path, "PAR1").unwrap();
    let error = table.rows(&snapshot, &Filter::all()).find_map(Result::err).unwrap().to_string();
    assert!(error.contains("data file is damaged: 4 bytes instead of"), "{error}");
    assert_eq!(table.damage().unwrap().len(), 1);
    fs::remove_file(table.dir().join("_delta_log/00000000000000000001.json")).unwrap();
    assert!(table.snapshot().unwrap_err().to_string().contains("the commit 1 is missing"));
}

#[test]
fn a_version_whose_files_are_gone_is_not_brought_back() {
    let (_dir, lock, table) = store();
    commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, 0), 0).unwrap();
    let base = table.snapshot().unwrap();
    let removes = base.files.values().cloned().collect();
    let empty = Commit { removes, operation: "DELETE", now_ms: 5, ..Commit::default() };
    table.commit(&lock, &base, &empty).unwrap();
    assert_eq!(table.vacuum(&lock, 4, 0).unwrap().removed, 0);
    assert_eq!(table.vacuum(&lock, 5, 0).unwrap().removed, 1);
    assert!(table.withdraw_to(&lock, 1, 6).unwrap_err().to_string().contains("gone or changed"));
    assert_eq!((table.snapshot().unwrap().version, table.snapshot().unwrap().rows()), (2, 0));
}

#[test]
fn a_log_that_names_files_elsewhere_is_refused() {
    let (_dir, lock, table) = store();
    commit(&lock, &table, &table.snapshot().unwrap(), &rows("a", 0, 0), 0).unwrap();
    let path = table.dir().join("_delta_log/00000000000000000001.json");
    let text = fs::read_to_string(&path).unwrap().replace("\"path\":\"", "\"path\":\"../");
    fs::write(&path, text).unwrap();
    assert!(table.snapshot().unwrap_err().to_string().contains("outside the table: ../source=a/"));
}

#[test]
fn an_empty_partition_is_refused_before_it_turns_null() {
    let (_dir, lock, table) = store();
    let error = commit(&lock, &table, &table.snapshot().unwrap(), &rows("", 0, 0), 0).unwrap_err().to_string();
    assert!(error.contains("empty text") && error.ends_with("check the rows"), "{error}");
}
