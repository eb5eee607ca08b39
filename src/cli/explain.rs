//! `keyfault rules explain`: why rules match a record or do not, told predicate by predicate.

use super::args::ExplainArgs;
use super::{Exit, packs, terminal};
use crate::error::{Error, did_you_mean};
use crate::pipeline::{Engine, ExplainedEvent, Options, check_rules, explain};
use crate::report::words::plain;
use crate::rule::explain::{Explained, Explanation, Tested};
use crate::rule::set::RuleSet;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

/// Longest value shown, in characters.
const SHOWN: usize = 120;

/// Runs the command.
pub fn run(args: &ExplainArgs) -> Result<Exit, Error> {
    let sources = packs::load(&args.packs)?;
    let (rules, lints) = sources.rule_set()?;
    check_rules(&lints, &Options { skip_broken_rules: true, ..Options::default() })?;
    let options = Options { only_source: args.source.clone(), ..Options::default() };
    let engine = Engine::new(&rules, sources.parse_mappings()?, &options)?;
    let asked = args.rule.iter().map(|name| number(&rules, name)).collect::<Result<Vec<u32>, Error>>()?;
    let (events, rejects) = explain(&engine, &event(&args.event)?, &asked);
    for event in &events {
        terminal::data(&if args.format == "json" { as_json(&rules, event) } else { as_text(&rules, event, &asked) });
    }
    for reject in &rejects {
        terminal::talk(&format!("record {}: {}: {}", reject.ordinal, reject.reason, reject.excerpt));
    }
    Ok(if events.is_empty() { Exit::NothingAnalysed } else { Exit::Done })
}

/// The event given in the argument itself, in a file, or on standard input.
fn event(argument: &str) -> Result<Vec<u8>, Error> {
    if argument == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(|e| Error::new("-", e.to_string(), ""))?;
        return Ok(text);
    }
    if argument.trim_start().starts_with(['{', '[']) {
        return Ok(argument.as_bytes().to_vec());
    }
    std::fs::read(argument).map_err(|e| Error::io(Path::new(argument), &e))
}

fn number(rules: &RuleSet, name: &str) -> Result<u32, Error> {
    let known = || rules.rules.iter().enumerate().map(|(n, r)| (n as u32, &r.meta));
    let found = known().find(|(_, meta)| meta.is_called(name) || meta.title == name).map(|(n, _)| n);
    found.ok_or_else(|| {
        let near = did_you_mean(name, known().map(|(_, meta)| meta.title.as_str()));
        Error::new("--rule", format!("no rule \"{name}\""), near)
    })
}

fn as_text(rules: &RuleSet, event: &ExplainedEvent, asked: &[u32]) -> String {
    let mut lines = vec![format!("record {}: {}", event.ordinal, event.source)];
    for rule in &event.not_meant {
        let meta = &rules.rules[*rule as usize].meta;
        lines.push(format!("\n{}\n  is not meant for this source: it is for {}", meta.title, meta.logsource));
    }
    let (matched, near): (Vec<_>, Vec<_>) = event.explanations.iter().partition(|e| e.matched);
    for explanation in matched.iter().chain(&near) {
        lines.extend(told(rules, explanation));
    }
    if event.explanations.is_empty() && asked.is_empty() {
        lines.push("no rule looks at this record closely: name one with --rule".into());
    }
    lines.push(format!("{} rules match, {} came near", matched.len(), near.len()));
    plain_lines(&lines)
}

fn plain_lines(lines: &[String]) -> String {
    lines.iter().flat_map(|l| l.split('\n')).map(|l| format!("{}\n", plain(l))).collect()
}

fn told(rules: &RuleSet, explanation: &Explanation) -> Vec<String> {
    let rule = &rules.rules[explanation.rule as usize];
    let verdict = if explanation.matched { "MATCHES" } else { "does not match" };
    let mut lines = vec![format!("\n{} {verdict} ({}, {})", rule.meta.title, rule.meta.id, rule.meta.file)];
    lines.push(format!("  condition: {}", explanation.conditions.join(" | ")));
    lines.extend(explanation.selections.iter().flat_map(|s| lines_of("", s)));
    lines.extend(explanation.filters.iter().flat_map(|f| lines_of("filter ", f)));
    for (correlation, _) in rules.served_by(explanation.rule).iter().filter(|_| explanation.matched) {
        lines.push(format!("  counts for the correlation {}", rules.correlations[*correlation as usize].meta.title));
    }
    lines
}

fn lines_of(kind: &str, explained: &Explained) -> Vec<String> {
    let mark = |holds: bool| if holds { "yes" } else { "no " };
    let mut lines = vec![format!("  {} {kind}{}", mark(explained.holds), explained.name)];
    lines.extend(explained.predicates.iter().map(|p| format!("      {} {}", mark(p.holds), asks(p))));
    lines
}

fn asks(predicate: &Tested) -> String {
    let cut = |text: &str| text.chars().take(SHOWN).collect::<String>();
    let patterns = cut(&predicate.patterns.join(", "));
    let value = match (&predicate.value, predicate.field.as_str()) {
        (Some(value), _) => format!("is {}", cut(value)),
        (None, "record") => "is searched whole".into(),
        (None, _) => "is not there".into(),
    };
    format!("{} {value}; asked: {} {patterns}", predicate.field, predicate.matcher)
}

fn as_json(rules: &RuleSet, event: &ExplainedEvent) -> String {
    let id = |rule: u32| rules.rules[rule as usize].meta.id.clone();
    let explained = |e: &Explained| {
        let predicates = e.predicates.iter().map(|p| {
            json!({"field": p.field, "matcher": p.matcher, "patterns": p.patterns, "value": p.value, "holds": p.holds})
        });
        json!({"name": e.name, "holds": e.holds, "predicates": predicates.collect::<Vec<Value>>()})
    };
    let of_rule = |e: &Explanation| {
        json!({
            "rule_id": id(e.rule),
            "title": rules.rules[e.rule as usize].meta.title,
            "matched": e.matched,
            "conditions": e.conditions,
            "selections": e.selections.iter().map(explained).collect::<Vec<_>>(),
            "filters": e.filters.iter().map(explained).collect::<Vec<_>>(),
        })
    };
    let object = json!({
        "record": event.ordinal,
        "source": event.source,
        "not_meant": event.not_meant.iter().map(|r| id(*r)).collect::<Vec<_>>(),
        "rules": event.explanations.iter().map(of_rule).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
