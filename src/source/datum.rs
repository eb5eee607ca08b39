//! The value of a column while it is made from a record: what a path found, read as text, number or time; knows no column and no source.

use super::credential;
use super::path::Found;
use crate::model::time;
use sonic_rs::{JsonNumberTrait, Value, ValueRef};
use std::borrow::Cow;
use std::net::IpAddr;

/// A value on its way into a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum<'d> {
    /// Nothing there: missing, JSON null, an empty string or the lone dash that logs write for "unset".
    Nothing,
    /// Text.
    Text(Cow<'d, str>),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A time in microseconds since 1970 UTC.
    Time(i64),
}

impl<'d> Datum<'d> {
    /// What a path found.
    pub fn of(found: Option<Found<'d>>) -> Datum<'d> {
        match found {
            None => Datum::Nothing,
            Some(Found::Text(t)) => Datum::from_text(t),
            Some(Found::Value(v)) => Datum::from_value(v),
        }
    }

    /// A text; the empty one and a lone dash are nothing.
    pub(super) fn from_text(text: Cow<'d, str>) -> Datum<'d> {
        if text.is_empty() || text == "-" { Datum::Nothing } else { Datum::Text(text) }
    }

    fn from_value(value: &'d Value) -> Datum<'d> {
        match value.as_ref() {
            ValueRef::Null => Datum::Nothing,
            ValueRef::Bool(b) => Datum::Bool(b),
            ValueRef::Number(n) => n.as_i64().map_or_else(|| Datum::Float(n.as_f64().unwrap_or(0.0)), Datum::Int),
            ValueRef::String(s) => Datum::from_text(Cow::Borrowed(s)),
            ValueRef::Array(a) if a.len() == 1 => Datum::from_value(&a[0]),
            ValueRef::Array(a) if a.is_empty() => Datum::Nothing,
            ValueRef::Array(_) | ValueRef::Object(_) => {
                Datum::Text(Cow::Owned(sonic_rs::to_string(value).unwrap_or_default()))
            }
        }
    }

    /// Whether there is nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Datum::Nothing)
    }

    /// The text of any value; times in RFC 3339.
    pub fn into_text(self) -> Option<Cow<'d, str>> {
        match self {
            Datum::Nothing => None,
            Datum::Text(t) => Some(t),
            Datum::Int(i) => Some(Cow::Owned(i.to_string())),
            Datum::Float(x) => Some(Cow::Owned(x.to_string())),
            Datum::Bool(b) => Some(Cow::Borrowed(if b { "true" } else { "false" })),
            Datum::Time(us) => chrono::DateTime::from_timestamp_micros(us)
                .map(|t| Cow::Owned(t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))),
        }
    }

    /// Microseconds since 1970 UTC.
    pub fn to_time_us(&self) -> Option<i64> {
        match self {
            Datum::Time(us) => Some(*us),
            Datum::Int(i) => time::epoch_i64(*i),
            Datum::Float(x) => time::epoch_f64(*x),
            Datum::Text(t) => time::parse(t),
            Datum::Nothing | Datum::Bool(_) => None,
        }
    }

    /// A whole number, also from text.
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Datum::Int(i) => Some(*i),
            Datum::Float(x) => Some(*x as i64),
            Datum::Text(t) => t.trim().parse().ok(),
            Datum::Nothing | Datum::Bool(_) | Datum::Time(_) => None,
        }
    }

    /// A boolean, also from the texts of logs: true, yes, 1.
    pub fn to_bool(&self) -> Option<bool> {
        match self {
            Datum::Bool(b) => Some(*b),
            Datum::Int(i) => Some(*i != 0),
            Datum::Text(t) if ["true", "yes", "1"].iter().any(|w| t.eq_ignore_ascii_case(w)) => Some(true),
            Datum::Text(t) if ["false", "no", "0"].iter().any(|w| t.eq_ignore_ascii_case(w)) => Some(false),
            _ => None,
        }
    }
}

/// A named transform of a mapping's `as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Any time format to a time.
    Time,
    /// An IP address without port and brackets; nothing when it is none.
    Ip,
    /// A host name; nothing when it is an IP address.
    Domain,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// A whole number.
    Int,
    /// A boolean.
    Bool,
    /// What stands before the first comma.
    First,
    /// What stands after the last comma or colon-with-spaces: the last of several upstream tries.
    Last,
    /// A URL or request target without query and fragment.
    Path,
    /// The host of a URL or `host:port`.
    Host,
    /// A SHA-256 of a credential, in hex or Base64, as `credential_uid` writes it.
    Digest,
}

