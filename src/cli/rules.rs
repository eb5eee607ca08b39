//! `keyfault rules`: list, show, lint and test.

use super::args::{PackArgs, RulesCommand};
use super::{Exit, packs, terminal};
use crate::error::{Error, did_you_mean};
use crate::model::cause::Cause;
use crate::pipeline::{Engine, Options, RuleSources, check_rules, test_rules};
use crate::rule::lint::{Lint, Severity};
use crate::rule::meta::Meta;
use crate::rule::selftest::{Outcome, TestResult};
use crate::rule::set::{Rule, RuleSet};
use serde_json::json;
use std::path::PathBuf;

/// Runs the command.
pub fn run(command: &RulesCommand) -> Result<Exit, Error> {
    match command {
        RulesCommand::List { packs } => list(packs),
        RulesCommand::Show { id, packs } => show(id, packs),
        RulesCommand::Lint { paths, format } => lint(paths, format),
        RulesCommand::Test { paths, format, sources } => test(paths, format, sources),
    }
}

fn loaded(packs: &PackArgs) -> Result<RuleSet, Error> {
    let (set, lints) = packs::load(packs)?.rule_set()?;
    check_rules(&lints, &Options::default())?;
    Ok(set)
}

fn list(packs: &PackArgs) -> Result<Exit, Error> {
    for rule in &loaded(packs)?.rules {
        let claim = rule.cause.as_ref().map_or("alert", |c| c.cause.as_str());
        terminal::data(&format!("{}  {:<13} {claim:<26} {}\n", rule.meta.id, rule.meta.level.name(), rule.meta.title));
    }
    Ok(Exit::Done)
}

fn show(id: &str, packs: &PackArgs) -> Result<Exit, Error> {
    let set = loaded(packs)?;
    if let Some(cause) = set.causes.get(id) {
        terminal::data(&show_cause(cause));
        return Ok(Exit::Done);
    }
    let found: Vec<&Rule> =
        set.rules.iter().filter(|r| [&r.meta.id, &r.meta.name, &r.meta.title].contains(&&id.to_string())).collect();
    if found.is_empty() {
        let names = set.rules.iter().map(|r| r.meta.title.as_str()).chain(set.causes.iter().map(|c| c.id.as_str()));
        return Err(Error::new("rules show", format!("no rule or cause \"{id}\""), did_you_mean(id, names)));
    }
    found.iter().for_each(|r| terminal::data(&show_rule(r)));
    Ok(Exit::Done)
}

fn show_cause(cause: &Cause) -> String {
    let steps: String = cause.remediation.iter().enumerate().map(|(n, s)| format!("  {}. {s}\n", n + 1)).collect();
    let links: String = cause.references.iter().map(|r| format!("  {r}\n")).collect();
    format!(
        "{}\n{}\n\n{}\n\n{} must act:\n{steps}{links}",
        cause.id,
        cause.title,
        cause.explanation,
        cause.owner.name()
    )
}

fn show_rule(rule: &Rule) -> String {
    let meta = &rule.meta;
    let claim = rule.cause.as_ref().map_or("claims no cause: a match is an alert".to_string(), |c| {
        format!("claims {} ({}, {:.2})", c.cause, c.basis.name(), c.confidence)
    });
    format!(
        "{}\n  id {}\n  {}\n  {claim}\n  level {}, author {}\n  {}\n",
        meta.title,
        meta.id,
        meta.place(),
        meta.level.name(),
        meta.author,
        meta.description
    )
}

/// The built-in rules, or those of the paths named, with the built-in causes.
fn chosen(paths: &[PathBuf]) -> Result<RuleSources, Error> {
    let mut sources = RuleSources::builtin();
    if !paths.is_empty() {
        let (causes, rules) = packs::files(paths)?.into_iter().partition(|f| f.name.ends_with("causes.yml"));
        sources.rules = rules;
        let causes: Vec<_> = causes;
        sources.causes = causes.into_iter().next().or(sources.causes);
        sources.rules.retain(|f| !f.text.lines().any(|l| l.starts_with("source:")));
    }
    Ok(sources)
}

fn lint(paths: &[PathBuf], format: &str) -> Result<Exit, Error> {
    let (set, lints) = chosen(paths)?.rule_set()?;
    for lint in &lints {
        terminal::data(&if format == "json" { lint_json(lint) } else { format!("{lint}\n") });
    }
    let errors = lints.iter().filter(|l| l.severity == Severity::Error).count();
    terminal::talk(&format!("{} rules, {errors} errors, {} warnings", set.rules.len(), lints.len() - errors));
    Ok(if errors > 0 { Exit::Misused } else { Exit::Done })
}

fn lint_json(lint: &Lint) -> String {
    let severity = if lint.severity == Severity::Error { "error" } else { "warning" };
    let object = json!({"severity": severity, "code": lint.code, "place": lint.error.place, "message": lint.error.thing, "remedy": lint.error.remedy});
    format!("{object}\n")
}

/// The rules named are tested together with the built-in ones: a verdict is the work of all.
fn test(paths: &[PathBuf], format: &str, mappings: &[PathBuf]) -> Result<Exit, Error> {
    let mut sources = packs::load(&PackArgs { rules: vec![], sources: mappings.to_vec() })?;
    let named = if paths.is_empty() { vec![] } else { packs::files(paths)? };
    let texts: Vec<&str> = named.iter().map(|f| f.text.as_str()).collect();
    sources.rules.retain(|f| !texts.contains(&f.text.as_str()));
    sources.rules.extend(
        named
            .iter()
            .filter(|f| !f.name.ends_with("causes.yml") && !f.text.lines().any(|l| l.starts_with("source:")))
            .cloned(),
    );
    let (rules, lints) = sources.rule_set()?;
    let engine = Engine::new(&rules, sources.parse_mappings()?, &Options::default())?;
    let wanted = |meta: &Meta| paths.is_empty() || named.iter().any(|f| f.name == meta.file);
    let mut results: Vec<TestResult> = lints.iter().filter(|l| l.severity == Severity::Error).map(broken).collect();
    results.extend(test_rules(&engine, &wanted));
    Ok(tell(&results, format))
}

/// A rule that cannot be loaded is a failed test, and stops no other.
fn broken(lint: &Lint) -> TestResult {
    TestResult {
        place: lint.error.place.clone(),
        rule: lint.code.to_string(),
        test: "loads".into(),
        outcome: Outcome::Failed(Error { place: String::new(), ..lint.error.clone() }.to_string()),
    }
}

/// Prints test results, the count last.
pub fn tell(results: &[TestResult], format: &str) -> Exit {
    let (mut passed, mut failed) = (0, 0);
    for result in results {
        let (word, reason) = match &result.outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed(reason) => ("failed", reason.as_str()),
            Outcome::Todo(reason) => ("todo", reason.as_str()),
        };
        passed += usize::from(word == "passed");
        failed += usize::from(word == "failed");
        if format == "json" {
            let object = json!({"place": result.place, "rule": result.rule, "test": result.test, "outcome": word, "reason": reason});
            terminal::data(&format!("{object}\n"));
        } else if word != "passed" {
            terminal::data(&format!("{}: {} / {}: {word}: {reason}\n", result.place, result.rule, result.test));
        }
    }
    terminal::data(&format!("{passed} passed, {failed} failed\n"));
    if failed > 0 { Exit::Found } else { Exit::Done }
}
