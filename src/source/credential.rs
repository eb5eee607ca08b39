//! Turns a raw credential, as it was sent, into fingerprint, hint, kind and defects; the raw text never leaves this file's return values' reach.

use super::shape::{Shape, shape_of};
use crate::model::name;
use crate::model::sketch::Sketch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What may be kept of a raw credential.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// `sha256:` and 16 hex digits of the trimmed key; none when the log holds only a masked form.
    pub uid: Option<String>,
    /// Prefix, dots and the last four characters.
    pub hint: Option<String>,
    /// Kind of credential.
    pub kind: Option<&'static str>,
    /// Who issues keys of this shape.
    pub issuer: Option<&'static str>,
    /// By which it is told whether another key is nearly the same.
    pub sketch: Option<Sketch>,
    /// What is wrong with it as sent, in alphabetical order.
    pub defects: Vec<&'static str>,
}

/// Authentication schemes that stand before a key in a header.
const SCHEMES: &[&str] = &["bearer", "apikey", "api-key", "token", "basic", "key"];
/// Texts that stand where a key should have been filled in.
const PLACEHOLDERS: &[&str] = &["undefined", "null", "none", "nil", "<no value>", "changeme", "test", "string"];
/// Quotes that are pasted along with keys.
const QUOTES: &[char] = &['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];

/// The fingerprint of a credential as it was sent; none when there is none, or the log wrote a mask in its place.
pub fn fingerprint(raw: &str) -> Option<Fingerprint> {
    let mut defects = Vec::new();
    let (rest, kind) = strip_schemes(raw, &mut defects);
    let key = strip_strays(rest, &mut defects);
    if key.is_empty() || is_masked_whole(key) {
        return None;
    }
    if is_masked(key) {
        return Some(Fingerprint { hint: Some(key.to_string()), ..Fingerprint::default() });
    }
    let shape = shape_of(key);
    note_shape(key, shape, &mut defects);
    defects.sort_unstable();
    defects.dedup();
    Some(Fingerprint {
        uid: Some(uid(key)),
        hint: Some(hint(key)),
        kind: Some(
            shape.map_or_else(|| kind.unwrap_or(if key.starts_with("eyJ") { "token" } else { "api_key" }), |s| s.kind),
        ),
        issuer: shape.map(|s| s.provider),
        sketch: if kind == Some("password") { None } else { Sketch::of(key) },
        defects,
    })
}

/// `sha256:` and 16 hex digits of a key.
pub fn uid(key: &str) -> String {
    name::fingerprint(key)
}

/// What [`uid`] makes of a key, given the key's SHA-256 in hex (LiteLLM) or Base64 (GitHub); none when it is neither.
pub fn uid_of_digest(digest: &str) -> Option<String> {
    const BYTES: usize = 32;
    let digest = digest.trim();
    if digest.len() == 2 * BYTES && digest.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(format!("sha256:{}", digest[..16].to_ascii_lowercase()));
    }
    let bytes = STANDARD.decode(digest).ok().filter(|bytes| bytes.len() == BYTES)?;
    Some(format!("sha256:{}", hex(&bytes[..8])))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The masked form of a key: its known prefix or first three characters, dots, and the last four; short keys show nothing.
pub fn hint(key: &str) -> String {
    let count = key.chars().count();
    if count < 12 {
        return "...".into();
    }
    let head = match shape_of(key) {
        Some(shape) => shape.prefix.to_string(),
        None => key.chars().take(3).collect(),
    };
    let tail: String = key.chars().skip(count - 4).collect();
    format!("{head}...{tail}")
}

/// Takes `Bearer ` and its kin off; twice is a defect of its own.
fn strip_schemes<'r>(raw: &'r str, defects: &mut Vec<&'static str>) -> (&'r str, Option<&'static str>) {
    let mut rest = raw;
    let mut kind = None;
    let mut stripped = 0;
    while let Some((word, after)) =
        rest.trim_start().split_once([' ', ':']).filter(|(w, _)| SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(w)))
    {
        if word.eq_ignore_ascii_case("basic") {
            kind = Some("password");
        }
        stripped += 1;
        rest = after;
    }
    if stripped > 1 {
        defects.push("scheme_doubled");
    }
    (rest, kind)
}

/// Takes white space, newlines (also written as escapes) and quotes off both ends, noting each.
fn strip_strays<'r>(rest: &'r str, defects: &mut Vec<&'static str>) -> &'r str {
    let mut key = rest;
    loop {
        let before = key;
        if key.starts_with(char::is_whitespace) {
            defects.push("leading_ws");
        }
        if key.ends_with(char::is_whitespace) {
            defects.push("trailing_ws");
        }
        if key.trim() != key && key.contains(['\n', '\r']) {
            defects.push("newline");
        }
        key = key.trim();
        for escape in ["\\n", "\\r", "%0A", "%0a", "%0D", "%0d"] {
            if let Some(cut) = key.strip_suffix(escape) {
                defects.push("newline");
                key = cut;
            }
        }
        if key.starts_with(QUOTES) || key.ends_with(QUOTES) {
            defects.push("quotes");
            key = key.trim_matches(QUOTES);
        }
        if key == before {
            return key;
        }
    }
}

