//! All rules of a run, compiled, and the part of them that one log source can meet; evaluates nothing.

use super::detection::{Expr, Predicates, Subject, compile};
use super::document::{self, Document, Meta, RuleTest};
use super::lint::Lint;
use crate::error::Error;
use crate::model::cause::{CauseClaim, CauseTree};
use crate::model::column::Column;
use crate::model::finding::Level;
use crate::model::records::{FieldRef, LogSource, Projection};
use crate::yaml;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// A rule file's name, for messages, and its text.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Name.
    pub name: String,
    /// Text.
    pub text: String,
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What it says about itself.
    pub meta: Meta,
    /// What a match claims about a failure's cause.
    pub cause: Option<CauseClaim>,
    /// Its tests.
    pub tests: Vec<RuleTest>,
    pub(super) expr: Expr,
}

impl Rule {
    /// Whether a match is an alert of its own: it names no cause and is neither informational nor deprecated.
    pub fn is_alert(&self) -> bool {
        self.cause.is_none() && self.meta.level > Level::Informational && self.meta.status != "deprecated"
    }
}

/// All rules of a run. A rule's number is its position; rules stand in the order of their ids, whatever order files were named in.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The cause tree.
    pub causes: CauseTree,
    pub(super) predicates: Predicates,
}

impl RuleSet {
    /// Loads rule files. Rules that cannot be used are left out and named in the lints; they never stop the others.
    pub fn load(files: &[RuleFile], causes: CauseTree) -> (RuleSet, Vec<Lint>) {
        let mut lints = Vec::new();
        let mut documents = Vec::new();
        for file in files {
            match yaml::parse(&file.name, &file.text) {
                Ok(nodes) => {
                    documents.extend(nodes.iter().filter_map(|n| document::read(&file.name, n, &causes, &mut lints)))
                }
                Err(error) => lints.push(Lint::error("yaml", error)),
            }
        }
        documents.sort_by(|a, b| (&a.meta.id, &a.meta.file, a.meta.at).cmp(&(&b.meta.id, &b.meta.file, b.meta.at)));
        let mut set = RuleSet { causes, ..RuleSet::default() };
        for document in documents {
            set.add(document, &mut lints);
        }
        (set, lints)
    }

    fn add(&mut self, document: Document, lints: &mut Vec<Lint>) {
        let twin = self.rules.last().filter(|r| !document.meta.id.is_empty() && r.meta.id == document.meta.id);
        if let Some(twin) = twin {
            let thing = format!("id {} is already used at {}", document.meta.id, twin.meta.place());
            lints.push(Lint::error(
                "duplicate-id",
                Error::new(document.meta.place(), thing, "give the rule an id of its own"),
            ));
            return;
        }
        let Some(expr) = compile(&document.meta, &document.detection, &mut self.predicates, lints) else { return };
        self.check(&document, &expr, lints);
        self.rules.push(Rule { meta: document.meta, cause: document.cause, tests: document.tests, expr });
    }

    fn check(&self, document: &Document, expr: &Expr, lints: &mut Vec<Lint>) {
        let mut warn = |code, thing: &str, remedy: &str| {
            lints.push(Lint::warning(code, Error::new(document.meta.place(), thing, remedy)))
        };
        if self.anchors(expr).is_empty() {
            warn("no-anchor", "the rule is evaluated on every record", "add a field that must have a certain value");
        }
        if document.cause.is_some() && !(has_test(&document.tests, true) && has_test(&document.tests, false)) {
            warn("tests", "a cause rule needs a test that matches and one that does not", "add both under tests:");
        }
    }

    /// The claims of all rules by number.
    pub fn claims(&self) -> Vec<Option<CauseClaim>> {
        self.rules.iter().map(|r| r.cause.clone()).collect()
    }

    /// Every set of predicates of one field of which one must hold for the expression to hold.
    fn anchors(&self, expr: &Expr) -> Vec<(FieldRef, Vec<u32>)> {
        match expr {
            Expr::Test(number) => {
                let predicate = &self.predicates.all[*number as usize];
                match &predicate.subject {
                    Subject::Field(field) if predicate.matcher.needs_value() => vec![(field.clone(), vec![*number])],
                    _ => vec![],
                }
            }
            Expr::And(all) => all.iter().flat_map(|e| self.anchors(e)).collect(),
            Expr::Or(any) => self.common_anchors(any),
            Expr::Not(_) => vec![],
        }
    }

