//! What Polars says of a query that it cannot answer, in our words: where, what, and what to write instead.

use super::sql::{Kind, place, tokens};
use super::table::Table;
use crate::error::{Error, nearest};
use polars::prelude::PolarsError;
use std::any::Any;

/// Where to read on.
const READ_ON: &str = "docs/query.md tells what can be asked";
/// Most names told of those that there are.
const TOLD: usize = 40;

/// The text of a query, and the names that it could use.
pub struct Known<'s> {
    sql: &'s str,
    /// Tables with their columns.
    tables: Vec<(String, Vec<String>)>,
}

impl Known<'_> {
    /// The names of these tables.
    pub fn of<'s>(sql: &'s str, tables: &[Table]) -> Known<'s> {
        let columns = |t: &Table| t.schema.fields().iter().map(|f| f.name().clone()).collect();
        Known { sql, tables: tables.iter().map(|t| (t.name.clone(), columns(t))).collect() }
    }

    /// Where a name stands in the text.
    fn place(&self, name: &str) -> String {
        let is_it = |kind: Kind, inner: &str| matches!(kind, Kind::Word | Kind::Name) && inner == name;
        let tokens = tokens(self.sql);
        let found = tokens.iter().find(|t| is_it(t.kind, t.inner()));
        found.map_or("SQL".into(), |t| place(self.sql, t.at))
    }

    fn no_table(&self, name: &str) -> Error {
        let names: Vec<&str> = self.tables.iter().map(|(name, _)| name.as_str()).collect();
        Error::new(self.place(name), format!("no table \"{name}\""), instead(name, &names))
    }

    /// A column that is nowhere, or not where it is asked for.
    fn no_column(&self, name: &str) -> Error {
        let is_asked = |table: &str| tokens(self.sql).iter().any(|t| t.inner() == table);
        let asked = self.tables.iter().filter(|(table, _)| is_asked(table));
        let mut names: Vec<&str> = asked.flat_map(|(_, columns)| columns).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        if names.contains(&name) {
            let remedy = "name it in the SELECT too, or ask in an outer SELECT ... FROM (SELECT ...) AS x";
            return Error::new(self.place(name), format!("column \"{name}\" is not to be had in this place"), remedy);
        }
        Error::new(self.place(name), format!("no column \"{name}\""), instead(name, &names))
    }
}

/// The nearest name, and those that there are.
fn instead(name: &str, there_are: &[&str]) -> String {
    let near = nearest(name, there_are.iter().copied());
    let near = near.map_or(String::new(), |n| format!("did you mean \"{n}\"? "));
    let more = if there_are.len() > TOLD { " ..., see `keyfault query --tables`" } else { "" };
    let told: Vec<&str> = there_are.iter().take(TOLD).copied().collect();
    format!("{near}there are {}{more}", told.join(", "))
}

/// A fault that Polars tells, as an error of ours.
pub fn explained(error: &PolarsError, known: &Known<'_>) -> Error {
    let error = innermost(error);
    let text = error.to_string();
    let told = told(&text);
    if let Some(name) = between(told, "relation '", "'") {
        return known.no_table(name);
    }
    let column = match error {
        PolarsError::ColumnNotFound(_) => between(told, "\"", "\""),
        _ => between(told, "no column named '", "'"),
    };
    if let Some(name) = column {
        return known.no_column(name);
    }
    let (thing, place) = parsed(told);
    Error::new(place, thing, remedy(&text))
}

fn innermost(error: &PolarsError) -> &PolarsError {
    match error {
        PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => innermost(error),
        other => other,
    }
}

/// The first sentence: what follows are plans, dumps of the parser and hints to other programmers.
fn told(text: &str) -> &str {
    let text = text.split("\n\n").next().unwrap_or_default();
    let text = text.split(". It's possible").next().unwrap_or_default();
    let is_dump = text.contains("span: Span(");
    let end = if is_dump { text.find(['(', '{', ':', ';']) } else { None };
    text[..end.unwrap_or(text.len())].trim()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// A fault of the parser with its place: `sql parser error: Expected: x, found: y at Line: 1, Column: 8`.
fn parsed(told: &str) -> (String, String) {
    let thing = told.trim_start_matches("sql parser error: ");
    let split = thing.rsplit_once(" at Line: ").and_then(|(thing, at)| Some((thing, at.split_once(", Column: ")?)));
    match split {
        Some((thing, (line, column))) => (lower(thing), format!("SQL:{line}:{column}")),
        None => (lower(thing), "SQL".into()),
    }
}

/// Messages begin small, unless with a word all in capitals.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    let (first, second) = (characters.next(), characters.clone().next());
    match (first, second) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_string(),
    }
}

/// The remedies of faults that can be told by their words.
const REMEDIES: &[(&str, &str)] = &[
    (
        "cannot compare 'date/datetime/time'",
        "write a time as '2026-11-01T10:00:00Z' or TIMESTAMP '2026-11-01 10:00:00'",
    ),
    ("table function", "a query reads the tables of one folder only; see `keyfault query --tables`"),
    ("statement can be parsed", "ask one thing at a time"),
    ("duplicate output name", "give each column a name of its own: expression AS name"),
    ("cannot compare string", "make both alike with CAST(x AS VARCHAR) or CAST(x AS INTEGER)"),
    ("expected String type", "make it text with CAST(x AS VARCHAR)"),
    ("arithmetic on dtypes", "make it a number with CAST(x AS DOUBLE)"),
    ("subquery comparison", "put the subquery into WITH x AS (...) and CROSS JOIN x"),
];

fn remedy(text: &str) -> &'static str {
    REMEDIES.iter().find(|(words, _)| text.contains(words)).map_or(READ_ON, |(_, remedy)| remedy)
}

/// What a panic of Polars says.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let thing = format!("the engine cannot do this: {}", told(text.unwrap_or("it gives no reason")));
    Error::new("SQL", thing, READ_ON)
}
