//! One version of a table: its files, schema and how far each application has written; knows no disk.

use super::action::{Action, Add, Metadata, Protocol, Remove, Txn};
use super::filter::Filter;
use super::stats::Stats;
use crate::error::Error;
use std::collections::BTreeMap;

/// A data file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Place below the table's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Values of the partition columns.
    pub partition: BTreeMap<String, Option<String>>,
    /// Row count and ranges.
    pub stats: Stats,
    /// When it joined the table, in milliseconds; none before the commit.
    pub modified_ms: Option<i64>,
}

impl DataFile {
    /// Rows, if the log says.
    pub fn rows(&self) -> Option<u64> {
        self.stats.num_records
    }

    /// The value of a partition column.
    pub fn partition(&self, column: &str) -> Option<&str> {
        self.partition.get(column)?.as_deref()
    }

    /// What it holds, as far as can be told without reading it: equal rows, written alike, have equal keys.
    pub fn content(&self) -> (&BTreeMap<String, Option<String>>, &str, u64) {
        let digest = self.path.rsplit_once('-').map_or(self.path.as_str(), |(_, digest)| digest);
        (&self.partition, digest, self.size)
    }

    pub(crate) fn from_add(place: &str, add: &Add) -> Result<DataFile, Error> {
        if add.deletion_vector.as_ref().is_some_and(|d| !d.is_null()) {
            return Err(Error::new(place, "has deletion vectors", "read the table with the program that made them"));
        }
        let path = decoded(&add.path);
        if path.contains("://") || path.starts_with(['/', '\\']) || path.split(['/', '\\']).any(|p| p == "..") {
            let thing = format!("names a file outside the table: {path}");
            return Err(Error::new(place, thing, "read the table with the program that made it"));
        }
        let stats = add.stats.as_deref().and_then(|s| serde_json::from_str(s).ok()).unwrap_or_default();
        Ok(DataFile {
            path,
            size: u64::try_from(add.size).unwrap_or(0),
            partition: add.partition_values.clone(),
            stats,
            modified_ms: Some(add.modification_time),
        })
    }

    pub(crate) fn to_add(&self, data_change: bool, now_ms: i64) -> Add {
        Add {
            path: encoded(&self.path),
            partition_values: self.partition.clone(),
            size: self.size as i64,
            modification_time: self.modified_ms.unwrap_or(now_ms),
            data_change,
            stats: serde_json::to_string(&self.stats).ok(),
            deletion_vector: None,
        }
    }

    pub(crate) fn to_remove(&self, data_change: bool, now_ms: i64) -> Remove {
        Remove {
            path: encoded(&self.path),
            deletion_timestamp: Some(now_ms),
            data_change,
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone()),
            size: Some(self.size as i64),
        }
    }
}

/// One version of a table.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The version.
    pub version: i64,
    /// What readers and writers must be able to do.
    pub protocol: Protocol,
    /// Schema and properties.
    pub metadata: Metadata,
    /// Data files by place.
    pub files: BTreeMap<String, DataFile>,
    /// Files that have left and when, in milliseconds.
    pub tombstones: BTreeMap<String, i64>,
    /// How far each application has written.
    pub txns: BTreeMap<String, i64>,
}

impl Snapshot {
    /// The state after these actions.
    pub(crate) fn replay(place: &str, version: i64, actions: Vec<Action>) -> Result<Snapshot, Error> {
        let (mut protocol, mut metadata) = (None, None);
        let (mut files, mut tombstones, mut txns) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for action in actions {
            protocol = action.protocol.or(protocol);
            metadata = action.meta_data.or(metadata);
            if let Some(add) = &action.add {
                let file = DataFile::from_add(place, add)?;
                tombstones.remove(&file.path);
                files.insert(file.path.clone(), file);
            }
            if let Some(remove) = action.remove {
                let path = decoded(&remove.path);
                files.remove(&path);
                tombstones.insert(path, remove.deletion_timestamp.unwrap_or(0));
            }
            if let Some(txn) = action.txn {
                txns.insert(txn.app_id, txn.version);
            }
        }
        let lacks = |what| Error::new(place, format!("has no {what}"), "restore the folder from a copy");
        let protocol = protocol.ok_or_else(|| lacks("protocol"))?;
        let metadata = metadata.ok_or_else(|| lacks("metaData"))?;
        Ok(Snapshot { version, protocol, metadata, files, tombstones, txns })
    }

    /// How far an application has written.
    pub fn txn(&self, app_id: &str) -> Option<i64> {
        self.txns.get(app_id).copied()
    }

    /// Rows over all files, as far as the log says.
    pub fn rows(&self) -> u64 {
        self.files.values().filter_map(DataFile::rows).sum()
    }

    /// Files that may hold rows that the filter asks for, in order of place.
    pub fn matching<'s>(&'s self, filter: &'s Filter) -> impl Iterator<Item = &'s DataFile> {
        self.files.values().filter(|f| filter.may_match(f))
    }

    /// The actions that make this state, for a checkpoint, with the tombstones that are to be kept.
    pub(crate) fn actions(&self, kept: impl Fn(&str, i64) -> bool) -> Vec<Action> {
        let mut actions = vec![
            Action { protocol: Some(self.protocol.clone()), ..Action::default() },
            Action { meta_data: Some(self.metadata.clone()), ..Action::default() },
        ];
        actions.extend(self.txns.iter().map(|(app_id, version)| {
            let txn = Txn { app_id: app_id.clone(), version: *version, last_updated: None };
            Action { txn: Some(txn), ..Action::default() }
        }));
        let young = self.tombstones.iter().filter(|(path, at)| kept(path, **at));
        actions.extend(young.map(|(path, at)| Action { remove: Some(tombstone(path, *at)), ..Action::default() }));
        actions.extend(self.files.values().map(|f| Action { add: Some(f.to_add(false, 0)), ..Action::default() }));
        actions
    }
}

fn tombstone(path: &str, at: i64) -> Remove {
    Remove {
        path: encoded(path),
        deletion_timestamp: Some(at),
        data_change: false,
        extended_file_metadata: None,
        partition_values: None,
        size: None,
    }
}

/// A place as the log writes it. Our names hold nothing but `%` that needs it; others' are kept as they came.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '%' | ' ' | '#' | '?' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                text.push_str(&format!("%{:02X}", c as u32));
            }
            _ => text.push(c),
        }
    }
    text
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = path.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_their_encoding() {
        for path in ["date=2026-01-02/source=a%2Fb/part-1.parquet", "x y#?é.parquet", "100%"] {
            assert_eq!(decoded(&encoded(path)), path);
        }
    }
}
