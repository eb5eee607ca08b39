//! Why a rule matched a record or did not, predicate by predicate; matches nothing itself and prints nothing.

use super::detection::Expr;
use super::evaluate::RowView;
use super::index::SourceRules;
use crate::model::records::Records;

/// Why a rule matched a record or did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The rule's number.
    pub rule: u32,
    /// Whether it matched.
    pub matched: bool,
    /// Its conditions as written; any will do.
    pub conditions: Vec<String>,
    /// Its selections, in their order.
    pub selections: Vec<Explained>,
    /// What filters further ask, by their titles.
    pub filters: Vec<Explained>,
}

/// A selection or filter, and what it found.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Its predicates, each once.
    pub predicates: Vec<Tested>,
}

/// A predicate and the value it met.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// The field, or `record` for keywords.
    pub field: String,
    /// How values are compared.
    pub matcher: &'static str,
    /// The values asked for, as written.
    pub patterns: Vec<String>,
    /// What the record holds; none where it holds nothing, or where the whole record was searched.
    pub value: Option<String>,
    /// Whether the predicate holds.
    pub holds: bool,
}

impl SourceRules<'_> {
    /// Why a rule of this source matches a row or does not.
    pub fn explain(&self, records: &dyn Records, row: usize, rule: u32) -> Explanation {
        let mut view = RowView::new(self, records, row);
        let of = &self.set.rules[rule as usize];
        Explanation {
            rule,
            matched: view.holds(&of.expr),
            conditions: of.detection.conditions.clone(),
            selections: of.detection.selections.iter().map(|s| view.explained(s)).collect(),
            filters: of.filters.iter().map(|f| view.explained(f)).collect(),
        }
    }

    /// The rules worth explaining for a row: those whose anchor it satisfies, matched or not.
    pub fn candidates(&self, records: &dyn Records, row: usize) -> Vec<u32> {
        let mut candidates = Vec::new();
        for (n, index) in self.anchors.iter().enumerate() {
            let codes = records.anchor(n);
            match codes.codes[row] {
                0 => {}
                code => match codes.values.get(code as usize - 1) {
                    Some(value) => index.call(value, &self.set.predicates, &mut candidates),
                    None => candidates.extend_from_slice(&index.rules),
                },
            }
        }
        candidates.extend_from_slice(&self.always);
        self.call_keywords(records, row, &mut candidates);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}

impl RowView<'_, '_> {
    fn explained(&mut self, (name, expr): &(String, Expr)) -> Explained {
        let mut numbers = Vec::new();
        for number in expr.predicates() {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let predicates = numbers.into_iter().map(|n| self.tested(n)).collect();
        Explained { name: name.clone(), holds: self.holds(expr), predicates }
    }

    fn tested(&mut self, number: u32) -> Tested {
        let holds = self.test(number);
        let matcher = &self.predicate(number).matcher;
        let (matcher, patterns) = (matcher.name(), matcher.patterns().to_vec());
        let (field, value) = self.shown(number);
        Tested { field, matcher, patterns, value, holds }
    }
}
