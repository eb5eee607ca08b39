//! The one door through which JSON text becomes a value: guards the recursive parser against deep nesting; knows no field.

use sonic_rs::Value;
use std::ops::Range;

/// Deepest nesting that is parsed. The parser recurses; threads that parse have [`STACK_BYTES`] of stack for it.
pub const DEEPEST: usize = 16_384;

/// Stack of a thread that parses: values nested [`DEEPEST`] levels take about 16 KiB a level in unoptimised builds. It is reserved, not used:
/// ordinary values touch a few pages of it.
pub const STACK_BYTES: usize = 512 << 20;

/// Parses one JSON value. The error is one line.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    if is_too_deep(bytes) {
        return Err(format!("nested deeper than {DEEPEST} levels"));
    }
    sonic_rs::from_slice(bytes).map_err(|e| e.to_string().lines().next().unwrap_or("unreadable").trim().to_string())
}

/// Whether a text is nested too deeply. Texts with few brackets, nearly all of them, need no closer look.
pub fn is_too_deep(bytes: &[u8]) -> bool {
    opening_brackets(bytes) > DEEPEST && depth(bytes) > DEEPEST
}

/// Counts `{` and `[`, which differ in one bit, in a way that compiles to vector instructions.
fn opening_brackets(bytes: &[u8]) -> usize {
    let in_block = |block: &[u8]| usize::from(block.iter().map(|b| u8::from(b | 0x20 == b'{')).sum::<u8>());
    bytes.chunks(255).map(in_block).sum()
}

fn depth(bytes: &[u8]) -> usize {
    let mut scan = Scan::default();
    bytes.iter().map(|b| scan.step(*b)).max().unwrap_or(0)
}

/// A scan of JSON text for where values end: aware of strings, blind to everything else.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// The depth of nesting so far.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the byte taken last stands inside a string.
    pub fn in_string(&self) -> bool {
        self.in_string
    }

    /// Takes one byte; returns the depth of nesting after it.
    #[inline]
    pub fn step(&mut self, byte: u8) -> usize {
        if self.in_string {
            (self.in_string, self.escaped) = (self.escaped || byte != b'"', !self.escaped && byte == b'\\');
            return self.depth;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth
    }

    /// Where the first value of a text ends, if it does.
    pub fn value_end(&mut self, text: &[u8]) -> Option<usize> {
        text.iter().position(|b| self.step(*b) == 0 && matches!(b, b'}' | b']')).map(|i| i + 1)
    }
}

/// The objects of a broken document that are whole, and what is left behind the last of them: so that a cut-off or damaged file loses one
/// record, not all. An object that is whole but cannot be parsed is looked into.
pub fn salvage(body: &[u8]) -> (Vec<Range<usize>>, Option<Range<usize>>) {
    // Every brace that never closes costs one look to the end: enough for any wrapping, too few for a flood of braces.
    const LOOKS: usize = 16;
    let (mut whole, mut at, mut left) = (Vec::new(), 0, body.len() * LOOKS);
    while let Some(from) = memchr::memchr(b'{', &body[at..]).map(|i| at + i) {
        let end = Scan::default().value_end(&body[from..]).map(|e| from + e);
        let looked = end.unwrap_or(body.len()) - from;
        if looked > left {
            break;
        }
        left -= looked;
        at = from + 1;
        if let Some(end) = end.filter(|&e| parse(&body[from..e]).is_ok()) {
            whole.push(from..end);
            at = end;
        }
    }
    let behind = whole.last().map_or(0, |r: &Range<usize>| r.end);
    let rest = memchr::memchr(b'{', &body[behind..]).map(|i| behind + i..body.len());
    (whole, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        for n in [DEEPEST + 1, 1_000_000] {
            assert!(parse("[".repeat(n).as_bytes()).unwrap_err().contains("nested deeper"));
            assert!(parse(format!("{}\"]]]\"", "[".repeat(n)).as_bytes()).unwrap_err().contains("nested deeper"));
        }
        let wide = format!("[{}]", vec!["{\"a\":[1]}"; DEEPEST].join(","));
        assert!(parse(wide.as_bytes()).is_ok());
        assert!(parse(b"{\"a\":").is_err());
    }

    #[test]
    fn the_deepest_allowed_fits_the_stack() {
        let text = format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        let parsed = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || parse(text.as_bytes()).map(|v| sonic_rs::to_string(&v).unwrap().len()));
        assert_eq!(parsed.unwrap().join().unwrap(), Ok(2 * DEEPEST));
    }

    #[test]
    fn what_is_whole_is_saved() {
        let check = |text: &str, whole: &[&str], rest: Option<&str>| {
            let (ranges, left) = salvage(text.as_bytes());
            assert_eq!(ranges.into_iter().map(|r| &text[r]).collect::<Vec<_>>(), whole, "{text}");
            assert_eq!(left.map(|r| &text[r]), rest, "{text}");
        };
        check("{\"Records\":[{\"a\":\"}\"},{\"b\":{}},{\"c\":", &["{\"a\":\"}\"}", "{\"b\":{}}"], Some("{\"c\":"));
        check("[{\"a\":1},{\"b\"", &["{\"a\":1}"], Some("{\"b\""));
        check("{\"object\":\"li\\\"st\",\"n\":1,\"data\":[{\"a\":1},{\"b\"", &["{\"a\":1}"], Some("{\"b\""));
        check("{\"a\":1", &[], Some("{\"a\":1"));
    }
}
