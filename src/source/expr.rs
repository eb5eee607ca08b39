//! Column expressions of source mappings: read from YAML, bound to a trie, evaluated on a record; knows no source.

use super::datum::{Datum, Transform};
use super::path::{self, Found, Step};
use super::trie::{Place, Slots, Trie};
use crate::error::{Error, did_you_mean};
use crate::model::cell::Cell;
use crate::model::condition::Condition;
use crate::model::lazy_regex::{Flags, LazyRegex};
use crate::yaml::{Kind, Node, place};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// A path as written in a mapping.
pub type Path = Vec<Step>;

/// How a column gets its value. `P` is [`Path`] as parsed and [`Place`] once bound to a trie.
#[derive(Debug, Clone)]
pub enum Expr<P> {
    /// Always this text.
    Const(Arc<str>),
    /// The first that yields a value.
    First(Vec<Expr<P>>),
    /// All of them with a text between; nothing where one yields nothing.
    Join(Vec<Expr<P>>, Arc<str>),
    /// A value of the record.
    Read(Box<Read<P>>),
    /// The expression of the first condition that holds; no condition always holds.
    Switch(Vec<(Option<When<P>>, Expr<P>)>),
}

/// Reads paths and shapes what they give.
#[derive(Debug, Clone)]
pub struct Read<P> {
    paths: Vec<P>,
    when: Option<When<P>>,
    capture: Option<LazyRegex>,
    transforms: Vec<Transform>,
    values: Option<Arc<ValueMap>>,
    default: Option<Arc<str>>,
}

#[derive(Debug)]
struct ValueMap {
    map: FxHashMap<String, Arc<str>>,
    keep_others: bool,
}

/// A condition on fields of the record.
#[derive(Debug, Clone)]
pub struct When<P> {
    condition: Arc<Condition>,
    fields: Vec<P>,
}

const READ_KEYS: &[&str] = &[
    "as",
    "capture",
    "default",
    "first",
    "join",
    "path",
    "switch",
    "value",
    "values",
    "values_default",
    "when",
    "with",
];

impl Expr<Path> {
    /// The part of it that reads from the query of a URL.
    pub fn from_urls(&self) -> Option<Self> {
        let all = |parts: &[Self]| parts.iter().filter_map(Self::from_urls).collect::<Vec<_>>();
        match self {
            Expr::First(parts) => Some(all(parts)).filter(|p| !p.is_empty()).map(Expr::First),
            Expr::Switch(cases) => {
                let kept = cases.iter().filter_map(|(when, e)| Some((when.clone(), e.from_urls()?)));
                Some(kept.collect::<Vec<_>>()).filter(|c| !c.is_empty()).map(Expr::Switch)
            }
            Expr::Read(read) => {
                let paths: Vec<Path> = read.paths.iter().filter(|p| path::is_in_url(p)).cloned().collect();
                (!paths.is_empty()).then(|| Expr::Read(Box::new(Read { paths, ..(**read).clone() })))
            }
            Expr::Const(_) | Expr::Join(..) => None,
        }
    }

    /// The value at a path.
    pub fn path(path: Path) -> Self {
        Expr::Read(Box::new(Read::of_path(path)))
    }

    /// Parses an expression; the file's name is for errors.
    pub fn parse(file: &str, node: &Node) -> Result<Self, Error> {
        match &node.kind {
            Kind::Text(text) => Ok(Expr::path(parse_path(file, node, text)?)),
            Kind::List(items) => Ok(Expr::First(items.iter().map(|i| Expr::parse(file, i)).collect::<Result<_, _>>()?)),
            Kind::Map(_) => Expr::parse_map(file, node),
            _ => Err(Error::new(
                place(file, node.at),
                format!("{} is no column expression", node.kind_name()),
                "write a path, a list of paths or a mapping with path:, value: or switch:",
            )),
        }
    }

    fn parse_map(file: &str, node: &Node) -> Result<Self, Error> {
        check_keys(file, node, READ_KEYS)?;
        if let Some(cases) = node.get("switch") {
            return parse_switch(file, cases);
        }
        if let Some(all) = node.get("first") {
            let when = node.get("when").map(|w| When::parse(file, w)).transpose()?;
            return Ok(Expr::Switch(vec![(when, Expr::parse(file, all)?)]));
        }
        if let Some(parts) = node.get("join") {
            let when = node.get("when").map(|w| When::parse(file, w)).transpose()?;
            let parts = parts.items().iter().map(|p| Expr::parse(file, p)).collect::<Result<_, _>>()?;
            let with = node.get("with").and_then(Node::scalar).unwrap_or_else(|| "/".into());
            return Ok(Expr::Switch(vec![(when, Expr::Join(parts, Arc::from(with)))]));
        }
        if let (Some(value), None) = (node.get("value"), node.get("when")) {
            return Ok(constant(value));
        }
        if node.get("value").is_some() {
            return Ok(Expr::Switch(vec![parse_case(file, node)?]));
        }
        let Some(paths) = node.get("path") else {
            return Err(Error::new(place(file, node.at), "a column expression needs path:, value: or switch:", ""));
        };
        Ok(Expr::Read(Box::new(Read {
            paths: paths.one_or_many().iter().map(|p| scalar_path(file, p)).collect::<Result<_, _>>()?,
            when: node.get("when").map(|w| When::parse(file, w)).transpose()?,
            capture: node.get("capture").map(|c| parse_regex(file, c)).transpose()?,
            transforms: node
                .get("as")
                .map_or(&[][..], Node::one_or_many)
                .iter()
                .map(|t| parse_transform(file, t))
                .collect::<Result<_, _>>()?,
            values: node.get("values").map(|v| Arc::new(ValueMap::parse(v, node.get("values_default")))),
            default: node.get("default").and_then(Node::scalar).map(Arc::from),
        })))
    }

