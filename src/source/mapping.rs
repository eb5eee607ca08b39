//! A source mapping as its YAML file says it: how to recognise a log source and what becomes of its fields; nothing is evaluated here.

use super::expr::{Expr, Path, When, check_keys};
use super::path;
use super::plan::Plan;
use crate::error::{Error, did_you_mean};
use crate::model::column::Column;
use crate::model::inventory::Member;
use crate::model::lazy_regex::{Flags, LazyRegex};
use crate::model::records::{LogSource, Projection};
use crate::yaml::{self, Node, place};
use std::collections::BTreeSet;

/// How the records of a source are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON documents, in any framing.
    Json,
    /// Rows under a header; the header's names are the fields.
    Csv,
    /// Lines that match a pattern; its named groups are the fields.
    Text,
}

/// One way to recognise a record: all keys are there and all conditions hold.
#[derive(Debug, Clone)]
pub struct Recognition {
    /// Paths that must exist.
    pub keys: Vec<Path>,
    /// Further conditions.
    pub when: Option<When<Path>>,
}

/// Records that belong to the source but are no events.
#[derive(Debug, Clone)]
pub struct Ignored {
    /// Which.
    pub when: When<Path>,
    /// Why, for coverage and rejects.
    pub reason: String,
}

/// What a source has to say, for the people who choose which logs to bring.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The forms in which it is exported and read.
    pub forms: Vec<String>,
    /// What its records can prove about a credential.
    pub proves: String,
    /// What they cannot.
    pub cannot: String,
}

/// A test written in the mapping file itself.
#[derive(Debug, Clone)]
pub struct MappingTest {
    /// Its name.
    pub name: String,
    /// The input's text.
    pub input: String,
    /// Expected rows: column values by name; null means "must be null".
    pub rows: Vec<Node>,
    /// Expected number of rejects.
    pub rejects: u64,
    /// `file:line:column`.
    pub place: String,
}

/// A parsed mapping file.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Id of the source. Several files may share one.
    pub source: String,
    /// Title.
    pub title: String,
    /// What people can learn of it before they bring its logs.
    pub account: Account,
    /// What Sigma rules call it: any of these.
    pub logsources: Vec<LogSource>,
    /// Where fields stand that rules of this log source spell otherwise: the name in rules, with `*` at its end for a whole branch, and the
    /// paths tried for it in order.
    pub aliases: Vec<(String, Vec<String>)>,
    /// Fields that rules of this log source name and that its records do not hold as such.
    pub computed: Vec<(String, Expr<Path>)>,
    /// How records are written.
    pub format: Format,
    /// Where records sit in a document, tried in order.
    pub records: Vec<Path>,
    /// Ways to recognise a record; any will do.
    pub recognise: Vec<Recognition>,
    /// Records that are no events.
    pub ignore: Vec<Ignored>,
    /// Line patterns of text formats, tried in order.
    pub patterns: Vec<LazyRegex>,
    /// Which failed events are refusals; none means all of them.
    pub refusal: Option<When<Path>>,
    /// Raw credentials as they were sent.
    pub raw_credential: Option<Expr<Path>>,
    /// What each record lists, for inventories: one entry a credential.
    pub inventory: Vec<Vec<(Member, Expr<Path>)>>,
    /// Column expressions.
    pub columns: Vec<(Column, Expr<Path>)>,
    /// In-file tests.
    pub tests: Vec<MappingTest>,
    /// Where the mapping comes from, for messages.
    pub file: String,
}

const KEYS: &[&str] = &[
    "cannot",
    "columns",
    "credential",
    "description",
    "fields",
    "format",
    "forms",
    "ignore",
    "inventory",
    "logsource",
    "pattern",
    "proves",
    "recognise",
    "records",
    "references",
    "refusal",
    "source",
    "tests",
    "title",
];

impl Mapping {
    /// Parses one mapping file.
    pub fn parse(file: &str, text: &str) -> Result<Mapping, Error> {
        Mapping::read(file, &yaml::parse(file, text)?)
    }

