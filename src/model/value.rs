//! Sigma's values before they are compared: texts with wildcards, and the modifiers that rewrite them in their written order; knows no field.
//!
//! What each modifier makes of a value is <https://sigmahq.io/sigma-specification/specification/sigma-appendix-modifiers.html>; offsets and
//! dashes follow `reference/rules.md` 1.3.

use super::matcher::Complaint;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The dashes that `windash` takes for one another.
pub(super) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Most dashes of one value that are spelled out in every combination before it is encoded.
const DASHES_ENCODED: usize = 4;

/// A piece of a value. Text is kept as bytes: an encoding need not leave text behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// One byte of plain text.
    Byte(u8),
    /// `*`: any text.
    Any,
    /// `?`: one character.
    One,
    /// Any of [`DASHES`].
    Dash,
}

/// A value: plain text, wildcards, and what modifiers made of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// The modifiers that rewrite values; all others say how values are compared.
pub(super) const REWRITING: &[&str] =
    &["base64", "base64offset", "expand", "utf16", "utf16be", "utf16le", "wide", "windash"];

/// Reads a value and applies the rewriting modifiers in their order: one value may become several.
pub(super) fn rewrite(written: &str, modifiers: &[&str]) -> Result<Vec<Value>, Complaint> {
    let mut values = vec![Value::parse(written)];
    for modifier in modifiers {
        values = match *modifier {
            "windash" => values.iter().map(Value::with_dashes).collect(),
            "wide" | "utf16le" => values.iter().map(|v| v.utf16(&[], u16::to_le_bytes)).collect::<Result<_, _>>()?,
            "utf16be" => values.iter().map(|v| v.utf16(&[], u16::to_be_bytes)).collect::<Result<_, _>>()?,
            "utf16" => values.iter().map(|v| v.utf16(&[0xff, 0xfe], u16::to_le_bytes)).collect::<Result<_, _>>()?,
            "base64" => encode(&values, "base64", |plain| vec![STANDARD.encode(plain)])?,
            "base64offset" => encode(&values, "base64offset", offsets)?,
            _ => values,
        };
    }
    Ok(values)
}

/// The name of a placeholder that nothing fills: `%name%`.
pub(super) fn placeholder(written: &str) -> Option<&str> {
    let mut parts = written.split('%').skip(1);
    let name = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let found = parts.find(name)?;
    parts.next().map(|_| found)
}

impl Value {
    /// Reads Sigma's wildcards: `*` any text, `?` one character, `\*` `\?` `\\` literal; a backslash before anything else is itself.
    pub fn parse(written: &str) -> Value {
        let mut pieces = Vec::with_capacity(written.len());
        let mut bytes = written.bytes().peekable();
        while let Some(byte) = bytes.next() {
            pieces.push(match (byte, bytes.peek()) {
                (b'\\', Some(b'*' | b'?' | b'\\')) => Piece::Byte(bytes.next().unwrap_or(byte)),
                (b'*', _) => Piece::Any,
                (b'?', _) => Piece::One,
                _ => Piece::Byte(byte),
            });
        }
        Value { pieces }
    }

    /// Dashes that begin a command-line flag stand for all dashes: those at `\B[-/]\b`.
    fn with_dashes(&self) -> Value {
        let is_word = |p: Option<&Piece>| matches!(p, Some(Piece::Byte(b)) if b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii());
        let flag = |at: usize, piece: &Piece| {
            let before = at.checked_sub(1).and_then(|b| self.pieces.get(b));
            matches!(piece, Piece::Byte(b'-' | b'/')) && !is_word(before) && is_word(self.pieces.get(at + 1))
        };
        let pieces = self.pieces.iter().enumerate().map(|(at, p)| if flag(at, p) { Piece::Dash } else { *p });
        Value { pieces: pieces.collect() }
    }

    /// Wildcards stay; the text between them changes its encoding.
    fn utf16(&self, mark: &[u8], bytes_of: fn(u16) -> [u8; 2]) -> Result<Value, Complaint> {
        let mut pieces: Vec<Piece> = mark.iter().map(|b| Piece::Byte(*b)).collect();
        for run in self.pieces.chunk_by(|a, b| matches!((a, b), (Piece::Byte(_), Piece::Byte(_)))) {
            match run {
                [Piece::Byte(_), ..] => {
                    let text = String::from_utf8(plain(run)).map_err(|_| twice())?;
                    pieces.extend(text.encode_utf16().flat_map(bytes_of).map(Piece::Byte));
                }
                others => pieces.extend_from_slice(others),
            }
        }
        Ok(Value { pieces })
    }