impl Transform {
    /// Every transform by its name in mapping files.
    pub const ALL: &'static [(&'static str, Transform)] = &[
        ("bool", Transform::Bool),
        ("digest", Transform::Digest),
        ("domain", Transform::Domain),
        ("first", Transform::First),
        ("host", Transform::Host),
        ("int", Transform::Int),
        ("ip", Transform::Ip),
        ("last", Transform::Last),
        ("lower", Transform::Lower),
        ("path", Transform::Path),
        ("time", Transform::Time),
        ("upper", Transform::Upper),
    ];

    /// Applies the transform; what does not fit it becomes nothing.
    pub fn apply(self, datum: Datum<'_>) -> Datum<'_> {
        match self {
            Transform::Time => datum.to_time_us().map_or(Datum::Nothing, Datum::Time),
            Transform::Int => datum.to_int().map_or(Datum::Nothing, Datum::Int),
            Transform::Bool => datum.to_bool().map_or(Datum::Nothing, Datum::Bool),
            _ => match datum.into_text().and_then(|t| self.apply_text(t)) {
                Some(text) => Datum::from_text(text),
                None => Datum::Nothing,
            },
        }
    }

    fn apply_text(self, text: Cow<'_, str>) -> Option<Cow<'_, str>> {
        match self {
            Transform::Lower => Some(Cow::Owned(text.to_lowercase())),
            Transform::Upper => Some(Cow::Owned(text.to_uppercase())),
            Transform::Ip => ip(&text).is_some().then(|| cut(text, bare_ip)),
            Transform::Domain => ip(&text).is_none().then_some(text),
            Transform::First => Some(cut(text, |t| t.split(',').next().unwrap_or(t).trim())),
            Transform::Last => {
                Some(cut(text, |t| t.rsplit([',']).next().unwrap_or(t).rsplit(" : ").next().unwrap_or(t).trim()))
            }
            Transform::Path => Some(cut(text, |t| t.split(['?', '#']).next().unwrap_or(t))),
            Transform::Host => Some(cut(text, host)),
            Transform::Digest => credential::uid_of_digest(&text).map(Cow::Owned),
            Transform::Time | Transform::Int | Transform::Bool => None,
        }
    }
}

/// A part of a text without copying when the text is borrowed.
fn cut<'d>(text: Cow<'d, str>, part: impl for<'x> Fn(&'x str) -> &'x str) -> Cow<'d, str> {
    match text {
        Cow::Borrowed(t) => Cow::Borrowed(part(t)),
        Cow::Owned(t) => Cow::Owned(part(&t).to_string()),
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    bare_ip(text).parse().ok()
}

/// `1.2.3.4:80`, `[::1]:80` and `1.2.3.4, 5.6.7.8` without port, brackets and further hops.
fn bare_ip(text: &str) -> &str {
    let first = text.split(',').next().unwrap_or(text).trim();
    if let Some(inside) = first.strip_prefix('[') {
        return inside.split(']').next().unwrap_or(inside);
    }
    match first.split_once(':') {
        Some((address, port)) if !port.contains(':') => address,
        _ => first,
    }
}

fn host(text: &str) -> &str {
    let after = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if host.starts_with('[') { bare_ip(host) } else { host.split(':').next().unwrap_or(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transform: Transform, text: &str, expect: Option<&str>) {
        let out = transform.apply(Datum::Text(text.into())).into_text();
        assert_eq!(out.as_deref(), expect, "{transform:?} of {text}");
    }

    #[test]
    fn transforms_do_what_their_names_say() {
        check(Transform::Ip, "1.2.3.4:57484", Some("1.2.3.4"));
        check(Transform::Ip, "[2001:db8::1]:443", Some("2001:db8::1"));
        check(Transform::Ip, "2001:db8::1", Some("2001:db8::1"));
        check(Transform::Ip, "1.2.3.4, 10.0.0.1", Some("1.2.3.4"));
        check(Transform::Ip, "AWS Internal", None);
        check(Transform::Domain, "cloudformation.amazonaws.com", Some("cloudformation.amazonaws.com"));
        check(Transform::Domain, "1.2.3.4", None);
        check(Transform::Path, "/v1/x?key=secret", Some("/v1/x"));
        check(Transform::Host, "https://u:p@api.openai.com:443/v1", Some("api.openai.com"));
        check(Transform::Host, "api.openai.com:443", Some("api.openai.com"));
        check(Transform::Last, "502, 200", Some("200"));
        check(Transform::Last, "502 : 401", Some("401"));
        check(Transform::First, "502, 200", Some("502"));
        let uid = "sha256:2c26b46b68ffc68f";
        check(Transform::Digest, "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", Some(uid));
        check(Transform::Digest, "LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=", Some(uid));
        check(Transform::Digest, "foo", None);
        check(Transform::Int, "401", Some("401"));
        check(Transform::Int, "4xx", None);
        check(Transform::Bool, "YES", Some("true"));
    }
}
