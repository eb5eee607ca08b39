//! Runs `keyfault rules lint`, `explain`, `test --corpus` and `docs` as their users do; knows the command line only.

use crate::program::{Ran, keyfault};
use keyfault::pipeline::{Engine, Options, RuleSources, test_rules};
use keyfault::rule::lint::Severity;
use keyfault::rule::selftest::Outcome;
use keyfault::rule::set::RuleFile;
use serde_json::Value;
use std::path::{Path, PathBuf};

const RULE: &str = "\
title: Users looked up
id: 11111111-2222-4333-8444-555555555555
name: users_looked_up
status: test
author: somebody
level: low
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    eventName: ListUsers
    errorCode: [AccessDenied, UnauthorizedOperation]
  known:
    userIdentity.userName: auditor
  condition: selection and not known
";

const EVENT: &str = r#"{"eventVersion":"1.08","eventTime":"2026-11-01T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","awsRegion":"us-east-1","errorCode":"AccessDenied","userIdentity":{"userName":"bob"}}"#;

fn written(folder: &Path, name: &str, text: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    (path.clone(), path.display().to_string())
}

#[test]
fn explain_tells_predicate_by_predicate() {
    let folder = tempfile::tempdir().unwrap();
    let (_, rule) = written(folder.path(), "rule.yml", RULE);
    let told = keyfault(&["rules", "explain", EVENT, "--rules", &rule, "--rule", "users_looked_up"]);
    for part in [
        "record 0: aws_cloudtrail",
        "Users looked up MATCHES",
        "yes selection",
        "yes errorCode is AccessDenied; asked: equals AccessDenied, UnauthorizedOperation",
        "no  known",
        "no  userIdentity.userName is bob; asked: equals auditor",
    ] {
        assert!(told.stdout.contains(part), "{part} in\n{}", told.stdout);
    }
    let json =
        keyfault(&["rules", "explain", EVENT, "--rules", &rule, "--rule", "users_looked_up", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["rules"][0]["matched"], true);
    assert_eq!(json["rules"][0]["selections"][1]["predicates"][0]["value"], "bob");
    let kong =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/kong/orders.ndjson")).unwrap();
    let (_, kong) = written(folder.path(), "kong.ndjson", kong.lines().next().unwrap());
    let other = keyfault(&["rules", "explain", &kong, "--rules", &rule, "--rule", "users_looked_up"]);
    assert!(other.stdout.contains("is not meant for this source: it is for aws/cloudtrail"), "{}", other.stdout);
}

#[test]
fn lint_gives_an_object_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let text = RULE.replace("eventName: ListUsers", "evntName: ListUsers").replace("not known", "not knwn");
    let (_, path) = written(folder.path(), "rule.yml", &text);
    let Ran { code, stdout, .. } = keyfault(&["rules", "lint", "--format", "json", &path]);
    let findings: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, findings.len()), (2, 1), "{stdout}");
    let finding = &findings[0];
    assert_eq!(
        (&finding["code"], &finding["line"], &finding["severity"]),
        (&"unknown-selection".into(), &14.into(), &"error".into())
    );
    assert_eq!(finding["remedy"], "did you mean \"known\"?");
    let (_, path) = written(folder.path(), "field.yml", &RULE.replace("eventName: ListUsers", "evntName: ListUsers"));
    let field = keyfault(&["rules", "lint", &path]);
    assert!(
        field.code == 0
            && field.stdout.contains("unknown field \"evntName\"; did you mean \"eventName\"? [warning unknown-field]"),
        "{}",
        field.stdout
    );
    let (_, path) = written(folder.path(), "source.yml", &RULE.replace("cloudtrail", "guardduty"));
    assert!(keyfault(&["rules", "lint", &path]).stdout.contains("[warning no-source]"));
}

