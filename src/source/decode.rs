//! Turns the bytes of a chunk into JSON values, text lines or rows, one bad one never spoiling the others; knows no mapping.

use super::redact::{excerpt, redact};
use crate::model::framing::Framing;
use crate::model::json::{self, Scan};
use sonic_rs::{JsonContainerTrait, Object, Value};
use std::borrow::Cow;
use std::io::Read;
use typed_arena::Arena;

/// One piece of a chunk.
#[derive(Debug)]
pub enum Piece<'d> {
    /// A JSON value: a record, or a document that holds records.
    Json(&'d Value),
    /// A row of separated values, its fields named by the header.
    Row(&'d Value),
    /// A line of text.
    Line(&'d str),
    /// A piece that cannot be read, and why.
    Bad {
        /// Why.
        reason: String,
        /// Its beginning, redacted.
        excerpt: String,
    },
}

/// Keeps what decoding made for as long as the chunk is looked at.
#[derive(Default)]
pub struct Decoded {
    /// JSON values.
    pub values: Arena<Value>,
    texts: Arena<String>,
}

/// All pieces of a chunk in order. `header` names the fields of [`Framing::Csv`].
pub fn decode<'d>(framing: Framing, body: &'d [u8], header: &[String], into: &'d Decoded) -> Vec<Piece<'d>> {
    match framing {
        Framing::Document if body.is_empty() => Vec::new(),
        Framing::Document => document(body, into),
        Framing::JsonLines => json_lines(body, into),
        Framing::Values => value_ranges(body).into_iter().map(|r| value(&body[r], into)).collect(),
        Framing::Csv { delimiter } => rows(body, delimiter, header, into),
        Framing::Lines => lines(body).map(|line| text_line(line, into)).collect(),
        Framing::Binary => vec![Piece::Bad { reason: "not text".into(), excerpt: String::new() }],
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)).filter(|l| !l.trim_ascii().is_empty())
}

/// One value, or several one after another; of what is damaged, the objects in it that are whole. When nothing can be read, the whole is one
/// bad piece.
fn document<'d>(body: &'d [u8], into: &'d Decoded) -> Vec<Piece<'d>> {
    let whole = value(body, into);
    if let Piece::Json(_) = whole {
        return vec![whole];
    }
    let pieces: Vec<Piece<'d>> = value_ranges(body).into_iter().flat_map(|r| saved(&body[r], into)).collect();
    if pieces.iter().any(|p| matches!(p, Piece::Json(_))) { pieces } else { vec![whole] }
}

/// A value, or what is whole of it, and the rest behind that as a bad piece.
fn saved<'d>(bytes: &'d [u8], into: &'d Decoded) -> Vec<Piece<'d>> {
    let read = value(bytes, into);
    if let Piece::Json(_) = read {
        return vec![read];
    }
    let (whole, rest) = json::salvage(bytes);
    if whole.is_empty() {
        return vec![read];
    }
    whole.into_iter().chain(rest).map(|range| value(&bytes[range], into)).collect()
}

/// Parses one JSON value; bytes that are not UTF-8 are replaced rather than lost.
fn value<'d>(bytes: &[u8], into: &'d Decoded) -> Piece<'d> {
    let parsed =
        json::parse(bytes).or_else(|error| mended(bytes).map_or(Err(error), |text| json::parse(text.as_bytes())));
    match parsed {
        Ok(value) => Piece::Json(into.values.alloc(value)),
        Err(error) => Piece::Bad { reason: format!("not valid JSON: {}", redact(&error)), excerpt: excerpt(bytes) },
    }
}

/// JSON as servers write it that do not escape as JSON does: `\\xHH` for bytes, control characters as they are, bytes that are no UTF-8. None
/// where there is nothing of the kind.
fn mended(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let is_odd = matches!(text, Cow::Owned(_)) || text.contains("\\x") || text.bytes().any(|b| b < b' ');
    is_odd.then(|| {
        let mut mended = String::with_capacity(text.len() + 16);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some('x')) => {
                    chars.next();
                    mended.push_str("\\u00");
                }
                ('\\', Some(escaped)) => {
                    mended.extend([c, *escaped]);
                    chars.next();
                }
                (c, _) if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => {
                    mended.push_str(&format!("\\u{:04x}", c as u32))
                }
                _ => mended.push(c),
            }
        }
        mended
    })
}

/// Parses all lines as one array first, so that the whole chunk shares one allocation; a bad line sends each line through on its own.
fn json_lines<'d>(body: &[u8], into: &'d Decoded) -> Vec<Piece<'d>> {
    let mut joined = Vec::with_capacity(body.len() + 2);
    joined.push(b'[');
    let (mut count, mut too_deep) = (0, false);
    for line in lines(body) {
        too_deep |= json::is_too_deep(line);
        if count > 0 {
            joined.push(b',');
        }
        joined.extend_from_slice(line);
        count += 1;
    }
    joined.push(b']');
    // The number of members must be the number of lines: `{},{}` on one line is not two records.
    let whole = if too_deep { None } else { sonic_rs::from_slice::<Value>(&joined).ok() };
    match whole.filter(|v| v.as_array().is_some_and(|a| a.len() == count)) {
        Some(value) => {
            into.values.alloc(value).as_array().map_or_else(Vec::new, |a| a.iter().map(Piece::Json).collect())
        }
        None => lines(body).map(|line| packed_line(line, into)).collect(),
    }
}

/// A line of a JSON-lines chunk; text lines between JSON lines stay text.
fn packed_line<'d>(line: &[u8], into: &'d Decoded) -> Piece<'d> {
    match line.trim_ascii_start() {
        [b'{', ..] => value(line, into),
        // A text line may begin with a time in brackets.
        [b'[', ..] => match value(line, into) {
            Piece::Bad { .. } => text_line(line, into),
            array => array,
        },
        _ => text_line(line, into),
    }
}

