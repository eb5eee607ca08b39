//! Holds the generated pages against what they are made from: `just bless` writes them anew.

use keyfault::pipeline::{Engine, Options, RuleSources, test_mappings};
use keyfault::rule::selftest::Outcome;
use keyfault::rule::set::RuleSet;
use keyfault::source::mapping::Mapping;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn generated_pages_are_up_to_date() {
    let sources = RuleSources::builtin();
    let mut pages = keyfault::rule::docs::pages(&sources.rule_set().unwrap().0);
    pages.insert("sources.md".into(), keyfault::source::docs::page(&sources.parse_mappings().unwrap()));
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    if std::env::var_os("BLESS").is_some() {
        bless(&docs, &pages);
    }
    let mut stale: Vec<&String> = pages
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(docs.join(name)).ok().as_ref() != Some(text))
        .map(|(n, _)| n)
        .collect();
    let kept: Vec<String> = ["rules", "causes"].iter().flat_map(|folder| names(&docs, folder)).collect();
    stale.extend(kept.iter().filter(|name| !pages.contains_key(*name)));
    assert!(stale.is_empty(), "{} pages are not as generated, such as {}; run `just bless`", stale.len(), stale[0]);
}

fn names(docs: &Path, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(docs.join(folder)).into_iter().flatten();
    entries.map(|e| format!("{folder}/{}", e.unwrap().file_name().to_string_lossy())).collect()
}

fn bless(docs: &Path, pages: &BTreeMap<String, String>) {
    for folder in ["rules", "causes"] {
        let _ = std::fs::remove_dir_all(docs.join(folder));
        std::fs::create_dir_all(docs.join(folder)).unwrap();
    }
    pages.iter().for_each(|(name, text)| std::fs::write(docs.join(name), text).unwrap());
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
