//! Which rules a record calls for: every rule of a source is anchored on one field that must hold certain values, and a value tells its
//! rules; tests no record.
//!
//! Most rows carry values that call for nothing, so a source may meet thousands of rules for the price of one look-up a row
//! (`reference/rules.md` 4).

use super::detection::{Expr, Predicates, Subject};
use super::set::{Rule, RuleSet};
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::pattern::fold;
use crate::model::records::{FieldRef, LogSource, Projection};
use aho_corasick::AhoCorasick;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The source of our own events, which are the columns themselves.
pub(super) const OWN: &str = "keyfault";
/// The source of facts about refusals: rules that name it as their service are asked once a refusal's facts are known.
pub const DIAGNOSIS: &str = "diagnosis";
/// The source of what detectors find: rules that name it as their service say which of it is an alert.
pub const ANOMALY: &str = "anomaly";

/// The rules that one source can meet.
#[derive(Debug)]
pub struct SourceRules<'r> {
    pub(super) set: &'r RuleSet,
    /// All of them, by number.
    pub rules: Vec<u32>,
    /// Whether the events are our own, as columns.
    pub(super) is_own: bool,
    projection: Projection,
    /// By anchor of the projection.
    pub(super) anchors: Vec<Index>,
    /// By predicate that asks for a value: the anchor that holds its field as codes.
    coded: Vec<Option<u16>>,
    /// Rules that call for texts anywhere in a record.
    pub(super) keywords: Index,
    /// Rules that nothing but evaluation decides.
    pub(super) always: Vec<u32>,
}

impl SourceRules<'_> {
    /// The fields whose codes the rules want.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The fields that any of the rules asks for.
    pub fn fields(&self) -> Vec<FieldRef> {
        let predicates = self.rules.iter().flat_map(|&r| self.set.rules[r as usize].expr.predicates());
        let fields = predicates.filter_map(|p| match &self.set.predicates.all[p as usize].subject {
            Subject::Field(field) => Some(field.clone()),
            Subject::Keywords => None,
        });
        fields.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The anchor whose codes decide a predicate: they spare looking into the record.
    pub(super) fn coded(&self, predicate: u32) -> Option<usize> {
        self.coded[predicate as usize].map(usize::from)
    }
}

/// A subject and predicates of which one must hold for an expression to hold.
pub(super) type Anchor<'s> = (&'s Subject, Vec<u32>);

impl RuleSet {
    /// The rules that a source can meet, with the fields by which most of its rows are decided.
    pub fn for_source(&self, source: &str, logsources: &[LogSource]) -> SourceRules<'_> {
        let rules: Vec<u32> =
            (0..self.rules.len() as u32).filter(|&r| self.rules[r as usize].meta.wants(source, logsources)).collect();
        let candidates: Vec<Vec<Anchor<'_>>> =
            rules.iter().map(|&r| anchors(&self.predicates, &self.rules[r as usize].expr)).collect();
        let spread = self.spread(&candidates);
        let mut by_field: BTreeMap<FieldRef, Vec<(u32, Vec<u32>)>> = BTreeMap::new();
        let (mut keywords, mut always) = (Vec::new(), Vec::new());
        for (&rule, anchors) in rules.iter().zip(candidates) {
            match anchors.into_iter().max_by_key(|(subject, predicates)| self.worth(subject, predicates, &spread)) {
                Some((Subject::Field(field), predicates)) => {
                    by_field.entry(field.clone()).or_default().push((rule, predicates));
                }
                Some((Subject::Keywords, predicates)) => keywords.push((rule, predicates)),
                None => always.push(rule),
            }
        }
        let (fields, anchored): (Vec<_>, Vec<_>) = by_field.into_iter().unzip();
        let coded = self.predicates.all.iter().map(|p| match &p.subject {
            Subject::Field(field) if p.matcher.needs_value() => fields.binary_search(field).ok().map(|n| n as u16),
            _ => None,
        });
        SourceRules {
            set: self,
            rules,
            is_own: source == OWN,
            coded: coded.collect(),
            projection: Projection { anchors: fields },
            anchors: anchored.iter().map(|rules| Index::new(rules, &self.predicates)).collect(),
            keywords: Index::new(&keywords, &self.predicates),
            always,
        }
    }

    /// How many distinct whole values the rules name for each field: the more, the better the field tells rules apart.
    fn spread<'s>(&'s self, candidates: &[Vec<Anchor<'s>>]) -> FxHashMap<&'s Subject, usize> {
        let mut values: FxHashMap<&Subject, FxHashSet<&String>> = FxHashMap::default();
        for (subject, predicates) in candidates.iter().flatten() {
            let matchers =
                predicates.iter().map(|&p| &self.predicates.all[p as usize].matcher).filter(|m| m.is_exact());
            values.entry(subject).or_default().extend(matchers.flat_map(|m| m.patterns()));
        }
        values.into_iter().map(|(s, v)| (s, v.len())).collect()
    }

    /// The worth of an anchor: whole records are dearest to search, columns that most rows agree in decide nothing, error texts are dear to
    /// tell apart, whole values beat parts, fields of many values beat others.
    fn worth(&self, subject: &Subject, predicates: &[u32], spread: &FxHashMap<&Subject, usize>) -> (u8, bool, usize) {
        use Column::*;
        let rank = match subject {
            Subject::Keywords => 0,
            Subject::Field(FieldRef::Column(Source | Provider | Status | RefusedBy | Class)) => 1,
            Subject::Field(FieldRef::Column(StatusDetail)) => 2,
            Subject::Field(_) => 3,
        };
        let exact = predicates.iter().all(|&p| self.predicates.all[p as usize].matcher.is_exact());
        (rank, exact, spread.get(subject).copied().unwrap_or(0))
    }
}

