//! A first mapping for records that no source knows, guessed from names and values of their fields, for a person to edit; maps nothing itself
//! and shows no value.

use super::datum::{Datum, Transform};
use super::redact::redact;
use super::shape::shape_of;
use super::wrapping::members;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::time;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::borrow::Cow;
use std::fmt::Write;

/// Fields that are looked at.
const FIELDS: usize = 300;
/// Values of a field that are looked at.
const LOOKED_AT: usize = 50;
/// Fields that a record of the source is told by.
const KEYS: usize = 4;
/// Deepest objects whose fields are named.
const DEPTH: usize = 5;

/// A field of the records: its path, and some of its values.
struct Field {
    path: String,
    values: Vec<String>,
    records: usize,
}

/// How a column is guessed: words in a field's name, the more telling first; words that speak against it; and what its values must be.
type Guess = (Column, &'static str, &'static str, fn(&str) -> bool);

const GUESSES: &[Guess] = &[
    (
        Column::EventTime,
        "timestamp time date started created ts when at",
        "expire until duration elapsed timeout",
        is_time,
    ),
    (
        Column::SrcIp,
        "client_ip clientip remote_addr src_ip source_ip client remote source src ip addr",
        "upstream server dest dst host",
        is_ip,
    ),
    (Column::HttpStatus, "http_status status_code response.status status code", "upstream grpc", is_http_status),
    (Column::UserAgent, "user_agent useragent user-agent agent", "", is_text),
    (
        Column::EventUid,
        "event_id eventid request_id requestid uuid id",
        "user account key client org project trace",
        is_text,
    ),
    (Column::StatusCode, "error.code error_code errorcode error.type error_type reason error", "message", is_word),
    (
        Column::StatusDetail,
        "error.message error_message errormessage message detail description",
        "request prompt",
        is_text,
    ),
    (Column::Operation, "operation action event_name eventname path uri url endpoint call method", "referer", is_text),
    (Column::Service, "service upstream route api host", "ip status", is_word),
    (Column::ActorUid, "user_id userid principal_id actor.id consumer.id sub", "agent", is_text),
    (Column::ActorName, "username user_name user.name email user actor principal consumer", "agent id", is_text),
    (Column::CredentialUid, "access_key_id accesskeyid api_key_id key_id keyid credential_id token_id", "", is_text),
    (Column::AccountUid, "account_id accountid account subscription", "service", is_text),
    (Column::TenantUid, "tenant organization organisation org_id project_id project workspace", "", is_text),
    (Column::Region, "region location zone", "timezone", is_word),
];

/// Names of fields that hold a credential as it was sent.
const SECRETS: &[&str] = &["authorization", "api_key", "apikey", "api-key", "x-api-key", "access_token", "token"];

/// A mapping for a source of that id, or nothing where there is no field to begin with.
pub fn starter(source: &str, records: &[&Value]) -> Option<String> {
    let mut fields: Vec<Field> = Vec::new();
    records.iter().for_each(|record| collect(record, "", 0, &mut fields));
    fields.retain(|f| !f.values.is_empty());
    if fields.is_empty() {
        return None;
    }
    let guessed = guesses(&fields);
    let mut text = format!(
        "# Guessed from {} records: check every line, and give it tests. `keyfault sources show kong` is an example.\n\
         source: {source}\ntitle: {source}\nlogsource: {{product: {source}}}\nrecognise:\n  - keys: [{}]\n",
        records.len(),
        keys(&fields, &guessed, records.len()).join(", ")
    );
    let secret = fields.iter().find(|f| is_credential(f));
    if let Some(field) = secret {
        let _ = writeln!(text, "credential:\n  raw: [{}]", quoted(&field.path));
    }
    let _ = writeln!(text, "columns:\n  provider: {{value: {source}}}\n  class: {{value: api_activity}}");
    for (column, field) in &guessed {
        let (path, name) = (quoted(&field.path), column.name());
        let transform = match column {
            Column::EventTime => Some("time"),
            Column::SrcIp => Some("ip"),
            _ => field.values[0].starts_with('/').then_some("path"),
        };
        let _ = match transform {
            Some(transform) => writeln!(text, "  {name}: {{path: {path}, as: {transform}}}"),
            None => writeln!(text, "  {name}: {path}"),
        };
    }
    let _ = writeln!(text, "{}", status(&fields, &guessed));
    Some(text)
}

