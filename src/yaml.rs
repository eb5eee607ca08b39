//! YAML with positions, so that every message about a rule or mapping file can name line and column; knows nothing of what the files mean.

use crate::error::Error;
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};
use serde::{Deserialize, Serialize};

/// Line and column of a node, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A YAML value and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it begins.
    pub at: Position,
}

/// The value of a [`Node`]. Mappings keep the order in which they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, dates included.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping entry and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The key as text, also where it was written as a number.
    pub text: String,
    /// Where it begins.
    pub at: Position,
}

impl Node {
    /// The value as text when it is text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(t) => Some(t),
            _ => None,
        }
    }

    /// Any scalar in its written sense: `12`, `true`, `text`; none for null, lists and mappings.
    pub fn scalar(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(t) => Some(t.clone()),
            Kind::Bool(b) => Some(b.to_string()),
            Kind::Int(i) => Some(i.to_string()),
            Kind::Float(x) => Some(x.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The entries of a mapping, or nothing.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(m) => m,
            _ => &[],
        }
    }

    /// The members of a list, or nothing.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(l) => l,
            _ => &[],
        }
    }

    /// A list's members, or the node itself as the only member: for "one or many" settings.
    pub fn one_or_many(&self) -> &[Node] {
        match &self.kind {
            Kind::List(l) => l,
            Kind::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    /// What kind of value this is, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// `file:line:column`, the place of an [`Error`].
pub fn place(file: &str, at: Position) -> String {
    format!("{file}:{}:{}", at.line, at.column)
}

/// The documents that the build has packed; none when the bytes are not its own.
pub fn unpack(packed: &[u8]) -> Option<Vec<Node>> {
    postcard::from_bytes(packed).ok()
}

/// All documents of a YAML text. The file's name is only used in the error.
pub fn parse(file: &str, text: &str) -> Result<Vec<Node>, Error> {
    match MarkedYamlOwned::load_from_str(text) {
        Ok(documents) => documents.into_iter().map(|d| node(file, text, d)).collect(),
        Err(e) => {
            let at = Position { line: e.marker().line(), column: e.marker().col() + 1 };
            Err(Error::new(
                place(file, at),
                format!("not valid YAML: {}", e.info()),
                "quote texts that hold : # or quotes, and indent with spaces",
            ))
        }
    }
}

fn node(file: &str, text: &str, yaml: MarkedYamlOwned) -> Result<Node, Error> {
    let at = Position { line: yaml.span.start.line(), column: yaml.span.start.col() + 1 };
    let kind = match yaml.data {
        YamlDataOwned::Value(scalar) => match scalar {
            ScalarOwned::Null => Kind::Null,
            ScalarOwned::Boolean(b) => Kind::Bool(b),
            ScalarOwned::Integer(i) => Kind::Int(i),
            ScalarOwned::FloatingPoint(x) => match whole(text, yaml.span.start.index()..yaml.span.end.index()) {
                Some(written) => Kind::Text(written),
                None => Kind::Float(*x),
            },
            ScalarOwned::String(s) => Kind::Text(s),
        },
        YamlDataOwned::Representation(text, ..) => Kind::Text(text),
        YamlDataOwned::Sequence(items) => {
            Kind::List(items.into_iter().map(|i| node(file, text, i)).collect::<Result<_, _>>()?)
        }
        YamlDataOwned::Mapping(map) => {
            Kind::Map(map.into_iter().map(|(k, v)| entry(file, text, (k, v))).collect::<Result<_, _>>()?)
        }
        YamlDataOwned::Tagged(_, inner) => return node(file, text, *inner),
        YamlDataOwned::Alias(_) | YamlDataOwned::BadValue => {
            return Err(Error::new(place(file, at), "a value YAML cannot read", "write it as plain text"));
        }
    };
    Ok(Node { kind, at })
}

/// A whole number too large for [`Kind::Int`], as written: as floating point it would be another one.
fn whole(text: &str, span: std::ops::Range<usize>) -> Option<String> {
    let written: String = text.chars().skip(span.start).take(span.len()).collect();
    let digits = written.strip_prefix(['-', '+']).unwrap_or(&written);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(written)
}

fn entry(file: &str, text: &str, (key, value): (MarkedYamlOwned, MarkedYamlOwned)) -> Result<(Key, Node), Error> {
    let key = node(file, text, key)?;
    let name = match &key.kind {
        Kind::Null => "null".to_string(),
        _ => key.scalar().ok_or_else(|| {
            Error::new(place(file, key.at), "a key must be a plain word", "put the mapping under a named key")
        })?,
    };
    Ok((Key { text: name, at: key.at }, node(file, text, value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        let docs = parse("x.yml", "a: 1\nb:\n  - c: text\n---\nd: null\n").unwrap();
        assert_eq!(docs.len(), 2);
        let c = &docs[0].get("b").unwrap().items()[0];
        assert_eq!(c.get("c").unwrap().text(), Some("text"));
        assert_eq!(c.entries()[0].0.at, Position { line: 3, column: 5 });
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let docs = parse("x.yml", "ä: [1, 18446744073709551615, 1.5, -99999999999999999999]").unwrap();
        let kinds: Vec<&Kind> = docs[0].get("ä").unwrap().items().iter().map(|n| &n.kind).collect();
        let text = |t: &str| Kind::Text(t.into());
        let expect = [Kind::Int(1), text("18446744073709551615"), Kind::Float(1.5), text("-99999999999999999999")];
        assert_eq!(kinds, expect.iter().collect::<Vec<_>>());
    }

    #[test]
    fn broken_yaml_names_the_place() {
        let e = parse("rules/x.yml", "a: [1,\nb: {").unwrap_err();
        assert!(e.place.starts_with("rules/x.yml:"), "{e}");
        assert!(parse("x.yml", "a: 1\na: 2\n").is_err(), "duplicate keys must not pass");
    }
}