fn note_shape(key: &str, shape: Option<&Shape>, defects: &mut Vec<&'static str>) {
    if key.contains(char::is_whitespace) {
        defects.push(if key.contains(['\n', '\r']) { "newline" } else { "inner_ws" });
    }
    if !key.is_ascii() {
        defects.push("non_ascii");
    }
    if is_placeholder(key) {
        defects.push("placeholder");
    } else if let Some(defect) = shape.and_then(|s| s.defect(key)) {
        defects.push(defect);
    }
}

/// Whether a template was never filled in: `${KEY}`, `{{ key }}`, `YOUR_API_KEY`, `sk-xxxx`, `undefined`.
fn is_placeholder(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let templated = key.contains("${")
        || key.contains("{{")
        || (key.starts_with('<') && key.ends_with('>'))
        || key.starts_with('$');
    templated
        || PLACEHOLDERS.contains(&lower.as_str())
        || lower.contains("your_api_key")
        || lower.contains("your-api-key")
        || (key.len() >= 6 && lower.trim_start_matches("sk-").chars().all(|c| c == 'x'))
}

/// Whether a log wrote a mask that shows nothing of the key.
fn is_masked_whole(key: &str) -> bool {
    let bare = key.trim_matches(|c: char| "<>[]()*.x#-_ ".contains(c));
    bare.is_empty()
        || ["redacted", "masked", "hidden", "filtered", "secret", "removed"]
            .iter()
            .any(|w| bare.eq_ignore_ascii_case(w))
}

/// Whether a log wrote a mask that shows some of the key.
pub(super) fn is_masked(key: &str) -> bool {
    // More than a prefix and the last few characters is no mask, but a key that was pasted with the dots beside it.
    const HEAD: usize = 16;
    const TAIL: usize = 6;
    ["***", "...", "\u{2026}"].iter().any(|mask| {
        key.split_once(mask).is_some_and(|(head, tail)| {
            let tail = tail.trim_start_matches(['*', '.', '\u{2026}']);
            head.chars().count() <= HEAD && tail.chars().count() <= TAIL
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, defects: &[&str]) {
        assert_eq!(fingerprint(raw).map(|f| f.defects).as_deref(), Some(defects), "{raw:?}");
    }

    #[test]
    fn defects_are_named() {
        let key = format!("sk-ant-api03-{}AA", "k".repeat(93));
        check(&key, &[]);
        check(&format!("Bearer {key}"), &[]);
        check(&format!("Bearer {key}\n"), &["newline", "trailing_ws"]);
        check(&format!(" {key}"), &["leading_ws"]);
        check(&format!("Bearer  {key}"), &["leading_ws"]);
        check(&format!("{key}\\n"), &["newline"]);
        check(&format!("Bearer \"{key}\""), &["quotes"]);
        check(&format!("Bearer Bearer {key}"), &["scheme_doubled"]);
        check(&key[..40], &["truncated"]);
        check("bad apiKey", &["inner_ws"]);
        check("cl\u{e9}123456789", &["non_ascii"]);
        check("${ANTHROPIC_API_KEY}", &["placeholder"]);
        check("sk-xxxxxxxx", &["placeholder"]);
    }

    #[test]
    fn stray_characters_do_not_change_the_fingerprint() {
        let clean = fingerprint("Bearer abcdef123456").unwrap();
        for dirty in ["abcdef123456", " abcdef123456\n", "\"abcdef123456\"", "bearer bearer abcdef123456"] {
            assert_eq!(fingerprint(dirty).unwrap().uid, clean.uid, "{dirty:?}");
        }
    }

    #[test]
    fn masks_are_no_keys() {
        for mask in ["REDACTED", "<REDACTED>", "[REDACTED]", "****", "", "Bearer ", "Bearer REDACTED"] {
            assert_eq!(fingerprint(mask), None, "{mask:?}");
        }
        let partial = fingerprint("sk-proj-****abcd").unwrap();
        assert_eq!((partial.uid, partial.hint.as_deref()), (None, Some("sk-proj-****abcd")));
    }

    #[test]
    fn a_hint_shows_prefix_and_last_four_only() {
        assert_eq!(hint("AKIAIOSFODNN7EXAMPLE"), "AKIA...MPLE");
        assert_eq!(hint("abcdefghijklmnop"), "abc...mnop");
        assert_eq!(hint("short"), "...");
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_never_shows_the_key(raw in ".{0,60}") {
            if let Some(f) = fingerprint(&raw) {
                proptest::prop_assert!(f.hint.is_none_or(|h| h.chars().count() < 24 || is_masked(&h)));
            }
        }
    }
}