    /// The same expression with its paths turned into places of the trie.
    pub fn bind(&self, trie: &mut Trie) -> Expr<Place> {
        match self {
            Expr::Const(text) => Expr::Const(text.clone()),
            Expr::First(all) => Expr::First(all.iter().map(|e| e.bind(trie)).collect()),
            Expr::Join(parts, with) => Expr::Join(parts.iter().map(|e| e.bind(trie)).collect(), with.clone()),
            Expr::Switch(cases) => {
                Expr::Switch(cases.iter().map(|(w, e)| (w.as_ref().map(|w| w.bind(trie)), e.bind(trie))).collect())
            }
            Expr::Read(read) => Expr::Read(Box::new(Read {
                paths: read.paths.iter().map(|p| trie.add(p)).collect(),
                when: read.when.as_ref().map(|w| w.bind(trie)),
                capture: read.capture.clone(),
                transforms: read.transforms.clone(),
                values: read.values.clone(),
                default: read.default.clone(),
            })),
        }
    }
}

/// An expression or condition reads records through this: a trie and the slots it filled.
pub struct Row<'t, 'd> {
    /// The trie that filled the slots.
    pub trie: &'t Trie,
    /// The record's values.
    pub slots: &'t Slots<'d>,
}

impl<'d> Row<'_, 'd> {
    fn datum(&self, place: &Place) -> Datum<'d> {
        Datum::of(self.trie.read(self.slots, place))
    }
}

impl Expr<Place> {
    /// The column's value in a record. It may borrow from the record or from the mapping.
    pub fn eval<'a, 'd: 'a>(&'a self, row: &Row<'_, 'd>) -> Datum<'a> {
        match self {
            Expr::Const(text) => Datum::Text(Cow::Borrowed(text)),
            Expr::First(all) => all.iter().map(|e| e.eval(row)).find(|d| !d.is_nothing()).unwrap_or(Datum::Nothing),
            Expr::Switch(cases) => cases
                .iter()
                .find(|(w, _)| w.as_ref().is_none_or(|w| w.holds(row)))
                .map_or(Datum::Nothing, |(_, e)| e.eval(row)),
            Expr::Join(parts, with) => joined(parts, with, row).map_or(Datum::Nothing, Datum::from_text),
            Expr::Read(read) => read.eval(row),
        }
    }
}

fn joined<'a, 'd: 'a>(parts: &'a [Expr<Place>], with: &str, row: &Row<'_, 'd>) -> Option<Cow<'a, str>> {
    let texts: Option<Vec<Cow<'a, str>>> = parts.iter().map(|p| p.eval(row).into_text()).collect();
    texts.map(|texts| Cow::Owned(texts.join(with)))
}

impl Read<Path> {
    fn of_path(path: Path) -> Self {
        Read { paths: vec![path], when: None, capture: None, transforms: vec![], values: None, default: None }
    }
}

impl Read<Place> {
    fn eval<'a, 'd: 'a>(&'a self, row: &Row<'_, 'd>) -> Datum<'a> {
        if self.when.as_ref().is_some_and(|w| !w.holds(row)) {
            return Datum::Nothing;
        }
        let found = self.paths.iter().map(|p| self.shape(row.datum(p))).find(|d| !d.is_nothing());
        match (found, &self.default) {
            (Some(datum), _) => datum,
            (None, Some(default)) => Datum::Text(Cow::Borrowed(default)),
            (None, None) => Datum::Nothing,
        }
    }

    fn shape<'a>(&'a self, datum: Datum<'a>) -> Datum<'a> {
        if datum.is_nothing() {
            return datum;
        }
        let mut datum = match &self.capture {
            None => datum,
            Some(regex) => datum.into_text().and_then(|t| captured(regex, t)).map_or(Datum::Nothing, Datum::Text),
        };
        for transform in &self.transforms {
            datum = transform.apply(datum);
        }
        match &self.values {
            None => datum,
            Some(values) => values.apply(datum),
        }
    }
}

fn captured<'d>(regex: &LazyRegex, text: Cow<'d, str>) -> Option<Cow<'d, str>> {
    let found = regex.captures(&text)?;
    let group = found.name("v").or_else(|| found.get(1))?.range();
    match text {
        Cow::Borrowed(t) => Some(Cow::Borrowed(&t[group])),
        Cow::Owned(t) => Some(Cow::Owned(t[group].to_string())),
    }
}

