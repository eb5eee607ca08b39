//! Compiles a rule's selections and condition into one expression over shared predicates; evaluates nothing.

use super::condition::{self, Condition};
use super::lint::Lint;
use super::meta::Meta;
use crate::error::{Error, did_you_mean};
use crate::model::column::Column;
use crate::model::fact::Fact;
use crate::model::matcher::Matcher;
use crate::model::records::FieldRef;
use crate::yaml::{Kind, Node, Position, place};
use rustc_hash::FxHashMap;

/// What a predicate looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A field.
    Field(FieldRef),
    /// Any scalar of the whole record.
    Keywords,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Subject::Field(field) => field.name(),
            Subject::Keywords => "any text of the record",
        })
    }
}

/// A test of one subject. Equal predicates of different rules are one.
#[derive(Debug)]
pub struct Predicate {
    /// What it looks at.
    pub subject: Subject,
    /// The test.
    pub matcher: Matcher,
}

/// All predicates of a rule set.
#[derive(Debug, Default)]
pub struct Predicates {
    /// By number.
    pub all: Vec<Predicate>,
    known: FxHashMap<String, u32>,
}

/// A compiled detection.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All hold.
    And(Vec<Expr>),
    /// Any holds.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// The predicate of that number holds.
    Test(u32),
}

/// A detection, compiled and as its author named its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The whole.
    pub expr: Expr,
    /// The selections by name.
    pub selections: Vec<(String, Expr)>,
    /// The conditions as written; any will do.
    pub conditions: Vec<String>,
}

/// Compiles the detection of a rule. None when it cannot be used; the reasons are in `lints`.
pub fn compile(meta: &Meta, detection: &Node, predicates: &mut Predicates, lints: &mut Vec<Lint>) -> Option<Detection> {
    let mut compiler = Compiler { meta, predicates, failed: false, lints };
    let compiled = compiler.detection(detection);
    let failed = compiler.failed;
    compiled.filter(|_| !failed)
}

impl Expr {
    /// Every predicate in it, as often as it stands there.
    pub fn predicates(&self) -> Vec<u32> {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().flat_map(Expr::predicates).collect(),
            Expr::Not(inner) => inner.predicates(),
            Expr::Test(number) => vec![*number],
        }
    }
}

struct Compiler<'c> {
    meta: &'c Meta,
    predicates: &'c mut Predicates,
    failed: bool,
    lints: &'c mut Vec<Lint>,
}

