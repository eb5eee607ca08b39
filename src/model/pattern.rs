//! Sigma's texts with wildcards, compiled: compared whole or in part, in any case unless told otherwise.

use super::cell::Cell;
use super::lazy_regex::{Flags, LazyRegex};
use super::matcher::Complaint;
use super::value::{DASHES, Piece, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// Which part of a text a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Whole,
    Contains,
    Starts,
    Ends,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::Whole => "equals",
            Part::Contains => "contains",
            Part::Starts => "startswith",
            Part::Ends => "endswith",
        }
    }

    pub fn holds(self, text: &str, literal: &str) -> bool {
        match self {
            Part::Whole => text == literal,
            Part::Contains => text.contains(literal),
            Part::Starts => text.starts_with(literal),
            Part::Ends => text.ends_with(literal),
        }
    }
}

/// A text with Sigma's wildcards, compiled.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// Where there are wildcards.
    pub regex: Option<LazyRegex>,
    /// The whole text without wildcards, else the longest stretch between two: every text that matches holds it.
    pub literal: String,
    /// Finds the literal, for `contains`.
    finder: Option<Arc<memchr::memmem::Finder<'static>>>,
    pub part: Part,
    pub cased: bool,
    /// Nothing but `*`: any value will do.
    pub any: bool,
}

impl Pattern {
    /// Compiles a value.
    pub fn new(value: &Value, part: Part, cased: bool) -> Result<Pattern, Complaint> {
        let any = !value.pieces.is_empty() && value.pieces.iter().all(|p| *p == Piece::Any);
        let (mut regex, mut literal, mut wild) = (String::new(), String::new(), false);
        for run in value.pieces.chunk_by(|a, b| matches!((a, b), (Piece::Byte(_), Piece::Byte(_)))) {
            let text = match run[0] {
                Piece::Byte(_) => text_of(run, cased)?,
                wildcard => {
                    wild = true;
                    regex.push_str(&regex_of(wildcard));
                    continue;
                }
            };
            regex.push_str(&regex::escape(&text));
            if text.len() > literal.len() {
                literal = text;
            }
        }
        let regex = if wild && !any { Some(wildcard_regex(&regex, part)?) } else { None };
        let finder = (part == Part::Contains && regex.is_none())
            .then(|| Arc::new(memchr::memmem::Finder::new(literal.as_bytes()).into_owned()));
        Ok(Pattern { regex, literal, finder, part, cased, any })
    }

    pub fn holds(&self, cell: &Cell<'_>) -> bool {
        match cell.as_text() {
            Some(text) => self.holds_text(&Folded::of(&text)),
            None => matches!(cell, Cell::List(members) if members.iter().any(|m| self.holds(m))),
        }
    }

    pub fn holds_text(&self, text: &Folded<'_>) -> bool {
        let text = if self.cased { text.written } else { &text.folded };
        match (&self.regex, &self.finder) {
            _ if self.any => true,
            (Some(regex), _) => regex.is_match(text),
            (None, Some(finder)) => finder.find(text.as_bytes()).is_some(),
            (None, None) => self.part.holds(text, &self.literal),
        }
    }
}

/// A text and its fold, made once for all patterns it meets.
pub(super) struct Folded<'t> {
    written: &'t str,
    folded: Cow<'t, str>,
}

impl<'t> Folded<'t> {
    pub fn of(written: &'t str) -> Folded<'t> {
        Folded { written, folded: fold(written) }
    }
}

fn text_of(run: &[Piece], cased: bool) -> Result<String, Complaint> {
    let bytes = run.iter().filter_map(|p| if let Piece::Byte(b) = p { Some(*b) } else { None }).collect();
    let text = String::from_utf8(bytes).map_err(|_| {
        ("UTF-16 of such a text is no text to compare with".to_string(), "encode it further, as in |wide|base64offset")
    })?;
    Ok(if cased { text } else { fold(&text).into_owned() })
}

fn regex_of(wildcard: Piece) -> String {
    match wildcard {
        Piece::Any | Piece::Byte(_) => ".*".into(),
        Piece::One => ".".into(),
        Piece::Dash => format!("[{}]", DASHES.map(|d| regex::escape(&d.to_string())).concat()),
    }
}

/// Runs on folded text unless the pattern is cased, so that it folds as everything else does.
fn wildcard_regex(body: &str, part: Part) -> Result<LazyRegex, Complaint> {
    let anchored = match part {
        Part::Whole => format!(r"\A{body}\z"),
        Part::Starts => format!(r"\A{body}"),
        Part::Ends => format!(r"{body}\z"),
        Part::Contains => body.to_string(),
    };
    LazyRegex::new(&anchored, Flags { dot_all: true, ..Flags::default() })
        .map_err(|e| (format!("wildcards too large: {e}"), "shorten the value"))
}

/// The form in which texts compare in any case: Unicode's full case folding, as far as upper and lower case tell it.
pub fn fold(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Its upper case is the I of every other language.
            '\u{131}' => folded.push(c),
            _ => folded.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    Cow::Owned(folded)
}
