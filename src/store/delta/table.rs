//! A Delta table: open or create it, look at a version, commit the next one; knows nothing of what its rows mean.

use super::action::{Action, Format, Metadata, Protocol, Texts, Txn};
use super::checkpoint;
use super::disk::{ASIDE, names};
use super::filter::Filter;
use super::guard::{
    LAYOUT, MARK, check_cover, check_grown, check_partition, check_present, check_readable, check_writable,
};
use super::lock::Lock;
use super::log::Log;
use super::read::Batches;
use super::schema::{from_json, stored, to_json};
use super::snapshot::{DataFile, Snapshot};
use super::write::Writer;
use crate::error::Error;
use arrow::datatypes::{Schema, SchemaRef};
use serde_json::json;
use std::fmt;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

/// Milliseconds for which a checkpoint remembers removed files.
const TOMBSTONE_MS: i64 = 7 * 86_400_000;

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    log: Log,
    schema: SchemaRef,
    columns: Vec<String>,
}

/// What a commit changes.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Files that join.
    pub adds: Vec<DataFile>,
    /// Files of the base snapshot that leave.
    pub removes: Vec<DataFile>,
    /// Application and its count, so that a re-run knows what is already there.
    pub txn: Option<(String, i64)>,
    /// Whether rows only move between files.
    pub rearranges: bool,
    /// What was done, for people: `WRITE`, `OPTIMIZE`.
    pub operation: &'static str,
    /// The time, in milliseconds.
    pub now_ms: i64,
}

/// Why a commit was not made. The table is as it was.
#[derive(Debug)]
pub enum CommitError {
    /// Another program made this version first: look again and decide anew.
    Conflict(i64),
    /// The application's count was already there: nothing is left to do.
    Done(i64),
    /// Something went wrong.
    Fault(Error),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Conflict(version) => {
                write!(f, "version {version} was committed by another program meanwhile; run again")
            }
            CommitError::Done(count) => write!(f, "count {count} was committed before; nothing to do"),
            CommitError::Fault(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CommitError {}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        CommitError::Fault(error)
    }
}

impl Table {
    /// Opens a table for reading, whoever made it; touches nothing.
    pub fn open(dir: &Path) -> Result<Table, Error> {
        let log = Log::of(dir);
        if log.list()?.newest().is_none() {
            return Err(Error::new(dir.display().to_string(), "holds no Delta table", "check the path"));
        }
        let mut table = Table { log, schema: Schema::empty().into(), columns: Vec::new() };
        let snapshot = table.snapshot()?;
        table.schema = from_json(&table.place(), &snapshot.metadata.schema_string)?;
        table.columns = snapshot.metadata.partition_columns;
        Ok(table)
    }

    /// Opens a table of ours for writing, or creates it in a folder that is empty or not there. New columns that may be
    /// null are added; any other difference is refused with nothing touched.
    pub fn open_or_create(lock: &Lock, dir: &Path, schema: &SchemaRef, columns: &[&str]) -> Result<Table, Error> {
        check_cover(lock, dir)?;
        let table = Table {
            log: Log::of(dir),
            schema: schema.clone(),
            columns: columns.iter().map(ToString::to_string).collect(),
        };
        check_partition(&table.place(), &table.schema, &table.columns)?;
        match table.log.list()?.newest() {
            None => table.create(lock.since_ms)?,
            Some(_) => table.adopt(lock.since_ms)?,
        }
        Ok(table)
    }

    /// Refuses a table that this program may not write to, and touches nothing. A folder without a table is fine.
    pub fn check_ours(dir: &Path) -> Result<(), Error> {
        if Log::of(dir).list()?.newest().is_none() {
            return Ok(());
        }
        let table = Table::open(dir)?;
        check_writable(&table.place(), &table.snapshot()?)
    }

    /// The version of the newest checkpoint.
    pub fn checkpointed(&self) -> Result<Option<i64>, Error> {
        Ok(self.log.list()?.checkpoints.last().copied())
    }