#[test]
fn a_corpus_holds_counts_against_expectations() {
    let folder = tempfile::tempdir().unwrap();
    let (_, rule) = written(folder.path(), "rule.yml", RULE);
    let (_, corpus) =
        written(folder.path(), "events.ndjson", &[EVENT, EVENT, &EVENT.replace("bob", "auditor")].join("\n"));
    for (expect, code, says) in [
        ("users_looked_up: 2", 0, "1 passed, 0 failed"),
        ("users_looked_up: {at_least: 1, at_most: 2}", 0, "1 passed, 0 failed"),
        ("users_looked_up: 3", 1, "2 matches, expected 3"),
        ("others: fail", 1, "2 matches, and none are expected"),
        ("users_loked_up: 3", 2, "did you mean \"users_looked_up\"?"),
        ("users_looked_up: {about: 3}", 2, "unknown key \"about\""),
    ] {
        let (_, file) = written(folder.path(), "expect.yml", expect);
        let ran = keyfault(&["rules", "test", &rule, "--corpus", &corpus, "--expect", &file]);
        assert!(
            ran.code == code && (ran.stdout.clone() + &ran.stderr).contains(says),
            "{expect}: {} {}{}",
            ran.code,
            ran.stdout,
            ran.stderr
        );
    }
}

#[test]
fn every_rule_and_cause_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pages").display().to_string();
    let ran = keyfault(&["rules", "docs", "--out", &out]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let pages = |kind: &str| std::fs::read_dir(folder.path().join("pages").join(kind)).unwrap().count() - 1;
    let listed = keyfault(&["rules", "list"]).stdout.lines().count();
    assert_eq!(pages("rules"), listed);
    assert!(pages("causes") > 50);
}

#[test]
fn an_override_whose_end_is_past_does_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, rule) = written(folder.path(), "rule.yml", RULE);
    for (until, level) in [("2020-01-01", "low"), ("9999-12-31", "critical")] {
        let text = format!("overrides: [{{rule: users_looked_up, reason: ours, until: {until}, level: critical}}]");
        let (_, change) = written(folder.path(), "override.yml", &text);
        let listed = keyfault(&["rules", "list", "--rules", &rule, "--rules", &change]).stdout;
        let line = listed.lines().find(|l| l.contains("Users looked up")).unwrap();
        assert!(line.contains(level), "{until}: {line}");
    }
}

#[test]
fn a_correlation_can_name_the_cause_of_an_event_and_what_undoes_it() {
    let text = std::fs::read_to_string("tests/user_rules/key_switched_off.yml").unwrap();
    let rules = vec![RuleFile { name: "key_switched_off.yml".into(), text }];
    let sources = RuleSources { rules, ..RuleSources::builtin() };
    let (rules, lints) = sources.rule_set().unwrap();
    assert!(lints.iter().all(|l| l.severity != Severity::Error), "{lints:?}");
    let engine = Engine::new(&rules, sources.parse_mappings().unwrap(), &Options::default()).unwrap();
    let results = test_rules(&engine, &|_| true);
    assert_eq!(results.len(), 4);
    for result in results {
        assert_eq!(result.outcome, Outcome::Passed, "{}", result.test);
    }
}

#[test]
fn a_cause_that_names_no_rule_of_its_correlation_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string("tests/user_rules/key_switched_off.yml").unwrap();
    let (_, misspelt) =
        written(folder.path(), "misspelt.yml", &text.replace("attribute_to: key_rejected", "attribute_to: key_reject"));
    let told = keyfault(&["rules", "lint", &misspelt]);
    assert_eq!(told.code, 2);
    assert!(told.stdout.contains("cause names \"key_reject\""), "{}", told.stdout);
    let (_, counting) = written(
        folder.path(),
        "counting.yml",
        &text.replace("type: temporal_ordered", "type: event_count\n  condition: {gte: 3}"),
    );
    let told = keyfault(&["rules", "lint", &counting]);
    assert!(told.stdout.contains("a correlation that counts names no cause"), "{}", told.stdout);
}
