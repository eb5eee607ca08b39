//! Holds the house rules that neither the compiler nor clippy knows: layering, documentation, sizes, names. Knows files as text only.

use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

/// The floors of the house, lowest first. A module imports from lower floors only; modules of one floor never import each other.
const FLOORS: &[&[&str]] = &[
    &["builtin", "error"],
    &["yaml"],
    &["model"],
    &["read", "source", "rule", "diagnose", "detect", "store", "report", "query"],
    &["notify"],
    &["pipeline"],
    &["cli"],
    &["main"],
];

/// Modules that may open files; all others are given what they work on.
const OPENS_FILES: &[&str] = &["read", "store", "report", "cli"];

/// Words that could name anything.
const EMPTY_WORDS: &[&str] = &["util", "utils", "helper", "helpers", "manager", "managers"];

const MAX_LINES: usize = 400;
const MAX_TABLE_OF_CONTENTS_LINES: usize = 40;

/// A text file of the project.
struct File {
    /// From the project's root, with `/`.
    path: String,
    text: String,
}

impl File {
    /// The text before the test module, which stands at the foot.
    fn code(&self) -> &str {
        self.text.split("\n#[cfg(test)]").next().unwrap_or_default()
    }

    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code().lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }

    /// The path of the module that this file is: `["read", "gzip"]`; empty for the root.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.strip_prefix("src/").unwrap_or_default().trim_end_matches(".rs");
        inside.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "")).collect()
    }

    fn is_mod(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }
}

/// What a check has to say about a file, one complaint each.
type Check = fn(&File) -> Vec<String>;

fn hold(check: Check, folders: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<File> = folders.iter().flat_map(|folder| files(root, folder)).collect();
    assert!(!files.is_empty(), "no file in {folders:?}");
    let complaints: Vec<String> =
        files.iter().flat_map(|f| check(f).into_iter().map(|c| format!("{}: {c}", f.path))).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The text files under a folder or at a path, in order; what a build leaves and what is not UTF-8 is passed over.
fn files(root: &Path, at: &str) -> Vec<File> {
    let built = |name: &str| matches!(name, "target" | ".git" | "keyfault-report");
    let walk = walkdir::WalkDir::new(root.join(at)).sort_by_file_name().into_iter();
    walk.filter_entry(|entry| !built(&entry.file_name().to_string_lossy()))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            Some(File { path, text: std::fs::read_to_string(entry.path()).ok()? })
        })
        .collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn layering(file: &File) -> Vec<String> {
    let Some(&own) = file.module().first() else { return Vec::new() };
    let Some(own_floor) = floor(own) else {
        return vec![format!("the layering test knows no module \"{own}\"; give it a floor there")];
    };
    let upward = |name: &&String| name.as_str() != own && floor(name).is_some_and(|other| other >= own_floor);
    imports(file).iter().filter(upward).map(|name| format!("{own} must not import {name}")).collect()
}

/// The top-level modules that a file names, by `crate::`, `keyfault::` or as many `super::` as lead to the root.
fn imports(file: &File) -> BTreeSet<String> {
    let text: String = file.text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let absolute = Regex::new(r"(?:^|[^\w])(?:crate|keyfault)::").unwrap();
    let mut found: BTreeSet<String> = absolute.find_iter(&text).flat_map(|m| heads(&text[m.end()..])).collect();
    let relative = Regex::new(r"(?:^|[^\w:])((?:super::)+)").unwrap();
    for chain in relative.captures_iter(file.code()) {
        let supers = chain[1].len() / "super::".len();
        if supers >= file.module().len() {
            found.extend(heads(&file.code()[chain.get(0).unwrap().end()..]));
        }
    }
    found
}

/// The first names of a path or of each member of a `{a::b, c}` group.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names) = (0, vec![name(group)]);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[i + 1..])),
            _ => {}
        }
    }
    names
}

