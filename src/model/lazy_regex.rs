//! Regular expressions that are checked when they are read and compiled when they are first used: a run meets few of the many that rules and
//! mappings hold. Knows no rule and no mapping.

use regex::{Captures, Regex, RegexBuilder};
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};
use std::sync::{Arc, OnceLock};

/// How a regular expression is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// In any case.
    pub case_insensitive: bool,
    /// `^` and `$` at every line.
    pub multi_line: bool,
    /// `.` is any character, line ends too.
    pub dot_all: bool,
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct LazyRegex {
    text: Arc<str>,
    flags: Flags,
    compiled: Arc<OnceLock<Option<Regex>>>,
}

impl LazyRegex {
    /// Reads an expression. The error says in one line what is wrong with it.
    pub fn new(text: &str, flags: Flags) -> Result<LazyRegex, String> {
        let regex = LazyRegex { text: Arc::from(text), flags, compiled: Arc::default() };
        let ast = regex_syntax::ast::parse::Parser::new().parse(text).map_err(|e| last_line(&e.to_string()))?;
        // Only what grows by repetition, names a Unicode class or leaves Unicode can be well formed and still not compile.
        if weight(&ast) > LIGHT || [r"\p", r"\P"].iter().any(|sign| text.contains(sign)) || leaves_unicode(text) {
            let compiled = regex.compile().map_err(|e| last_line(&e.to_string()))?;
            let _ = regex.compiled.set(Some(compiled));
        }
        Ok(regex)
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&self.text)
            .case_insensitive(self.flags.case_insensitive)
            .multi_line(self.flags.multi_line)
            .dot_matches_new_line(self.flags.dot_all)
            .build()
    }

    /// The compiled expression.
    pub fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    /// Whether the expression is found in a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.get().is_some_and(|regex| regex.is_match(text))
    }

    /// What the expression's groups hold where it is found in a text.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.get()?.captures(text)
    }

    /// Whether it has a group that captures, or one with a name.
    pub fn has_group(&self, named: bool) -> bool {
        let behind = self.text.match_indices('(').filter(|(at, _)| !self.text[..*at].ends_with('\\'));
        behind.map(|(at, _)| &self.text[at + 1..]).any(|rest| {
            let has_name = rest.starts_with("?P<") || (rest.starts_with("?<") && !rest.starts_with("?<="));
            has_name || (!named && !rest.starts_with('?'))
        })
    }
}

/// So many of the largest class fit an automaton of the size allowed.
const LIGHT: u64 = 2_000;

/// How many characters and classes an expression spells out.
fn weight(ast: &Ast) -> u64 {
    match ast {
        Ast::Repetition(repetition) => {
            let times = match &repetition.op.kind {
                RepetitionKind::Range(RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n)) => *n,
                RepetitionKind::Range(RepetitionRange::Bounded(_, n)) => *n,
                _ => 1,
            };
            weight(&repetition.ast).saturating_mul(u64::from(times))
        }
        Ast::Group(group) => weight(&group.ast),
        Ast::Concat(parts) => parts.asts.iter().map(weight).fold(0, u64::saturating_add),
        Ast::Alternation(parts) => parts.asts.iter().map(weight).fold(0, u64::saturating_add),
        // A class of words or of what is none of some characters is hundreds of ranges, each of several bytes.
        Ast::ClassPerl(_) | Ast::ClassUnicode(_) | Ast::ClassBracketed(_) => 40,
        _ => 1,
    }
}

/// Whether a group of flags may turn Unicode off.
fn leaves_unicode(text: &str) -> bool {
    text.split("(?").skip(1).any(|rest| {
        let flags = rest.split([':', ')', '<', 'P', '=', '!']).next().unwrap_or_default();
        flags.contains('-') && flags.contains('u')
    })
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compile_is_refused_when_it_is_read() {
        let read = |text: &str| LazyRegex::new(text, Flags::default());
        for bad in [
            "(a",
            "a**(",
            r"\w{250}",
            r"(\w{14}){15}",
            r"(?i-u:\xff)",
            r"(?x-u:\xff)",
            "[b-a",
            r"\p{Foo}",
            "a{9999999}",
            r"(?-u:\xff)",
            "(?=a)",
            r"(a)\1",
            "(?<x",
            "*a",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for good in ["^a|b$", r"(?i)\w+", "[^a]", r"\p{L}{2,3}", "(?P<n>x)(?<m>y)", "[0-9a-f]{40}"] {
            assert!(read(good).unwrap().get().is_some(), "{good}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_compiles(text in r"[ab()|\[\]^$.*+?\\wdPp{}\-:<>=!,0-9]{0,12}") {
            if let Ok(regex) = LazyRegex::new(&text, Flags::default()) {
                proptest::prop_assert!(regex.get().is_some(), "{text}");
            }
        }
    }

    #[test]
    fn groups_are_seen() {
        for (text, any, named) in
            [("(a)", true, false), ("(?:a)", false, false), (r"\(a", false, false), ("(?P<a>b)", true, true)]
        {
            let regex = LazyRegex::new(text, Flags::default()).unwrap();
            assert_eq!((regex.has_group(false), regex.has_group(true)), (any, named), "{text}");
        }
    }
}
