//! All rules of a run, compiled, and the part of them that one log source can meet; evaluates nothing.

use super::correlate::{CorrelationRule, Draft, Of, Part};
use super::detection::{Detection, Expr, Predicates, Subject, compile};
use super::document::{self, Body, Document, RuleTest};
use super::filter::Filter;
use super::index::{ANOMALY, DIAGNOSIS, OWN};
use super::linking;
use super::lint::{self, Lint};
use super::meta::Meta;
use super::overrides::{self, Override};
use crate::builtin;
use crate::error::{Error, did_you_mean};
use crate::model::anomaly::Anomaly;
use crate::model::cause::{CauseClaim, CauseTree};
use crate::model::finding::Level;
use crate::model::matcher::Matcher;
use crate::model::records::LogSource;
use crate::yaml::{self, Node};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A rule file's name, for messages, and its text.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Name.
    pub name: String,
    /// Text.
    pub text: String,
}

impl RuleFile {
    /// Its documents. Those of the program's own files are at hand without their tests, which costs next to nothing.
    pub fn documents(&self, with_tests: bool) -> Result<Vec<Node>, Error> {
        let packed = if with_tests { None } else { builtin::packed(&self.name, &self.text) };
        packed.and_then(yaml::unpack).map_or_else(|| yaml::parse(&self.name, &self.text), Ok)
    }
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What it says about itself.
    pub meta: Meta,
    /// What a match claims about a failure's cause.
    pub cause: Option<CauseClaim>,
    /// The detector whose findings it asks about, in place of events.
    pub anomaly: Option<Anomaly>,
    /// Its tests.
    pub tests: Vec<RuleTest>,
    /// Its selections and conditions, filters aside.
    pub detection: Detection,
    /// Titles of the filters that narrow it, and what they ask.
    pub filters: Vec<(String, Expr)>,
    /// Whether it only serves correlations.
    pub is_silent: bool,
    /// Whether it is about refusals only: which failures are refusals is settled by what all cause rules say of them.
    pub asks_refusal: bool,
    pub(super) expr: Expr,
}

impl Rule {
    /// Whether a match is an alert of its own: it names no cause, serves no correlation only, and is neither informational nor deprecated.
    pub fn is_alert(&self) -> bool {
        let counts = self.meta.level > Level::Informational && self.meta.status != "deprecated";
        self.cause.is_none() && !self.is_silent && counts
    }
}

/// All rules of a run. A rule's number is its position; rules stand in the order of their ids, whatever order files were named in.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// The detection rules.
    pub rules: Vec<Rule>,
    /// The correlations, each after those it refers to.
    pub correlations: Vec<CorrelationRule>,
    /// The cause tree.
    pub causes: CauseTree,
    /// The overrides in force.
    pub overrides: Vec<Override>,
    pub(super) predicates: Predicates,
    /// By rule: the correlations that refer to it, and as which part.
    pub(super) served: Vec<Vec<(u32, u8)>>,
}

/// Rule documents that were read, by kind.
#[derive(Default)]
struct Sorted {
    detections: Vec<(Document, Node)>,
    correlations: Vec<Draft>,
    filters: Vec<(Document, Filter)>,
}

impl RuleSet {
    /// Loads rule files. Rules that cannot be used are left out and named in the lints; they never stop the others. `today` (`YYYY-MM-DD`, or
    /// nothing) says which overrides are in force.
    pub fn load(files: &[RuleFile], causes: CauseTree, today: &str, with_tests: bool) -> (RuleSet, Vec<Lint>) {
        let mut lints = Vec::new();
        let (mut documents, overrides) = read_all((files, with_tests), &causes, &mut lints);
        documents.sort_by(|a, b| (&a.meta.id, &a.meta.file, a.meta.at).cmp(&(&b.meta.id, &b.meta.file, b.meta.at)));
        lint::duplicates(&mut documents, &mut lints);
        let overrides = overrides::apply(overrides, &mut documents, today, &mut lints);
        let mut set = RuleSet { causes, overrides, ..RuleSet::default() };
        let sorted = Sorted::of(documents);
        for (document, detection) in sorted.detections {
            set.add(document, &detection, &mut lints);
        }
        for (document, filter) in sorted.filters {
            set.narrow(&document.meta, &filter, &mut lints);
        }
        let correlations = linking::compile(&set.rules, sorted.correlations, &mut lints);
        set.serve(correlations);
        set.rules.iter_mut().for_each(|rule| rule.asks_refusal = rule.is_about_refusals(&set.predicates));
        set.lint(&mut lints);
        (set, lints)
    }