    fn create(&self, now_ms: i64) -> Result<(), Error> {
        let foreign = names(&self.log.table)?.into_iter().find(|n| n != "_delta_log" && n != ASIDE && n != "LOCK");
        let foreign = foreign.or(names(&self.log.folder())?.into_iter().next());
        if let Some(name) = foreign {
            let remedy = "give an empty or a new folder";
            return Err(Error::new(self.place(), format!("holds \"{name}\" but no Delta table"), remedy));
        }
        let protocol =
            Protocol { min_reader_version: 1, min_writer_version: 2, reader_features: None, writer_features: None };
        let actions = [
            info("CREATE TABLE", now_ms),
            Action { protocol: Some(protocol), ..Action::default() },
            Action { meta_data: Some(self.metadata(now_ms)?), ..Action::default() },
        ];
        match self.log.put(0, &actions)? {
            true => Ok(()),
            false => self.adopt(now_ms),
        }
    }

    fn metadata(&self, now_ms: i64) -> Result<Metadata, Error> {
        let id = xxh3_128(format!("{} {now_ms} {}", self.place(), std::process::id()).as_bytes());
        let (a, b, c, d, e) =
            (id >> 96, (id >> 80) & 0xffff, (id >> 64) & 0xfff, (id >> 48) & 0xfff, id & 0xffff_ffff_ffff);
        Ok(Metadata {
            id: format!("{a:08x}-{b:04x}-8{c:03x}-8{d:03x}-{e:012x}"),
            name: self.log.table.file_name().map(|n| n.to_string_lossy().into_owned()),
            format: Format { provider: "parquet".into(), options: Texts::new() },
            schema_string: to_json(&*stored(&self.schema)?),
            partition_columns: self.columns.clone(),
            configuration: [(MARK.to_string(), LAYOUT.to_string())].into(),
            created_time: Some(now_ms),
        })
    }

    /// Checks that a table is ours, and adds columns that it lacks.
    fn adopt(&self, now_ms: i64) -> Result<(), Error> {
        let snapshot = self.snapshot()?;
        check_writable(&self.place(), &snapshot)?;
        let (old, new) = (from_json(&self.place(), &snapshot.metadata.schema_string)?, stored(&self.schema)?);
        check_grown(&self.place(), &old, &new)?;
        if snapshot.metadata.partition_columns != self.columns {
            let thing = format!("is partitioned by {:?}, not {:?}", snapshot.metadata.partition_columns, self.columns);
            return Err(Error::new(self.place(), thing, "use another --store"));
        }
        if old.fields().len() == new.fields().len() {
            return Ok(());
        }
        let metadata = Metadata { schema_string: to_json(&new), ..snapshot.metadata };
        let actions = [info("ADD COLUMNS", now_ms), Action { meta_data: Some(metadata), ..Action::default() }];
        match self.log.put(snapshot.version + 1, &actions)? {
            true => Ok(()),
            false => Err(Error::new(self.place(), "was changed by another program meanwhile", "run again")),
        }
    }

    fn place(&self) -> String {
        self.log.table.display().to_string()
    }

    /// The table's folder.
    pub fn dir(&self) -> &Path {
        &self.log.table
    }

