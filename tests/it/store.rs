//! Holds the store to its promise: however often, in whatever order and however rudely runs come, the tables end the same.

mod changes;
mod kept;
mod kills;
mod logs;
mod owed;
mod refusals;
mod splits;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use arrow::json::{LineDelimitedWriter, WriterBuilder};
use keyfault::error::Error;
use keyfault::model::finding::Findings;
use keyfault::pipeline::{
    Engine, Keep, Lasting, Night, Options, Receivers, Retention, RuleSources, Run, analyze_into, check_rules,
};
use keyfault::read::find::find;
use keyfault::rule::set::RuleFile;
use keyfault::store::standing::Standing;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// 2026-11-24, a while after all that the logs hold.
const NOW_US: i64 = 1_795_500_000_000_000;
const DAY_US: i64 = 86_400_000_000;

/// The tables whose rows do not depend on how inputs were spread over runs.
const TABLES: [&str; 9] =
    ["alerts", "credentials", "events", "failures", "incidents", "inputs", "rejects", "seen", "timeline"];
/// What the ledger says of the run and not of the input.
const OF_THE_RUN: [&str; 4] = ["run", "run_at", "number", "modified_at"];

/// The rows of tables as JSON, sorted.
type Tables = BTreeMap<&'static str, Vec<String>>;

/// The engine with the built-in rules and those of these tests.
fn engine() -> &'static Engine<'static> {
    static ENGINE: OnceLock<Engine<'static>> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut sources = RuleSources { with_tests: false, ..RuleSources::builtin() };
        for path in ["tests/store/rules.yml", "tests/user_rules/key_switched_off.yml"] {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
            sources.rules.push(RuleFile { name: path.into(), text });
        }
        let (rules, lints) = sources.rule_set().unwrap();
        check_rules(&lints, &Options::default()).unwrap();
        Engine::new(Box::leak(Box::new(rules)), sources.parse_mappings().unwrap(), &Options::default()).unwrap()
    })
}

/// A folder for a store and its report.
struct Home {
    folder: tempfile::TempDir,
    now_us: i64,
    retain_days: Option<u32>,
    keep: Keep,
}

impl Home {
    fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap(), now_us: NOW_US, retain_days: None, keep: Keep::All }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A run, with the store still locked.
    fn night(&self, inputs: &[PathBuf]) -> Result<(Findings, Night), Error> {
        let names: Vec<String> = inputs.iter().map(|i| i.display().to_string()).collect();
        let found = if names.is_empty() { Vec::new() } else { find(&names)?.0 };
        let run = Run::new(found, self.folder.path().join("report"), &|_| {});
        let store = self.store();
        let retention = Retention { now_us: self.now_us, days: self.retain_days };
        let on = Lasting { dir: &store, retention, receivers: Receivers::default() };
        analyze_into(engine(), Run { keep: self.keep, threads: 2, memory_bytes: 64 << 20, ..run }, &on)
    }

    fn run(&self, inputs: &[PathBuf]) -> Findings {
        let (findings, night) = self.night(inputs).unwrap();
        assert!(night.upkeep.is_none(), "{:?}", night.upkeep);
        findings
    }

    fn tables(&self) -> Tables {
        tables(&self.store())
    }
}

/// The rows of one table of a store, without some columns.
fn rows(store: &Path, table: &str, without: &[&str]) -> Vec<String> {
    rows_of(standing(store).iter().find(|standing| standing.name == table).unwrap(), without)
}

/// All tables as the last run left them.
fn standing(store: &Path) -> Vec<Standing> {
    keyfault::store::standing::tables(store).unwrap()
}

fn rows_of(table: &Standing, without: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in table.rows() {
        let batch = batch.unwrap();
        let wanted: Vec<usize> = (0..batch.num_columns())
            .filter(|column| !without.contains(&batch.schema().field(*column).name().as_str()))
            .collect();
        let mut writer: LineDelimitedWriter<Vec<u8>> = WriterBuilder::new().with_explicit_nulls(true).build(Vec::new());
        writer.write(&by_offset(&batch.project(&wanted).unwrap())).unwrap();
        writer.finish().unwrap();
        rows.extend(String::from_utf8(writer.into_inner()).unwrap().lines().map(str::to_string));
    }
    rows.sort();
    rows
}

/// The rows with times whose zone is written as an offset, which is all that the writer of JSON knows.
fn by_offset(rows: &RecordBatch) -> RecordBatch {
    let fields: Fields =
        rows.schema().fields().iter().map(|f| f.as_ref().clone().with_data_type(offset(f.data_type()))).collect();
    let columns = rows.columns().iter().zip(&fields).map(|(c, f)| cast(c, f.data_type()).unwrap()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn offset(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(offset(field.data_type())));
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

fn tables(store: &Path) -> Tables {
    let standing = standing(store);
    let of = |name: &str| standing.iter().find(|table| table.name == name).map(|table| rows_of(table, &OF_THE_RUN));
    TABLES.iter().map(|name| (*name, of(name).unwrap())).collect()
}

/// Fails with the first rows that only one of two stores has.
fn assert_same(one: &Tables, other: &Tables, when: &str) {
    for (name, rows) in one {
        let other = &other[name];
        let only = |a: &[String], b: &[String]| a.iter().filter(|row| !b.contains(row)).take(2).cloned().collect();
        let (left, right): (Vec<String>, Vec<String>) = (only(rows, other), only(other, rows));
        assert!(
            rows == other,
            "{when}: {name} has {} rows and {}\nonly the first: {left:#?}\nonly the second: {right:#?}",
            rows.len(),
            other.len()
        );
    }
}

/// The value of a column in a row of JSON.
fn value(row: &str, column: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(row).unwrap()[column].clone()
}

/// How many rows a table has that hold a text.
fn count(tables: &Tables, table: &str, text: &str) -> usize {
    tables[table].iter().filter(|row| row.contains(text)).count()
}
