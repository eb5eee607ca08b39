//! The folder `_delta_log`: which versions and checkpoints there are, reading one, adding the next; knows no meaning of actions.

use super::action::Action;
use super::checkpoint;
use super::disk::{Draft, names};
use crate::error::Error;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The log of one table.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// The table's folder.
    pub table: PathBuf,
}

/// What lies in the folder.
pub(crate) struct Listing {
    /// Versions that have a JSON file.
    pub commits: BTreeSet<i64>,
    /// Versions that have a checkpoint in one file.
    pub checkpoints: BTreeSet<i64>,
}

impl Listing {
    /// The newest version.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.commits.last().max(self.checkpoints.last()).copied()
    }
}

impl Log {
    /// The log of the table in that folder.
    pub(crate) fn of(table: &Path) -> Log {
        Log { table: table.to_path_buf() }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.table.join("_delta_log")
    }

    /// The file of a commit.
    pub(crate) fn commit_path(&self, version: i64) -> PathBuf {
        self.folder().join(format!("{version:020}.json"))
    }

    /// The file of a checkpoint.
    pub(crate) fn checkpoint_path(&self, version: i64) -> PathBuf {
        self.folder().join(format!("{version:020}.checkpoint.parquet"))
    }

    /// Lists the folder. Other files in it belong to other programs and are passed over.
    pub(crate) fn list(&self) -> Result<Listing, Error> {
        let mut listing = Listing { commits: BTreeSet::new(), checkpoints: BTreeSet::new() };
        for name in names(&self.folder())? {
            let Some((number, rest)) = name.split_at_checked(20) else { continue };
            let Ok(version) = number.parse() else { continue };
            match rest {
                ".json" => listing.commits.insert(version),
                ".checkpoint.parquet" => listing.checkpoints.insert(version),
                _ => false,
            };
        }
        Ok(listing)
    }

    /// All actions up to a version, oldest first, and the version they reach.
    pub(crate) fn read(&self, wanted: Option<i64>) -> Result<(i64, Vec<Action>), Error> {
        let listing = self.list()?;
        let newest = listing.newest().ok_or_else(|| self.fault("is empty", "give the folder of a Delta table"))?;
        let version = wanted.unwrap_or(newest);
        if version > newest || version < 0 {
            return Err(self.fault(&format!("has no version {version}"), &format!("the newest is {newest}")));
        }
        let base = listing.checkpoints.range(..=version).next_back().copied();
        let mut actions = match base {
            Some(base) => checkpoint::read(&self.checkpoint_path(base))?,
            None => Vec::new(),
        };
        for number in base.map_or(0, |b| b + 1)..=version {
            if !listing.commits.contains(&number) {
                let thing = format!("version {version} cannot be had: the commit {number} is missing");
                return Err(self.fault(&thing, "ask for a newer version, or restore the folder from a copy"));
            }
            self.read_commit(number, &mut actions)?;
        }
        Ok((version, actions))
    }

    fn read_commit(&self, version: i64, actions: &mut Vec<Action>) -> Result<(), Error> {
        let path = self.commit_path(version);
        let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, &e))?;
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let action = serde_json::from_str(line).map_err(|e| {
                let place = format!("{}:{}", path.display(), number + 1);
                Error::new(place, format!("not an action of Delta Lake: {e}"), "restore the file from a copy")
            })?;
            actions.push(action);
        }
        Ok(())
    }

    /// Adds a version unless somebody else has; tells whether it did. This is the moment of the commit.
    pub(crate) fn put(&self, version: i64, actions: &[Action]) -> Result<bool, Error> {
        let mut text = Vec::new();
        for action in actions {
            serde_json::to_writer(&mut text, action).map_err(|e| self.fault(&e.to_string(), "report this as a bug"))?;
            text.push(b'\n');
        }
        let draft = Draft::create(&self.table)?;
        draft.write(&text)?;
        draft.put_if_absent(&self.commit_path(version))
    }

    fn fault(&self, thing: &str, remedy: &str) -> Error {
        Error::new(self.folder().display().to_string(), thing, remedy)
    }
}
