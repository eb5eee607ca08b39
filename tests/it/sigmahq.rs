//! SigmaHQ's own rules and regression data, where a checkout is at hand: `KEYFAULT_SIGMAHQ=DIR cargo test --test it sigmahq -- --nocapture`.

use keyfault::model::records::LogSource;
use keyfault::pipeline::{Engine, Options, RuleSources};
use keyfault::read::frame::detect;
use keyfault::rule::evaluate::Memo;
use keyfault::rule::lint::Severity;
use keyfault::rule::set::{RuleFile, RuleSet};
use keyfault::source::decode::Decoded;
use keyfault::source::mapper::Chunk;
use keyfault::source::mapping::Mapping;
use keyfault::yaml;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn checkout() -> Option<PathBuf> {
    std::env::var_os("KEYFAULT_SIGMAHQ").map(PathBuf::from)
}

fn files(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|e| e.unwrap().into_path());
    walk.filter(|p| p.is_file() && is_wanted(p)).collect()
}

fn load(folders: &[PathBuf]) -> (RuleSet, Vec<String>) {
    let is_rule = |p: &Path| p.extension().is_some_and(|e| e == "yml");
    let paths = folders.iter().filter(|f| f.exists()).flat_map(|f| files(f, is_rule));
    let read = |p: PathBuf| RuleFile { name: p.display().to_string(), text: std::fs::read_to_string(&p).unwrap() };
    let sources = RuleSources { rules: paths.map(read).collect(), ..RuleSources::builtin() };
    let (rules, lints) = sources.rule_set().unwrap();
    let errors = lints.iter().filter(|l| l.severity == Severity::Error).map(|l| l.to_string()).collect();
    (rules, errors)
}

/// Windows events as the data holds them: what rules call `Image` stands at `Event.EventData.Image`.
fn windows_mapping(logsources: &BTreeSet<LogSource>) -> Mapping {
    let mapping = include_str!("../user_mappings/windows_event.yml");
    let mapping = Mapping::parse("windows_event.yml", mapping).unwrap();
    Mapping { logsources: logsources.iter().cloned().collect(), ..mapping }
}

#[test]
fn sigmahq_cloud_and_identity_rules_load_unmodified() {
    let Some(checkout) = checkout() else { return };
    let (rules, errors) = load(&[checkout.join("rules/cloud"), checkout.join("rules/identity")]);
    println!("rules/cloud and rules/identity: {} rules, {} errors", rules.rules.len(), errors.len());
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    assert!(rules.rules.len() >= 249);
}

#[test]
fn sigmahq_regression_data_matches() {
    let Some(checkout) = checkout() else { return };
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|f| checkout.join(f));
    let (rules, _) = load(&folders);
    let logsources = rules.rules.iter().map(|r| r.meta.logsource.clone()).collect();
    let engine = Engine::new(&rules, vec![windows_mapping(&logsources)], &Options::default()).unwrap();
    let (mut pairs, mut missed) = (0, Vec::new());
    for info in files(&checkout.join("regression_data"), |p| p.ends_with("info.yml")) {
        let node = yaml::parse("info.yml", &std::fs::read_to_string(&info).unwrap()).unwrap().remove(0);
        let metadata = node.get("rule_metadata").map_or(&[][..], |m| m.items());
        let ids: Vec<String> = metadata.iter().filter_map(|r| r.get("id")?.scalar()).collect();
        for events in files(info.parent().unwrap(), |p| p.extension().is_some_and(|e| e == "json")) {
            pairs += 1;
            let matched = matched(&engine, &std::fs::read(&events).unwrap());
            missed
                .extend(ids.iter().filter(|id| !matched.contains(*id)).map(|id| format!("{id} {}", events.display())));
        }
    }
    println!("regression data: {} of {pairs} pairs", pairs - missed.len());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert!(pairs >= 202);
}

/// Ids of the rules that match any of the events.
fn matched(engine: &Engine<'_>, text: &[u8]) -> BTreeSet<String> {
    let frame = detect("events.json", text, true);
    let decoded = Decoded::default();
    let chunk = Chunk { framing: frame.framing, body: &text[frame.start..], header: &frame.header };
    let mapped = engine.mapper.map(chunk, &decoded);
    let rules = engine.rules_of("windows_event").unwrap();
    let hits = mapped.batches.iter().flat_map(|b| rules.evaluate(b, &mut Memo::default()));
    hits.map(|h| engine.rules.rules[h.rule as usize].meta.id.clone()).collect()
}
