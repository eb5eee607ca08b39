//! Evaluates the rules of a source on a batch: codes of the anchor fields choose candidate rows, only these are looked at closely.

use super::detection::{Expr, Predicate, Subject};
use super::index::{OWN, SourceRules};
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::finding::Evidence;
use crate::model::records::{Codes, FieldRef, Records};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// A rule that matched a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The row in the batch.
    pub row: u32,
    /// The rule's number.
    pub rule: u32,
}

/// What one thread remembers between batches: which rules a value of an anchor field calls for.
#[derive(Debug, Default)]
pub struct Memo {
    by_anchor: Vec<FxHashMap<String, Arc<[u32]>>>,
}

/// Most values remembered per anchor field; beyond, they are looked at anew each batch.
const REMEMBERED: usize = 100_000;
/// Longest values remembered.
const REMEMBERED_BYTES: usize = 256;

impl SourceRules<'_> {
    /// All matches in a batch, by row and rule.
    pub fn evaluate(&self, batch: &dyn Records, memo: &mut Memo) -> Vec<Hit> {
        memo.by_anchor.resize_with(self.anchors.len(), FxHashMap::default);
        let called: Vec<Vec<Arc<[u32]>>> =
            (0..self.anchors.len()).map(|n| self.called(n, batch.anchor(n), &mut memo.by_anchor[n])).collect();
        let mut hits = Vec::new();
        let mut candidates = Vec::new();
        for row in 0..batch.rows() {
            candidates.clear();
            for (n, called) in called.iter().enumerate() {
                match batch.anchor(n).codes[row] {
                    0 => {}
                    Codes::ODD => candidates.extend_from_slice(&self.anchors[n].rules),
                    code => candidates.extend_from_slice(&called[code as usize - 1]),
                }
            }
            candidates.extend_from_slice(&self.always);
            self.call_keywords(batch, row, &mut candidates);
            if !candidates.is_empty() {
                self.evaluate_row(batch, row, &mut candidates, &mut hits);
            }
        }
        if self.is_own {
            hits.retain(|hit| self.is_meant(batch, *hit));
        }
        hits
    }

    /// Whether one of our own events, which names the source that it once came from, is of the source that a rule is for.
    fn is_meant(&self, batch: &dyn Records, hit: Hit) -> bool {
        let wanted = self.set.rules[hit.rule as usize].meta.logsource.service.as_deref();
        let cell = batch.cell(hit.row as usize, &FieldRef::Column(Column::Source));
        match (wanted, cell.as_text().as_deref()) {
            (Some(wanted), Some(source)) => source == OWN || source == wanted,
            _ => true,
        }
    }

    /// The rules that some text of the record calls for.
    pub(super) fn call_keywords(&self, batch: &dyn Records, row: usize, candidates: &mut Vec<u32>) {
        if !self.keywords.is_empty() {
            batch.any_scalar(row, &mut |text| {
                self.keywords.call(text, &self.set.predicates, candidates);
                false
            });
        }
    }

    /// For every distinct value of an anchor field, the rules that it calls for.
    fn called(&self, anchor: usize, codes: &Codes, memo: &mut FxHashMap<String, Arc<[u32]>>) -> Vec<Arc<[u32]>> {
        if memo.len() > REMEMBERED {
            memo.clear();
        }
        let mut called = Vec::with_capacity(codes.values.len());
        for value in &codes.values {
            let rules = match memo.get(value) {
                Some(known) => known.clone(),
                None => {
                    let rules = self.anchors[anchor].called(value, &self.set.predicates);
                    if value.len() <= REMEMBERED_BYTES {
                        memo.insert(value.clone(), rules.clone());
                    }
                    rules
                }
            };
            called.push(rules);
        }
        called
    }

    #[expect(clippy::too_many_arguments, reason = "the row, and two buffers that outlive it")]
    fn evaluate_row(&self, batch: &dyn Records, row: usize, candidates: &mut Vec<u32>, hits: &mut Vec<Hit>) {
        candidates.sort_unstable();
        candidates.dedup();
        let mut view = RowView::new(self, batch, row);
        for &rule in candidates.iter() {
            if view.holds(&self.set.rules[rule as usize].expr) {
                hits.push(Hit { row: row as u32, rule });
            }
        }
    }

    /// Why a hit matched: each predicate that made it true, with the value it met.
    pub fn evidence(&self, batch: &dyn Records, hit: Hit) -> Vec<Evidence> {
        let rule = &self.set.rules[hit.rule as usize];
        let mut view = RowView::new(self, batch, hit.row as usize);
        let mut numbers = Vec::new();
        view.witnesses(&rule.expr, &mut numbers);
        numbers.sort_unstable();
        numbers.dedup();
        let evidence = numbers.into_iter().map(|number| {
            let predicate = &self.set.predicates.all[number as usize];
            let (field, value) = view.shown(number);
            Evidence {
                rule_id: rule.meta.id.clone(),
                rule_author: rule.meta.author.clone(),
                field,
                matcher: predicate.matcher.name().to_string(),
                pattern: predicate.matcher.met(&Cell::Text(Cow::Borrowed(value.as_deref().unwrap_or_default()))),
                value: value.unwrap_or_default(),
                proof_event_uid: None,
                says: rule.meta.title.clone(),
            }
        });
        evidence.collect()
    }
}