fn opens_no_files(file: &File) -> Vec<String> {
    let own = file.module().first().copied().unwrap_or_default();
    if OPENS_FILES.contains(&own) {
        return Vec::new();
    }
    let opens =
        |line: &str| ["std::fs", "fs::read", "File::open", "File::create"].iter().any(|call| line.contains(call));
    lines_where(file, opens, "only read, store, report and cli open files")
}

fn no_unwrap(file: &File) -> Vec<String> {
    lines_where(file, |line| line.contains(".unwrap()"), "unwrap outside tests")
}

fn lines_where(file: &File, wrong: impl Fn(&str) -> bool, says: &str) -> Vec<String> {
    file.code_lines().filter(|(_, line)| wrong(line)).map(|(number, _)| format!("line {number}: {says}")).collect()
}

fn says_what_it_is_for(file: &File) -> Vec<String> {
    let silent = file.path.ends_with(".rs") && !file.text.starts_with("//! ");
    silent
        .then(|| "must open with a //! sentence: what it is for, and what it must not know".into())
        .into_iter()
        .collect()
}

fn short(file: &File) -> Vec<String> {
    let lines = file.code().lines().count();
    (lines > MAX_LINES).then(|| format!("{lines} lines without its tests, more than {MAX_LINES}")).into_iter().collect()
}

fn table_of_contents(file: &File) -> Vec<String> {
    let listing = |line: &str| ["mod ", "pub mod ", "use ", "pub use "].iter().any(|start| line.starts_with(start));
    let lines = file.code_lines().filter(|(_, line)| !line.is_empty() && !listing(line)).count();
    let long = file.is_mod() && lines > MAX_TABLE_OF_CONTENTS_LINES;
    long.then(|| format!("a mod.rs is a table of contents, and {lines} lines of this one are code"))
        .into_iter()
        .collect()
}

fn telling_names(file: &File) -> Vec<String> {
    let named = Regex::new(r"\b(?:mod|struct|enum|trait|type|fn)\s+(\w+)").unwrap();
    let parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
    let names = file.code_lines().flat_map(|(_, line)| named.captures_iter(line).map(|c| c.extract::<1>().1[0]));
    let empty = parts.chain(names).filter(|name| words(name).iter().any(|word| EMPTY_WORDS.contains(&word.as_str())));
    empty.map(|name| format!("\"{name}\" says nothing; name what it does")).collect()
}

/// The words of a `snake_case` or `CamelCase` name, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words
}

