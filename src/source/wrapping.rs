//! Finds records inside what wraps them whatever the source: tables of rows, unknown containers, prefixes of collectors, named groups; knows
//! no mapping.

use super::path::{self, Step, gather};
use crate::model::json::{self, Scan};
use crate::model::lazy_regex::LazyRegex;
use regex::Regex;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Object, Value};
use std::sync::LazyLock;
use typed_arena::Arena;

/// The rows of a table that names its columns once, as Log Analytics answers: `{"tables":[{"columns":[{"name"}],"rows":[[..]]}]}`; or
/// Snowflake: `{"resultSetMetaData":{"rowType":[{"name"}]},"data":[[..]]}`.
pub(super) fn tabular(value: &Value) -> Option<Vec<Value>> {
    let object = value.as_object()?;
    if let Some(tables) = object.get(&"tables").and_then(|t| t.as_array()) {
        let rows: Option<Vec<Vec<Value>>> = tables.iter().map(tabular).collect();
        return rows.filter(|rows| !rows.is_empty()).map(|rows| rows.concat());
    }
    let (columns, rows) = match object.get(&"resultSetMetaData") {
        Some(meta) => (meta.get("rowType")?.as_array()?, object.get(&"data")?.as_array()?),
        None => (object.get(&"columns")?.as_array()?, object.get(&"rows")?.as_array()?),
    };
    let names: Vec<&str> = columns.iter().map(|c| c.get("name")?.as_str()).collect::<Option<_>>()?;
    let row = |cells: &Value| {
        let mut row = Object::with_capacity(names.len());
        let Some(cells) = cells.as_array().filter(|cells| cells.len() == names.len()) else {
            row.insert("row", cells.clone());
            return row.into_value();
        };
        for (name, cell) in names.iter().zip(cells.iter()) {
            row.insert(name, cell.clone());
        }
        row.into_value()
    };
    Some(rows.iter().map(row).collect())
}

/// The members of a container that no mapping knows as one, such as an export's own wrapping: its first array, when only scalars stand before
/// it and objects in it. The records in it may be known all the same. Large documents are cut at the same place when they are read.
pub(super) fn members(value: &Value) -> Option<&[Value]> {
    let first = value.as_object()?.iter().map(|(_, v)| v).find(|v| v.is_array() || v.is_object())?;
    first.as_array().map(|a| a.as_slice()).filter(|a| a.first().is_some_and(|m| m.is_object()))
}

/// Where collectors put a line that they did not understand: container runtimes, Fluent Bit, Vector, journald, Cloud Logging, CloudWatch,
/// Elastic, Splunk, Graylog, Kafka, Azure.
const LINE_FIELDS: &[&str] = &[
    "log",
    "message",
    "MESSAGE",
    "msg",
    "line",
    "textPayload",
    "@message",
    "_raw",
    "original",
    "event.original",
    "event",
    "value",
    "short_message",
    "full_message",
    "RawData",
    "LogEntry",
    "LogMessage",
    "SyslogMessage",
];

/// Whether a field of that name is one in which collectors put lines.
pub(super) fn holds_lines(name: &str) -> bool {
    LINE_FIELDS.contains(&name)
}

/// Members in which records hold what callers sent: nothing in them is a record.
const CALLERS: &[&str] = &[
    "args",
    "arguments",
    "body",
    "headers",
    "input",
    "messages",
    "metadata",
    "params",
    "parameters",
    "prompt",
    "query",
    "req",
    "request",
    "requestBody",
    "requestParameters",
    "response",
    "responseElements",
    "tags",
    "user",
    "userAgent",
    "user_agent",
];

/// Whether a member may wrap a record: any object but a caller's, and texts where collectors put lines.
pub(super) fn may_wrap(name: &str, member: &Value) -> bool {
    const TEXTS: &[&str] = &["data", "json", "log_s", "payload", "raw", "record"];
    match member.is_str() {
        true => holds_lines(name) || TEXTS.contains(&name),
        false => !CALLERS.contains(&name),
    }
}

