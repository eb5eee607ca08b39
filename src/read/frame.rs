//! Tells how records stand in text and where a buffer may be cut between two of them; knows no provider.

use crate::model::framing::Framing;
use crate::model::json::Scan;

/// A text's framing and what it needs to be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How records stand.
    pub framing: Framing,
    /// Names of the fields of separated values.
    pub header: Vec<String>,
    /// Where records begin in the first buffer: behind the header.
    pub start: usize,
}

/// The framing that the beginning of a text shows. `name` decides for CSV where the text leaves it open; `whole` says that the text is all there is.
pub fn detect(name: &str, text: &[u8], whole: bool) -> Frame {
    let plain = |framing| Frame { framing, header: Vec::new(), start: 0 };
    let begin = text.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(text.len());
    match text.get(begin) {
        Some(b'{' | b'[') if json_follows(&text[begin..]) => plain(json_framing(&text[begin..], whole)),
        _ => separated(name, text).unwrap_or_else(|| plain(Framing::Lines)),
    }
}

/// Whether a bracket opens JSON rather than a text line such as `[2022-06-22T10:17:14Z] "GET ...`.
fn json_follows(text: &[u8]) -> bool {
    let next = text[1..].iter().find(|b| !b.is_ascii_whitespace());
    match (text[0], next) {
        (_, None) => true,
        (b'{', Some(b'"' | b'}')) => true,
        (b'[', Some(b'{' | b'[' | b']' | b'"')) => true,
        (b'[', Some(b'0'..=b'9' | b'-' | b't' | b'f' | b'n')) => text.iter().take(64).any(|b| *b == b','),
        _ => false,
    }
}

/// One value or many: when the first line is a whole value and another follows, one a line. Whether a text of several lines, or one without
/// line ends, is one value or many is left to the decoder, who finds out anyway.
fn json_framing(text: &[u8], whole: bool) -> Framing {
    let one_or_many = if whole { Framing::Document } else { Framing::Values };
    let Some(line_end) = memchr::memchr(b'\n', text) else { return one_or_many };
    let first = text[..line_end].trim_ascii_end();
    let follows = text[line_end..].iter().find(|b| !b.is_ascii_whitespace());
    let is_whole = Scan::default().value_end(first) == Some(first.len());
    if is_whole && follows.is_some() { Framing::JsonLines } else { one_or_many }
}

/// Separated values under a header: by the file's name, or because two lines have equally many fields and the first holds only names.
fn separated(name: &str, text: &[u8]) -> Option<Frame> {
    let stem = [".gz", ".zst"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name).to_ascii_lowercase();
    let named = stem.ends_with(".csv") || stem.ends_with(".tsv");
    let first_line = text.split(|b| *b == b'\n').next()?;
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first_line.iter().filter(|b| *b == d).count())?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut records = reader.records();
    let header = records.next()?.ok()?;
    let names: Vec<String> = header.iter().map(|h| h.trim().to_string()).collect();
    let unique = names.iter().collect::<std::collections::HashSet<_>>().len() == names.len();
    let looks = names.len() >= 2 && unique && names.iter().all(|n| is_name(n));
    let agrees = records.next().is_some_and(|r| r.is_ok_and(|r| r.len() == names.len()));
    let start = header_length(text, delimiter);
    ((named && names.len() >= 2) || (looks && agrees)).then_some(Frame {
        framing: Framing::Csv { delimiter },
        header: names,
        start,
    })
}

/// Bytes of the header row, its line end included; a header may hold quoted line ends.
fn header_length(text: &[u8], delimiter: u8) -> usize {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => reader.position().byte() as usize,
        _ => 0,
    }
}

fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '@' || c == '#')
        && text.len() <= 80
        && text.chars().all(|c| c.is_alphanumeric() || "_-. @()/#:[]".contains(c))
}

/// How much of a buffer holds whole records. 0 when none is whole yet.
pub fn cut(framing: Framing, buffer: &[u8]) -> usize {
    match framing {
        Framing::JsonLines | Framing::Lines => memchr::memrchr(b'\n', buffer).map_or(0, |i| i + 1),
        Framing::Csv { .. } => {
            let mut quoted = false;
            let mut end = 0;
            for (i, byte) in buffer.iter().enumerate() {
                match byte {
                    b'"' => quoted = !quoted,
                    b'\n' if !quoted => end = i + 1,
                    _ => {}
                }
            }
            end
        }
        Framing::Document | Framing::Values | Framing::Binary => 0,
    }
}

/// How deep records sit in a document: 1 in an array, 0 on their own, and in an object one deeper than its array of objects, where it has one.
pub fn container_depth(body: &[u8]) -> usize {
    if container_key(body).is_some() { 2 } else { usize::from(body.trim_ascii_start().first() == Some(&b'[')) }
}

/// The name of the array that makes a document a container of records, such as `{"Records":[{` or `{"object":"list","data":[{`: the first
/// member that is an array of objects, before it only scalars. A record that happens to look so is told apart by what it holds, not here.
pub fn container_key(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body.trim_ascii_start().strip_prefix(b"{")?;
    loop {
        let inside = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let (key, after) = inside.split_at(memchr::memchr(b'"', inside)?);
        let value = after[1..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        match value.first()? {
            b'[' => return value[1..].trim_ascii_start().starts_with(b"{").then_some(key),
            b'{' => return None,
            _ => rest = &value[scalar_length(value)?..],
        }
        rest = rest.trim_ascii_start().strip_prefix(b",")?;
    }
}

/// Bytes of the scalar at the beginning of a text.
fn scalar_length(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return text.iter().position(|b| matches!(b, b',' | b'}' | b']'));
    }
    let mut escaped = false;
    let end = text[1..].iter().position(|&b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    });
    end.map(|e| e + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, framing: Framing) {
        assert_eq!(detect(name, text.as_bytes(), true).framing, framing, "{text}");
    }

    #[test]
    fn framings_are_told_by_their_beginning() {
        check("x", "{\"Records\":[{\"a\":1}]}", Framing::Document);
        check("x", "{\n \"a\": 1\n}\n", Framing::Document);
        check("x", "{\"a\":1}\n{\"a\":2}\n", Framing::JsonLines);
        check("x", "\n{\"a\":1}\n\n{\"a\":2}\n", Framing::JsonLines);
        check("x", "{\n\"a\":1}\n{\"a\":2}\n", Framing::Document);
        check("x", "{\"a\":1}{\"a\":2}", Framing::Document);
        check("x", "[{\"a\":1}]", Framing::Document);
        check("x", "[2022-06-22T10:17:14.118Z] \"GET / HTTP/1.1\" 503\n", Framing::Lines);
        check("x", "1.2.3.4 - - [08/Jun/2020:08:04:43 +0000] \"GET /\" 200\n", Framing::Lines);
        check("x", "user,arn,time\nbob,arn:1,2020\n", Framing::Csv { delimiter: b',' });
        check("x.csv", "a;b\n1;2\n", Framing::Csv { delimiter: b';' });
        check("x.csv.gz", "Time Generated,Result Type\n1,2\n", Framing::Csv { delimiter: b',' });
        check("x", "hello, world\nno, it, is not\n", Framing::Lines);
        check("x", "", Framing::Lines);
    }

    #[test]
    fn a_header_may_hold_line_ends() {
        let frame = detect("x.csv", b"a,\"b\nc\"\n1,2\n", true);
        assert_eq!((frame.header, frame.start), (vec!["a".to_string(), "b\nc".to_string()], 8));
    }
}