impl Rule {
    /// Whether some value must be met for the rule to match: others are evaluated on every record.
    pub(super) fn has_anchor(&self, predicates: &Predicates) -> bool {
        !anchors(predicates, &self.expr).is_empty()
    }

    /// Whether it matches only what somebody refused, and does not itself say that it was refused.
    pub(super) fn is_about_refusals(&self, predicates: &Predicates) -> bool {
        let refused = Subject::Field(FieldRef::Column(Column::RefusedBy));
        self.cause.is_none() && anchors(predicates, &self.expr).iter().any(|(subject, _)| **subject == refused)
    }
}

/// Every set of predicates of one subject of which one must hold for the expression to hold.
fn anchors<'s>(predicates: &'s Predicates, expr: &Expr) -> Vec<Anchor<'s>> {
    match expr {
        Expr::Test(number) => {
            let predicate = &predicates.all[*number as usize];
            let usable = match predicate.subject {
                Subject::Field(_) => predicate.matcher.needs_value(),
                Subject::Keywords => predicate.matcher.needles().is_some(),
            };
            if usable { vec![(&predicate.subject, vec![*number])] } else { vec![] }
        }
        Expr::And(all) => all.iter().flat_map(|e| anchors(predicates, e)).collect(),
        Expr::Or(any) => common_anchors(any.iter().map(|e| anchors(predicates, e)).collect()),
        Expr::Not(_) => vec![],
    }
}

/// The subjects that every branch is anchored on.
fn common_anchors(per_branch: Vec<Vec<Anchor<'_>>>) -> Vec<Anchor<'_>> {
    let Some((first, rest)) = per_branch.split_first() else { return vec![] };
    let mut common = Vec::new();
    for (subject, predicates) in first {
        let mut joined = predicates.clone();
        let everywhere = rest.iter().all(|branch| {
            let own = branch.iter().find(|(s, _)| s == subject);
            joined.extend(own.iter().flat_map(|(_, p)| p));
            own.is_some()
        });
        if everywhere {
            common.push((*subject, joined));
        }
    }
    common
}

/// The rules anchored on one subject, by what its values must be.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// All of them, in order.
    pub rules: Vec<u32>,
    /// By whole value, folded.
    exact: FxHashMap<String, Vec<u32>>,
    /// Finds texts, folded, of which a value must hold one.
    finder: Option<AhoCorasick>,
    /// By number of the text found: predicates to test, by position in `tested`.
    found: Vec<Vec<u32>>,
    /// Predicates that a text found leads to, and their rules.
    tested: Vec<(u32, Vec<u32>)>,
    /// Predicates that only a test decides, and their rules.
    other: Vec<(u32, Vec<u32>)>,
}

impl Index {
    fn new(anchored: &[(u32, Vec<u32>)], predicates: &Predicates) -> Index {
        let mut by_predicate: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (rule, any) in anchored {
            any.iter().for_each(|p| by_predicate.entry(*p).or_default().push(*rule));
        }
        let mut index = Index { rules: anchored.iter().map(|(rule, _)| *rule).collect(), ..Index::default() };
        let mut needles: FxHashMap<&str, usize> = FxHashMap::default();
        for (predicate, rules) in by_predicate {
            let matcher = &predicates.all[predicate as usize].matcher;
            if let Some(values) = matcher.exact_values() {
                values.iter().for_each(|v| index.exact.entry(v.clone()).or_default().extend(&rules));
            } else if let Some(texts) = matcher.needles() {
                for text in texts {
                    let next = needles.len();
                    let number = *needles.entry(text).or_insert(next);
                    index.found.resize(needles.len(), Vec::new());
                    index.found[number].push(index.tested.len() as u32);
                }
                index.tested.push((predicate, rules));
            } else {
                index.other.push((predicate, rules));
            }
        }
        let mut texts: Vec<(&str, usize)> = needles.into_iter().collect();
        texts.sort_by_key(|(_, number)| *number);
        // Too many texts for an automaton: then each is looked for on its own.
        index.finder = AhoCorasick::new(texts.iter().map(|(text, _)| text)).ok().filter(|_| !texts.is_empty());
        if index.finder.is_none() {
            index.other.append(&mut index.tested);
        }
        index
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that a value calls for, in order.
    pub fn called(&self, value: &str, predicates: &Predicates) -> Arc<[u32]> {
        let mut called = Vec::new();
        self.call(value, predicates, &mut called);
        called.sort_unstable();
        called.dedup();
        called.into()
    }

    /// Adds the rules that a value calls for.
    pub fn call(&self, value: &str, predicates: &Predicates, into: &mut Vec<u32>) {
        let folded = fold(value);
        if let Some(rules) = self.exact.get(&*folded) {
            into.extend_from_slice(rules);
        }
        let holds = |predicate: u32| predicates.all[predicate as usize].matcher.matches(&Cell::text(value));
        for (predicate, rules) in &self.other {
            if holds(*predicate) {
                into.extend_from_slice(rules);
            }
        }
        let Some(finder) = &self.finder else { return };
        let mut is_found = vec![false; self.found.len()];
        finder.find_overlapping_iter(&*folded).for_each(|found| is_found[found.pattern().as_usize()] = true);
        let found = self.found.iter().zip(is_found).filter(|(_, is_found)| *is_found);
        let mut tested: Vec<u32> = found.flat_map(|(tested, _)| tested.iter().copied()).collect();
        tested.sort_unstable();
        tested.dedup();
        for (predicate, rules) in tested.into_iter().map(|at| &self.tested[at as usize]) {
            if holds(*predicate) {
                into.extend_from_slice(rules);
            }
        }
    }
}