/// Where stores of logs put what they were given in their answers: Loki, Elasticsearch, CloudWatch Logs, Datadog, OpenTelemetry.
static CONTAINERS: LazyLock<Vec<Vec<Step>>> = LazyLock::new(|| {
    const PATHS: &[&str] = &[
        "data.result[].values[][1]",
        "streams[].values[][1]",
        "hits.hits[]._source",
        "logEvents[].message",
        "events[].message",
        "results[][field=@message].value",
        "messages[].message",
        "data[].attributes",
        "resourceLogs[].scopeLogs[].logRecords[].body.stringValue",
    ];
    PATHS.iter().filter_map(|path| path::parse(path).ok()).collect()
});

/// What a store's answer holds: records, or the texts of lines; nothing where the document is no such answer.
pub(super) fn contained<'d>(document: &'d Value, arena: &'d Arena<Value>) -> Vec<&'d Value> {
    let mut found = Vec::new();
    for path in CONTAINERS.iter().take_while(|_| document.is_object()) {
        gather(document, path, arena, &mut found);
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// What collectors write before a line: syslog of both kinds, container runtimes, compose and kubectl, times and labels.
static PREFIXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    const TIME: &str = r"\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)";
    let prefixes = [
        r"^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^\s:\[]+(?:\[\d+\])?: ".to_string(),
        r"^<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) \x{feff}?".to_string(),
        format!("^{TIME} (?:stdout|stderr) [FP] "),
        format!(r"^{TIME}\s+(?:\{{[^}}]*\}}\s+)?"),
        r"^[\w.-]+\s+\| ".to_string(),
        r"^\[pod/[^\]]+\] ".to_string(),
    ];
    prefixes.iter().filter_map(|p| Regex::new(p).ok()).collect()
});

/// A line without what a collector wrote before it, in each way that fits.
pub(super) fn without_prefix(line: &str) -> impl Iterator<Item = &str> {
    PREFIXES.iter().filter_map(|prefix| prefix.find(line)).map(|found| &line[found.end()..])
}

/// The line inside a record that a collector made around it.
pub(super) fn wrapped_line(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    let texts = LINE_FIELDS.iter().filter_map(|name| object.get(name)?.as_str()).map(str::trim_end);
    // A log's name may stand under the same word; what was written is the longest.
    texts.max_by_key(|text| text.len()).filter(|line| !line.is_empty())
}

