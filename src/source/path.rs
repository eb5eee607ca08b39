//! Paths of source mappings: how they are written and how one is followed through a JSON value; knows no column and no source.

use crate::error::Error;
use crate::model::cell::{Cell, holds_json};
use crate::model::json;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Object, Value};
use std::borrow::Cow;
use typed_arena::Arena;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `name`: the member of that name.
    Key(String),
    /// `~name`: the member of that name in any case, for headers.
    Fold(String),
    /// `[3]`: that member of an array.
    Index(usize),
    /// `[]`: any member of an array; the first that leads to a value wins.
    Each,
    /// `[name=value]`: the members of an array of objects whose field is that text; the first that leads to a value wins.
    Where(String, String),
    /// `[-1]`: the last member of an array.
    Last,
    /// `[*]`: where records sit, each member of an array as a record that keeps what stands around the array.
    Apart,
    /// `@base64`: what the string encodes.
    Base64,
    /// `@form`: the string's url-encoded pairs; names in any case.
    Form,
    /// `@query`: the same of what follows the `?` of a URL or request target.
    Query,
}

/// Whether a path leads into the query of a URL.
pub fn is_in_url(path: &[Step]) -> bool {
    let is_query = |name: &String| ["querystring", "request_query"].contains(&name.as_str());
    path.iter().any(|step| match step {
        Step::Query => true,
        Step::Key(name) | Step::Fold(name) => is_query(name),
        _ => false,
    })
}

/// Parses a path such as `a.b[0].~Authorization` or `uri.@query.key`; `.` alone is the empty path.
pub fn parse(text: &str) -> Result<Vec<Step>, Error> {
    if text == "." {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for segment in split(text) {
        parse_segment(text, &segment, &mut steps)?;
    }
    Ok(steps)
}

/// The ways to read a Sigma field name, in the order in which they count: any of its dots may be part of a key, and a longer key beats a
/// shorter one. Names of many dots are read without dots inside keys but for the first.
pub fn readings(name: &str) -> Vec<Vec<Step>> {
    const DOTS: usize = 3;
    let key = |key: &str| Step::Key(key.to_string());
    let Some((first, rest)) = name.split_once('.') else { return vec![vec![key(name)]] };
    if name.matches('.').count() > DOTS {
        return vec![vec![key(name)], name.split('.').map(key).collect()];
    }
    let mut readings: Vec<Vec<Step>> = vec![vec![key(name)]];
    for (dot, _) in name.rmatch_indices('.').filter(|(dot, _)| *dot > first.len()) {
        readings.extend(readings_behind(&name[..dot], &name[dot + 1..]));
    }
    readings.extend(readings_behind(first, rest));
    readings
}

fn readings_behind(key: &str, rest: &str) -> Vec<Vec<Step>> {
    readings(rest).into_iter().map(|steps| std::iter::once(Step::Key(key.into())).chain(steps).collect()).collect()
}

/// Splits at dots; `\.` is a dot inside a name, and inside brackets every dot is one.
fn split(text: &str) -> Vec<String> {
    let (mut segments, mut inside) = (vec![String::new()], false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = segments.len() - 1;
        inside = (inside || c == '[') && c != ']';
        match c {
            '\\' if chars.peek() == Some(&'.') => segments[last].extend(chars.next()),
            '.' if !inside => segments.push(String::new()),
            c => segments[last].push(c),
        }
    }
    segments
}

fn parse_segment(path: &str, segment: &str, steps: &mut Vec<Step>) -> Result<(), Error> {
    // A bracket behind a blank is a part of the name, such as `TimeGenerated [UTC]` in exports of Log Analytics.
    let (name, mut rest) = match segment.find('[') {
        Some(open) if segment.ends_with(']') && !segment[..open].ends_with(' ') => segment.split_at(open),
        _ => (segment, ""),
    };
    match name {
        "" if !rest.is_empty() => {}
        "" => {
            return Err(Error::new(
                "",
                format!("path \"{path}\" has an empty step"),
                "write \\. for a dot inside a name",
            ));
        }
        "@base64" => steps.push(Step::Base64),
        "@form" => steps.push(Step::Form),
        "@query" => steps.push(Step::Query),
        _ => steps.push(name.strip_prefix('~').map_or_else(|| Step::Key(name.into()), |n| Step::Fold(n.into()))),
    }
    while let Some(inside) = rest.strip_prefix('[') {
        let bad = || {
            Error::new(
                "",
                format!("path \"{path}\": \"{segment}\" is not an index"),
                "write [], a number such as [0], [-1], or [name=value]",
            )
        };
        let (index, tail) = inside.split_once(']').ok_or_else(bad)?;
        steps.push(match index.split_once('=') {
            Some((name, value)) => Step::Where(name.into(), value.into()),
            None if index.is_empty() => Step::Each,
            None if index == "*" => Step::Apart,
            None if index == "-1" => Step::Last,
            None => Step::Index(index.parse().map_err(|_| bad())?),
        });
        rest = tail;
    }
    Ok(())
}

/// A path as it is written.
pub fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let (joined, part) = match step {
            Step::Key(name) => (true, name.replace('.', "\\.")),
            Step::Fold(name) => (true, format!("~{}", name.replace('.', "\\."))),
            Step::Form => (true, "@form".into()),
            Step::Query => (true, "@query".into()),
            Step::Base64 => (true, "@base64".into()),
            Step::Index(index) => (false, format!("[{index}]")),
            Step::Last => (false, "[-1]".into()),
            Step::Each => (false, "[]".into()),
            Step::Apart => (false, "[*]".into()),
            Step::Where(name, value) => (false, format!("[{name}={value}]")),
        };
        if joined && !text.is_empty() {
            text.push('.');
        }
        text.push_str(&part);
    }
    if text.is_empty() { ".".into() } else { text }
}