    fn add(&mut self, document: Document, detection: &Node, lints: &mut Vec<Lint>) {
        let Some(detection) = compile(&document.meta, detection, &mut self.predicates, lints) else { return };
        self.rules.push(Rule {
            expr: detection.expr.clone(),
            meta: document.meta,
            cause: document.cause,
            anomaly: document.anomaly,
            tests: document.tests,
            detection,
            filters: Vec::new(),
            is_silent: false,
            asks_refusal: false,
        });
    }

    /// Joins a filter's condition by AND to the rules it names.
    fn narrow(&mut self, meta: &Meta, filter: &Filter, lints: &mut Vec<Lint>) {
        let Some(compiled) = compile(meta, &filter.detection, &mut self.predicates, lints) else { return };
        for name in filter.rules.iter().flatten().filter(|n| !self.rules.iter().any(|r| r.meta.is_called(n))) {
            let known = self.rules.iter().map(|r| r.meta.name.as_str());
            let error = Error::new(meta.place(), format!("unknown rule \"{name}\""), did_you_mean(name, known));
            lints.push(Lint::error("unknown-rule", error));
        }
        for rule in &mut self.rules {
            let named = filter.rules.as_ref().is_none_or(|names| names.iter().any(|n| rule.meta.is_called(n)));
            if named && meta.logsource.accepts(&rule.meta.logsource) {
                let before = std::mem::replace(&mut rule.expr, Expr::And(Vec::new()));
                rule.expr = Expr::And(vec![before, compiled.expr.clone()]);
                rule.filters.push((meta.title.clone(), compiled.expr.clone()));
            }
        }
    }

    /// Takes the correlations in, and marks what only serves them.
    fn serve(&mut self, correlations: Vec<(CorrelationRule, bool)>) {
        self.served = vec![Vec::new(); self.rules.len()];
        let mut alone: BTreeSet<Of> = BTreeSet::new();
        let mut silent: BTreeSet<Of> = BTreeSet::new();
        for (number, (correlation, generate)) in correlations.iter().enumerate() {
            for (part, Part { of, .. }) in correlation.parts.iter().enumerate() {
                (if *generate { &mut alone } else { &mut silent }).insert(*of);
                if let Of::Rule(rule) = of {
                    self.served[*rule as usize].push((number as u32, part as u8));
                }
            }
        }
        self.correlations = correlations.into_iter().map(|(c, _)| c).collect();
        for of in silent.difference(&alone) {
            match of {
                Of::Rule(rule) => self.rules[*rule as usize].is_silent = true,
                Of::Correlation(number) => self.correlations[*number as usize].is_silent = true,
            }
        }
    }

    /// What only shows when all rules stand together.
    fn lint(&self, lints: &mut Vec<Lint>) {
        let mut same: FxHashMap<String, &Rule> = FxHashMap::default();
        for rule in &self.rules {
            let mut warn = |code, thing: String, remedy: &str| {
                lints.push(Lint::warning(code, Error::new(rule.meta.place(), thing, remedy)));
            };
            if rule.anomaly.is_none() && !rule.has_anchor(&self.predicates) {
                warn(
                    "no-anchor",
                    "the rule is evaluated on every record".into(),
                    "add a field that must have a certain value",
                );
            }
            let claims = rule.cause.as_ref().map(|c| c.cause.as_str());
            if claims.is_some_and(|c| !(has_test(&rule.tests, c, true) && has_test(&rule.tests, c, false))) {
                warn(
                    "tests",
                    "a cause rule needs a test that matches and one that does not".into(),
                    "add both under tests:",
                );
            }
            if rule.cause.as_ref().is_some_and(|c| !self.causes.has_remedy(&c.cause)) {
                warn(
                    "no-remediation",
                    "nothing says what to do about its cause".into(),
                    "add remediation: to the cause in causes.yml",
                );
            }
            let claims = rule.cause.as_ref().map(|c| &c.cause);
            let asks = format!("{:?} {claims:?} {:?} {:?}", rule.meta.logsource, rule.anomaly, rule.expr);
            if let Some(twin) = same.insert(asks, rule) {
                warn("same-rule", format!("asks for the same as {}", twin.meta.place()), "remove one of the two");
            }
        }
    }

    /// The correlations that a match of a rule counts for, and as which part of each.
    pub fn served_by(&self, rule: u32) -> &[(u32, u8)] {
        &self.served[rule as usize]
    }

    /// What all rules and correlations say about themselves.
    pub fn metas(&self) -> impl Iterator<Item = &Meta> {
        self.rules.iter().map(|r| &r.meta).chain(self.correlations.iter().map(|c| &c.meta))
    }

