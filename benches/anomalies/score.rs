//! Holds alerts against what was injected: found, invented, and what an anomaly of another kind explains; injects nothing.

use super::injected::{Injected, RULES};
use serde_json::Value;

/// What became of one rule.
#[derive(Debug, Default, Clone)]
pub struct Score {
    /// Anomalies put in.
    pub injected: u64,
    /// Of these, told.
    pub found: u64,
    /// Alerts.
    pub alerts: u64,
    /// Of these, about nothing that was put in.
    pub invented: u64,
}

impl Score {
    /// Adds another.
    pub fn add(&mut self, other: &Score) {
        self.injected += other.injected;
        self.found += other.found;
        self.alerts += other.alerts;
        self.invented += other.invented;
    }
}

/// An alert may begin that much before what it is about, or end after it: hours and windows are wider.
const SLACK: i64 = 2 * 3_600;

struct Told {
    rule: String,
    says: String,
    subjects: Vec<String>,
    from: i64,
    to: i64,
}

/// Scores by rule, and of all further rules about anomalies.
pub fn score(alerts: &str, injected: &[Injected]) -> Result<Vec<Score>, String> {
    let told: Vec<Told> = alerts.lines().map(told).collect::<Result<_, _>>()?;
    let mut scores: Vec<Score> = RULES.iter().map(|rule| of(rule, &told, injected)).collect();
    let mut other = Score::default();
    for alert in told.iter().filter(|t| !RULES.contains(&t.rule.as_str())) {
        other.alerts += 1;
        other.invented += u64::from(!injected.iter().any(|i| alert.is_about(i)));
    }
    scores.push(other);
    Ok(scores)
}

fn of(rule: &str, told: &[Told], injected: &[Injected]) -> Score {
    let own: Vec<&Told> = told.iter().filter(|t| t.rule == rule).collect();
    let mut score = Score { alerts: own.len() as u64, ..Score::default() };
    for one in injected.iter().filter(|i| i.rule == rule) {
        score.injected += 1;
        let found = own.iter().any(|t| t.is_about(one));
        score.found += u64::from(found);
        if !found {
            eprintln!("anomalies: missed {one:?}");
        }
    }
    for alert in own.iter().filter(|t| !injected.iter().any(|i| t.is_about(i))) {
        score.invented += 1;
        eprintln!("anomalies: invented {}", alert.says);
    }
    score
}

impl Told {
    fn is_about(&self, injected: &Injected) -> bool {
        let overlaps = self.from <= injected.to + SLACK && self.to >= injected.from - SLACK;
        overlaps && self.subjects.contains(&injected.subject)
    }
}

fn told(line: &str) -> Result<Told, String> {
    let alert: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let text = |key: &str| alert[key].as_str().unwrap_or_default().to_string();
    let at = |key: &str| keyfault::model::time::parse(&text(key)).unwrap_or_default() / 1_000_000;
    Ok(Told {
        rule: rule_name(&text("rule_id")),
        says: text("says"),
        subjects: ["credential_uid", "src_ip", "actor_uid"].map(text).into(),
        from: at("window_start"),
        to: at("window_end"),
    })
}

/// The name of a built-in rule about anomalies.
fn rule_name(id: &str) -> String {
    let with_id = |(_, text, _): &&(&str, &str, &[u8])| text.contains(&format!("id: {id}"));
    let files = keyfault::builtin::FILES.iter().filter(|(name, ..)| name.starts_with("rules/anomalies/"));
    let Some((_, text, _)) = files.into_iter().find(with_id) else { return id.to_string() };
    let after = text.split(&format!("id: {id}")).nth(1).unwrap_or_default();
    let name = after.lines().find_map(|l| l.strip_prefix("name: anomaly_"));
    name.unwrap_or(id).to_string()
}