/// What a path leads to.
#[derive(Debug, Clone)]
pub enum Found<'d> {
    /// A value of the document.
    Value(&'d Value),
    /// Text decoded on the way.
    Text(Cow<'d, str>),
}

/// Follows steps from a value. A string that holds JSON is seen through; what is parsed on the way lives in the arena.
pub fn follow<'d>(value: &'d Value, steps: &[Step], arena: &'d Arena<Value>) -> Option<Found<'d>> {
    let Some((step, rest)) = steps.split_first() else { return Some(Found::Value(value)) };
    match step {
        Step::Base64 if rest.is_empty() => Some(Found::Text(Cow::Owned(unpack(value)?))),
        Step::Base64 => follow(arena.alloc(json::parse(unpack(value)?.as_bytes()).ok()?), rest, arena),
        Step::Form => pair(value.as_str()?, rest),
        Step::Query => pair(value.as_str()?.split_once('?')?.1, rest),
        _ => {
            if let Some(inner) = see_through(value, arena) {
                return follow(inner, steps, arena);
            }
            follow_member(value, step, rest, arena)
        }
    }
}

fn follow_member<'d>(value: &'d Value, step: &Step, rest: &[Step], arena: &'d Arena<Value>) -> Option<Found<'d>> {
    match step {
        Step::Key(key) => follow(value.get(key.as_str())?, rest, arena),
        Step::Fold(key) => {
            let (_, member) = value.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?;
            follow(member, rest, arena)
        }
        Step::Index(index) => follow(value.as_array()?.get(*index)?, rest, arena),
        Step::Each => value.as_array()?.iter().find_map(|member| follow(member, rest, arena)),
        Step::Where(name, text) => {
            let is_meant = |member: &&Value| {
                member.get(name.as_str()).is_some_and(|v| Cell::of(v).as_text().as_deref() == Some(text))
            };
            value.as_array()?.iter().filter(is_meant).find_map(|member| follow(member, rest, arena))
        }
        Step::Last => follow(value.as_array()?.as_slice().last()?, rest, arena),
        Step::Apart => follow_member(value, &Step::Each, rest, arena),
        Step::Base64 | Step::Form | Step::Query => None,
    }
}

/// All values a path leads to, fanning out at `[]`: where the records of a document sit.
pub fn gather<'d>(value: &'d Value, steps: &[Step], arena: &'d Arena<Value>, into: &mut Vec<&'d Value>) {
    let value = see_through(value, arena).unwrap_or(value);
    let Some((step, rest)) = steps.split_first() else {
        into.push(value);
        return;
    };
    match (step, rest, value.as_array()) {
        (Step::Each, _, Some(members)) => members.iter().for_each(|m| gather(m, rest, arena, into)),
        (Step::Key(_), [Step::Apart, ..], _) => {
            into.extend(apart(value, steps).into_iter().map(|record| &*arena.alloc(record)));
        }
        (Step::Base64, ..) => {
            if let Some(inner) = unpack(value).and_then(|t| json::parse(t.as_bytes()).ok()) {
                gather(arena.alloc(inner), rest, arena, into);
            }
        }
        _ => {
            if let Some(Found::Value(member)) = follow_member(value, step, &[], arena) {
                gather(member, rest, arena, into);
            }
        }
    }
}