impl ValueMap {
    fn parse(node: &Node, others: Option<&Node>) -> Self {
        let map =
            node.entries().iter().filter_map(|(k, v)| Some((k.text.to_lowercase(), Arc::from(v.scalar()?)))).collect();
        ValueMap { map, keep_others: others.and_then(Node::text) == Some("keep") }
    }

    fn apply<'a>(&'a self, datum: Datum<'a>) -> Datum<'a> {
        let Some(text) = datum.into_text() else { return Datum::Nothing };
        match self.map.get(text.as_ref()).or_else(|| self.map.get(&text.to_lowercase())) {
            Some(value) => Datum::Text(Cow::Borrowed(value)),
            None if self.keep_others => Datum::Text(text),
            None => Datum::Nothing,
        }
    }
}

impl When<Path> {
    /// Parses a condition: a map (all entries hold) or a list of maps (any holds).
    pub fn parse(file: &str, node: &Node) -> Result<Self, Error> {
        let condition = Condition::parse(file, node)?;
        let fields = condition.fields().map(|f| parse_path(file, node, f)).collect::<Result<_, _>>()?;
        Ok(When { condition: Arc::new(condition), fields })
    }

    /// The same condition on places of the trie.
    pub fn bind(&self, trie: &mut Trie) -> When<Place> {
        When { condition: self.condition.clone(), fields: self.fields.iter().map(|p| trie.add(p)).collect() }
    }
}

impl When<Place> {
    /// Whether the condition holds for a record.
    pub fn holds(&self, row: &Row<'_, '_>) -> bool {
        self.condition.holds(|field| match row.trie.read(row.slots, &self.fields[field]) {
            None => Cell::Missing,
            Some(Found::Text(text)) => Cell::Text(text),
            Some(Found::Value(value)) => Cell::of(value),
        })
    }
}

/// A case without a condition always holds, so it can only be the last.
fn parse_switch(file: &str, cases: &Node) -> Result<Expr<Path>, Error> {
    let items = cases.items();
    let always = items.iter().position(|c| c.get("when").is_none());
    if let Some(case) = always.filter(|at| at + 1 < items.len()).map(|at| &items[at]) {
        let remedy = "give it a when:, or put it last";
        return Err(Error::new(place(file, case.at), "a case without when: hides those after it", remedy));
    }
    Ok(Expr::Switch(items.iter().map(|c| parse_case(file, c)).collect::<Result<_, _>>()?))
}

fn parse_case(file: &str, case: &Node) -> Result<(Option<When<Path>>, Expr<Path>), Error> {
    let when = case.get("when").map(|w| When::parse(file, w)).transpose()?;
    if let Some(value) = case.get("value") {
        check_keys(file, case, &["value", "when"])?;
        return Ok((when, constant(value)));
    }
    Ok((when, Expr::parse_map(file, case)?))
}

/// A constant; null yields nothing.
fn constant(value: &Node) -> Expr<Path> {
    value.scalar().map_or(Expr::First(vec![]), |v| Expr::Const(Arc::from(v)))
}

fn scalar_path(file: &str, node: &Node) -> Result<Path, Error> {
    match node.text() {
        Some(text) => parse_path(file, node, text),
        None => {
            Err(Error::new(place(file, node.at), format!("{} is no path", node.kind_name()), "write a dotted path"))
        }
    }
}

fn parse_path(file: &str, node: &Node, text: &str) -> Result<Path, Error> {
    path::parse(text).map_err(|e| Error::new(place(file, node.at), e.thing, e.remedy))
}

fn parse_regex(file: &str, node: &Node) -> Result<LazyRegex, Error> {
    let pattern = node.text().unwrap_or_default();
    let bad = |thing: String| {
        Error::new(place(file, node.at), thing, "the syntax is that of the Rust regex crate: no look-around")
    };
    let regex = LazyRegex::new(pattern, Flags::default()).map_err(|e| bad(format!("not a regular expression: {e}")))?;
    if regex.has_group(false) {
        Ok(regex)
    } else {
        Err(bad("the expression captures nothing: it needs one group".into()))
    }
}

fn parse_transform(file: &str, node: &Node) -> Result<Transform, Error> {
    let name = node.text().unwrap_or_default();
    let names = || Transform::ALL.iter().map(|(n, _)| *n);
    Transform::ALL.iter().find(|(n, _)| *n == name).map(|(_, t)| *t).ok_or_else(|| {
        Error::new(
            place(file, node.at),
            format!("unknown transform \"{name}\""),
            format!("{} known: {}", did_you_mean(name, names()), names().collect::<Vec<_>>().join(", ")),
        )
    })
}

/// Refuses keys that are not known, with the nearest one.
pub fn check_keys(file: &str, node: &Node, known: &[&str]) -> Result<(), Error> {
    match node.entries().iter().find(|(k, _)| !known.contains(&k.text.as_str())) {
        None => Ok(()),
        Some((key, _)) => Err(Error::new(
            place(file, key.at),
            format!("unknown key \"{}\"", key.text),
            did_you_mean(&key.text, known.iter().copied()),
        )),
    }
}