impl Compiler<'_> {
    #[expect(clippy::too_many_arguments, reason = "a finding is code, place, thing and remedy")]
    fn complain(&mut self, code: &'static str, at: Position, thing: impl Into<String>, remedy: impl Into<String>) {
        self.failed = true;
        self.lints.push(Lint::error(code, Error::new(place(&self.meta.file, at), thing, remedy)));
    }

    #[expect(clippy::too_many_arguments, reason = "a finding is code, place, thing and remedy")]
    fn warn(&mut self, code: &'static str, at: Position, thing: String, remedy: &str) {
        self.lints.push(Lint::warning(code, Error::new(place(&self.meta.file, at), thing, remedy)));
    }

    fn detection(&mut self, detection: &Node) -> Option<Detection> {
        let Some(conditions) = detection.get("condition") else {
            self.complain("no-condition", detection.at, "condition: is missing", "write condition: selection");
            return None;
        };
        let mut selections: Vec<(String, Position, Expr, bool)> = Vec::new();
        for (key, node) in detection.entries().iter().filter(|(k, _)| k.text != "condition") {
            let expr = self.selection(node)?;
            selections.push((key.text.clone(), key.at, expr, false));
        }
        let mut any = Vec::new();
        for node in conditions.one_or_many() {
            let text = node.scalar().unwrap_or_default();
            if condition::has_upper_case_operators(&text) {
                let error = Error::new(
                    place(&self.meta.file, node.at),
                    "operators in upper case",
                    "Sigma writes and, or, not in lower case",
                );
                self.lints.push(Lint::warning("operator-case", error));
            }
            match condition::parse(&text) {
                Ok(parsed) => any.push(self.condition(&parsed, node.at, &mut selections)?),
                Err((thing, remedy)) => self.complain("condition", node.at, format!("condition: {thing}"), remedy),
            }
        }
        for (name, at, _, _) in selections.iter().filter(|(n, _, _, used)| !used && !n.starts_with('_')) {
            let error = Error::new(
                place(&self.meta.file, *at),
                format!("selection \"{name}\" is not used"),
                "name it in the condition or remove it",
            );
            self.lints.push(Lint::warning("unused-selection", error));
        }
        if any.is_empty() {
            return None;
        }
        Some(Detection {
            expr: joined(any, Expr::Or),
            selections: selections.into_iter().map(|(name, _, expr, _)| (name, expr)).collect(),
            conditions: conditions.one_or_many().iter().filter_map(Node::scalar).collect(),
        })
    }

    fn condition(
        &mut self,
        node: &Condition,
        at: Position,
        selections: &mut [(String, Position, Expr, bool)],
    ) -> Option<Expr> {
        match node {
            Condition::Selection(name) => match selections.iter_mut().find(|(n, ..)| n == name) {
                Some((_, _, expr, used)) => {
                    *used = true;
                    Some(expr.clone())
                }
                None => {
                    let remedy = did_you_mean(name, selections.iter().map(|(n, ..)| n.as_str()));
                    self.complain(
                        "unknown-selection",
                        at,
                        format!("condition names unknown selection \"{name}\""),
                        remedy,
                    );
                    None
                }
            },
            Condition::And(all) => self.conditions(all, at, selections).map(Expr::And),
            Condition::Or(any) => self.conditions(any, at, selections).map(Expr::Or),
            Condition::Not(inner) => self.condition(inner, at, selections).map(|e| Expr::Not(Box::new(e))),
            Condition::Of { all, pattern } => {
                let names: Vec<String> = condition::named(pattern, selections.iter().map(|(n, ..)| n.as_str()))
                    .into_iter()
                    .map(str::to_string)
                    .collect();
                if names.is_empty() {
                    self.complain(
                        "unknown-selection",
                        at,
                        format!("no selection fits \"{pattern}\""),
                        "name the selections after the pattern",
                    );
                    return None;
                }
                let named: Vec<Condition> = names.into_iter().map(Condition::Selection).collect();
                let parts = self.conditions(&named, at, selections)?;
                Some(joined(parts, if *all { Expr::And } else { Expr::Or }))
            }
        }
    }

    fn conditions(
        &mut self,
        all: &[Condition],
        at: Position,
        selections: &mut [(String, Position, Expr, bool)],
    ) -> Option<Vec<Expr>> {
        all.iter().map(|c| self.condition(c, at, selections)).collect()
    }

    /// A map is AND, a list of maps OR, a list of scalars keywords.
    fn selection(&mut self, node: &Node) -> Option<Expr> {
        match &node.kind {
            Kind::Map(entries) if entries.is_empty() => {
                self.complain("empty-selection", node.at, "an empty selection matches everything", "remove it");
                None
            }
            Kind::Map(entries) => {
                let mut all = Vec::new();
                for (key, values) in entries {
                    all.push(self.field(&key.text, key.at, values)?);
                }
                Some(joined(all, Expr::And))
            }
            Kind::List(items) if items.iter().any(|i| matches!(i.kind, Kind::Map(_) | Kind::List(_))) => {
                let any: Option<Vec<Expr>> = items.iter().map(|i| self.selection(i)).collect();
                any.map(|any| joined(any, Expr::Or))
            }
            Kind::List(items) if items.is_empty() => {
                self.complain("empty-selection", node.at, "an empty selection matches nothing", "remove it");
                None
            }
            Kind::List(items) if items.iter().any(|i| matches!(i.kind, Kind::Null)) => {
                self.complain("value", node.at, "null inside a list", "a keyword is text: write it out");
                None
            }
            Kind::Null => {
                self.complain("empty-selection", node.at, "an empty selection matches everything", "remove it");
                None
            }
            _ => self.keywords(node, node.at, &[]),
        }
    }

    fn field(&mut self, key: &str, at: Position, values: &Node) -> Option<Expr> {
        let mut parts = key.split('|');
        let name = parts.next().unwrap_or_default();
        let modifiers: Vec<&str> = parts.collect();
        if name.is_empty() {
            return self.keywords(values, at, &modifiers);
        }
        let field = match Column::from_name(name) {
            _ if !self.meta.columns => FieldRef::Native(name.to_string()),
            Some(column) => FieldRef::Column(column),
            None if self.meta.is_about_facts() && Fact::from_name(name).is_some() => FieldRef::Native(name.to_string()),
            None => {
                let facts = Fact::ALL.iter().map(|f| f.name()).filter(|_| self.meta.is_about_facts());
                let remedy = did_you_mean(name, Column::ALL.iter().map(|c| c.name()).chain(facts));
                self.complain("unknown-field", at, format!("unknown field \"{name}\""), remedy);
                return None;
            }
        };
        if modifiers.contains(&"all") && values.one_or_many().len() < 2 {
            self.warn(
                "all-of-one",
                at,
                format!("\"{key}\" asks for all of one value"),
                "remove |all or list more values",
            );
        }
        match Matcher::parse(&self.meta.file, at, &modifiers, values) {
            Ok(matcher) => {
                Some(Expr::Test(self.predicates.number(Subject::Field(field), &modifiers.join("|"), matcher)))
            }
            Err(error) => {
                self.failed = true;
                self.lints.push(Lint::error("value", error));
                None
            }
        }
    }

    /// Keywords search every scalar of the record, for a part of it unless modifiers say otherwise: any of them, or each of them somewhere.
    fn keywords(&mut self, values: &Node, at: Position, modifiers: &[&str]) -> Option<Expr> {
        const COMPARED: &[&str] = &["cidr", "contains", "endswith", "fieldref", "re", "startswith"];
        if modifiers.contains(&"exists") {
            self.complain("value", at, "exists needs a field", "write field|exists: true");
            return None;
        }
        let mut each: Vec<&str> = modifiers.iter().copied().filter(|m| *m != "all").collect();
        if !each.iter().any(|m| COMPARED.contains(m)) {
            each.push("contains");
        }
        let mut parts = Vec::new();
        for value in values.one_or_many() {
            match Matcher::parse(&self.meta.file, at, &each, value) {
                Ok(matcher) => {
                    parts.push(Expr::Test(self.predicates.number(Subject::Keywords, &each.join("|"), matcher)))
                }
                Err(error) => {
                    self.failed = true;
                    self.lints.push(Lint::error("value", error));
                    return None;
                }
            }
        }
        Some(joined(parts, if modifiers.contains(&"all") { Expr::And } else { Expr::Or }))
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

impl Predicates {
    fn number(&mut self, subject: Subject, modifiers: &str, matcher: Matcher) -> u32 {
        // Null and the text "null" are written alike.
        let key = format!("{subject:?}|{modifiers}|{}|{:?}", matcher.needs_value(), matcher.patterns());
        let next = self.all.len() as u32;
        let number = *self.known.entry(key).or_insert(next);
        if number == next {
            self.all.push(Predicate { subject, matcher });
        }
        number
    }
}
