//! What lasts between runs: Delta tables under one lock, where a run is there for readers when the table `inputs` has it; knows no table's meaning.
//!
//! Every table's commit carries the number of its run. `inputs` is committed last. What a run that was killed left in other tables is withdrawn
//! by the next one, and readers pass it over.

use super::delta::lock::Holder;
use super::delta::read::Batches;
use super::delta::write::Writer;
use super::delta::{Commit, CommitError, DataFile, Filter, Lock, Snapshot, Table};
use super::verify;
use crate::error::Error;
use arrow::datatypes::SchemaRef;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The table whose commit is that of a run.
pub const INPUTS: &str = "inputs";
/// Under this name tables say how many runs they have.
pub const APP: &str = "keyfault";

/// A table that a store has.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Its name, which is that of its folder.
    pub name: &'static str,
    /// Its columns.
    pub schema: SchemaRef,
    /// The columns by which it is partitioned.
    pub partition: &'static [&'static str],
}

/// A store that this process alone may write to.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    lock: Lock,
    now_ms: i64,
    tables: BTreeMap<&'static str, (Table, Snapshot)>,
    run: i64,
}

/// What a run does to a table.
pub struct Change {
    /// Which.
    pub table: &'static str,
    /// Files that join it.
    pub joins: Vec<DataFile>,
    /// What leaves it. Files that hold the same as new ones stay instead.
    pub leaves: Vec<DataFile>,
}

impl Store {
    /// Takes a store, or creates it in a folder that is empty or not there, and withdraws what a killed run left. `inputs` is the first of the tables.
    ///
    /// A folder that is no store, or one of a newer keyfault, is refused untouched.
    pub fn open(dir: &Path, now_ms: i64, specs: &[TableSpec]) -> Result<Store, Error> {
        check_folder(dir)?;
        let lock = Lock::take(dir, &Holder::me(now_ms))?;
        let mut tables = BTreeMap::new();
        for spec in specs {
            let table = Table::open_or_create(&lock, &dir.join(spec.name), &spec.schema, spec.partition)?;
            let snapshot = table.snapshot()?;
            tables.insert(spec.name, (table, snapshot));
        }
        let mut store = Store { dir: dir.to_path_buf(), lock, now_ms, tables, run: 0 };
        store.settle()?;
        Ok(store)
    }

    /// Brings every table to the last run that `inputs` has.
    fn settle(&mut self) -> Result<(), Error> {
        let done = self.tables.get(INPUTS).and_then(|(_, s)| s.txn(APP)).unwrap_or(-1);
        for (table, snapshot) in self.tables.values_mut() {
            table.sweep_drafts(&self.lock)?;
            table.sweep_orphans(&self.lock, snapshot)?;
            let lost = || {
                Error::new(table.dir().display().to_string(), "its log does not reach back to the last run", RESTORE)
            };
            let version = version_of(table, snapshot, done)?.ok_or_else(lost)?;
            if version < snapshot.version {
                table.withdraw_to(&self.lock, version, self.now_ms).map_err(fault)?;
                *snapshot = table.snapshot()?;
            }
        }
        self.run = done + 1;
        Ok(())
    }