/// The records in a document of unknown make: members of arrays, its own or those of its first member that is one.
pub fn records(document: &Value) -> Vec<&Value> {
    if let Some(members) = document.as_array() {
        return members.iter().flat_map(records).collect();
    }
    members(document).map_or_else(|| vec![document], |members| members.iter().collect())
}

/// The fields of a record by path, lists left out.
fn collect(value: &Value, path: &str, depth: usize, fields: &mut Vec<Field>) {
    let Some(object) = value.as_object() else {
        let Some(text) = Cell::of(value).as_text().map(|t| t.into_owned()).filter(|_| !value.is_object()) else {
            return;
        };
        let known = fields.iter().position(|f| f.path == path);
        // Names that are many, or hold a key, are data.
        if known.is_none() && (fields.len() == FIELDS || matches!(redact(path), Cow::Owned(_))) {
            return;
        }
        let at = known.unwrap_or_else(|| {
            fields.push(Field { path: path.to_string(), values: Vec::new(), records: 0 });
            fields.len() - 1
        });
        fields[at].records += 1;
        if fields[at].values.len() < LOOKED_AT && !text.is_empty() && text != "-" {
            fields[at].values.push(text);
        }
        return;
    };
    for (name, member) in object.iter().filter(|_| depth < DEPTH) {
        let name = name.replace('.', "\\.");
        collect(member, &if path.is_empty() { name } else { format!("{path}.{name}") }, depth + 1, fields);
    }
}

/// The best field of each column, a field for one column only.
fn guesses(fields: &[Field]) -> Vec<(Column, &Field)> {
    let mut taken: Vec<&str> = Vec::new();
    let mut guessed = Vec::new();
    for guess in GUESSES {
        let free = fields.iter().filter(|f| !taken.contains(&f.path.as_str()) && !is_credential(f));
        let best = free.filter_map(|f| Some((rank(guess, f)?, f))).min_by_key(|(rank, f)| (*rank, f.path.len()));
        if let Some((_, field)) = best {
            taken.push(&field.path);
            guessed.push((guess.0, field));
        }
    }
    guessed
}

/// How telling a field's name is for a column, the best first; none where name or values do not fit.
fn rank((_, names, never, fits): &Guess, field: &Field) -> Option<usize> {
    let name = field.path.to_ascii_lowercase();
    let speaks_against = never.split_whitespace().any(|word| name.contains(word));
    let fits = !speaks_against && field.values.iter().all(|v| fits(v));
    names.split_whitespace().position(|word| name.contains(word)).filter(|_| fits)
}

/// The fields that every record has, the guessed ones first.
fn keys(fields: &[Field], guessed: &[(Column, &Field)], records: usize) -> Vec<String> {
    let everywhere = |f: &&Field| f.records == records && !is_credential(f);
    let first = guessed.iter().map(|(_, f)| *f).filter(everywhere);
    let rest = fields.iter().filter(everywhere);
    let mut keys: Vec<String> = Vec::new();
    for field in first.chain(rest) {
        let path = quoted(&field.path);
        if !keys.contains(&path) && keys.len() < KEYS {
            keys.push(path);
        }
    }
    keys
}