    fn common_anchors(&self, any: &[Expr]) -> Vec<(FieldRef, Vec<u32>)> {
        let per_branch: Vec<_> = any.iter().map(|e| self.anchors(e)).collect();
        let Some((first, rest)) = per_branch.split_first() else { return vec![] };
        let mut common = Vec::new();
        for (field, predicates) in first {
            let mut joined = predicates.clone();
            let everywhere = rest.iter().all(|branch| {
                let own = branch.iter().find(|(f, _)| f == field);
                joined.extend(own.iter().flat_map(|(_, p)| p));
                own.is_some()
            });
            if everywhere {
                common.push((field.clone(), joined));
            }
        }
        common
    }

    /// The rules that a source can meet, with the fields by which most of its rows are decided.
    pub fn for_source(&self, source: &str, logsource: &LogSource) -> SourceRules<'_> {
        let rules: Vec<u32> =
            (0..self.rules.len() as u32).filter(|&r| self.rules[r as usize].meta.wants(source, logsource)).collect();
        let candidates: Vec<_> = rules.iter().map(|&r| self.anchors(&self.rules[r as usize].expr)).collect();
        let spread = self.spread(&candidates);
        let mut anchors: BTreeMap<FieldRef, Vec<(u32, Vec<u32>)>> = BTreeMap::new();
        let mut always = Vec::new();
        for (&rule, sets) in rules.iter().zip(candidates) {
            match sets.into_iter().max_by_key(|(field, predicates)| self.worth(field, predicates, &spread)) {
                Some((field, predicates)) => anchors.entry(field).or_default().push((rule, predicates)),
                None => always.push(rule),
            }
        }
        let (fields, by_field): (Vec<_>, Vec<_>) = anchors.into_iter().unzip();
        SourceRules { set: self, projection: Projection { anchors: fields }, by_anchor: by_field, always }
    }

    /// How many distinct whole values the rules name for each field: the more, the better the field tells rules apart.
    fn spread(&self, candidates: &[Vec<(FieldRef, Vec<u32>)>]) -> FxHashMap<FieldRef, usize> {
        let mut values: FxHashMap<FieldRef, FxHashSet<&String>> = FxHashMap::default();
        for (field, predicates) in candidates.iter().flatten() {
            let matchers =
                predicates.iter().map(|&p| &self.predicates.all[p as usize].matcher).filter(|m| m.is_exact());
            values.entry(field.clone()).or_default().extend(matchers.flat_map(|m| m.patterns()));
        }
        values.into_iter().map(|(f, v)| (f, v.len())).collect()
    }

    /// The worth of an anchor: columns that most rows agree in decide nothing, error texts are dear to tell apart, whole values beat parts,
    /// fields of many values beat others.
    fn worth(&self, field: &FieldRef, predicates: &[u32], spread: &FxHashMap<FieldRef, usize>) -> (u8, bool, usize) {
        use Column::*;
        let rank = match field {
            FieldRef::Column(Source | Provider | Status | RefusedBy | Class) => 0,
            FieldRef::Column(StatusDetail) => 1,
            _ => 2,
        };
        let exact = predicates.iter().all(|&p| self.predicates.all[p as usize].matcher.is_exact());
        (rank, exact, spread.get(field).copied().unwrap_or(0))
    }
}

fn has_test(tests: &[RuleTest], positive: bool) -> bool {
    tests.iter().any(|t| match t.expect.get("match") {
        Some(ordinals) => ordinals.items().is_empty() != positive,
        None => {
            t.expect.entries().iter().any(|(_, e)| e.get("cause").is_some_and(|c| c.scalar().is_some() == positive))
        }
    })
}

impl Meta {
    /// Whether the rule is meant for a source: Sigma's parts exactly, or product `keyfault` (every source, or the one named as service).
    fn wants(&self, source: &str, logsource: &LogSource) -> bool {
        let wanted = &self.logsource;
        if source == "keyfault" {
            return self.columns;
        }
        if wanted.product.as_deref() == Some("keyfault") {
            return wanted.service.as_deref().is_none_or(|s| s == source);
        }
        wanted.accepts(logsource)
    }
}

/// The rules that one source can meet.
#[derive(Debug)]
pub struct SourceRules<'r> {
    pub(super) set: &'r RuleSet,
    projection: Projection,
    /// By anchor: rules and the predicates of which one must hold.
    pub(super) by_anchor: Vec<Vec<(u32, Vec<u32>)>>,
    /// Rules without an anchor.
    pub(super) always: Vec<u32>,
}

impl SourceRules<'_> {
    /// The fields whose codes the rules want.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }
}
