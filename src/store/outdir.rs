//! The report folder: written beside its place and moved there whole, so that no reader meets half a report.

use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// A report folder being written.
pub struct OutDir {
    target: PathBuf,
    writing: tempfile::TempDir,
}

/// The file that marks a folder as a report of ours.
pub const MARK: &str = "summary.json";

impl OutDir {
    /// Begins a report that will stand at `target`. A folder that holds anything but a report is never replaced.
    pub fn begin(target: &Path) -> Result<OutDir, Error> {
        let foreign =
            target.is_dir() && !is_report(target) && fs::read_dir(target).is_ok_and(|mut d| d.next().is_some());
        if foreign || target.is_file() {
            return Err(Error::new(
                target.display().to_string(),
                "exists and is not a report of keyfault",
                "name another folder with --out",
            ));
        }
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
        let writing =
            tempfile::Builder::new().prefix(".keyfault-").tempdir_in(parent).map_err(|e| Error::io(parent, &e))?;
        Ok(OutDir { target: target.to_path_buf(), writing })
    }

    /// The path of a file while the report is written.
    pub fn file(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.writing.path().join(name);
        match path.parent() {
            Some(parent) => fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?,
            None => return Err(Error::new(name, "has no folder", "")),
        }
        Ok(path)
    }

    /// Writes a text file.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        fs::write(self.file(name)?, text).map_err(|e| Error::io(&self.target.join(name), &e))
    }

    /// Moves the report to its place; an older one makes way.
    pub fn finish(self) -> Result<(), Error> {
        let fault = |e: std::io::Error| Error::io(&self.target, &e);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.writing.path(), fs::Permissions::from_mode(0o755)).map_err(fault)?;
        }
        let old = self.writing.path().with_extension("old");
        if self.target.exists() {
            fs::rename(&self.target, &old).map_err(fault)?;
        }
        let written = self.writing.keep();
        if let Err(error) = fs::rename(&written, &self.target) {
            // The older report goes back to its place; what fails then is told by the first error.
            let _ = fs::rename(&old, &self.target);
            return Err(fault(error));
        }
        if old.exists() {
            fs::remove_dir_all(&old).map_err(fault)?;
        }
        Ok(())
    }
}

/// Whether a folder is a report of ours: a file of the mark's name is not enough, for the folder will be replaced whole.
fn is_report(folder: &Path) -> bool {
    fs::read_to_string(folder.join(MARK)).is_ok_and(|text| text.contains("\"keyfault_version\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_replaced_whole_and_other_folders_never() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a/report");
        for text in [r#"{"keyfault_version":"1"}"#, r#"{"keyfault_version":"2"}"#] {
            let out = OutDir::begin(&target).unwrap();
            out.write(MARK, text).unwrap();
            out.finish().unwrap();
            assert_eq!(fs::read_to_string(target.join(MARK)).unwrap(), text);
        }
        assert_eq!(fs::read_dir(home.path().join("a")).unwrap().count(), 1, "nothing is left behind");
        fs::write(target.join(MARK), "{}").unwrap();
        fs::write(target.join("thesis.txt"), "x").unwrap();
        assert!(OutDir::begin(&target).is_err());
        assert!(target.join("thesis.txt").exists());
    }
}
