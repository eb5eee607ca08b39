//! Finds records inside what wraps them whatever the source: tables of rows, unknown containers, prefixes of collectors, named groups; knows
//! no mapping.

use crate::model::json;
use crate::model::lazy_regex::LazyRegex;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Object, Value};

/// The rows of a table that names its columns once, as Log Analytics answers: `{"tables":[{"columns":[{"name"}],"rows":[[..]]}]}`.
pub(super) fn tabular(value: &Value) -> Option<Vec<Value>> {
    let object = value.as_object()?;
    if let Some(tables) = object.get(&"tables").and_then(|t| t.as_array()) {
        let rows: Option<Vec<Vec<Value>>> = tables.iter().map(tabular).collect();
        return rows.filter(|rows| !rows.is_empty()).map(|rows| rows.concat());
    }
    let (columns, rows) = (object.get(&"columns")?.as_array()?, object.get(&"rows")?.as_array()?);
    let names: Vec<&str> = columns.iter().map(|c| c.get("name")?.as_str()).collect::<Option<_>>()?;
    let row = |cells: &Value| {
        let cells = cells.as_array().filter(|cells| cells.len() == names.len())?;
        let mut row = Object::with_capacity(names.len());
        for (name, cell) in names.iter().zip(cells.iter()) {
            row.insert(name, cell.clone());
        }
        Some(row.into_value())
    };
    rows.iter().map(row).collect()
}

/// The members of a container that no mapping knows as one, such as an export's own wrapping: its first array, when only scalars stand before
/// it and objects in it. The records in it may be known all the same. Large documents are cut at the same place when they are read.
pub(super) fn members(value: &Value) -> Option<&[Value]> {
    let first = value.as_object()?.iter().map(|(_, v)| v).find(|v| v.is_array() || v.is_object())?;
    first.as_array().map(|a| a.as_slice()).filter(|a| a.first().is_some_and(|m| m.is_object()))
}

/// Where collectors put a line that they did not understand: container runtimes, Fluent Bit, Vector, journald, Cloud Logging, CloudWatch, Elastic.
const LINE_FIELDS: &[&str] =
    &["log", "message", "MESSAGE", "msg", "line", "textPayload", "@message", "_raw", "event.original"];

/// The line inside a record that a collector made around it.
pub(super) fn wrapped_line(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    LINE_FIELDS.iter().find_map(|name| object.get(name)?.as_str()).map(str::trim_end).filter(|line| !line.is_empty())
}

/// The JSON object that ends a line behind a prefix of a collector: syslog, a container runtime's time and stream, logcli's time and labels,
/// or the `@cee:` of structured syslog.
pub(super) fn json_behind_prefix(line: &str) -> Option<Value> {
    const TRIES: usize = 3;
    let line = line.trim_end().strip_suffix('}').map(|_| line.trim_end())?;
    let starts = line
        .match_indices('{')
        .map(|(at, _)| at)
        .filter(|&at| at == 0 || matches!(line.as_bytes()[at - 1], b' ' | b'\t' | b':' | b'='));
    starts
        .take(TRIES)
        .find_map(|at| json::parse(&line.as_bytes()[at..]).ok())
        .filter(|v| v.as_object().is_some_and(|o| !o.is_empty()))
}

/// The named groups of a line as a record.
pub(super) fn capture(pattern: &LazyRegex, line: &str) -> Option<Value> {
    let pattern = pattern.get()?;
    let found = pattern.captures(line)?;
    let mut object = Object::new();
    for name in pattern.capture_names().flatten() {
        if let Some(group) = found.name(name) {
            object.insert(name, group.as_str());
        }
    }
    Some(object.into_value())
}
