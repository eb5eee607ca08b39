//! Sigma's condition language: `selection and not 1 of filter_*`; knows selection names, not what selections test.

/// A parsed condition over selections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The selection of that name.
    Selection(String),
    /// All hold.
    And(Vec<Condition>),
    /// Any holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// `1 of x*`, `any of x*`, `all of them`.
    Of {
        /// `all of`.
        all: bool,
        /// `them` or a name with wildcards.
        pattern: String,
    },
}

impl Condition {
    /// The names in it, each once, in order of first appearance.
    pub fn selections(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        match self {
            Condition::Selection(name) => names.push(name),
            Condition::And(parts) | Condition::Or(parts) => {
                for name in parts.iter().flat_map(Condition::selections) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            Condition::Not(inner) => names = inner.selections(),
            Condition::Of { .. } => {}
        }
        names
    }
}

/// Deepest nesting of parentheses and `not`.
const DEEPEST: usize = 64;

/// Parses a condition. Errors are `(thing, remedy)`.
pub fn parse(text: &str) -> Result<Condition, (String, &'static str)> {
    if text.contains('|') {
        return Err(("aggregations such as | count() are legacy Sigma".into(), "write a correlation document"));
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = Words { words: spaced.split_whitespace().collect(), at: 0, depth: 0 };
    let condition = words.or()?;
    match words.peek() {
        None => Ok(condition),
        Some(word) => Err((format!("\"{word}\" is not expected here"), "join selections with and, or, not")),
    }
}

/// Whether operators are written in upper case, which Sigma does not allow.
pub fn has_upper_case_operators(text: &str) -> bool {
    text.split_whitespace().any(|w| matches!(w.trim_matches(['(', ')']), "AND" | "OR" | "NOT" | "OF" | "THEM"))
}

struct Words<'t> {
    words: Vec<&'t str>,
    at: usize,
    depth: usize,
}

type Parsed = Result<Condition, (String, &'static str)>;

impl<'t> Words<'t> {
    fn peek(&self) -> Option<&'t str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'t str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|w| w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Parsed {
        let mut any = vec![self.and()?];
        while self.take("or") {
            any.push(self.and()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
    }

    fn and(&mut self) -> Parsed {
        let mut all = vec![self.not()?];
        while self.take("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn not(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(("the condition is nested too deeply".into(), "split it into selections"));
        }
        let parsed = if self.take("not") { self.not().map(|c| Condition::Not(Box::new(c))) } else { self.operand() };
        self.depth -= 1;
        parsed
    }

    fn operand(&mut self) -> Parsed {
        let word = self.next().ok_or(("the condition ends too early".to_string(), "name a selection"))?;
        match word {
            "(" => {
                let inner = self.or()?;
                if self.next() == Some(")") { Ok(inner) } else { Err(("a parenthesis is not closed".into(), "add )")) }
            }
            ")" => Err(("\")\" without \"(\"".into(), "remove it")),
            "1" | "any" | "all" | "ANY" | "ALL" if self.take("of") => {
                let pattern = self
                    .next()
                    .ok_or(("\"of\" needs a pattern".to_string(), "write `1 of selection_*` or `1 of them`"))?;
                Ok(Condition::Of { all: word.eq_ignore_ascii_case("all"), pattern: pattern.into() })
            }
            _ if ["and", "or", "of"].iter().any(|k| word.eq_ignore_ascii_case(k)) => {
                Err((format!("\"{word}\" is not expected here"), "name a selection first"))
            }
            number if self.peek() == Some("of") => {
                Err((format!("\"{number} of\" is no quantity"), "write 1 of, any of or all of"))
            }
            name => Ok(Condition::Selection(name.into())),
        }
    }
}

/// The selections that `them` or a pattern names: `_names` are meant only by patterns that begin with `_`.
pub fn named<'n>(pattern: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let them = pattern.eq_ignore_ascii_case("them");
    names
        .filter(|n| pattern.starts_with('_') || !n.starts_with('_'))
        .filter(|n| them || glob(pattern.as_bytes(), n.as_bytes()))
        .collect()
}

fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|i| glob(rest, &name[i..])),
        Some((c, rest)) => name.split_first().is_some_and(|(n, tail)| n == c && glob(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(condition: &Condition) -> String {
        let join = |all: &[Condition], with: &str| format!("({})", all.iter().map(show).collect::<Vec<_>>().join(with));
        match condition {
            Condition::Selection(name) => name.clone(),
            Condition::And(all) => join(all, " and "),
            Condition::Or(any) => join(any, " or "),
            Condition::Not(inner) => format!("not {}", show(inner)),
            Condition::Of { all, pattern } => format!("{} of {pattern}", if *all { "all" } else { "1" }),
        }
    }

    #[test]
    fn precedence_is_or_and_not_of() {
        for (text, expect) in [
            ("a or b and not c", "(a or (b and not c))"),
            ("(a or b) and c", "((a or b) and c)"),
            ("not 1 of filter_*", "not 1 of filter_*"),
            ("a AND all of them", "(a and all of them)"),
            ("not not a", "not not a"),
        ] {
            assert_eq!(show(&parse(text).unwrap()), expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in ["", "a b", "a and", "(a", "a)", "1 of", "and a", "a | count() > 5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn underscored_names_are_left_out() {
        let names = ["sel_a", "sel_b", "_hidden"];
        assert_eq!(named("them", names.into_iter()), ["sel_a", "sel_b"]);
        assert_eq!(named("sel_*", names.into_iter()), ["sel_a", "sel_b"]);
        assert_eq!(named("_*", names.into_iter()), ["_hidden"]);
        assert_eq!(named("*_b", names.into_iter()), ["sel_b"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-z_*()|1 ]{0,60}|\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn printed_conditions_parse_to_the_same(text in "(not )?[ab]( (and|or) (not )?[cd]){0,4}") {
            let condition = parse(&text).unwrap();
            proptest::prop_assert_eq!(parse(&show(&condition)).unwrap(), condition);
        }
    }
}
