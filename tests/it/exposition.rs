//! A strict reader of Prometheus' text exposition format, for pages that the program writes; knows no metric.

use regex::Regex;
use std::collections::BTreeSet;

/// Fails unless the page is what `promtool check metrics` would pass: every metric with help and type before its samples, in one block,
/// no series twice, names and label values well formed, no gauge that claims to be a counter.
pub fn hold(page: &str) {
    let sample =
        Regex::new(r#"^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\[\\"n])*",?)*)\})? (-?[0-9.]+(?:e[0-9]+)?)$"#).unwrap();
    let (mut named, mut series) = (BTreeSet::new(), BTreeSet::new());
    let (mut current, mut typed) = (String::new(), false);
    assert!(page.ends_with('\n'), "the last line has no end");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(named.insert(name.to_string()) && !help.is_empty(), "twice or without help: {line}");
            assert!(!name.ends_with("_total") && !name.ends_with("_count"), "a gauge with a counter's name: {line}");
            (current, typed) = (name.to_string(), false);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest, format!("{current} gauge"), "{line}");
            typed = true;
        } else {
            let parts = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
            assert!(typed && parts[1] == current, "a sample outside its block: {line}");
            assert!(parts[3].parse::<f64>().is_ok(), "no number: {line}");
            let labels = parts.get(2).map_or("", |labels| labels.as_str());
            assert!(series.insert(format!("{current}{{{labels}}}")), "a series twice: {line}");
        }
    }
    assert!(!series.is_empty(), "no sample");
}

#[test]
fn a_good_page_passes_and_each_bad_one_fails() {
    let good = "# HELP a_b Help.\n# TYPE a_b gauge\na_b{c=\"d\\\"\\\\\\n\",e=\"f\"} 1.5\na_b 2\n";
    hold(good);
    for (from, to) in [
        ("# HELP a_b Help.\n", ""),
        ("# TYPE a_b gauge\n", ""),
        ("a_b 2", "a_c 2"),
        ("a_b 2", "a_b two"),
        ("a_b 2", "a_b{c=\"d\\\"\\\\\\n\",e=\"f\"} 3"),
        ("e=\"f\"", "e=\"f\"g\""),
        ("2\n", "2"),
        ("a_b", "a_total"),
    ] {
        let bad = good.replacen(from, to, if to == "a_total" { 9 } else { 1 });
        assert!(std::panic::catch_unwind(|| hold(&bad)).is_err(), "passed:\n{bad}");
    }
}
