//! What a field of one record holds, as rules and mapping conditions see it; knows how to find a field in a JSON record, not what fields mean.

use sonic_rs::{JsonContainerTrait, JsonNumberTrait, JsonValueTrait, Value, ValueRef};
use std::borrow::Cow;

/// The content of a field in one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// The record has no such key.
    Missing,
    /// The key is there and holds JSON null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number that fits 64 signed bits.
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Several values: an array, or a path that fans out through arrays. A predicate holds when it holds for any member.
    List(Vec<Cell<'a>>),
    /// An object, as its compact JSON text: text predicates look into it.
    Object(String),
}

impl<'a> Cell<'a> {
    /// The cell of a JSON value.
    pub fn of(value: &'a Value) -> Cell<'a> {
        match value.as_ref() {
            ValueRef::Null => Cell::Null,
            ValueRef::Bool(b) => Cell::Bool(b),
            ValueRef::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Cell::Int(i),
                (None, Some(u)) => Cell::UInt(u),
                (None, None) => Cell::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            ValueRef::String(s) => Cell::Text(Cow::Borrowed(s)),
            ValueRef::Array(a) => Cell::List(a.iter().map(Cell::of).collect()),
            ValueRef::Object(_) => Cell::Object(sonic_rs::to_string(value).unwrap_or_default()),
        }
    }

    /// A text cell.
    pub fn text(text: &'a str) -> Cell<'a> {
        Cell::Text(Cow::Borrowed(text))
    }

    /// Missing or null.
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Missing | Cell::Null)
    }

    /// The text of a scalar or object as predicates compare it; none for missing, null and lists.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Cell::Missing | Cell::Null | Cell::List(_) => None,
            Cell::Bool(b) => Some(Cow::Borrowed(if *b { "true" } else { "false" })),
            Cell::Int(i) => Some(Cow::Owned(i.to_string())),
            Cell::UInt(u) => Some(Cow::Owned(u.to_string())),
            Cell::Float(x) => Some(Cow::Owned(x.to_string())),
            Cell::Text(t) => Some(Cow::Borrowed(t)),
            Cell::Object(t) => Some(Cow::Borrowed(t)),
        }
    }

    /// The same cell, borrowing nothing.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Missing => Cell::Missing,
            Cell::Null => Cell::Null,
            Cell::Bool(b) => Cell::Bool(b),
            Cell::Int(i) => Cell::Int(i),
            Cell::UInt(u) => Cell::UInt(u),
            Cell::Float(x) => Cell::Float(x),
            Cell::Text(t) => Cell::Text(Cow::Owned(t.into_owned())),
            Cell::List(l) => Cell::List(l.into_iter().map(Cell::into_owned).collect()),
            Cell::Object(t) => Cell::Object(t),
        }
    }
}

/// Reads a field of a record by its dotted name, with Sigma's meaning: a literal dotted key wins over a walk, the longest key prefix
/// wins over shorter ones, arrays fan out, names match exactly first and then in any case, and a string that holds a JSON object is seen through
/// (Athena and LookupEvents deliver nested objects as strings).
pub fn read_field<'a>(record: &'a Value, name: &str) -> Cell<'a> {
    let mut found = Vec::new();
    if !may_hold(record, name) {
        return Cell::Missing;
    }
    collect(record, name, Case::Exact, &mut found);
    if found.is_empty() {
        collect(record, name, Case::Fold, &mut found);
    }
    match found.len() {
        0 => Cell::Missing,
        1 => found.swap_remove(0),
        _ => Cell::List(found.into_iter().flat_map(flatten).collect()),
    }
}

/// Whether a record has a key that the name could begin with, in any case: most fields that are missing are missing here already.
fn may_hold(record: &Value, name: &str) -> bool {
    let head = name.split('.').next().unwrap_or(name).as_bytes();
    let begins = |key: &[u8]| {
        let rest = key.get(head.len()..);
        rest.is_some_and(|r| matches!(r, [] | [b'.', ..])) && key[..head.len()].eq_ignore_ascii_case(head)
    };
    record.as_object().is_none_or(|object| object.iter().any(|(key, _)| begins(key.as_bytes())))
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Exact,
    Fold,
}

fn flatten(cell: Cell<'_>) -> Vec<Cell<'_>> {
    match cell {
        Cell::List(l) => l,
        other => vec![other],
    }
}

fn collect<'a>(value: &'a Value, path: &str, case: Case, found: &mut Vec<Cell<'a>>) {
    if let Some(array) = value.as_array() {
        collect_array(array.as_slice(), path, case, found);
    } else if value.is_object() {
        collect_object(value, path, case, found);
    } else if let Some(text) = value.as_str().filter(|t| holds_json(t))
        && let Ok(inner) = super::json::parse(text.as_bytes())
    {
        let mut inside = Vec::new();
        collect(&inner, path, case, &mut inside);
        for cell in inside {
            found.push(cell.into_owned());
        }
    }
}

fn collect_array<'a>(items: &'a [Value], path: &str, case: Case, found: &mut Vec<Cell<'a>>) {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Some(item) = head.parse::<usize>().ok().and_then(|i| items.get(i)) {
        if rest.is_empty() {
            found.push(Cell::of(item));
        } else {
            collect(item, rest, case, found);
        }
        return;
    }
    for item in items {
        collect(item, path, case, found);
    }
}

fn collect_object<'a>(object: &'a Value, path: &str, case: Case, found: &mut Vec<Cell<'a>>) {
    if let Some(value) = child(object, path, case) {
        found.push(Cell::of(value));
        return;
    }
    let before = found.len();
    for (dot, _) in path.rmatch_indices('.') {
        if let Some(value) = child(object, &path[..dot], case) {
            collect(value, &path[dot + 1..], case, found);
        }
        if found.len() > before {
            return;
        }
    }
}

fn child<'a>(object: &'a Value, key: &str, case: Case) -> Option<&'a Value> {
    match case {
        Case::Exact => object.get(key),
        Case::Fold => object.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v),
    }
}

/// Whether a text looks like a JSON object or array, cheaply.
pub fn holds_json(text: &str) -> bool {
    let t = text.trim_ascii();
    (t.starts_with('{') && t.ends_with('}')) || (t.starts_with('[') && t.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, name: &str, expect: Cell<'_>) {
        let value: Value = sonic_rs::from_str(json).unwrap();
        assert_eq!(read_field(&value, name), expect, "{name} in {json}");
    }

    #[test]
    fn fields_are_found_as_sigma_means_them() {
        check(r#"{"a":{"b":1}}"#, "a.b", Cell::Int(1));
        check(r#"{"a.b":2,"a":{"b":1}}"#, "a.b", Cell::Int(2));
        check(r#"{"a.b":{"c":true}}"#, "a.b.c", Cell::Bool(true));
        check(r#"{"a":[{"b":"x"},{"b":"y"}]}"#, "a.b", Cell::List(vec![Cell::text("x"), Cell::text("y")]));
        check(r#"{"Status":{"ErrorCode":5}}"#, "status.errorCode", Cell::Int(5));
        check(r#"{"status":1,"Status":2}"#, "Status", Cell::Int(2));
        check(r#"{"p":"{\"k\":\"v\"}"}"#, "p.k", Cell::text("v"));
        check(r#"{"a":null}"#, "a", Cell::Null);
        check(r#"{"a":null}"#, "b", Cell::Missing);
        check(r#"{"a":{"b":1}}"#, "a", Cell::Object(r#"{"b":1}"#.into()));
    }
}