    /// Reads the documents of a mapping file, of which there must be one.
    pub fn read(file: &str, documents: &[Node]) -> Result<Mapping, Error> {
        let [root] = documents else {
            return Err(Error::new(
                file,
                "a mapping file holds exactly one document",
                "put each source into a file of its own",
            ));
        };
        check_keys(file, root, KEYS)?;
        let source = need(file, root, "source")?;
        let format = parse_format(file, root.get("format"))?;
        let mapping = Mapping {
            title: root.get("title").and_then(Node::scalar).unwrap_or_else(|| source.clone()),
            account: parse_account(root),
            logsources: each(root.get("logsource"), parse_logsource)?,
            aliases: parse_aliases(file, root.get("fields"))?,
            computed: parse_computed(file, root.get("fields"))?,
            format,
            records: parse_records(file, root.get("records"))?,
            recognise: each(root.get("recognise"), |n| parse_recognition(file, n))?,
            ignore: each(root.get("ignore"), |n| parse_ignored(file, n))?,
            patterns: each(root.get("pattern"), |n| parse_pattern(file, n))?,
            refusal: root.get("refusal").map(|n| When::parse(file, n)).transpose()?,
            raw_credential: root
                .get("credential")
                .and_then(|c| c.get("raw"))
                .map(|n| Expr::parse(file, n))
                .transpose()?,
            inventory: each(root.get("inventory"), |n| parse_entry(file, n))?,
            columns: root
                .get("columns")
                .map_or(&[][..], Node::entries)
                .iter()
                .map(|(k, v)| parse_column(file, k, v))
                .collect::<Result<_, _>>()?,
            tests: each(root.get("tests"), |n| parse_test(file, n))?,
            file: file.to_string(),
            source,
        };
        mapping.check(file, root)
    }

    /// The mapping of records whose fields are the columns of `events` themselves: rule tests, and our own tables as JSON.
    pub fn identity() -> Mapping {
        let own = |c: Column| vec![path::Step::Key(c.name().to_string())];
        let mapped = |c: &Column| !matches!(c, Column::InputFile | Column::InputRecord);
        let keys = [Column::Source, Column::Status, Column::EventTime, Column::InputRecord].map(own).to_vec();
        Mapping {
            source: "keyfault".into(),
            title: "keyfault's own events".into(),
            account: Account::default(),
            logsources: vec![LogSource { category: None, product: Some("keyfault".into()), service: None }],
            aliases: vec![],
            computed: vec![],
            format: Format::Json,
            records: vec![Vec::new()],
            recognise: vec![Recognition { keys, when: None }],
            ignore: vec![],
            patterns: vec![],
            refusal: None,
            raw_credential: None,
            inventory: vec![],
            columns: Column::ALL.iter().filter(|c| mapped(c)).map(|c| (*c, Expr::path(own(*c)))).collect(),
            tests: vec![],
            file: "keyfault".into(),
        }
    }

    /// The names that fields of its records are known to begin with: those it reads, and those it reads for rules that spell them otherwise.
    pub fn heads(&self) -> BTreeSet<String> {
        let plan = Plan::new(self, &Projection::default(), false);
        let aliases = self.aliases.iter().flat_map(|(name, paths)| std::iter::once(name).chain(paths));
        let aliased = aliases.map(|name| name.split('.').next().unwrap_or(name).to_string());
        plan.trie.heads().map(str::to_string).chain(aliased).collect()
    }

    fn check(self, file: &str, root: &Node) -> Result<Mapping, Error> {
        if self.format == Format::Text && self.patterns.is_empty() {
            return Err(Error::new(
                place(file, root.at),
                "format: text needs pattern:",
                "give a regular expression with named groups",
            ));
        }
        if self.format != Format::Text && self.recognise.is_empty() {
            return Err(Error::new(
                place(file, root.at),
                "recognise: is missing",
                "name keys that every record of this source has and others lack",
            ));
        }
        Ok(self)
    }
}

fn each<T>(node: Option<&Node>, parse: impl Fn(&Node) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    node.map_or(&[][..], Node::one_or_many).iter().map(parse).collect()
}

fn need(file: &str, node: &Node, key: &str) -> Result<String, Error> {
    node.get(key)
        .and_then(Node::scalar)
        .ok_or_else(|| Error::new(place(file, node.at), format!("{key}: is missing"), ""))
}

fn parse_account(root: &Node) -> Account {
    let text = |key| root.get(key).and_then(Node::scalar).unwrap_or_default();
    Account {
        forms: root.get("forms").map_or(&[][..], Node::one_or_many).iter().filter_map(Node::scalar).collect(),
        proves: text("proves"),
        cannot: text("cannot"),
    }
}

fn parse_format(file: &str, node: Option<&Node>) -> Result<Format, Error> {
    let Some(node) = node else { return Ok(Format::Json) };
    match node.text() {
        Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some("text") => Ok(Format::Text),
        other => Err(Error::new(
            place(file, node.at),
            format!("unknown format \"{}\"", other.unwrap_or_default()),
            "known: json, csv, text",
        )),
    }
}

fn parse_logsource(node: &Node) -> Result<LogSource, Error> {
    let part = |key| node.get(key).and_then(Node::scalar);
    Ok(LogSource { category: part("category"), product: part("product"), service: part("service") })
}