    /// Number of the run under way, from 0.
    pub fn run(&self) -> i64 {
        self.run
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn table(&self, name: &str) -> Result<&(Table, Snapshot), Error> {
        self.tables.get(name).ok_or_else(|| {
            Error::new(self.dir.join(name).display().to_string(), "is no table of the store", "report this as a bug")
        })
    }

    /// The files of a table as the last run left them, of those that are wanted.
    pub fn files(&self, name: &str, wanted: impl Fn(&DataFile) -> bool) -> Result<Vec<DataFile>, Error> {
        self.table(name).map(|(_, snapshot)| snapshot.files.values().filter(|f| wanted(f)).cloned().collect())
    }

    /// The rows of the files of a table that are wanted, once their bytes are found to be those that were written: Parquet itself would not tell.
    pub fn rows(&self, name: &str, wanted: impl Fn(&DataFile) -> bool) -> Result<Batches, Error> {
        let files = self.files(name, wanted)?;
        let (table, _) = self.table(name)?;
        sound_rows(table, files)
    }

    /// All rows of a table, with some columns only.
    pub fn columns(&self, name: &str, columns: &[&str]) -> Result<Batches, Error> {
        self.table(name).map(|(table, snapshot)| table.columns(snapshot, &Filter::all(), columns))
    }

    /// Begins files of a table, which join it when they are committed.
    pub fn writer(&self, name: &str) -> Result<Writer, Error> {
        let (table, snapshot) = self.table(name)?;
        table.writer(&self.lock, snapshot)
    }

    /// Commits a run: every change, and that of `inputs` last.
    pub fn commit(&mut self, mut changes: Vec<Change>) -> Result<(), Error> {
        changes.sort_by_key(|c| (c.table == INPUTS, c.table));
        for change in changes {
            let (adds, removes) = self.unlike(change.table, change.joins, change.leaves)?;
            if adds.is_empty() && removes.is_empty() && change.table != INPUTS {
                continue;
            }
            let txn = Some((APP.to_string(), self.run));
            self.put(change.table, Commit { adds, removes, txn, operation: "WRITE", ..Commit::default() })?;
        }
        self.run += 1;
        Ok(())
    }

    /// New files and old ones without those that hold the same, of which the old ones stay.
    fn unlike(
        &self,
        name: &str,
        adds: Vec<DataFile>,
        leaves: Vec<DataFile>,
    ) -> Result<(Vec<DataFile>, Vec<DataFile>), Error> {
        let (table, _) = self.table(name)?;
        let both: BTreeSet<_> = leaves.iter().map(DataFile::content).collect();
        let (same, new): (Vec<_>, Vec<_>) = adds.iter().cloned().partition(|f| both.contains(&f.content()));
        let kept: BTreeSet<_> = same.iter().map(DataFile::content).collect();
        let gone = leaves.iter().filter(|f| !kept.contains(&f.content())).cloned().collect();
        for file in &same {
            let path = table.dir().join(&file.path);
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
        }
        Ok((new, gone))
    }

    fn put(&mut self, name: &str, commit: Commit) -> Result<(), Error> {
        let commit = Commit { now_ms: self.now_ms, ..commit };
        if let Some((table, snapshot)) = self.tables.get_mut(name) {
            table.commit(&self.lock, snapshot, &commit).map_err(fault)?;
            *snapshot = table.snapshot()?;
        }
        Ok(())
    }

    /// Joins small files of a partition, where there are at least so many.
    pub fn compact(&mut self, name: &str, least_files: usize) -> Result<usize, Error> {
        const SMALL_BYTES: u64 = 64 << 20;
        let (table, snapshot) = self.table(name)?;
        let mut small: BTreeMap<_, Vec<DataFile>> = BTreeMap::new();
        for file in snapshot.files.values().filter(|f| f.size < SMALL_BYTES) {
            small.entry(file.partition.clone()).or_default().push(file.clone());
        }
        let removes: Vec<DataFile> = small.into_values().filter(|f| f.len() >= least_files).flatten().collect();
        if removes.is_empty() {
            return Ok(0);
        }
        let mut writer = table.writer(&self.lock, snapshot)?;
        for rows in sound_rows(table, removes.clone())? {
            writer.write(&rows?)?;
        }
        let joined = removes.len();
        let adds = writer.finish()?;
        self.put(name, Commit { adds, removes, rearranges: true, operation: "OPTIMIZE", ..Commit::default() })?;
        Ok(joined)
    }

    /// Adds rows to a table outside of a run.
    pub fn add(&mut self, name: &str, writer: Writer) -> Result<(), Error> {
        let adds = writer.finish()?;
        self.put(name, Commit { adds, operation: "WRITE", ..Commit::default() })
    }

    /// Takes files out of a table.
    pub fn forget(&mut self, name: &str, removes: Vec<DataFile>) -> Result<(), Error> {
        if removes.is_empty() {
            return Ok(());
        }
        self.put(name, Commit { removes, operation: "DELETE", ..Commit::default() })
    }

    /// Deletes files that no version of the last `age_ms` needs, and shortens the logs. Returns how many files went.
    pub fn tidy(&mut self, age_ms: i64) -> Result<usize, Error> {
        let mut gone = 0;
        for (table, snapshot) in self.tables.values() {
            let swept = table.vacuum(&self.lock, self.now_ms, age_ms)?;
            gone += swept.orphans + swept.removed + swept.log;
            if snapshot.version - table.checkpointed()?.unwrap_or(0) >= CHECKPOINT_EVERY {
                table.checkpoint(&self.lock, snapshot, self.now_ms)?;
            }
        }
        Ok(gone)
    }
}

const RESTORE: &str = "restore the store from a copy, or begin a new one";

fn sound_rows(table: &Table, files: Vec<DataFile>) -> Result<Batches, Error> {
    match files.iter().find_map(|file| verify::fault(&table.dir().join(&file.path), file)) {
        Some(error) => Err(error),
        None => Ok(table.rows_of(files)),
    }
}

/// Versions of a table from one checkpoint to the next.
const CHECKPOINT_EVERY: i64 = 10;

/// The newest version of a table that belongs to no later run than `done`; none where the log no longer says.
pub(super) fn version_of(table: &Table, newest: &Snapshot, done: i64) -> Result<Option<i64>, Error> {
    let mut version = newest.version;
    let mut run = newest.txn(APP).unwrap_or(-1);
    while run > done {
        version -= 1;
        if version < 0 {
            return Ok(None);
        }
        run = table.at(version)?.txn(APP).unwrap_or(-1);
    }
    Ok(Some(version))
}

/// Tables of a store as one run left them, for readers: nothing is locked or written.
pub fn open_to_read(dir: &Path, name: &str) -> Result<(Table, Snapshot), Error> {
    let inputs = Table::open(&dir.join(INPUTS)).map_err(|_| no_store(dir))?;
    let done = inputs.snapshot()?.txn(APP).unwrap_or(-1);
    let table = Table::open(&dir.join(name))?;
    let newest = table.snapshot()?;
    match version_of(&table, &newest, done)? {
        Some(version) if version < newest.version => table.at(version).map(|snapshot| (table, snapshot)),
        _ => Ok((table, newest)),
    }
}

pub(super) fn no_store(dir: &Path) -> Error {
    Error::new(
        dir.display().to_string(),
        "is no store of keyfault",
        "name the folder that `keyfault analyze --store` was given",
    )
}

fn fault(error: CommitError) -> Error {
    match error {
        CommitError::Fault(error) => error,
        other => {
            Error::new("--store", other.to_string(), "another program writes to the store: let keyfault alone do so")
        }
    }
}

/// A folder with other things in it must not become a store.
fn check_folder(dir: &Path) -> Result<(), Error> {
    if dir.join(INPUTS).join("_delta_log").is_dir() {
        return Table::check_ours(&dir.join(INPUTS));
    }
    if !dir.exists() {
        return Ok(());
    }
    let names = std::fs::read_dir(dir).map_err(|e| Error::io(dir, &e))?;
    for name in names {
        let name = name.map_err(|e| Error::io(dir, &e))?.file_name().to_string_lossy().into_owned();
        if name != "LOCK" && name != INPUTS {
            let thing = format!("holds \"{name}\" and is no store of keyfault");
            return Err(Error::new(dir.display().to_string(), thing, "name a new or an empty folder with --store"));
        }
    }
    Ok(())
}
