//! Lints that need rules and mappings side by side: rules that no source ever asks, and fields that no record of their source begins with.

use crate::error::{Error, nearest};
use crate::model::records::FieldRef;
use crate::rule::detection::Subject;
use crate::rule::lint::Lint;
use crate::rule::set::{Rule, RuleSet};
use crate::source::mapping::Mapping;
use std::collections::{BTreeSet, HashMap};

/// What is doubtful about rules, given the mappings of a run. Mappings name only the fields that they read, so an unknown field is
/// doubtful only where it is nearly a known one.
pub fn lint_fields(set: &RuleSet, mappings: &[Mapping]) -> Vec<Lint> {
    let heads: HashMap<&str, BTreeSet<String>> = mappings.iter().map(|m| (m.file.as_str(), m.heads())).collect();
    let mut lints = Vec::new();
    for rule in set.rules.iter().filter(|r| r.meta.logsource.product.as_deref() != Some("keyfault")) {
        let meant = |m: &&Mapping| m.logsources.iter().any(|l| rule.meta.logsource.accepts(l));
        let sources: Vec<&Mapping> = mappings.iter().filter(meant).collect();
        if sources.is_empty() {
            let thing = format!("no source is {}: the rule is never asked", rule.meta.logsource);
            let remedy = "`keyfault sources list` shows the sources; a mapping file of your own adds one";
            lints.push(Lint::warning("no-source", Error::new(rule.meta.place(), thing, remedy)));
            continue;
        }
        let known: BTreeSet<&str> = sources.iter().flat_map(|m| &heads[m.file.as_str()]).map(String::as_str).collect();
        lints.extend(doubtful(set, rule, &known));
    }
    lints
}

fn doubtful(set: &RuleSet, rule: &Rule, known: &BTreeSet<&str>) -> Vec<Lint> {
    let names: BTreeSet<&str> = rule
        .detection
        .expr
        .predicates()
        .into_iter()
        .filter_map(|number| match set.predicate(number).0 {
            Subject::Field(FieldRef::Native(name)) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let misspelt = |name: &&str| {
        let head = name.split('.').next().unwrap_or(name);
        let is_known = known.iter().any(|k| k.eq_ignore_ascii_case(head));
        if is_known { None } else { nearest(head, known.iter().copied()) }
    };
    let warn = |(name, near): (&str, &str)| {
        let remedy = format!("did you mean \"{near}\"?");
        Lint::warning("unknown-field", Error::new(rule.meta.place(), format!("unknown field \"{name}\""), remedy))
    };
    names.into_iter().filter_map(|name| misspelt(&name).map(|near| warn((name, near)))).collect()
}
