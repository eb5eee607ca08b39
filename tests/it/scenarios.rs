//! Scenarios: logs of several sources whose root causes are known, made anew for every seed; what the library says is scored beside a baseline.
//!
//! `KEYFAULT_SCENARIO_SEEDS` sets how many seeds are run, `KEYFAULT_SCENARIO` runs those whose name holds it, and `KEYFAULT_SCENARIO_KEEP` names
//! a folder that inputs and reports are kept in.

mod baseline;
mod expand;
mod ids;
mod load;
mod run;
mod score;

use keyfault::pipeline::{Engine, Options, RuleSources};
use load::Scenario;
use rayon::prelude::*;
use score::Score;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SEEDS: u64 = 3;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn scored(engine: &Engine<'_>, scenario: &Scenario, seed: u64) -> Score {
    let folder = tempfile::tempdir().unwrap();
    let kept = setting("KEYFAULT_SCENARIO_KEEP").map(|k| PathBuf::from(k).join(format!("{}-{seed}", scenario.name)));
    let filled = expand::fill(scenario, seed);
    let report = run::run(engine, &filled, kept.as_deref().unwrap_or(folder.path()));
    let mut score = score::score(scenario, &filled, &report);
    score.wrong.iter_mut().for_each(|w| *w = format!("seed {seed}, {w}"));
    score
}

/// What was wrong, of each label only what its first seed says.
fn first_of_each(wrong: &[String]) -> impl Iterator<Item = &String> {
    let key = |w: &str| {
        let (seed, rest) = w.split_once(", ").unwrap_or_default();
        (seed.to_string(), rest.split(": ").next().unwrap_or_default().to_string())
    };
    let mut first = std::collections::HashMap::new();
    for w in wrong {
        first.entry(key(w).1).or_insert_with(|| key(w).0);
    }
    wrong.iter().filter(move |w| first[&key(w).1] == key(w).0)
}

fn row(name: &str, score: &Score) -> String {
    let share = |n: usize| 100.0 * n as f64 / score.failures as f64;
    format!(
        "{name:<44} {:>5} {:>7.1}% {:>7.1}% {:>5} {:>7.1}% {:>7.1}%",
        score.failures,
        share(score.right),
        share(score.right_cause),
        score.wrong_confirmed,
        share(score.right_proofs),
        share(score.baseline)
    )
}

#[test]
fn root_causes_are_found_and_proved() {
    let sources = RuleSources::builtin();
    let (rules, _) = sources.rule_set().unwrap();
    let engine = Engine::new(&rules, sources.parse_mappings().unwrap(), &Options::default()).unwrap();
    let seeds = setting("KEYFAULT_SCENARIO_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    let wanted = setting("KEYFAULT_SCENARIO").unwrap_or_default();
    let scenarios: Vec<Scenario> = load::all().into_iter().filter(|s| s.name.contains(&wanted)).collect();
    let scores: Vec<Score> = scenarios
        .par_iter()
        .map(|scenario| {
            let mut total = Score::default();
            (1..=seeds).for_each(|seed| total.add(scored(&engine, scenario, seed)));
            total
        })
        .collect();
    let mut total = Score::default();
    let mut text = format!("{:<44} fails    right    cause wrong   proofs  baseline\n", "scenario");
    for (scenario, score) in scenarios.iter().zip(scores) {
        text += &format!("{}\n", row(&scenario.name, &score));
        first_of_each(&score.wrong).for_each(|w| text += &format!("    {w}\n"));
        total.add(score);
    }
    eprintln!("{text}{}", row("all", &total));
    assert_eq!(total.wrong_confirmed, 0, "wrongly confirmed");
    assert_eq!(total.right_proofs, total.failures, "proofs that are missing or wrong");
    assert!(total.right * 100 >= total.failures * 97, "{} of {} right", total.right, total.failures);
    assert!(total.baseline * 100 < total.failures * 70, "the baseline finds {} of {}", total.baseline, total.failures);
    assert!(!total.wrong.iter().any(|w| w.contains(" all: ")), "failures that are not accounted for");
}

#[test]
fn every_leaf_of_the_cause_tree_has_a_scenario() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/causes.yml");
    let tree = keyfault::yaml::parse("causes.yml", &std::fs::read_to_string(path).unwrap()).unwrap().remove(0);
    let leaves =
        tree.get("causes").unwrap().entries().iter().map(|(k, _)| k.text.clone()).filter(|id| id.contains('.'));
    let scenarios = load::all();
    let mut expected = BTreeSet::new();
    for scenario in &scenarios {
        let causes: BTreeSet<&String> = scenario.expect.iter().flat_map(|e| &e.causes).collect();
        let idle: Vec<_> = scenario.covers.iter().filter(|c| !causes.contains(c)).collect();
        assert!(idle.is_empty(), "{}: covers {idle:?}, which it does not expect", scenario.name);
        expected.extend(scenario.covers.iter().cloned());
    }
    let missing: Vec<String> = leaves.filter(|leaf| !expected.contains(leaf)).collect();
    assert!(missing.is_empty(), "no scenario for {missing:?}");
    assert!(scenarios.len() >= 45, "{} scenarios", scenarios.len());
}

#[test]
fn a_scenario_is_the_same_for_a_seed_and_another_for_the_next() {
    for scenario in load::all() {
        let texts = |seed| expand::fill(&scenario, seed).files;
        assert_eq!(texts(1), texts(1), "{}", scenario.name);
        assert_ne!(texts(1), texts(2), "{}", scenario.name);
    }
}
