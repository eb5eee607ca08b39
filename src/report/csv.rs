//! Incidents as CSV, safe to open in a spreadsheet.

use super::words::rfc3339;
use crate::model::finding::Incident;

const HEADER: [&str; 14] = [
    "incident_uid",
    "cause",
    "verdict",
    "level",
    "state",
    "failures",
    "first_seen",
    "last_seen",
    "credential_hint",
    "actor_name",
    "provider",
    "owner",
    "says",
    "fix",
];

/// Renders incidents as rows.
pub fn render(incidents: &[Incident]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut text = String::new();
    let written =
        writer.write_record(HEADER).and_then(|()| incidents.iter().try_for_each(|i| writer.write_record(row(i))));
    if written.is_ok()
        && let Ok(bytes) = writer.into_inner()
    {
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

fn row(incident: &Incident) -> Vec<String> {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let cells = vec![
        incident.incident_uid.clone(),
        incident.cause.clone().unwrap_or_else(|| "unexplained".into()),
        incident.verdict.name().into(),
        incident.level.name().into(),
        incident.state.name().into(),
        incident.failures.to_string(),
        rfc3339(incident.first_seen).unwrap_or_default(),
        rfc3339(incident.last_seen).unwrap_or_default(),
        text(&incident.credential_hint),
        text(&incident.actor_name),
        text(&incident.provider),
        incident.owner.map_or_else(String::new, |o| o.name().into()),
        incident.proof.first().map_or_else(String::new, |p| p.says.clone()),
        incident.remediation.first().cloned().unwrap_or_default(),
    ];
    cells.iter().map(|c| guard(c)).collect()
}

/// A spreadsheet runs what begins like a formula (<https://owasp.org/www-community/attacks/CSV_Injection>).
pub(super) fn guard(cell: &str) -> String {
    let clean: String = cell.chars().filter(|c| !c.is_control()).collect();
    if clean.starts_with(['=', '+', '-', '@']) || cell.starts_with(['\t', '\r']) { format!("'{clean}") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for (cell, expect) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("\tx", "'x"), ("plain", "plain"), ("a=b", "a=b")] {
            assert_eq!(guard(cell), expect);
        }
    }
}