/// One row under evaluation: each field is read and each predicate tested at most once.
pub(super) struct RowView<'v, 'r> {
    rules: &'v SourceRules<'r>,
    batch: &'v dyn Records,
    row: usize,
    cells: Vec<(&'v FieldRef, Cell<'v>)>,
    tested: FxHashMap<u32, bool>,
}

impl<'v, 'r> RowView<'v, 'r> {
    pub fn new(rules: &'v SourceRules<'r>, batch: &'v dyn Records, row: usize) -> Self {
        RowView { rules, batch, row, cells: Vec::new(), tested: FxHashMap::default() }
    }

    pub fn holds(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::And(all) => all.iter().all(|e| self.holds(e)),
            Expr::Or(any) => any.iter().any(|e| self.holds(e)),
            Expr::Not(inner) => !self.holds(inner),
            Expr::Test(number) => self.test(*number),
        }
    }

    /// The predicate of that number.
    pub fn predicate(&self, number: u32) -> &'v Predicate {
        &self.rules.set.predicates.all[number as usize]
    }

    pub fn test(&mut self, number: u32) -> bool {
        if let Some(known) = self.tested.get(&number) {
            return *known;
        }
        let predicate = self.predicate(number);
        let holds = match &predicate.subject {
            Subject::Keywords => {
                let matcher = &predicate.matcher;
                self.batch.any_scalar(self.row, &mut |text| matcher.matches(&Cell::text(text)))
            }
            Subject::Field(field) => {
                let (batch, row) = (self.batch, self.row);
                if let Some(text) = self.coded(number) {
                    return text.is_some_and(|text| predicate.matcher.matches(&Cell::text(text)));
                }
                let read = |name: &str| batch.cell(row, &sibling(field, name));
                let at = self.cell(field);
                predicate.matcher.matches_with(&self.cells[at].1, &read)
            }
        };
        self.tested.insert(number, holds);
        holds
    }

    /// The value of a predicate's field, where the row's codes tell it; lists and objects must be looked at.
    fn coded(&self, number: u32) -> Option<Option<&'v str>> {
        let codes = self.batch.anchor(self.rules.coded(number)?);
        match codes.codes[self.row] {
            0 => Some(None),
            Codes::ODD => None,
            code => Some(Some(&codes.values[code as usize - 1])),
        }
    }

    fn cell(&mut self, field: &'v FieldRef) -> usize {
        if let Some(at) = self.cells.iter().position(|(f, _)| *f == field) {
            return at;
        }
        self.cells.push((field, self.batch.cell(self.row, field)));
        self.cells.len() - 1
    }

    /// The positive predicates that make an expression hold.
    fn witnesses(&mut self, expr: &Expr, into: &mut Vec<u32>) {
        match expr {
            Expr::And(all) => all.iter().for_each(|e| self.witnesses(e, into)),
            Expr::Or(any) => {
                if let Some(held) = any.iter().find(|e| self.holds(e)) {
                    self.witnesses(held, into);
                }
            }
            Expr::Not(_) => {}
            Expr::Test(number) => into.push(*number),
        }
    }

    /// The name of a predicate's field, and the text of its value.
    pub fn shown(&mut self, number: u32) -> (String, Option<String>) {
        match &self.predicate(number).subject {
            Subject::Keywords => ("record".into(), None),
            Subject::Field(field) => {
                let at = self.cell(field);
                let value = match &self.cells[at].1 {
                    Cell::List(members) => {
                        Some(members.iter().filter_map(Cell::as_text).collect::<Vec<_>>().join(", "))
                    }
                    cell => cell.as_text().map(Cow::into_owned),
                };
                (field.name().to_string(), value)
            }
        }
    }
}

