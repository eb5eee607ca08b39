//! Sigma's texts with wildcards: `*`, `?` and their escapes, compared whole or in part, in any case unless told otherwise.

use super::cell::Cell;
use super::matcher::Complaint;
use regex::{Regex, RegexBuilder};
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
    pub regex: Option<Regex>,
    pub literal: String,
    /// Finds the literal, for `contains`.
    finder: Option<Arc<memchr::memmem::Finder<'static>>>,
    pub part: Part,
    pub cased: bool,
    pub any: bool,
}

impl Pattern {
    /// Reads Sigma's wildcards: `*` any text, `?` one character, `\*` `\?` `\\` literal; a backslash before anything else is itself.
    pub fn parse(written: &str, part: Part, cased: bool) -> Result<Pattern, Complaint> {
        let mut regex = String::new();
        let mut literal = String::new();
        let mut wild = false;
        let mut chars = written.chars().peekable();
        while let Some(c) = chars.next() {
            let plain = match (c, chars.peek()) {
                ('\\', Some('*' | '?' | '\\')) => chars.next().unwrap_or(c),
                ('*', _) => {
                    regex.push_str(".*");
                    wild = true;
                    continue;
                }
                ('?', _) => {
                    regex.push('.');
                    wild = true;
                    continue;
                }
                _ => c,
            };
            literal.push(plain);
            regex.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4])));
        }
        let any = !written.is_empty() && written.chars().all(|c| c == '*');
        let literal = if cased { literal } else { fold(&literal) };
        let regex = if wild && !any { Some(wildcard_regex(&regex, part, cased)?) } else { None };
        let finder =
            (part == Part::Contains).then(|| Arc::new(memchr::memmem::Finder::new(literal.as_bytes()).into_owned()));
        Ok(Pattern { regex, literal, finder, part, cased, any })
    }

    pub fn holds(&self, cell: &Cell<'_>) -> bool {
        match cell.as_text() {
            Some(text) => self.holds_text(&Folded::of(&text)),
            None => matches!(cell, Cell::List(members) if members.iter().any(|m| self.holds(m))),
        }
    }

    pub fn holds_text(&self, text: &Folded<'_>) -> bool {
        match &self.regex {
            _ if self.any => true,
            Some(regex) => regex.is_match(text.written),
            None => {
                let text = if self.cased { text.written } else { &text.folded };
                match (self.part, &self.finder) {
                    (Part::Contains, Some(finder)) => finder.find(text.as_bytes()).is_some(),
                    _ => self.part.holds(text, &self.literal),
                }
            }
        }
    }
}

/// A text and its fold, made once for all patterns it meets.
pub(super) struct Folded<'t> {
    written: &'t str,
    folded: std::borrow::Cow<'t, str>,
}

impl<'t> Folded<'t> {
    pub fn of(written: &'t str) -> Folded<'t> {
        let plain = !written.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii());
        Folded { written, folded: if plain { written.into() } else { fold(written).into() } }
    }
}

fn wildcard_regex(body: &str, part: Part, cased: bool) -> Result<Regex, Complaint> {
    let anchored = match part {
        Part::Whole => format!("^{body}$"),
        Part::Starts => format!("^{body}"),
        Part::Ends => format!("{body}$"),
        Part::Contains => body.to_string(),
    };
    // `$` without multi-line mode is the end of the text, and `.` crosses newlines: a wildcard may.
    RegexBuilder::new(&anchored)
        .case_insensitive(!cased)
        .dot_matches_new_line(true)
        .build()
        .map_err(|e| (format!("wildcards too large: {e}"), "shorten the value"))
}

/// Texts compare by their full lower case.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}