fn no_machine_paths(file: &File) -> Vec<String> {
    if file.path.starts_with("tests/") || file.path.starts_with("samples/") {
        return Vec::new();
    }
    let machine = Regex::new(r#"(?:^|[\s"'`(=])/(?:home|tmp|root)/"#).unwrap();
    let lines = file.text.lines().enumerate().filter(|(_, line)| machine.is_match(line));
    lines.map(|(i, _)| format!("line {}: a path of one machine", i + 1)).collect()
}

#[test]
fn imports_point_down() {
    hold(layering, &["src"]);
}

#[test]
fn files_are_opened_at_the_rim() {
    hold(opens_no_files, &["src"]);
}

#[test]
fn nothing_unwraps_outside_tests() {
    hold(no_unwrap, &["src"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(says_what_it_is_for, &["src", "tests", "benches"]);
}

#[test]
fn files_are_short() {
    hold(short, &["src", "tests", "benches"]);
}

#[test]
fn every_mod_is_a_table_of_contents() {
    hold(table_of_contents, &["src"]);
}

#[test]
fn names_say_something() {
    hold(telling_names, &["src", "benches"]);
}

#[test]
fn no_path_of_one_machine_is_kept() {
    hold(no_machine_paths, &["."]);
}

/// Each check finds the bad text and passes the good one, else it holds nothing.
mod can_fail {
    use super::*;

    fn complaints(check: Check, path: &str, text: &str) -> usize {
        check(&File { path: path.into(), text: text.into() }).len()
    }

    fn tells(check: Check, path: &str, bad: &str, good: &str) {
        assert_ne!(complaints(check, path, bad), 0, "not found in {path}: {bad}");
        assert_eq!(complaints(check, path, good), 0, "wrongly found in {path}: {good}");
    }

    #[test]
    fn layering_sees_every_form_of_import() {
        let model = "use crate::model::cell::Cell;";
        tells(layering, "src/read/gzip.rs", "use crate::rule::Rule;", model);
        tells(
            layering,
            "src/read/gzip.rs",
            "use crate::{error::Error,\n    rule::{self, Rule}};",
            "use crate::{error::Error, model};",
        );
        tells(
            layering,
            "src/read/mod.rs",
            "fn f() { crate::source::load() }",
            "// crate::source::load\nuse crate::read::x;",
        );
        tells(layering, "src/read/gzip.rs", "use super::super::rule::Rule;", "use super::codec;\nuse super::rule;");
        tells(layering, "src/read/mod.rs", "use super::{rule};", "pub use gzip::Gzip;");
        tells(
            layering,
            "src/read/gzip.rs",
            "#[cfg(test)]\nmod tests { use crate::rule; }",
            "#[cfg(test)]\nmod tests { use super::*; }",
        );
        tells(layering, "src/model/cell.rs", "use crate::read::Input;", "use crate::{error, yaml};");
        tells(layering, "src/yaml.rs", "use crate::model::cell::Cell;", "use crate::error::Error;");
        tells(layering, "src/pipeline.rs", "use crate::cli::Config;", "use crate::{read, report, rule};");
        tells(layering, "src/cli/mod.rs", "use crate::main;", "use crate::pipeline;");
        assert_eq!(complaints(layering, "src/shelf.rs", ""), 1, "a module without a floor");
    }

    #[test]
    fn files_at_the_rim() {
        tells(opens_no_files, "src/rule/load.rs", "let t = std::fs::read_to_string(path)?;", "let t = text;");
        tells(opens_no_files, "src/rule/load.rs", "use std::fs::File;", "#![doc = \"\"]\n\n#[cfg(test)]\nuse std::fs;");
        assert_eq!(complaints(opens_no_files, "src/read/open.rs", "std::fs::File::open(path)"), 0);
    }

    #[test]
    fn unwraps() {
        tells(
            no_unwrap,
            "src/x.rs",
            "let a = b.unwrap();",
            "let a = b.unwrap_or(1);\n\n#[cfg(test)]\nmod tests { b.unwrap(); }",
        );
    }

    #[test]
    fn silent_files() {
        tells(says_what_it_is_for, "src/x.rs", "use a;", "//! Reads a.\nuse a;");
    }

    #[test]
    fn long_files() {
        let line = "let a = 1;\n";
        let tests = format!("{}\n#[cfg(test)]\n{}", line.repeat(MAX_LINES), line.repeat(9));
        tells(short, "src/x.rs", &line.repeat(MAX_LINES + 1), &tests);
    }

    #[test]
    fn crowded_tables_of_contents() {
        let contents = format!("//! Docs.\n{}", "/// Docs.\npub mod a;\npub use a::B;\n".repeat(90));
        tells(table_of_contents, "src/a/mod.rs", &"let a = 1;\n".repeat(MAX_TABLE_OF_CONTENTS_LINES + 1), &contents);
    }

    #[test]
    fn empty_names() {
        tells(telling_names, "src/x.rs", "pub struct RuleManager;", "pub struct Manages;\n// fn helper");
        tells(telling_names, "src/x.rs", "fn util_time() {}", "fn utility_bill() {}\nlet helper = 1;");
        assert_ne!(complaints(telling_names, "src/rule/utils.rs", ""), 0);
    }

    #[test]
    fn machine_paths() {
        tells(no_machine_paths, "README.md", "see `/home/ann/x`", "see https://example.org/home/x and src/tmp/x");
        assert_eq!(complaints(no_machine_paths, "tests/it/x.rs", "\"/tmp/x\""), 0);
    }
}