fn status(fields: &[Field], guessed: &[(Column, &Field)]) -> String {
    if let Some((_, field)) = guessed.iter().find(|(column, _)| *column == Column::HttpStatus) {
        let path = quoted(&field.path);
        return format!("  status: {{switch: [{{when: {{{path}|lt: 400}}, value: success}}, {{value: failure}}]}}");
    }
    let is_outcome =
        |f: &&Field| f.values.iter().all(|v| OUTCOMES.iter().any(|(word, _)| v.eq_ignore_ascii_case(word)));
    match fields.iter().find(is_outcome) {
        Some(field) => {
            let words: Vec<String> = OUTCOMES.iter().map(|(word, status)| format!("{word}: {status}")).collect();
            format!("  status: {{path: {}, values: {{{}}}}}", quoted(&field.path), words.join(", "))
        }
        None => "  status: {value: unknown}  # say which field tells success from failure".into(),
    }
}

const OUTCOMES: &[(&str, &str)] = &[
    ("success", "success"),
    ("succeeded", "success"),
    ("ok", "success"),
    ("'true'", "success"),
    ("failure", "failure"),
    ("failed", "failure"),
    ("error", "failure"),
    ("denied", "failure"),
    ("'false'", "failure"),
];

fn is_credential(field: &Field) -> bool {
    let name = field.path.to_ascii_lowercase();
    let word = name.rsplit('.').next().unwrap_or(&name);
    SECRETS.contains(&word) || field.values.iter().all(|v| shape_of(v.trim_start_matches("Bearer ")).is_some())
}

fn is_time(value: &str) -> bool {
    // The years 2001 to 2100: smaller numbers are counts.
    time::parse(value).is_some_and(|us| (978_307_200_000_000..4_102_444_800_000_000).contains(&us))
}

fn is_ip(value: &str) -> bool {
    !Transform::Ip.apply(Datum::Text(value.into())).is_nothing()
}

fn is_http_status(value: &str) -> bool {
    value.parse().is_ok_and(|n: u16| (100..600).contains(&n))
}

fn is_text(_: &str) -> bool {
    true
}

fn is_word(value: &str) -> bool {
    value.len() <= 80 && value.split_whitespace().count() <= 3
}

/// A path as YAML takes it.
fn quoted(path: &str) -> String {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    // Alone, words such as null and numbers are no texts to YAML.
    if plain && path.contains(['.', '_']) && path.starts_with(|c: char| c.is_ascii_alphabetic()) {
        path.to_string()
    } else {
        format!("'{}'", path.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::*;

    fn check(records: &[&str]) -> String {
        let values: Vec<Value> = records.iter().map(|r| sonic_rs::from_str(r).unwrap()).collect();
        let text = starter("acme_gateway", &values.iter().collect::<Vec<_>>()).unwrap();
        Mapping::parse("starter.yml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        text
    }

    #[test]
    fn a_gateway_is_guessed() {
        let text = check(&[
            r#"{"ts":"2026-11-01T10:00:00Z","client":{"ip":"198.51.100.7:443"},"req":{"path":"/v1/x","headers":{"authorization":"Bearer abc"}},"response":{"status":401},"error":{"code":"bad_key","message":"no such key"},"request_id":"r1","it's":1}"#,
            r#"{"ts":"2026-11-01T10:00:01Z","client":{"ip":"198.51.100.8:443"},"req":{"path":"/v1/y","headers":{"authorization":"Bearer abd"}},"response":{"status":200},"request_id":"r2","it's":1}"#,
        ]);
        for line in [
            "event_time: {path: 'ts', as: time}",
            "src_ip: {path: client.ip, as: ip}",
            "http_status: response.status",
            "status_code: error.code",
            "status_detail: error.message",
            "event_uid: request_id",
            "operation: {path: req.path, as: path}",
            "raw: [req.headers.authorization]",
            "status: {switch: [{when: {response.status|lt: 400}",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(!text.contains("198.51") && !text.contains("abc"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_guessed_is_a_mapping(names in proptest::collection::vec("[a-z'\\[. :#{]{1,8}", 1..6), value in "\\PC{0,20}") {
            let mut object = sonic_rs::Object::new();
            names.iter().for_each(|name| { object.insert(name, value.as_str()); });
            let value = object.into_value();
            if let Some(text) = starter("x", &[&value]) {
                proptest::prop_assert!(Mapping::parse("s", &text).is_ok(), "{text}");
            }
        }
    }
}