    /// What the predicate of a number looks at, and its test.
    pub fn predicate(&self, number: u32) -> (&Subject, &Matcher) {
        let predicate = &self.predicates.all[number as usize];
        (&predicate.subject, &predicate.matcher)
    }

    /// The claims of all rules by number, and then of all correlations.
    pub fn claims(&self) -> Vec<Option<CauseClaim>> {
        let of_rules = self.rules.iter().map(|r| r.cause.clone());
        let of_correlations = self.correlations.iter().map(|c| c.cause.as_ref().map(|a| a.claim.clone()));
        of_rules.chain(of_correlations).collect()
    }

    /// The rule or correlation behind a claim.
    pub fn claimant(&self, number: u32) -> Option<&Meta> {
        let at = number as usize;
        let rule = self.rules.get(at).map(|r| &r.meta);
        rule.or_else(|| self.correlations.get(at.checked_sub(self.rules.len())?).map(|c| &c.meta))
    }

    /// Whether a correlation may claim a cause of the events that a rule matches: then those that failed are refusals.
    pub fn is_attributed(&self, rule: u32) -> bool {
        let receives = |&(correlation, part): &(u32, u8)| {
            let cause = self.correlations[correlation as usize].cause.as_ref();
            cause.is_some_and(|a| a.to == usize::from(part))
        };
        self.served_by(rule).iter().any(receives)
    }
}

/// The documents and overrides of all files.
fn read_all(
    (files, with_tests): (&[RuleFile], bool),
    causes: &CauseTree,
    lints: &mut Vec<Lint>,
) -> (Vec<Document>, Vec<Override>) {
    let (mut documents, mut changes) = (Vec::new(), Vec::new());
    for file in files {
        let nodes = file.documents(with_tests).unwrap_or_else(|error| {
            lints.push(Lint::error("yaml", error));
            Vec::new()
        });
        for node in &nodes {
            if node.get("overrides").is_some() {
                changes.extend(overrides::read(&file.name, node, lints));
            } else {
                documents.extend(document::read(&file.name, node, causes, lints));
            }
        }
    }
    (documents, changes)
}

impl Sorted {
    fn of(documents: Vec<Document>) -> Sorted {
        let mut sorted = Sorted::default();
        for document in documents {
            match document.body.clone() {
                Body::Detection(node) => sorted.detections.push((document, node)),
                Body::Filter(filter) => sorted.filters.push((document, filter)),
                Body::Correlation(correlation) => {
                    sorted.correlations.push(Draft {
                        meta: document.meta,
                        correlation,
                        cause: document.cause.map(|claim| (claim, document.attributing)),
                        narrowing: document.anomaly.map(|a| a.narrowing),
                        alerting: document.alerting,
                        tests: document.tests,
                    });
                }
            }
        }
        sorted
    }
}

/// Whether a test expects the rule to match, or not to: by its matches, or by the cause of an event.
fn has_test(tests: &[RuleTest], claims: &str, positive: bool) -> bool {
    let is_wanted = |cause: &Node| match cause.scalar() {
        Some(cause) if positive => !cause.is_empty(),
        cause => !positive && cause.as_deref() != Some(claims),
    };
    tests.iter().any(|t| match t.expect.get("match") {
        Some(ordinals) => ordinals.items().is_empty() != positive,
        None => t.expect.entries().iter().any(|(_, e)| e.get("cause").is_some_and(is_wanted)),
    })
}

impl Meta {
    /// Whether the rule asks for facts about refusals rather than for fields of a record.
    pub(super) fn is_about_facts(&self) -> bool {
        self.logsource.product.as_deref() == Some(OWN) && self.logsource.service.as_deref() == Some(DIAGNOSIS)
    }

    /// Whether the rule asks about what a detector finds.
    pub(super) fn is_about_anomalies(&self) -> bool {
        self.logsource.product.as_deref() == Some(OWN) && self.logsource.service.as_deref() == Some(ANOMALY)
    }

    /// Whether the rule is meant for a source: Sigma's parts exactly, or product `keyfault` (every source, or the one named as service).
    pub(super) fn wants(&self, source: &str, logsources: &[LogSource]) -> bool {
        let wanted = &self.logsource;
        if source == DIAGNOSIS || self.is_about_facts() {
            return source == DIAGNOSIS && self.is_about_facts();
        }
        if source == ANOMALY || self.is_about_anomalies() {
            return source == ANOMALY && self.is_about_anomalies();
        }
        if source == OWN {
            return self.columns;
        }
        if wanted.product.as_deref() == Some("keyfault") {
            return wanted.service.as_deref().is_none_or(|s| s == source);
        }
        logsources.iter().any(|l| wanted.accepts(l))
    }
}
