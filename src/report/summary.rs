//! `summary.json`: the run in one small file, for schedulers and dashboards.

use super::json::{causes, totals};
use super::words::rfc3339;
use crate::model::finding::{Findings, Level};
use serde_json::json;
use std::collections::BTreeMap;

/// Version of the tables' schema; it grows when a column changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;
/// Incidents named.
const NAMED: usize = 20;

/// Renders the summary. It holds no clock value: the same inputs give the same bytes.
pub fn render(findings: &Findings) -> String {
    let incidents = findings.incidents.iter().take(NAMED).map(|i| {
        json!({
            "incident_uid": i.incident_uid, "cause": i.cause, "verdict": i.verdict.name(), "level": i.level.name(),
            "owner": i.owner.map(|o| o.name()), "state": i.state.name(), "failures": i.failures,
            "credential_hint": i.credential_hint, "actor_name": i.actor_name, "provider": i.provider,
            "first_seen": rfc3339(i.first_seen), "last_seen": rfc3339(i.last_seen),
        })
    });
    let problems = findings
        .coverage
        .iter()
        .filter_map(|c| Some(json!({"input_file": &*c.input_file, "problem": c.problem.as_ref()?})));
    let mut by_level: BTreeMap<&str, u64> = Level::ALL.iter().map(|l| (l.name(), 0)).collect();
    findings.alerts.iter().for_each(|a| *by_level.entry(a.level.name()).or_default() += 1);
    let mut by_source: BTreeMap<&str, u64> = BTreeMap::new();
    findings
        .coverage
        .iter()
        .for_each(|c| *by_source.entry(c.source.as_deref().unwrap_or("unknown")).or_default() += c.events);
    let summary = json!({
        "keyfault_version": env!("CARGO_PKG_VERSION"),
        "schema_version": SCHEMA_VERSION,
        "totals": totals(&findings.totals),
        "causes": causes(&findings.causes),
        "events_by_source": by_source,
        "incidents_total": findings.incidents_total,
        "incidents": incidents.collect::<Vec<_>>(),
        "alerts_by_level": by_level,
        "matches_by_rule": findings.matches.iter().map(|(rule, n)| (rule.clone(), json!(n))).collect::<serde_json::Map<_, _>>(),
        "rules_skipped": findings.rule_notes.skipped.iter().map(|(place, reason)| json!({"place": place, "reason": reason})).collect::<Vec<_>>(),
        "rules_overridden": overridden(findings),
        "problems": problems.take(1000).collect::<Vec<_>>(),
    });
    format!("{summary:#}\n")
}

fn overridden(findings: &Findings) -> serde_json::Value {
    let one =
        |(rule, reason, until): &(String, String, String)| json!({"rule": rule, "reason": reason, "until": until});
    findings.rule_notes.overridden.iter().map(one).collect()
}
