//! A store for readers: every table as one finished run left it, whatever another process does meanwhile; locks and writes nothing.

use super::delta::read::Batches;
use super::delta::{DataFile, Filter, Snapshot, Table};
use super::lasting::{APP, INPUTS, no_store, version_of};
use crate::error::Error;
use arrow::datatypes::SchemaRef;
use std::path::Path;

/// A table as one run left it.
pub struct Standing {
    /// Its name.
    pub name: String,
    table: Table,
    snapshot: Snapshot,
}

/// All tables as the last run left them that `inputs` has, by name. Later ones, and what a killed run left, are passed over.
pub fn tables(dir: &Path) -> Result<Vec<Standing>, Error> {
    let inputs = Table::open(&dir.join(INPUTS)).map_err(|_| no_store(dir))?;
    let inputs = Standing { name: INPUTS.into(), snapshot: inputs.snapshot()?, table: inputs };
    let done = inputs.snapshot.txn(APP).unwrap_or(-1);
    let mut found = vec![inputs];
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io(dir, &e))? {
        let path = entry.map_err(|e| Error::io(dir, &e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != INPUTS && path.join("_delta_log").is_dir() {
            found.push(standing(&path, name, done)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn standing(path: &Path, name: String, done: i64) -> Result<Standing, Error> {
    let table = Table::open(path)?;
    let newest = table.snapshot()?;
    let lost = || Error::new(path.display().to_string(), "its log does not reach back to the last run", "ask again");
    let version = version_of(&table, &newest, done)?.ok_or_else(lost)?;
    let snapshot = if version == newest.version { newest } else { table.at(version)? };
    Ok(Standing { name, table, snapshot })
}

impl Standing {
    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        self.table.schema()
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.table.dir()
    }

    /// Its version.
    pub fn version(&self) -> i64 {
        self.snapshot.version
    }

    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.snapshot.files.values()
    }

    /// How many rows there are, by its log.
    pub fn count(&self) -> u64 {
        self.snapshot.rows()
    }

    /// All rows.
    pub fn rows(&self) -> Batches {
        self.table.rows(&self.snapshot, &Filter::all())
    }

    /// All rows, of these columns only.
    pub fn columns(&self, names: &[&str]) -> Batches {
        self.table.columns(&self.snapshot, &Filter::all(), names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lasting::{Change, Store, TableSpec};
    use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use std::sync::Arc;

    fn specs() -> [TableSpec; 2] {
        let field = |name, data_type| Field::new(name, data_type, true);
        let schema = Arc::new(Schema::new(vec![field("source", DataType::Utf8), field("n", DataType::Int64)]));
        let spec = |name, partition| TableSpec { name, schema: schema.clone(), partition };
        [spec(INPUTS, &[]), spec("events", &["source"])]
    }

    fn rows(from: i64) -> RecordBatch {
        let sources = StringArray::from(vec!["a", "b", "a"]);
        let numbers = Int64Array::from_iter_values(from..from + 3);
        RecordBatch::try_new(specs()[0].schema.clone(), vec![Arc::new(sources), Arc::new(numbers)]).unwrap()
    }

    /// Commits a run of three rows to some tables; without `inputs` it is one that was killed.
    fn run(dir: &Path, tables: &[&'static str], from: i64) {
        let mut store = Store::open(dir, 1_800_000_000_000, &specs()).unwrap();
        let change = |table| {
            let mut writer = store.writer(table).unwrap();
            writer.write(&rows(from)).unwrap();
            Change { table, joins: writer.finish().unwrap(), leaves: Vec::new() }
        };
        let changes = tables.iter().map(|table| change(*table)).collect();
        store.commit(changes).unwrap();
    }

    fn numbers(table: &Standing) -> Vec<i64> {
        let batches = table.columns(&["n"]).map(Result::unwrap);
        let mut numbers: Vec<i64> =
            batches.flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Every path below a folder with its bytes and the time of its last change.
    fn everything(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
        let entries = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().map(Result::unwrap);
        entries
            .map(|e| {
                (
                    e.path().into(),
                    std::fs::read(e.path()).unwrap_or_default(),
                    e.metadata().unwrap().modified().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn all_tables_are_of_one_run_and_nothing_is_touched() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        run(dir, &["events", INPUTS], 0);
        run(dir, &["events", INPUTS], 3);
        run(dir, &["events"], 6);
        let before = everything(dir);
        let tables = tables(dir).unwrap();
        let told: Vec<(&str, u64)> = tables.iter().map(|t| (t.name.as_str(), t.count())).collect();
        assert_eq!(told, [("events", 6), (INPUTS, 6)]);
        assert_eq!(numbers(&tables[0]), [0, 1, 2, 3, 4, 5]);
        assert!(everything(dir) == before);
    }

    #[test]
    fn what_was_opened_stays_while_runs_go_on() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        run(dir, &["events", INPUTS], 0);
        let old = tables(dir).unwrap();
        run(dir, &["events", INPUTS], 3);
        assert_eq!((numbers(&old[0]).len(), numbers(&tables(dir).unwrap()[0]).len()), (3, 6));
    }

    #[test]
    fn a_folder_that_is_no_store_is_told_so() {
        let home = tempfile::tempdir().unwrap();
        let error = tables(home.path()).err().unwrap();
        assert!(error.to_string().contains("is no store of keyfault; name the folder"), "{error}");
    }
}