/// Most members that the records of one array copy.
const COPIED: usize = 200_000;

/// A record for each member of the arrays that the steps lead to, in which that member stands for its array, and all else stays.
fn apart(value: &Value, steps: &[Step]) -> Vec<Value> {
    let [Step::Key(key), rest @ ..] = steps else { return vec![value.clone()] };
    let Some(inside) = value.get(key.as_str()) else { return Vec::new() };
    let around = value.as_object().map_or(0, |o| o.len());
    let members: Vec<Value> = match rest {
        // Every record is a copy of what stands around it: so many are no log, and are left to be rejected whole.
        [Step::Apart, ..] if inside.as_array().is_some_and(|a| a.len().saturating_mul(around) > COPIED) => Vec::new(),
        [Step::Apart, rest @ ..] => {
            inside.as_array().into_iter().flat_map(|a| a.iter()).flat_map(|member| apart(member, rest)).collect()
        }
        _ => apart(inside, rest),
    };
    members.iter().map(|member| with_member(value, key, member)).collect()
}

/// An object in which one of its members stands for the array that holds it.
fn with_member(object: &Value, key: &str, member: &Value) -> Value {
    let mut record = Object::new();
    for (name, value) in object.as_object().into_iter().flat_map(|o| o.iter()) {
        record.insert(name, if name == key { member.clone() } else { value.clone() });
    }
    record.into_value()
}

/// The text that a string encodes in Base64, of either alphabet, padded or not.
fn unpack(value: &Value) -> Option<String> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = value.as_str()?.trim().replace('-', "+").replace('_', "/");
    String::from_utf8(ENGINE.decode(text).ok()?).ok()
}

/// The JSON value inside a string that holds one.
pub fn see_through<'d>(value: &Value, arena: &'d Arena<Value>) -> Option<&'d Value> {
    let text = value.as_str().filter(|t| holds_json(t))?;
    json::parse(text.as_bytes()).ok().map(|v| &*arena.alloc(v))
}

/// The value of a name in url-encoded pairs.
fn pair<'d>(text: &'d str, rest: &[Step]) -> Option<Found<'d>> {
    let [Step::Key(name) | Step::Fold(name)] = rest else { return None };
    text.split('#').next()?.split('&').find_map(|p| {
        let (key, value) = p.split_once('=')?;
        unescape(key).eq_ignore_ascii_case(name).then(|| Found::Text(unescape(value)))
    })
}

