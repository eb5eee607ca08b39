//! Holds the engine against pySigma with its SQLite back end on random rules and events, where Python has both:
//! `KEYFAULT_PYSIGMA=python3 cargo test --test it oracle -- --nocapture` (`pip install pysigma==2.0.1 pysigma-backend-sqlite==2.1.1`).

use keyfault::pipeline::{Engine, Options, RuleSources};
use keyfault::rule::evaluate::Memo;
use keyfault::rule::set::RuleFile;
use keyfault::source::decode::Decoded;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const SEEDS: u64 = 5;
const RULES: usize = 300;
const EVENTS: usize = 10;

#[test]
fn an_independent_engine_agrees() {
    let Some(python) = std::env::var_os("KEYFAULT_PYSIGMA") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/pysigma_sqlite.py");
    let (mut pairs, mut matches, mut refused) = (0, 0, 0);
    let mut explained: BTreeMap<String, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for seed in 1..=SEEDS {
        let mut command = Command::new(&python);
        command.arg(&script).args(["--seed", &seed.to_string()]);
        let out = command.args(["--rules", &RULES.to_string(), "--events", &EVENTS.to_string()]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        for line in String::from_utf8(out.stdout).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(matched) = matched(&case) else {
                refused += 1;
                continue;
            };
            for (n, expected) in case["expected"].as_array().unwrap().iter().enumerate() {
                pairs += 1;
                matches += usize::from(expected.as_bool().unwrap());
                if expected.as_bool().unwrap() == matched.contains(&n) {
                    continue;
                }
                match case["classes"][n].as_array().unwrap().as_slice() {
                    [] => unexplained.push(format!(
                        "{}on {}: SQLite says {expected}",
                        case["rule"].as_str().unwrap(),
                        case["events"][n]
                    )),
                    classes => *explained.entry(classes[0].as_str().unwrap().to_string()).or_default() += 1,
                }
            }
        }
    }
    println!(
        "{pairs} pairs, {matches} matches, {} disagreements explained, {} not",
        explained.values().sum::<usize>(),
        unexplained.len()
    );
    println!("  {refused} rules refused for null in a list");
    explained.iter().for_each(|(class, n)| println!("  {n:5}  {class}"));
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n\n"));
    assert!(pairs >= 1000 && matches * 4 > pairs, "the pairs say little");
}

/// Ordinals of the events that the rule matches here; none for a rule with null in a list, which pySigma accepts and we refuse.
fn matched(case: &Value) -> Option<BTreeSet<usize>> {
    let rule = RuleFile { name: "random.yml".into(), text: case["rule"].as_str().unwrap().into() };
    let sources = RuleSources { rules: vec![rule], ..RuleSources::builtin() };
    let (rules, lints) = sources.rule_set().unwrap();
    if lints.iter().any(|l| l.error.thing == "null inside a list") {
        return None;
    }
    assert_eq!(rules.rules.len(), 1, "{lints:?}");
    let engine = Engine::new(&rules, sources.parse_mappings().unwrap(), &Options::default()).unwrap();
    let events: Vec<sonic_rs::Value> =
        case["events"].as_array().unwrap().iter().map(|e| sonic_rs::from_str(&e.to_string()).unwrap()).collect();
    let decoded = Decoded::default();
    let mapping = engine.mapper.mapping_of("aws_cloudtrail", &events[0]).unwrap();
    let batch = engine.mapper.map_values(mapping, events, &decoded);
    let hits = engine.rules_of("aws_cloudtrail").unwrap().evaluate(&batch, &mut Memo::default());
    Some(hits.iter().map(|h| h.row as usize).collect())
}
