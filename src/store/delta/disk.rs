//! File operations that a crash cannot tear: written aside, flushed, then made visible in one step; knows nothing of Delta.

use crate::error::Error;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folder inside a table for files under construction; readers of Delta skip names that begin with `_`.
pub(crate) const ASIDE: &str = "_tmp";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A file under construction; deleted when dropped before it was published.
pub(crate) struct Draft {
    path: PathBuf,
    file: Option<File>,
}

impl Draft {
    /// Begins a file in the table's folder for files under construction.
    pub(crate) fn create(table: &Path) -> Result<Draft, Error> {
        let folder = table.join(ASIDE);
        make_dirs(&folder)?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", std::process::id()));
        let file = File::create(&path).map_err(|e| Error::io(&path, &e))?;
        Ok(Draft { path, file: Some(file) })
    }

    /// A handle to write through.
    pub(crate) fn handle(&self) -> Result<File, Error> {
        let file = self.file.as_ref().ok_or_else(|| closed(&self.path))?;
        file.try_clone().map_err(|e| Error::io(&self.path, &e))
    }

    /// Writes bytes.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.handle()?.write_all(bytes).map_err(|e| Error::io(&self.path, &e))
    }

    /// Flushes the contents to the disk.
    fn flush(&mut self) -> Result<(), Error> {
        let file = self.file.take().ok_or_else(|| closed(&self.path))?;
        file.sync_all().map_err(|e| Error::io(&self.path, &e))
    }

    /// Makes the file visible under its name, in place of whatever bore it.
    pub(crate) fn replace(mut self, target: &Path) -> Result<(), Error> {
        self.flush()?;
        make_parent(target)?;
        fs::rename(&self.path, target).map_err(|e| Error::io(target, &e))?;
        sync_parent(target)
    }

    /// Makes the file visible under its name unless the name is taken; tells whether it did.
    pub(crate) fn put_if_absent(mut self, target: &Path) -> Result<bool, Error> {
        self.flush()?;
        make_parent(target)?;
        match fs::hard_link(&self.path, target) {
            Ok(()) => sync_parent(target).map(|()| true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                self.rename_if_absent(target)
            }
            Err(e) => Err(Error::io(target, &e)),
        }
    }

    /// For disks without hard links: the writers' lock keeps others away between the question and the rename.
    fn rename_if_absent(&self, target: &Path) -> Result<bool, Error> {
        if target.try_exists().map_err(|e| Error::io(target, &e))? {
            return Ok(false);
        }
        fs::rename(&self.path, target).map_err(|e| Error::io(target, &e))?;
        sync_parent(target).map(|()| true)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed files are gone already; a leftover is swept up by the next writer.
        let _ = fs::remove_file(&self.path);
    }
}

fn closed(path: &Path) -> Error {
    Error::new(path.display().to_string(), "written after it was closed", "report this as a bug")
}

/// Creates a folder and those above it, and flushes what holds each new one.
pub(crate) fn make_dirs(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_dirs(above)?;
    }
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(Error::io(folder, &e)),
        _ => sync_parent(folder),
    }
}

fn make_parent(target: &Path) -> Result<(), Error> {
    target.parent().map_or(Ok(()), make_dirs)
}

/// Flushes the folder that holds a file, so that the name survives a power cut.
fn sync_parent(target: &Path) -> Result<(), Error> {
    let folder = match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    if cfg!(windows) {
        return Ok(()); // Folders cannot be opened as files there.
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, &e))
}

/// Names in a folder; none when it is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(folder, &e)),
    };
    entries
        .map(|e| e.map(|e| e.file_name().to_string_lossy().into_owned()).map_err(|e| Error::io(folder, &e)))
        .collect()
}