/// Where the top-level values of concatenated JSON stand; a rest that never closes is the last range.
fn value_ranges(body: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut scan, mut start) = (Vec::new(), Scan::default(), None);
    for (i, &byte) in body.iter().enumerate() {
        let before = scan.depth();
        let after = scan.step(byte);
        if before == 0 && after == 1 {
            start = Some(i);
        } else if before == 1
            && after == 0
            && let Some(from) = start.take()
        {
            ranges.push(from..i + 1);
        }
    }
    ranges.extend(start.map(|from| from..body.len()));
    ranges
}

fn rows<'d>(body: &[u8], delimiter: u8, header: &[String], into: &'d Decoded) -> Vec<Piece<'d>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(body);
    let mut pieces = Vec::new();
    for record in reader.byte_records() {
        pieces.push(match record {
            Ok(record) => row(&record.iter().map(String::from_utf8_lossy).collect::<Vec<_>>(), header, into),
            Err(error) => Piece::Bad { reason: format!("not a row: {error}"), excerpt: String::new() },
        });
    }
    pieces
}

fn row<'d>(cells: &[std::borrow::Cow<'_, str>], header: &[String], into: &'d Decoded) -> Piece<'d> {
    if cells.len() > header.len() {
        let reason = format!("row of {} fields under a header of {}", cells.len(), header.len());
        return Piece::Bad { reason, excerpt: excerpt(cells.join(",").as_bytes()) };
    }
    let mut object = Object::with_capacity(header.len());
    for (name, cell) in header.iter().zip(cells) {
        if !cell.is_empty() {
            object.insert(name, cell.as_ref());
        }
    }
    Piece::Row(into.values.alloc(object.into_value()))
}

/// A line of text. CloudWatch Logs subscriptions deliver gzipped JSON in base64: such a line is opened.
fn text_line<'d>(line: &[u8], into: &'d Decoded) -> Piece<'d> {
    if line.starts_with(b"H4sI")
        && let Some(inner) = unpack(line)
    {
        return value(&inner, into);
    }
    Piece::Line(into.texts.alloc(String::from_utf8_lossy(line).into_owned()))
}

/// No subscription record holds more than this; anything larger is no log.
const UNPACKED_BYTES: u64 = 16 << 20;

fn unpack(line: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    let packed = base64::engine::general_purpose::STANDARD.decode(line.trim_ascii()).ok()?;
    let mut inner = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).take(UNPACKED_BYTES).read_to_end(&mut inner).ok()?;
    Some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(framing: Framing, body: &str, header: &[&str], expect: &[&str]) {
        let decoded = Decoded::default();
        let header: Vec<String> = header.iter().map(|h| h.to_string()).collect();
        let pieces: Vec<String> = decode(framing, body.as_bytes(), &header, &decoded)
            .into_iter()
            .map(|p| match p {
                Piece::Json(v) | Piece::Row(v) => sonic_rs::to_string(v).unwrap(),
                Piece::Line(l) => l.to_string(),
                Piece::Bad { reason, .. } => reason.split(':').next().unwrap().to_string(),
            })
            .collect();
        assert_eq!(pieces, expect, "{body}");
    }

    #[test]
    fn pieces_stand_for_themselves() {
        check(Framing::Document, "{\"a\":1}", &[], &["{\"a\":1}"]);
        check(Framing::JsonLines, "{\"a\":1}\r\n\n{\"a\":2}\n", &[], &["{\"a\":1}", "{\"a\":2}"]);
        check(Framing::JsonLines, "{\"a\":1}\n{broken\n{\"a\":2}", &[], &["{\"a\":1}", "not valid JSON", "{\"a\":2}"]);
        check(Framing::JsonLines, "{\"a\":1},{\"a\":2}\n{\"a\":3}", &[], &["not valid JSON", "{\"a\":3}"]);
        check(
            Framing::Values,
            "{\"a\":\n\"}\\\"\"}{\"b\":2}\n[3] {\"c\":",
            &[],
            &["{\"a\":\"}\\\"\"}", "{\"b\":2}", "[3]", "not valid JSON"],
        );
        check(
            Framing::Csv { delimiter: b',' },
            "1,\"x\ny\"\n2,,3\n",
            &["a", "b"],
            &["{\"a\":\"1\",\"b\":\"x\\ny\"}", "row of 3 fields under a header of 2"],
        );
        check(Framing::Lines, "one\r\n\ntwo", &[], &["one", "two"]);
    }

    #[test]
    fn json_is_read_as_servers_write_it() {
        check(Framing::Document, r#"{"a":"\x22b\\x"}"#, &[], &[r#"{"a":"\"b\\x"}"#]);
        check(Framing::Document, "{\"a\":\"\u{1}\"}", &[], &[r#"{"a":"\u0001"}"#]);
        check(Framing::JsonLines, "{\"a\":1}\n[2026-11-01] x\n[1]", &[], &["{\"a\":1}", "[2026-11-01] x", "[1]"]);
    }

    #[test]
    fn invalid_utf8_is_replaced_not_lost() {
        let decoded = Decoded::default();
        let pieces = decode(Framing::Document, b"{\"a\":\"\xff\"}", &[], &decoded);
        assert!(matches!(pieces[..], [Piece::Json(_)]), "{pieces:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            for framing in [Framing::Document, Framing::JsonLines, Framing::Values, Framing::Csv { delimiter: b',' }, Framing::Lines] {
                decode(framing, &body, &["a".to_string()], &Decoded::default());
            }
        }
    }
}