/// A field of the same kind by name: what `fieldref` compares with.
fn sibling(field: &FieldRef, name: &str) -> FieldRef {
    match (field, crate::model::column::Column::from_name(name)) {
        (FieldRef::Column(_), Some(column)) => FieldRef::Column(column),
        _ => FieldRef::Native(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::Column;
    use crate::rule::set::{RuleFile, RuleSet};

    const FIELDS: [Column; 4] = [Column::StatusCode, Column::Provider, Column::StatusDetail, Column::HttpStatus];

    /// Rows of four columns, coded as the projection asks.
    struct Rows {
        cells: Vec<[Option<String>; 4]>,
        anchors: Vec<Codes>,
    }

    impl Rows {
        fn new(cells: Vec<[Option<String>; 4]>, wanted: &[FieldRef]) -> Rows {
            let anchors = wanted.iter().map(|field| {
                let mut codes = Codes::default();
                for row in &cells {
                    let text = row[at(field)].clone();
                    let known = text.as_ref().map(|t| codes.values.iter().position(|v| v == t));
                    let code = known.map_or(0, |k| k.unwrap_or(codes.values.len()) as u32 + 1);
                    codes.values.extend(text.filter(|_| known == Some(None)));
                    codes.codes.push(code);
                }
                codes
            });
            Rows { anchors: anchors.collect(), cells }
        }
    }

    fn at(field: &FieldRef) -> usize {
        FIELDS.iter().position(|c| c.name() == field.name()).unwrap()
    }

    impl Records for Rows {
        fn rows(&self) -> usize {
            self.cells.len()
        }

        fn anchor(&self, n: usize) -> &Codes {
            &self.anchors[n]
        }

        fn time_us(&self, _: usize) -> Option<i64> {
            None
        }

        fn rank(&self, _: usize) -> u8 {
            0
        }

        fn cell(&self, row: usize, field: &FieldRef) -> Cell<'_> {
            self.cells[row][at(field)].as_deref().map_or(Cell::Missing, Cell::text)
        }

        fn any_scalar(&self, row: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool {
            self.cells[row].iter().flatten().any(|t| visit(t))
        }
    }

    fn rules() -> RuleSet {
        let detections = [
            "{selection: {status_code: [a, b]}, condition: selection}",
            "{selection: {provider: x, status_detail|contains: B}, condition: selection}",
            "{one: {status_code: a}, two: {http_status|gte: 400}, condition: one or two}",
            "{one: {provider: x}, two: {status_code: null}, condition: one and not two}",
            "{one: [{status_code|startswith: a}, {status_code: b, provider: y}], condition: one}",
            "{words: [abc], condition: words}",
            "{one: {http_status|neq: [401]}, condition: one}",
        ];
        let text = detections.iter().enumerate().map(|(n, d)| {
            format!("---\ntitle: r{n}\nid: 00000000-0000-4000-8000-00000000000{n}\ntaxonomy: keyfault\nlogsource: {{product: keyfault}}\ndetection: {d}\n")
        });
        let (set, lints) =
            RuleSet::load(&[RuleFile { name: "t".into(), text: text.collect() }], Default::default(), "", true);
        assert_eq!(set.rules.len(), detections.len(), "{lints:?}");
        set
    }

    proptest::proptest! {
        #[test]
        fn anchors_never_change_what_matches(cells in proptest::collection::vec((0usize..4, 0usize..3, 0usize..3, 0usize..3), 0..40)) {
            let pick = |words: [&str; 3], n: usize| (n > 0).then(|| words[n - 1].to_string());
            let cells: Vec<[Option<String>; 4]> = cells.into_iter().map(|(code, provider, detail, status)| {
                [pick(["a", "B", "abc"], code), pick(["x", "Y", ""], provider), pick(["abc", "zzz", ""], detail), pick(["401", "200", ""], status)]
            }).collect();
            let set = rules();
            let source = set.for_source("any", &[]);
            let rows = Rows::new(cells, &source.projection().anchors);
            let mut naive = Vec::new();
            for row in 0..rows.rows() {
                for rule in 0..set.rules.len() as u32 {
                    if RowView::new(&source, &rows, row).holds(&set.rules[rule as usize].expr) {
                        naive.push(Hit { row: row as u32, rule });
                    }
                }
            }
            let mut memo = Memo::default();
            proptest::prop_assert_eq!(source.evaluate(&rows, &mut memo), naive.clone());
            proptest::prop_assert_eq!(source.evaluate(&rows, &mut memo), naive, "with a warm memo");
        }
    }
}
