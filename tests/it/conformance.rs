//! Holds the engine against `tests/conformance`: a case for every row of Sigma's semantics as decided, and what must be refused.
//! The cases were written from the specification by someone who had not seen the engine.

use keyfault::pipeline::{Engine, Options, RuleSources, test_rules};
use keyfault::rule::lint::Severity;
use keyfault::rule::selftest::Outcome;
use keyfault::rule::set::{RuleFile, RuleSet};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// A rule set of these texts alone, and what is wrong with them.
fn load(files: Vec<RuleFile>) -> (RuleSet, Vec<String>) {
    let sources = RuleSources { rules: files, ..RuleSources::builtin() };
    let (rules, lints) = sources.rule_set().unwrap();
    let errors = lints.iter().filter(|l| l.severity == Severity::Error).map(|l| l.to_string()).collect();
    (rules, errors)
}

#[test]
fn every_case_of_the_suite_holds() {
    let (mut tests, mut failed) = (0, Vec::new());
    let names = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    for path in names.filter(|p| !p.ends_with("refused.yml")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (rules, errors) = load(vec![RuleFile { name, text: std::fs::read_to_string(&path).unwrap() }]);
        failed.extend(errors);
        let engine =
            Engine::new(&rules, RuleSources::builtin().parse_mappings().unwrap(), &Options::default()).unwrap();
        for result in test_rules(&engine, &|_| true) {
            tests += 1;
            if let Outcome::Failed(reason) | Outcome::Todo(reason) = result.outcome {
                failed.push(format!("{}: {}: {reason}", result.place, result.test));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {tests} tests failed:\n{}", failed.len(), failed.join("\n"));
    assert!(tests > 250, "only {tests} tests were found");
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_reason() {
    let text = std::fs::read_to_string(folder().join("refused.yml")).unwrap();
    let cases = keyfault::yaml::parse("refused.yml", &text).unwrap().remove(0);
    let mut wrong = Vec::new();
    for case in cases.items() {
        let field = |key: &str| case.get(key).and_then(|n| n.scalar()).unwrap_or_default();
        let (_, errors) = load(vec![RuleFile { name: "rule.yml".into(), text: field("rule") }]);
        let said = errors.join("\n").to_lowercase();
        let words = case.get("code_words").map_or(&[][..], |w| w.items()).iter().filter_map(|w| w.scalar());
        let missing: Vec<String> = words.filter(|w| !said.contains(&w.to_lowercase())).collect();
        if errors.is_empty() || !missing.is_empty() {
            wrong.push(format!("{}: says nothing of {missing:?}: {said}", field("name")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.items().len() > 80);
}
