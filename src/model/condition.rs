//! Conditions of mappings: maps of field tests, all of which hold, and lists of maps, any of which does; knows no mapping.

use super::cell::Cell;
use super::matcher::Matcher;
use crate::error::Error;
use crate::yaml::{Node, place};

/// A condition of a mapping: any of several maps, each with all of its field tests.
#[derive(Debug, Clone)]
pub struct Condition {
    fields: Vec<String>,
    alternatives: Vec<Vec<(usize, Matcher)>>,
}

impl Condition {
    /// Parses a map `field|modifier: values`, or a list of such maps.
    pub fn parse(file: &str, node: &Node) -> Result<Condition, Error> {
        let mut fields: Vec<String> = Vec::new();
        let mut alternatives = Vec::new();
        for map in node.one_or_many() {
            if map.entries().is_empty() {
                return Err(Error::new(
                    place(file, map.at),
                    format!("{} is no condition", map.kind_name()),
                    "write {field: value}",
                ));
            }
            let mut tests = Vec::new();
            for (key, values) in map.entries() {
                let mut parts = key.text.split('|');
                let field = parts.next().unwrap_or_default();
                let modifiers: Vec<&str> = parts.collect();
                let matcher = Matcher::parse(file, key.at, &modifiers, values)?;
                let index = fields.iter().position(|f| f == field).unwrap_or_else(|| {
                    fields.push(field.to_string());
                    fields.len() - 1
                });
                tests.push((index, matcher));
            }
            alternatives.push(tests);
        }
        Ok(Condition { fields, alternatives })
    }

    /// The fields looked at, in the order in which [`Condition::holds`] counts them.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str)
    }

    /// Whether the condition holds, given a way to read its fields.
    pub fn holds<'c>(&self, read: impl Fn(usize) -> Cell<'c>) -> bool {
        let by_name = |name: &str| self.fields.iter().position(|f| f == name).map_or(Cell::Missing, &read);
        self.alternatives
            .iter()
            .any(|tests| tests.iter().all(|(field, matcher)| matcher.matches_with(&read(*field), &by_name)))
    }
}
