//! The tokens of an SQL text and where they stand; knows no grammar.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a bare name.
    Word,
    /// A name in double quotes or backticks.
    Name,
    /// A text in single quotes.
    Text,
    /// Anything else, a character each.
    Other,
}

/// A token. Comments and white space are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'s> {
    /// What it is.
    pub kind: Kind,
    /// As written, with its quotes.
    pub text: &'s str,
    /// Its first byte.
    pub at: usize,
}

impl Token<'_> {
    /// Without its quotes; doubled ones inside stay doubled.
    pub fn inner(&self) -> &str {
        match self.kind {
            Kind::Name | Kind::Text => self.text.get(1..self.text.len() - 1).unwrap_or_default(),
            Kind::Word | Kind::Other => self.text,
        }
    }

    /// Whether it is this keyword, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// The tokens, in order. A quote that is never closed reaches to the end.
pub fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let (kind, length) = one(&sql[at..], first);
        tokens.extend(kind.map(|kind| Token { kind, text: &sql[at..at + length], at }));
        at += length;
    }
    tokens
}

/// The kind of what a text begins with, none for what is no token, and its length in bytes.
fn one(rest: &str, first: char) -> (Option<Kind>, usize) {
    let until = |end: &str| rest.find(end).map_or(rest.len(), |i| i + end.len());
    let while_ = |inside: fn(char) -> bool| rest.find(|c| !inside(c)).unwrap_or(rest.len());
    match first {
        '-' if rest.starts_with("--") => (None, until("\n")),
        '/' if rest.starts_with("/*") => (None, until("*/")),
        '\'' => (Some(Kind::Text), quoted(rest, '\'')),
        '"' | '`' => (Some(Kind::Name), quoted(rest, first)),
        c if c.is_whitespace() => (None, while_(char::is_whitespace)),
        c if is_of_word(c) => (Some(Kind::Word), while_(is_of_word)),
        c => (Some(Kind::Other), c.len_utf8()),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of what stands in quotes; a doubled quote is one inside.
fn quoted(rest: &str, quote: char) -> usize {
    let mut quotes = rest.match_indices(quote).map(|(i, _)| i).skip(1).peekable();
    while let Some(i) = quotes.next() {
        if quotes.next_if_eq(&(i + 1)).is_none() {
            return i + 1;
        }
    }
    rest.len()
}

/// `SQL:2:15` of a byte of the text.
pub fn place(sql: &str, at: usize) -> String {
    let before = sql.get(..at).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("SQL:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_texts_and_comments_are_told_apart() {
        let sql = "SELECT \"a b\", 'it''s' -- 'no'\n/* x */ FROM t;";
        let told: Vec<(Kind, &str)> = tokens(sql).iter().map(|t| (t.kind, t.text)).collect();
        let (word, name, text, other) = (Kind::Word, Kind::Name, Kind::Text, Kind::Other);
        assert_eq!(
            told,
            [
                (word, "SELECT"),
                (name, "\"a b\""),
                (other, ","),
                (text, "'it''s'"),
                (word, "FROM"),
                (word, "t"),
                (other, ";")
            ]
        );
        assert_eq!(place(sql, sql.find("FROM").unwrap()), "SQL:2:9");
    }

    proptest::proptest! {
        #[test]
        fn every_character_is_looked_at_once(sql in "[-a'\"`/* \n(é]{0,40}") {
            let mut end = 0;
            for token in tokens(&sql) {
                proptest::prop_assert!(token.at >= end && !token.text.is_empty());
                end = token.at + token.text.len();
                proptest::prop_assert_eq!(&sql[token.at..end], token.text);
                token.inner();
            }
        }
    }
}
