//! One writer at a time on a store: the operating system's lock on the file `LOCK`, and in it who holds it; knows nothing of tables.

use super::disk::make_dirs;
use crate::error::Error;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Who holds a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Name of its machine.
    pub host: String,
    /// When it took the lock, RFC 3339.
    pub since: String,
}

impl Holder {
    /// This process; the clock is the caller's.
    pub fn me(now_ms: i64) -> Holder {
        Holder { pid: std::process::id(), host: host(), since: rfc3339(now_ms) }
    }
}

fn host() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|p| std::fs::read_to_string(p).ok())
        .map_or_else(|| "unknown".to_string(), |h| h.trim().to_string())
}

fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(|| ms.to_string(), |t| t.to_rfc3339())
}

/// The right to write to a store; given back when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    /// When it was taken, in milliseconds: the time of what opening a table commits.
    pub(crate) since_ms: i64,
    /// Who held the store and ended without giving it back, if somebody did.
    pub left_by: Option<Holder>,
}

impl Lock {
    /// Takes the store at once, or tells who has it.
    ///
    /// The lock is the kernel's, so that of a killed process is free, and a number used anew by another process blocks nobody.
    /// The file stays: deleting it would let two processes lock two files of one name.
    pub fn take(store: &Path, me: &Holder) -> Result<Lock, Error> {
        make_dirs(store)?;
        let path = store.join("LOCK");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| Error::io(&path, &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(&path, patient_holder(&mut file).as_ref())),
            Err(TryLockError::Error(e)) => return Err(no_locks(&path, &e)),
        }
        let left_by = holder(&mut file);
        let since_ms = DateTime::parse_from_rfc3339(&me.since).map_or(0, |t| t.timestamp_millis());
        let mut lock = Lock { file, path, since_ms, left_by };
        lock.put(&serde_json::to_vec(me).unwrap_or_default())?;
        Ok(lock)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(bytes))
            .map_err(|e| Error::io(&self.path, &e))
    }

    /// Whether it covers this folder: the store itself or a table in it.
    pub fn covers(&self, folder: &Path) -> bool {
        self.path.parent().is_some_and(|store| folder.starts_with(store))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file says that the holder ended in good order; the lock itself goes with the handle.
        let _ = self.file.set_len(0);
    }
}

fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The holder; asked a few times, since one that has just begun has not yet written its name.
fn patient_holder(file: &mut File) -> Option<Holder> {
    (0..10).find_map(|_| {
        holder(file).or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            None
        })
    })
}

fn busy(path: &Path, other: Option<&Holder>) -> Error {
    let thing = match other {
        Some(h) => format!("in use by process {} on {} since {}", h.pid, h.host, h.since),
        None => "in use by another process".to_string(),
    };
    Error::new(path.display().to_string(), thing, "wait for it to end, or use another --store")
}

fn no_locks(path: &Path, error: &std::io::Error) -> Error {
    Error::new(path.display().to_string(), format!("cannot be locked: {error}"), "use a disk that has file locks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first_and_may_follow_it() {
        let dir = tempfile::tempdir().unwrap();
        let me = Holder::me(1_790_000_000_000);
        let first = Lock::take(dir.path(), &me).unwrap();
        let e = Lock::take(dir.path(), &me).unwrap_err().to_string();
        assert!(e.contains(&format!("process {}", me.pid)) && e.contains("since 2026-"), "{e}");
        drop(first);
        assert_eq!(Lock::take(dir.path(), &me).unwrap().left_by, None);
    }

    #[test]
    fn a_lock_left_by_a_dead_process_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let dead = Holder { pid: 4_000_000, host: "elsewhere".into(), since: "2026-01-01T00:00:00+00:00".into() };
        std::fs::write(dir.path().join("LOCK"), serde_json::to_vec(&dead).unwrap()).unwrap();
        assert_eq!(Lock::take(dir.path(), &Holder::me(0)).unwrap().left_by, Some(dead));
    }
}