    /// The value with each dash spelled out, in every combination.
    fn spelled(&self) -> Vec<Vec<Piece>> {
        let mut spelled = vec![Vec::new()];
        for piece in &self.pieces {
            let choices: Vec<Vec<Piece>> = match piece {
                Piece::Dash => DASHES.iter().map(|d| d.to_string().bytes().map(Piece::Byte).collect()).collect(),
                piece => vec![vec![*piece]],
            };
            spelled = spelled
                .iter()
                .flat_map(|before| choices.iter().map(|choice| [before.as_slice(), choice].concat()))
                .collect();
        }
        spelled
    }
}

fn plain(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().filter_map(|p| if let Piece::Byte(b) = p { Some(*b) } else { None }).collect()
}

fn twice() -> Complaint {
    ("the value was encoded before and is no text any more".into(), "name one UTF-16 modifier only")
}

fn encode(values: &[Value], name: &str, by: impl Fn(&[u8]) -> Vec<String>) -> Result<Vec<Value>, Complaint> {
    let mut encoded = Vec::new();
    for value in values {
        if value.pieces.iter().filter(|p| **p == Piece::Dash).count() > DASHES_ENCODED {
            return Err((format!("too many dashes for windash before {name}"), "split the value"));
        }
        for spelled in value.spelled() {
            if spelled.iter().any(|p| matches!(p, Piece::Any | Piece::One)) {
                return Err((format!("{name} cannot encode a wildcard"), "escape it as \\* or \\?, or leave it out"));
            }
            let texts = by(&plain(&spelled));
            encoded.extend(texts.into_iter().map(|t| Value { pieces: t.bytes().map(Piece::Byte).collect() }));
        }
    }
    Ok(encoded)
}

/// What Base64 makes of bytes at each of three offsets in a longer text, without the characters that depend on what stands around.
fn offsets(plain: &[u8]) -> Vec<String> {
    const CUT_START: [usize; 3] = [0, 2, 3];
    const CUT_END: [usize; 3] = [0, 3, 2];
    let at = |offset: usize| {
        let shifted: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(plain.iter().copied()).collect();
        let text = STANDARD.encode(&shifted);
        let end = text.len() - CUT_END[(plain.len() + offset) % 3];
        text.get(CUT_START[offset]..end).unwrap_or_default().to_string()
    };
    (0..3).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(modifiers: &[&str], written: &str, expect: &[&str]) {
        let values = rewrite(written, modifiers).unwrap();
        let texts: Vec<String> = values.iter().map(|v| String::from_utf8(plain(&v.pieces)).unwrap()).collect();
        assert_eq!(texts, expect, "{written} {modifiers:?}");
    }

    #[test]
    fn encodings_follow_the_written_order() {
        check(&["base64"], "foobar", &["Zm9vYmFy"]);
        check(&["base64offset"], "foobar", &["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        check(&["wide", "base64"], "ab", &["YQBiAA=="]);
        check(&["utf16be", "base64"], "ab", &["AGEAYg=="]);
        check(&["utf16", "base64"], "ab", &["//5hAGIA"]);
        check(&["wide"], "ab", &["a\0b\0"]);
        assert!(rewrite("a*", &["base64offset"]).is_err());
        assert!(rewrite(r"a\*", &["base64offset"]).is_ok());
        assert!(rewrite("ä", &["utf16", "utf16"]).is_err());
    }

    #[test]
    fn only_flags_have_dashes() {
        let dashes = |text: &str| Value::parse(text).with_dashes().pieces.iter().filter(|p| **p == Piece::Dash).count();
        assert_eq!(dashes("-f x-y /g a/b --h * -i"), 4, "-f, /g, the second dash of --h, -i");
        assert_eq!(dashes("*-s"), 1);
    }

    #[test]
    fn placeholders_are_seen() {
        assert_eq!(placeholder("a%servers%b"), Some("servers"));
        assert_eq!(placeholder("100%"), None);
        assert_eq!(placeholder("50% of 100%"), None);
    }
}
