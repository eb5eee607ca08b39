//! Deletes what no version within reach needs: files of killed runs, of commits long replaced, and old log entries; knows no rows.

use super::disk::{ASIDE, names};
use super::guard::check_cover;
use super::lock::Lock;
use super::snapshot::Snapshot;
use super::table::Table;
use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files under construction that their writer left.
    pub drafts: usize,
    /// Data files that no commit ever added.
    pub orphans: usize,
    /// Data files that left the table.
    pub removed: usize,
    /// Commits and checkpoints before the newest old checkpoint.
    pub log: usize,
}

impl Table {
    /// Deletes files that have been of no use for `age_ms`. Readers of versions older than that lose them.
    pub fn vacuum(&self, lock: &Lock, now_ms: i64, age_ms: i64) -> Result<Swept, Error> {
        let mut swept = Swept { drafts: self.sweep_drafts(lock)?, ..Swept::default() };
        let snapshot = self.snapshot()?;
        let before = now_ms - age_ms;
        for path in data_files(self.dir())? {
            let name = relative(self.dir(), &path);
            if snapshot.files.contains_key(&name) {
                continue;
            }
            // A removed file counts from its removal, one that never joined from when it was written.
            let (at, count) = match snapshot.tombstones.get(&name) {
                Some(at) => (*at, &mut swept.removed),
                None => (modified_ms(&path)?, &mut swept.orphans),
            };
            if at <= before {
                delete(&path)?;
                *count += 1;
            }
        }
        swept.log = self.sweep_log(before)?;
        Ok(swept)
    }

    /// Deletes data files that no version names: a run that was killed, or found the disk full, left them, and with the lock held nobody is about to commit them.
    pub fn sweep_orphans(&self, lock: &Lock, snapshot: &Snapshot) -> Result<usize, Error> {
        check_cover(lock, self.dir())?;
        let is_named = |name: &String| snapshot.files.contains_key(name) || snapshot.tombstones.contains_key(name);
        let orphans: Vec<PathBuf> =
            data_files(self.dir())?.into_iter().filter(|path| !is_named(&relative(self.dir(), path))).collect();
        orphans.iter().try_for_each(|path| delete(path))?;
        Ok(orphans.len())
    }

    /// Deletes files under construction: with the lock held, nobody is at work on them.
    pub fn sweep_drafts(&self, lock: &Lock) -> Result<usize, Error> {
        check_cover(lock, self.dir())?;
        let folder = self.dir().join(ASIDE);
        let names = names(&folder)?;
        names.iter().try_for_each(|n| delete(&folder.join(n)))?;
        Ok(names.len())
    }

    /// Deletes commits and checkpoints that a checkpoint of that age makes needless.
    fn sweep_log(&self, before: i64) -> Result<usize, Error> {
        let log = self.log();
        let listing = log.list()?;
        let mut kept = None;
        for version in listing.checkpoints.iter().rev() {
            if modified_ms(&log.checkpoint_path(*version))? <= before {
                kept = Some(*version);
                break;
            }
        }
        let Some(kept) = kept else { return Ok(0) };
        let commits = listing.commits.range(..kept).map(|v| log.commit_path(*v));
        let old: Vec<PathBuf> =
            commits.chain(listing.checkpoints.range(..kept).map(|v| log.checkpoint_path(*v))).collect();
        old.iter().try_for_each(|p| delete(p))?;
        Ok(old.len())
    }

    /// Data files that the snapshot names but the disk lacks, or has in another size.
    pub fn damage(&self) -> Result<Vec<String>, Error> {
        let snapshot = self.snapshot()?;
        let sound = |path: &str, size| fs::metadata(self.dir().join(path)).is_ok_and(|m| m.len() == size);
        Ok(snapshot.files.values().filter(|f| !sound(&f.path, f.size)).map(|f| f.path.clone()).collect())
    }
}

fn delete(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => Ok(()),
    }
}

fn modified_ms(path: &Path) -> Result<i64, Error> {
    let time = fs::metadata(path).and_then(|m| m.modified()).map_err(|e| Error::io(path, &e))?;
    Ok(time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64))
}

/// The place below the table, as the log names it on every system.
fn relative(table: &Path, path: &Path) -> String {
    let below = path.strip_prefix(table).unwrap_or(path);
    below.iter().map(|p| p.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Parquet files of the table, in folders that Delta does not reserve.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for name in names(folder)?.into_iter().filter(|n| !n.starts_with(['_', '.'])) {
        let path = folder.join(&name);
        if path.is_dir() {
            found.append(&mut data_files(&path)?);
        } else if name.ends_with(".parquet") {
            found.push(path);
        }
    }
    Ok(found)
}
