//! Whether a store is whole: every file that the last run's tables name is there and holds what was written; mends nothing.

use super::delta::DataFile;
use super::standing::Standing;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// What is wrong with a table; nothing when it is whole. Reads every byte of it.
pub fn faults(table: &Standing) -> Vec<String> {
    let faults = table.files().filter_map(|file| {
        let path = table.dir().join(&file.path);
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
