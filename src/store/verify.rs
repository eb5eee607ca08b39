//! Whether a store is whole: every file that the last run's tables name is there and holds what was written; mends nothing.

use super::delta::DataFile;
use super::lasting::open_to_read;
use crate::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// A table of a store as the last run left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub table: String,
    /// Its version.
    pub version: i64,
    /// Rows.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// How a table stands.
pub fn standing(store: &Path, table: &str) -> Result<Standing, Error> {
    let (_, snapshot) = open_to_read(store, table)?;
    Ok(Standing {
        table: table.to_string(),
        version: snapshot.version,
        rows: snapshot.rows(),
        files: snapshot.files.len() as u64,
        bytes: snapshot.files.values().map(|f| f.size).sum(),
    })
}

/// What is wrong with a table; nothing when it is whole. Reads every byte of it.
pub fn faults(store: &Path, table: &str) -> Vec<String> {
    let (opened, snapshot) = match open_to_read(store, table) {
        Ok(opened) => opened,
        Err(error) => return vec![error.to_string()],
    };
    let faults = snapshot.files.values().filter_map(|file| {
        let path = opened.dir().join(&file.path);
        fault(&path, file).map(|thing| format!("{}: {thing}; restore it from a copy", path.display()))
    });
    faults.collect()
}

/// What is wrong with a file: its name says what its bytes were.
fn fault(path: &Path, file: &DataFile) -> Option<String> {
    let (digest, bytes) = match digest(path) {
        Ok(read) => read,
        Err(error) => return Some(error.to_string()),
    };
    if bytes != file.size {
        return Some(format!("{bytes} bytes instead of {}", file.size));
    }
    let (_, named, _) = file.content();
    (named != format!("{digest:016x}.parquet")).then(|| "its bytes are not those that were written".to_string())
}

fn digest(path: &Path) -> std::io::Result<(u64, u64)> {
    let (mut file, mut hash, mut buffer, mut bytes) = (File::open(path)?, Xxh3::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hash.digest(), bytes)),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}
