//! Finds the inputs that the arguments name: files, folders, globs and standard input, in an order that arguments do not change.

use crate::error::Error;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// An input to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The name in tables and messages.
    pub name: Arc<str>,
    /// Where it comes from.
    pub origin: Origin,
    /// Stored size; 0 when unknown.
    pub bytes: u64,
    /// The file itself, whatever links lead to it; empty where there is none.
    pub real: PathBuf,
    /// Whether it is a list of credentials and nothing else, because the user says so.
    pub is_inventory: bool,
    /// Its number among all inputs of the run, in the order of their names.
    pub number: usize,
    /// What of it is to be read.
    pub span: Span,
    /// What is wrong with it, as far as is known before it is read.
    pub problem: Option<String>,
}

/// The part of a file that is to be read: all of it, unless a store says that an earlier run read its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte; of a packed file, of the text in it.
    pub from_byte: u64,
    /// The byte behind the last; none for the end of the file.
    pub to_byte: Option<u64>,
    /// How many records stand before.
    pub first_record: u64,
}

/// Folders and what they are behind all links: files of one folder share the answer, which costs a system call for every part of a path.
#[derive(Default)]
struct Folders {
    known: HashMap<PathBuf, Option<PathBuf>>,
}

impl Folders {
    /// The file itself, whatever links lead to it.
    fn real(&mut self, path: &Path) -> PathBuf {
        let is_link = path.symlink_metadata().is_ok_and(|m| m.is_symlink());
        if let (Some(folder), Some(name), false) = (path.parent(), path.file_name(), is_link) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let real = self.known.entry(folder.to_path_buf()).or_insert_with(|| folder.canonicalize().ok());
            if let Some(real) = real {
                return real.join(name);
            }
        }
        path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
    }
}

/// The inputs that arguments name, sorted by name, each file once. What could not be looked into is listed beside them.
///
/// An argument that names nothing is an error: a typo must not pass for an empty result.
pub fn find(arguments: &[String]) -> Result<(Vec<Input>, Vec<String>), Error> {
    let mut problems = Vec::new();
    let mut found: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut stdin = false;
    let mut folders = Folders::default();
    for argument in arguments {
        if argument == "-" {
            stdin = true;
            continue;
        }
        for path in paths(argument, &mut problems)? {
            let known = found.entry(folders.real(&path)).or_insert_with(|| path.clone());
            if path < *known {
                *known = path;
            }
        }
    }
    let mut inputs: Vec<Input> = found.into_iter().map(file).collect();
    if stdin {
        inputs.push(Input {
            name: "-".into(),
            origin: Origin::Stdin,
            bytes: 0,
            real: PathBuf::new(),
            is_inventory: false,
            number: 0,
            span: Span::default(),
            problem: None,
        });
    }
    Ok((numbered(inputs), problems))
}

/// The same with further inputs that are lists of credentials. A file named as both is a list.
pub fn find_with_inventories(arguments: &[String], inventories: &[String]) -> Result<(Vec<Input>, Vec<String>), Error> {
    let (mut inputs, mut problems) = find(arguments)?;
    let (lists, more) = find(inventories)?;
    inputs.retain(|input| lists.iter().all(|list| list.real != input.real));
    inputs.extend(lists.into_iter().map(|list| Input { is_inventory: true, ..list }));
    problems.extend(more);
    Ok((numbered(inputs), problems))
}

/// Inputs in the order of their names, with their numbers in it.
fn numbered(mut inputs: Vec<Input>) -> Vec<Input> {
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    inputs.iter_mut().enumerate().for_each(|(number, input)| input.number = number);
    inputs
}

fn file((real, path): (PathBuf, PathBuf)) -> Input {
    let bytes = path.metadata().map_or(0, |m| m.len());
    let name = path.to_string_lossy().into();
    Input {
        name,
        origin: Origin::File(path),
        bytes,
        real,
        is_inventory: false,
        number: 0,
        span: Span::default(),
        problem: None,
    }
}

fn paths(argument: &str, problems: &mut Vec<String>) -> Result<Vec<PathBuf>, Error> {
    if let Some((scheme, _)) = argument.split_once("://") {
        let remedy = "copy the objects to a folder first, e.g. with `aws s3 sync`, and name the folder";
        return Err(Error::new(argument, format!("{scheme}:// inputs are not read yet"), remedy));
    }
    let path = Path::new(argument);
    if path.is_dir() {
        let files = walk(path, problems);
        return if files.is_empty() {
            Err(Error::new(argument, "the folder holds no files", "name a folder with log files"))
        } else {
            Ok(files)
        };
    }
    if path.exists() {
        return Ok(vec![path.to_path_buf()]);
    }
    if argument.contains(['*', '?', '[']) {
        return glob(argument, problems);
    }
    Err(Error::new(argument, "no such file or folder", "check the path"))
}

/// All files below a folder but version control's and those of reports being written.
fn walk(root: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let foreign = |e: &walkdir::DirEntry| {
        e.depth() > 0 && (e.file_name() == ".git" || e.file_name().to_string_lossy().starts_with(".keyfault-"))
    };
    let mut files = Vec::new();
    for entry in
        walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(|e| !foreign(e))
    {
        match entry {
            Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => problems.push(error.to_string()),
        }
    }
    files
}

fn glob(argument: &str, problems: &mut Vec<String>) -> Result<Vec<PathBuf>, Error> {
    let matcher = globset::GlobBuilder::new(argument)
        .literal_separator(true)
        .build()
        .map_err(|e| {
            Error::new(argument, format!("not a glob: {}", e.kind()), "quote it in the shell and check its brackets")
        })?
        .compile_matcher();
    let fixed: PathBuf = Path::new(argument)
        .components()
        .take_while(|c| !c.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    let root = if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed };
    let bare = |p: &Path| p.strip_prefix("./").map(Path::to_path_buf).unwrap_or_else(|_| p.to_path_buf());
    let files: Vec<PathBuf> =
        walk(&root, problems).into_iter().filter(|f| matcher.is_match(f) || matcher.is_match(bare(f))).collect();
    if files.is_empty() { Err(Error::new(argument, "the glob matches no file", "check the path")) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str], root: &Path) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(|a| root.join(a).to_string_lossy().into_owned()).collect();
        let (inputs, _) = find(&arguments).unwrap();
        inputs.iter().map(|i| Path::new(&*i.name).strip_prefix(root).unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn order_and_repetition_of_arguments_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.json", "sub/c.json", ".git/d.json"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let all = ["a.json", "b.log", "sub/c.json"];
        assert_eq!(names(&[""], folder.path()), all);
        assert_eq!(names(&["sub", "b.log", "a.json", "b.log", ""], folder.path()), all);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("b.log"), folder.path().join("also.log")).unwrap();
            std::os::unix::fs::symlink(folder.path().join("sub"), folder.path().join("too")).unwrap();
            assert_eq!(names(&[""], folder.path()), ["a.json", "also.log", "sub/c.json"], "each file once");
            for link in ["also.log", "too"] {
                std::fs::remove_file(folder.path().join(link)).unwrap();
            }
        }
        assert_eq!(names(&["**/*.json"], folder.path()), ["a.json", "sub/c.json"]);
        assert!(find(&[folder.path().join("*.csv").to_string_lossy().into_owned()]).is_err());
        assert!(find(&["/no/such/file".into()]).is_err());
        assert!(find(&["s3://bucket/key".into()]).unwrap_err().to_string().contains("aws s3 sync"));
    }
}