/// Decodes `+` and `%XX`; what is not valid stays as written.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(if bytes[i] == b'+' { b' ' } else { bytes[i] });
                i += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, path: &str, expect: Option<&str>) {
        let arena = Arena::new();
        let value = &*arena.alloc(sonic_rs::from_str(json).unwrap());
        let found = follow(value, &parse(path).unwrap(), &arena).map(|f| match f {
            Found::Value(v) => v.as_str().map_or_else(|| sonic_rs::to_string(v).unwrap(), str::to_string),
            Found::Text(t) => t.into_owned(),
        });
        assert_eq!(found.as_deref(), expect, "{path} in {json}");
    }

    #[test]
    fn paths_lead_where_they_say() {
        check(r#"{"a":{"b":"x"}}"#, "a.b", Some("x"));
        check(r#"{"a.b":"x"}"#, r"a\.b", Some("x"));
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "a[1].b", Some("2"));
        check(r#"{"a":[{"c":1},{"b":2}]}"#, "a[].b", Some("2"));
        check(r#"{"a":[{"k":"x.y","v":1},{"k":"z","v":2},{"k":"z","w":3}]}"#, "a[k=z].w", Some("3"));
        check(r#"{"a":[{"k":"x.y","v":{"s":1}}]}"#, "a[k=x.y].v.s", Some("1"));
        check(r#"{"a":[{"k":true,"v":1},{"k":false,"v":2}]}"#, "a[k=false].v", Some("2"));
        check(r#"{"a":[1,2,3]}"#, "a[-1]", Some("3"));
        check(r#"{"d":"eyJhIjp7ImIiOjF9fQ"}"#, "d.@base64.a.b", Some("1"));
        check(r#"{"d":"aGk="}"#, "d.@base64", Some("hi"));
        check(r#"{"h":{"Authorization":"k"}}"#, "h.~authorization", Some("k"));
        check(r#"{"h":"Host=a%3A1&Authorization=Bearer+k%0A"}"#, "h.@form.authorization", Some("Bearer k\n"));
        check(r#"{"u":"/v1?x=1&key=AIza#f"}"#, "u.@query.key", Some("AIza"));
        check(r#"{"body":"{\"error\":{\"code\":\"bad\"}}"}"#, "body.error.code", Some("bad"));
        check(r#"{"T [UTC]":1}"#, "T [UTC]", Some("1"));
        check(r#"{"a":1}"#, "a.b", None);
    }

    #[test]
    fn a_path_is_written_as_it_was_read() {
        for path in [".", r"a\.b.c", "a[].b[0][-1]", "a[k=x.y].~H", "m.@base64", "items[].events[*]", "u.@query.key"] {
            assert_eq!(written(&parse(path).unwrap()), path);
        }
    }

    #[test]
    fn records_fan_out() {
        let arena = Arena::new();
        let loki = &*arena.alloc(
            sonic_rs::from_str(r#"{"data":{"result":[{"values":[["1","{\"a\":1}"],["2","{\"a\":2}"]]}]}}"#).unwrap(),
        );
        let mut records = Vec::new();
        gather(loki, &parse("data.result[].values[][1]").unwrap(), &arena, &mut records);
        assert_eq!(records.iter().map(|r| r.get("a").unwrap().as_i64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn records_keep_what_stands_around_them() {
        let arena = Arena::new();
        let page = &*arena.alloc(sonic_rs::from_str(r#"{"items":[{"id":7,"events":[{"n":1},{"n":2}]}]}"#).unwrap());
        let mut records = Vec::new();
        gather(page, &parse("items[].events[*]").unwrap(), &arena, &mut records);
        let texts: Vec<String> = records.iter().map(|r| sonic_rs::to_string(r).unwrap()).collect();
        assert_eq!(texts, [r#"{"events":{"n":1},"id":7}"#, r#"{"events":{"n":2},"id":7}"#]);
        let nested = &*arena.alloc(sonic_rs::from_str(r#"{"r":[{"a":1,"s":[{"l":[{"n":1},{"n":2}]}]}]}"#).unwrap());
        let mut records = Vec::new();
        gather(nested, &parse("r[].s[*].l[*]").unwrap(), &arena, &mut records);
        let texts: Vec<String> = records.iter().map(|r| sonic_rs::to_string(r).unwrap()).collect();
        assert_eq!(texts, [r#"{"a":1,"s":{"l":{"n":1}}}"#, r#"{"a":1,"s":{"l":{"n":2}}}"#]);
    }

    #[test]
    fn broken_paths_are_named() {
        for bad in ["a..b", "a[x]", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn unescape_never_panics(text in ".*") {
            unescape(&text);
        }
    }
}
