//! Reads scenarios from their folders: scenario.yml and the templates of its logs. The format is told in tests/scenarios/README.md.

use keyfault::yaml::{self, Node};
use std::path::Path;

/// What is expected of one labelled failure.
pub struct Expect {
    /// Its label; `f#` stands for all of f0, f1 ...
    pub label: String,
    /// Causes of which one must come out.
    pub causes: Vec<String>,
    /// Verdicts of which one must come out.
    pub verdicts: Vec<String>,
    /// Labels, or `file#ordinal`, that must be cited, all of them.
    pub proof: Vec<String>,
    /// Labels, or `file#ordinal`, that must not be cited.
    pub not: Vec<String>,
    /// The states of which its incident must be in one; none when it does not matter.
    pub states: Vec<String>,
}

/// A scenario: templates and what is expected of what is made from them.
pub struct Scenario {
    /// The folder's name.
    pub name: String,
    /// Causes it is there for.
    pub covers: Vec<String>,
    /// Names and what makes their identifiers.
    pub ids: Vec<(String, String)>,
    /// Names and wordings of which one is taken.
    pub words: Vec<(String, Vec<String>)>,
    /// How many unrelated calls are mixed into each line file: good, bad.
    pub noise: (usize, usize),
    /// What is expected.
    pub expect: Vec<Expect>,
    /// How many incidents the labelled failures form.
    pub incidents: Option<usize>,
    /// Templates: file name, text.
    pub files: Vec<(String, String)>,
}

fn texts(node: Option<&Node>) -> Vec<String> {
    node.map_or(&[][..], Node::one_or_many).iter().filter_map(Node::scalar).collect()
}

fn number(node: Option<&Node>, name: &str) -> usize {
    let number = node.and_then(|n| n.get(name)).and_then(Node::scalar);
    number.map_or(0, |n| n.parse().unwrap_or_else(|_| panic!("{name}: not a number")))
}

fn expect(label: &str, node: &Node) -> Expect {
    let known = ["cause", "verdict", "proof", "not", "state"];
    let unknown = node.entries().iter().find(|(k, _)| !known.contains(&k.text.as_str()));
    assert!(unknown.is_none(), "{label}: unknown member {:?}", unknown.map(|(k, _)| &k.text));
    Expect {
        label: label.into(),
        causes: texts(node.get("cause")),
        verdicts: texts(node.get("verdict")),
        proof: texts(node.get("proof")),
        not: texts(node.get("not")),
        states: texts(node.get("state")),
    }
}

/// The scenario in a folder.
pub fn load(folder: &Path) -> Scenario {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let path = folder.join("scenario.yml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let document = yaml::parse(&path.display().to_string(), &text).unwrap().remove(0);
    let known = ["title", "covers", "ids", "words", "noise", "expect", "incidents"];
    let unknown = document.entries().iter().find(|(k, _)| !known.contains(&k.text.as_str()));
    assert!(unknown.is_none(), "{name}: unknown member {:?}", unknown.map(|(k, _)| &k.text));
    assert!(document.get("title").and_then(Node::text).is_some(), "{name}: no title");
    let entries = |member: &str| document.get(member).map_or(&[][..], Node::entries).iter();
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_name() != "scenario.yml")
        .map(|e| (e.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(e.path()).unwrap()))
        .collect();
    files.sort();
    Scenario {
        covers: texts(document.get("covers")),
        ids: entries("ids").map(|(k, v)| (k.text.clone(), v.scalar().unwrap_or_default())).collect(),
        words: entries("words").map(|(k, v)| (k.text.clone(), texts(Some(v)))).collect(),
        noise: (number(document.get("noise"), "good"), number(document.get("noise"), "bad")),
        expect: entries("expect").map(|(k, v)| expect(&k.text, v)).collect(),
        incidents: document.get("incidents").and_then(Node::scalar).map(|n| n.parse().unwrap()),
        files,
        name,
    }
}

/// All scenarios, by name.
pub fn all() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|folder| folder.join("scenario.yml").exists());
    folders.sort();
    folders.iter().map(|folder| load(folder)).collect()
}
