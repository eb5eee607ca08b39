//! `keyfault rules`: list, show, lint and test; the others have files of their own.

use super::args::{PackArgs, RulesCommand, TestArgs};
use super::{Exit, backtest, docs, explain, packs, terminal};
use crate::error::{Error, did_you_mean};
use crate::model::cause::Cause;
use crate::pipeline::{Engine, Options, RuleSources, check_rules, lint_fields, test_rules};
use crate::rule::lint::{Lint, Severity};
use crate::rule::meta::Meta;
use crate::rule::selftest::{Outcome, TestResult};
use crate::rule::set::{Rule, RuleFile, RuleSet};
use serde_json::json;
use std::path::PathBuf;

/// Runs the command.
pub fn run(command: &RulesCommand) -> Result<Exit, Error> {
    match command {
        RulesCommand::List { packs } => list(packs),
        RulesCommand::Show { id, packs } => show(id, packs),
        RulesCommand::Lint { paths, format, sources } => lint(paths, format, sources),
        RulesCommand::Test(args) => test(args),
        RulesCommand::Explain(args) => explain::run(args),
        RulesCommand::Docs { out, packs } => docs::run(out, packs),
    }
}

fn loaded(packs: &PackArgs) -> Result<RuleSet, Error> {
    let (set, lints) = packs::load(packs)?.rule_set()?;
    check_rules(&lints, &Options::default())?;
    Ok(set)
}

fn list(packs: &PackArgs) -> Result<Exit, Error> {
    let set = loaded(packs)?;
    let line =
        |meta: &Meta, claim: &str| format!("{}  {:<13} {claim:<26} {}\n", meta.id, meta.level.name(), meta.title);
    for rule in &set.rules {
        terminal::data(&line(&rule.meta, rule.cause.as_ref().map_or("alert", |c| c.cause.as_str())));
    }
    set.correlations.iter().for_each(|c| terminal::data(&line(&c.meta, "correlation")));
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

/// The files that paths name, and what they make with the built-in ones: a verdict is the work of all, and a correlation may refer to any.
fn chosen(paths: &[PathBuf], mappings: &[PathBuf]) -> Result<(Vec<RuleFile>, RuleSources), Error> {
    let loaded = packs::load(&PackArgs { rules: vec![], sources: mappings.to_vec() })?;
    let mut sources = RuleSources { with_tests: true, ..loaded };
    let named = if paths.is_empty() { vec![] } else { packs::files(paths)? };
    sources.rules.retain(|f| !named.iter().any(|n| n.text == f.text || n.name.ends_with(&f.name)));
    let (causes, rules): (Vec<_>, Vec<_>) = named.into_iter().partition(|f| f.name.ends_with("causes.yml"));
    sources.causes = causes.into_iter().next().or(sources.causes);
    let named: Vec<RuleFile> = rules.into_iter().filter(|f| !packs::is_mapping(f)).collect();
    sources.rules.extend(named.iter().cloned());
    Ok((named, sources))
}

fn lint(paths: &[PathBuf], format: &str, mappings: &[PathBuf]) -> Result<Exit, Error> {
    let (named, sources) = chosen(paths, mappings)?;
    let (set, lints) = sources.rule_set()?;
    let is_named = |file: &str| paths.is_empty() || named.iter().any(|n| n.name == file);
    let lints: Vec<Lint> = lints.into_iter().chain(lint_fields(&set, &sources.parse_mappings()?)).collect();
    let lints: Vec<&Lint> = lints.iter().filter(|l| is_named(l.place().0)).collect();
    for lint in &lints {
        terminal::data(&if format == "json" { lint_json(lint) } else { format!("{lint}\n") });
    }
    let errors = lints.iter().filter(|l| l.severity == Severity::Error).count();
    let rules = set.metas().filter(|m| is_named(&m.file)).count();
    terminal::talk(&format!("{rules} rules, {errors} errors, {} warnings", lints.len() - errors));
    Ok(if errors > 0 { Exit::Misused } else { Exit::Done })
}

fn lint_json(lint: &Lint) -> String {
    let severity = if lint.severity == Severity::Error { "error" } else { "warning" };
    let (file, line, column) = lint.place();
    let object = json!({
        "severity": severity,
        "code": lint.code,
        "file": file,
        "line": line,
        "column": column,
        "message": lint.error.thing,
        "remedy": lint.error.remedy,
    });
    format!("{object}\n")
}

fn test(args: &TestArgs) -> Result<Exit, Error> {
    let (named, sources) = chosen(&args.paths, &args.sources)?;
    let (rules, lints) = sources.rule_set()?;
    let engine = Engine::new(&rules, sources.parse_mappings()?, &Options::default())?;
    let is_named = |file: &str| args.paths.is_empty() || named.iter().any(|f| f.name == file);
    let broken = lints.iter().filter(|l| l.severity == Severity::Error && is_named(l.place().0));
    let mut results: Vec<TestResult> = broken.map(broken_rule).collect();
    match &args.corpus {
        Some(corpus) => results.extend(backtest::run(&engine, corpus, args.expect.as_deref(), &|m| is_named(&m.file))?),
        None => results.extend(test_rules(&engine, &|meta| is_named(&meta.file))),
    }
    Ok(tell(&results, &args.format))
}

/// A rule that cannot be loaded is a failed test, and stops no other.
fn broken_rule(lint: &Lint) -> TestResult {
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