fn parse_aliases(file: &str, node: Option<&Node>) -> Result<Vec<(String, Vec<String>)>, Error> {
    let alias = |(name, paths): &(yaml::Key, Node)| {
        let paths: Vec<String> = paths.one_or_many().iter().filter_map(Node::scalar).collect();
        let branch = name.text.ends_with('*');
        if paths.is_empty() || paths.iter().any(|p| p.ends_with('*') != branch) {
            let remedy = "write `rule.field: path`, or `branch.*: path.*` for everything below";
            return Err(Error::new(place(file, name.at), format!("field \"{}\" has no path", name.text), remedy));
        }
        if let Some(path) = paths.iter().find(|p| p.replace(" [", "").contains('[')) {
            let remedy = format!("write {}: {{path: '{path}'}}: a plain path is read as rules read fields", name.text);
            return Err(Error::new(place(file, name.at), format!("\"{path}\" is no name of a field"), remedy));
        }
        Ok((name.text.clone(), paths))
    };
    let is_path = |node: &Node| node.one_or_many().iter().all(|n| n.entries().is_empty());
    node.map_or(&[][..], Node::entries).iter().filter(|(_, n)| is_path(n)).map(alias).collect()
}

/// Fields given as column expressions.
fn parse_computed(file: &str, node: Option<&Node>) -> Result<Vec<(String, Expr<Path>)>, Error> {
    let is_expr = |node: &Node| node.one_or_many().iter().any(|n| !n.entries().is_empty());
    let entries = node.map_or(&[][..], Node::entries).iter().filter(|(_, n)| is_expr(n));
    entries.map(|(name, n)| Ok((name.text.clone(), Expr::parse(file, n)?))).collect()
}

fn parse_records(file: &str, node: Option<&Node>) -> Result<Vec<Path>, Error> {
    let paths: Vec<Path> = each(node, |n| {
        path::parse(n.text().unwrap_or_default()).map_err(|e| Error::new(place(file, n.at), e.thing, e.remedy))
    })?;
    Ok(if paths.is_empty() { vec![Vec::new()] } else { paths })
}

fn parse_recognition(file: &str, node: &Node) -> Result<Recognition, Error> {
    check_keys(file, node, &["keys", "when"])?;
    let keys = each(node.get("keys"), |n| {
        path::parse(n.text().unwrap_or_default()).map_err(|e| Error::new(place(file, n.at), e.thing, e.remedy))
    })?;
    Ok(Recognition { keys, when: node.get("when").map(|n| When::parse(file, n)).transpose()? })
}

fn parse_ignored(file: &str, node: &Node) -> Result<Ignored, Error> {
    check_keys(file, node, &["reason", "when"])?;
    let when = node.get("when").ok_or_else(|| Error::new(place(file, node.at), "when: is missing", ""))?;
    Ok(Ignored { when: When::parse(file, when)?, reason: need(file, node, "reason")? })
}

fn parse_pattern(file: &str, node: &Node) -> Result<LazyRegex, Error> {
    let bad = |thing| Error::new(place(file, node.at), thing, "name its groups: (?P<status>\\d+)");
    let regex = LazyRegex::new(node.text().unwrap_or_default(), Flags::default());
    let regex = regex.map_err(|e| bad(format!("not a regular expression: {e}")))?;
    if regex.has_group(true) { Ok(regex) } else { Err(bad("the pattern has no named group".into())) }
}

fn parse_column(file: &str, key: &yaml::Key, node: &Node) -> Result<(Column, Expr<Path>), Error> {
    let column = Column::from_name(&key.text).ok_or_else(|| {
        let names = Column::ALL.iter().map(|c| c.name());
        Error::new(place(file, key.at), format!("unknown column \"{}\"", key.text), did_you_mean(&key.text, names))
    })?;
    Ok((column, Expr::parse(file, node)?))
}

fn parse_entry(file: &str, node: &Node) -> Result<Vec<(Member, Expr<Path>)>, Error> {
    let member = |(key, node): &(yaml::Key, Node)| {
        let member = Member::from_name(&key.text).ok_or_else(|| {
            let names = Member::ALL.iter().map(|m| m.name());
            let thing = format!("unknown member \"{}\" of inventory", key.text);
            Error::new(place(file, key.at), thing, did_you_mean(&key.text, names))
        })?;
        Ok((member, Expr::parse(file, node)?))
    };
    node.entries().iter().map(member).collect()
}

fn parse_test(file: &str, node: &Node) -> Result<MappingTest, Error> {
    check_keys(file, node, &["expect", "input", "name"])?;
    let expect = node.get("expect").ok_or_else(|| {
        Error::new(place(file, node.at), "expect: is missing", "list the rows: {rows: [{status: failure}]}")
    })?;
    check_keys(file, expect, &["rejects", "rows"])?;
    Ok(MappingTest {
        name: need(file, node, "name")?,
        input: need(file, node, "input")?,
        rows: expect.get("rows").map_or(&[][..], Node::items).to_vec(),
        rejects: expect.get("rejects").and_then(Node::scalar).and_then(|n| n.parse().ok()).unwrap_or(0),
        place: place(file, node.at),
    })
}