/// The JSON objects in a line, behind and between what collectors write: syslog's head, a container runtime's time and stream, logcli's time
/// and labels, the `@cee:` of structured syslog, counts of octets; and before a server's own words. An object inside quotes or brackets is
/// none: that is where logs write what callers sent.
pub(super) fn json_objects(line: &str) -> Vec<Value> {
    /// Braces that begin no JSON, such as those around labels: each may cost a look at the rest of the line.
    const MISSES: usize = 3;
    let (mut found, mut misses, mut at) = (Vec::new(), 0, 0);
    let (mut open, mut is_quoted) = (0usize, false);
    let bytes = line.as_bytes();
    while at < bytes.len() && misses < MISSES {
        let begins = bytes[at] == b'{' && open == 0 && !is_quoted && may_begin(&line[..at]);
        let object = if begins { object_at(line, at).filter(|(_, end)| may_end(&line[*end..])) } else { None };
        misses += usize::from(begins && object.is_none());
        match (object, bytes[at]) {
            (Some((value, end)), _) => {
                found.push(value);
                at = end;
                continue;
            }
            (None, b'"') if at == 0 || bytes[at - 1] != b'\\' => is_quoted = !is_quoted,
            (None, b'{' | b'[' | b'(') if !is_quoted => open += 1,
            (None, b'}' | b']' | b')') if !is_quoted => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    found
}

fn may_begin(before: &str) -> bool {
    before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || matches!(c, ':' | '=' | '\u{feff}'))
}

/// The object that begins at a brace, and where it ends.
fn object_at(line: &str, at: usize) -> Option<(Value, usize)> {
    let end = at + Scan::default().value_end(&line.as_bytes()[at..])?;
    let value = json::parse(&line.as_bytes()[at..end]).ok()?;
    value.as_object().is_some_and(|o| !o.is_empty()).then_some((value, end))
}

/// Whether what stands behind an object is no sentence that somebody could have written it into: nothing, a server's own words, the next
/// message's count of octets.
fn may_end(behind: &str) -> bool {
    let behind = behind.trim_start();
    let digits = behind.trim_start_matches(|c: char| c.is_ascii_digit());
    behind.is_empty() || behind.starts_with("while ") || (digits.len() < behind.len() && digits.starts_with(" <"))
}

/// The JSON object that a text is, whole or behind what a collector wrote. Other words before it are somebody's who may have sent it.
pub(super) fn json_object(text: &str) -> Option<Value> {
    let whole = std::iter::once(text).chain(without_prefix(text));
    whole.map(|rest| rest.trim_start_matches("@cee:").trim_start()).find_map(|rest| {
        let (value, end) = rest.starts_with('{').then(|| object_at(rest, 0)).flatten()?;
        rest[end..].trim().is_empty().then_some(value)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_lines_of_collectors() {
        for (line, expect) in [
            (r#"<134>Nov  1 10:00:00 gw app[1]: {"a":1}"#, 1),
            (r#"<134>Nov  1 10:00:00 gw app[1]: @cee:{"a":1}"#, 1),
            ("<134>1 2026-11-01T10:00:00Z gw app 1 - - \u{feff}{\"a\":1}", 1),
            (r#"2026-11-01T10:00:00Z {app="kong"} {"a":{"b":"}"}}"#, 1),
            (r#"216 <134>1 - gw - - - {"a":1}216 <134>1 - gw - - - {"a":2}"#, 2),
            (r#"2026/11/01 [notice] {"a":1} while logging request, client: 203.0.113.9"#, 1),
            (r#"{"a":1"#, 0),
            ("{} {} {} {}", 0),
            (r#"10.0.0.1:1 {Mozilla/5.0 {"a":1}} "GET / HTTP/1.1""#, 0),
            (r#"1.2.3.4 - - "GET /" 200 "agent {\"a\":1} x {"a":1}""#, 0),
            ("x{\"a\":1}", 0),
        ] {
            assert_eq!(json_objects(line).len(), expect, "{line}");
        }
    }

    #[test]
    fn texts_are_json_whole_or_behind_a_collectors_words() {
        for (text, is_json) in [
            (r#"{"a":1}"#, true),
            (r#"<134>Nov  1 10:00:00 gw app[1]: @cee:{"a":1}"#, true),
            (r#"user said {"a":1}"#, false),
            (r#"{"a":1} user said"#, false),
        ] {
            assert_eq!(json_object(text).is_some(), is_json, "{text}");
        }
    }

    #[test]
    fn long_lines_of_braces_take_no_time() {
        for text in ["x a{".repeat(200_000), "{".repeat(800_000), " {\"".repeat(200_000), "= {a".repeat(200_000)] {
            assert!(json_objects(&text).is_empty());
        }
    }

    #[test]
    fn prefixes_are_taken_off() {
        for line in [
            "<134>Nov  1 10:00:00 gw nginx[1]: 1.2.3.4 - -",
            "Nov 11 10:00:00 gw nginx: 1.2.3.4 - -",
            "<134>1 2026-11-01T10:00:00Z gw app 1 - [a b=\"c\"] 1.2.3.4 - -",
            "2026-11-01T10:00:00.123456789Z stdout F 1.2.3.4 - -",
            "2026-11-01T10:00:00+01:00 {app=\"x\"} 1.2.3.4 - -",
            "web-1  | 1.2.3.4 - -",
            "[pod/web-1/nginx] 1.2.3.4 - -",
        ] {
            assert!(without_prefix(line).any(|rest| rest == "1.2.3.4 - -"), "{line}");
        }
        assert_eq!(without_prefix("1.2.3.4 - -").count(), 0);
        assert_eq!(PREFIXES.len(), 6);
        assert_eq!(CONTAINERS.len(), 9);
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in "[{}\":=a\\\\ ü]{0,60}") {
            json_objects(&line);
        }
    }
}
