//! Holds the pages made from rules, causes and mappings: the one that is kept against what it is made from, the others for whole links.

use keyfault::model::fact::Fact;
use keyfault::pipeline::{Engine, Options, RuleSources, test_mappings};
use keyfault::rule::lint::Severity;
use keyfault::rule::selftest::Outcome;
use keyfault::rule::set::{RuleFile, RuleSet};
use keyfault::source::mapping::Mapping;
use std::path::Path;

#[test]
fn the_table_of_sources_is_up_to_date() {
    let page = keyfault::source::docs::page(&RuleSources::builtin().parse_mappings().unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sources.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == page, "docs/sources.md is not as generated; run `just bless`");
    let empty: Vec<&str> = page.lines().filter(|line| line.contains("|  |")).collect();
    assert!(empty.is_empty(), "a mapping lacks forms:, proves: or cannot:\n{}", empty.join("\n"));
}

#[test]
fn every_link_of_the_pages_of_rules_and_causes_leads_somewhere() {
    let rules = RuleSources::builtin().rule_set().unwrap().0;
    let pages = keyfault::rule::docs::pages(&rules);
    let mut links = 0;
    for (name, text) in &pages {
        let folder = Path::new(name).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|l| l.ends_with(".md")) {
            let parts = folder.join(link);
            let target = parts.iter().fold(Vec::new(), |mut path, part| {
                if part == ".." {
                    drop(path.pop())
                } else {
                    path.push(part.to_string_lossy())
                };
                path
            });
            assert!(pages.contains_key(&target.join("/")), "{name}: {link}");
            links += 1;
        }
    }
    assert_eq!(pages.len(), rules.metas().count() + rules.causes.iter().count() + 2);
    assert!(links > 2 * rules.rules.len());
}

#[test]
fn the_page_of_facts_tells_all_of_them_and_its_example_is_a_rule() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnosis.md")).unwrap();
    for fact in Fact::ALL {
        let row = format!("| `{}` | {} |", fact.name(), fact.says());
        assert!(page.contains(&row), "docs/diagnosis.md lacks {row}");
    }
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut sources = RuleSources::builtin();
    sources.rules.push(RuleFile { name: "docs/diagnosis.md".into(), text: example.into() });
    let (_, lints) = sources.rule_set().unwrap();
    let errors: Vec<_> = lints.iter().filter(|l| l.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_example_of_a_mapping_is_one() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mappings.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mapping = Mapping::parse("docs/mappings.md", example).unwrap();
    let rules = RuleSet::default();
    let engine = Engine::new(&rules, vec![mapping], &Options::default()).unwrap();
    let results = test_mappings(&engine, &|_| true);
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].outcome, Outcome::Passed);
}
