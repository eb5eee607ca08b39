//! Whether a store is whole: every file that the last run's tables name is there and holds what was written; mends nothing.

use super::delta::DataFile;
use super::standing::Standing;
use crate::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// What is wrong with a table; nothing when it is whole. Reads every byte of it.
pub fn faults(table: &Standing) -> Vec<Error> {
    table.files().filter_map(|file| fault(&table.dir().join(&file.path), file)).collect()
}

/// What is wrong with a file: its name says what its bytes were.
pub(super) fn fault(path: &Path, file: &DataFile) -> Option<Error> {
    let damaged = |thing: String| {
        Some(Error::new(
            path.display().to_string(),
            format!("data file is damaged: {thing}"),
            "restore the file from a copy",
        ))
    };
    let (digest, bytes) = match digest(path) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(Error::new(path.display().to_string(), "data file is gone", "restore it from a copy"));
        }
        Err(error) => return Some(Error::io(path, &error)),
    };
    if bytes != file.size {
        return damaged(format!("{bytes} bytes instead of {}", file.size));
    }
    let (_, named, _) = file.content();
    if named == format!("{digest:016x}.parquet") {
        None
    } else {
        damaged("its bytes are not those that were written".into())
    }
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