    /// The schema in which rows are read and written.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The newest version.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.look(None)
    }

    /// An older version, as long as its commits are kept.
    pub fn at(&self, version: i64) -> Result<Snapshot, Error> {
        self.look(Some(version))
    }

    fn look(&self, version: Option<i64>) -> Result<Snapshot, Error> {
        let (version, actions) = self.log.read(version)?;
        let snapshot = Snapshot::replay(&self.place(), version, actions)?;
        check_readable(&self.place(), &snapshot)?;
        Ok(snapshot)
    }

    /// The rows of a snapshot in the table's schema, from files that the filter does not rule out.
    pub fn rows(&self, snapshot: &Snapshot, filter: &Filter) -> Batches {
        Batches::new(self.dir(), self.schema.clone(), snapshot.matching(filter).cloned().collect())
    }

    /// The same with some columns only.
    pub fn columns(&self, snapshot: &Snapshot, filter: &Filter, names: &[&str]) -> Batches {
        let fields: Vec<_> =
            self.schema.fields().iter().filter(|f| names.contains(&f.name().as_str())).cloned().collect();
        Batches::new(self.dir(), Schema::new(fields).into(), snapshot.matching(filter).cloned().collect())
    }

    /// The rows of some files of a snapshot.
    pub fn rows_of(&self, files: Vec<DataFile>) -> Batches {
        Batches::new(self.dir(), self.schema.clone(), files.into())
    }

    /// Begins data files for a commit on top of that snapshot.
    pub fn writer(&self, lock: &Lock, base: &Snapshot) -> Result<Writer, Error> {
        check_cover(lock, self.dir())?;
        Writer::new(self.dir(), &self.schema, &self.columns, base.version + 1)
    }

    /// Makes the next version, whole or not at all.
    pub fn commit(&self, lock: &Lock, base: &Snapshot, commit: &Commit) -> Result<i64, CommitError> {
        check_cover(lock, self.dir())?;
        check_writable(&self.place(), base)?;
        if let Some((app_id, count)) = &commit.txn
            && base.txn(app_id).is_some_and(|seen| seen >= *count)
        {
            return Err(CommitError::Done(*count));
        }
        if let Some(stray) = commit.removes.iter().find(|f| !base.files.contains_key(&f.path)) {
            let thing = format!("file {} is not in version {}", stray.path, base.version);
            return Err(Error::new(self.place(), thing, "report this as a bug").into());
        }
        check_present(self.dir(), &commit.adds)?;
        self.put_next(base, &actions(commit))
    }

    fn put_next(&self, base: &Snapshot, actions: &[Action]) -> Result<i64, CommitError> {
        let version = base.version + 1;
        match self.log.put(version, actions)? {
            true => Ok(version),
            false => Err(CommitError::Conflict(version)),
        }
    }

    /// Undoes every commit after a version by one more, counts of applications included.
    pub fn withdraw_to(&self, lock: &Lock, version: i64, now_ms: i64) -> Result<i64, CommitError> {
        check_cover(lock, self.dir())?;
        let (now, then) = (self.snapshot()?, self.at(version)?);
        check_writable(&self.place(), &now)?;
        let gone = |a: &Snapshot, b: &Snapshot| -> Vec<DataFile> {
            a.files.values().filter(|f| !b.files.contains_key(&f.path)).cloned().collect()
        };
        let commit = Commit {
            adds: gone(&then, &now),
            removes: gone(&now, &then),
            operation: "RESTORE",
            now_ms,
            ..Commit::default()
        };
        check_present(self.dir(), &commit.adds)?;
        let mut actions = actions(&commit);
        let changed = now.txns.iter().filter(|(app, n)| then.txns.get(*app) != Some(*n));
        actions.extend(changed.map(|(app, _)| txn_action(app, then.txn(app).unwrap_or(-1), now_ms)));
        self.put_next(&now, &actions)
    }

    /// Writes a checkpoint of a snapshot, so that it opens fast however long the log has grown.
    pub fn checkpoint(&self, lock: &Lock, snapshot: &Snapshot, now_ms: i64) -> Result<(), Error> {
        check_cover(lock, self.dir())?;
        // Of a file that still lies there `vacuum` must know when it left, however long ago.
        let kept = |path: &str, at: i64| at >= now_ms - TOMBSTONE_MS || self.dir().join(path).exists();
        checkpoint::write(&self.log, snapshot.version, &snapshot.actions(kept))
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

fn actions(commit: &Commit) -> Vec<Action> {
    let change = !commit.rearranges;
    let mut actions = vec![info(commit.operation, commit.now_ms)];
    actions.extend(commit.txn.iter().map(|(app, count)| txn_action(app, *count, commit.now_ms)));
    let removes = commit.removes.iter().map(|f| f.to_remove(change, commit.now_ms));
    actions.extend(removes.map(|r| Action { remove: Some(r), ..Action::default() }));
    let adds = commit.adds.iter().map(|f| f.to_add(change, commit.now_ms));
    actions.extend(adds.map(|a| Action { add: Some(a), ..Action::default() }));
    actions
}

fn txn_action(app_id: &str, version: i64, now_ms: i64) -> Action {
    Action { txn: Some(Txn { app_id: app_id.into(), version, last_updated: Some(now_ms) }), ..Action::default() }
}

fn info(operation: &str, now_ms: i64) -> Action {
    let engine = concat!("keyfault/", env!("CARGO_PKG_VERSION"));
    let info = json!({"timestamp": now_ms, "operation": operation, "operationParameters": {}, "engineInfo": engine});
    Action { commit_info: Some(info), ..Action::default() }
}
