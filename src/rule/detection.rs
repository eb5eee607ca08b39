//! Compiles a rule's selections and condition into one expression over shared predicates; evaluates nothing.

use super::condition::{self, Condition};
use super::document::Meta;
use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::column::Column;
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

/// Compiles the detection of a rule. None when it cannot be used; the reasons are in `lints`.
pub fn compile(meta: &Meta, detection: &Node, predicates: &mut Predicates, lints: &mut Vec<Lint>) -> Option<Expr> {
    let mut compiler = Compiler { meta, predicates, failed: false, lints };
    let expr = compiler.detection(detection);
    let failed = compiler.failed;
    expr.filter(|_| !failed)
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

    fn detection(&mut self, detection: &Node) -> Option<Expr> {
        let Some(conditions) = detection.get("condition") else {
            self.complain("no-condition", detection.at, "condition: is missing", "write condition: selection");
            return None;
        };
        let mut selections: Vec<(String, Position, Expr, bool)> = Vec::new();
        for (key, node) in detection.entries().iter().filter(|(k, _)| k.text != "condition" && k.text != "timeframe") {
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
        if any.is_empty() { None } else { Some(joined(any, Expr::Or)) }
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
            Kind::Null => {
                self.complain("empty-selection", node.at, "an empty selection matches everything", "remove it");
                None
            }
            _ => self.keywords(node, node.at, false),
        }
    }

    fn field(&mut self, key: &str, at: Position, values: &Node) -> Option<Expr> {
        let mut parts = key.split('|');
        let name = parts.next().unwrap_or_default();
        let modifiers: Vec<&str> = parts.collect();
        if name.is_empty() {
            return self.keywords(values, at, modifiers.contains(&"all"));
        }
        let field = match Column::from_name(name) {
            _ if !self.meta.columns => FieldRef::Native(name.to_string()),
            Some(column) => FieldRef::Column(column),
            None => {
                let remedy = did_you_mean(name, Column::ALL.iter().map(|c| c.name()));
                self.complain("unknown-field", at, format!("unknown field \"{name}\""), remedy);
                return None;
            }
        };
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

    /// Keywords search every scalar of the record for a part of it: any of them, or each of them somewhere.
    fn keywords(&mut self, values: &Node, at: Position, all: bool) -> Option<Expr> {
        let mut parts = Vec::new();
        for value in values.one_or_many() {
            match Matcher::parse(&self.meta.file, at, &["contains"], value) {
                Ok(matcher) => parts.push(Expr::Test(self.predicates.number(Subject::Keywords, "contains", matcher))),
                Err(error) => {
                    self.failed = true;
                    self.lints.push(Lint::error("value", error));
                    return None;
                }
            }
        }
        Some(joined(parts, if all { Expr::And } else { Expr::Or }))
    }
}

fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

impl Predicates {
    fn number(&mut self, subject: Subject, modifiers: &str, matcher: Matcher) -> u32 {
        let key = format!("{subject:?}|{modifiers}|{:?}", matcher.patterns());
        let next = self.all.len() as u32;
        let number = *self.known.entry(key).or_insert(next);
        if number == next {
            self.all.push(Predicate { subject, matcher });
        }
        number
    }
}
