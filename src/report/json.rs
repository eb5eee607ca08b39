//! Findings as JSON: one document, or one incident or alert a line.

use super::words::rfc3339;
use crate::model::finding::{Alert, Findings, Incident, Totals};
use serde_json::{Value, json};

/// All findings as one document.
pub fn document(findings: &Findings) -> String {
    let document = json!({
        "totals": totals(&findings.totals),
        "causes": causes(&findings.causes),
        "incidents": findings.incidents.iter().map(incident).collect::<Vec<_>>(),
        "alerts": findings.alerts.iter().map(alert).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// One incident a line.
pub fn incidents(incidents: &[Incident]) -> String {
    incidents.iter().map(|i| format!("{}\n", incident(i))).collect()
}

/// One alert a line.
pub fn alerts(alerts: &[Alert]) -> String {
    alerts.iter().map(|a| format!("{}\n", alert(a))).collect()
}

/// Failures by cause.
pub fn causes(causes: &[(String, u64)]) -> Value {
    causes.iter().map(|(cause, failures)| json!({"cause": cause, "failures": failures})).collect()
}

/// The counts.
pub fn totals(totals: &Totals) -> Value {
    json!({
        "inputs": totals.inputs,
        "bytes": totals.bytes,
        "records": totals.records,
        "events": totals.events,
        "rejects": totals.rejects,
        "duplicates": totals.duplicates,
        "outside_window": totals.outside_window,
        "failures": totals.failures,
        "explained": totals.explained,
        "first_event_time": rfc3339(totals.first_event_time),
        "last_event_time": rfc3339(totals.last_event_time),
    })
}

/// An incident.
pub fn incident(incident: &Incident) -> Value {
    let sample = |s: &crate::model::finding::Sample| json!({"values": s.values, "total": s.total});
    json!({
        "incident_uid": incident.incident_uid,
        "cause": incident.cause,
        "verdict": incident.verdict.name(),
        "confidence": (f64::from(incident.confidence) * 1000.0).round() / 1000.0,
        "level": incident.level.name(),
        "credential_uid": incident.credential_uid,
        "credential_hint": incident.credential_hint,
        "actor_uid": incident.actor_uid,
        "actor_name": incident.actor_name,
        "provider": incident.provider,
        "account_uid": incident.account_uid,
        "services": sample(&incident.services),
        "operations": sample(&incident.operations),
        "src_ips": sample(&incident.src_ips),
        "first_seen": rfc3339(incident.first_seen),
        "last_seen": rfc3339(incident.last_seen),
        "state": incident.state.name(),
        "recovered_at": rfc3339(incident.recovered_at),
        "failures": incident.failures,
        "proof": incident.proof.iter().map(|p| json!({
            "event_uid": p.event_uid, "event_time": rfc3339(p.event_time), "source": p.source,
            "input_file": p.input_file, "input_record": p.input_record, "shows": p.shows.name(), "says": p.says,
        })).collect::<Vec<_>>(),
        "owner": incident.owner.map(|o| o.name()),
        "remediation": incident.remediation,
        "checklist": incident.checklist.iter().map(|c| json!({
            "check": c.check, "answer": c.answer.name(), "says": c.says,
        })).collect::<Vec<_>>(),
    })
}

/// An alert.
pub fn alert(alert: &Alert) -> Value {
    json!({
        "alert_uid": alert.alert_uid,
        "rule_id": alert.rule_id,
        "rule_author": alert.rule_author,
        "rule_license": alert.rule_license,
        "title": alert.title,
        "level": alert.level.name(),
        "tags": alert.tags,
        "references": alert.references,
        "detector": alert.detector,
        "window_start": rfc3339(alert.window_start),
        "window_end": rfc3339(alert.window_end),
        "credential_uid": alert.credential_uid,
        "credential_hint": alert.credential_hint,
        "actor_uid": alert.actor_uid,
        "src_ip": alert.src_ip,
        "provider": alert.provider,
        "observed": alert.observed,
        "expected": alert.expected,
        "score": alert.score,
        "says": alert.says,
        "event_uids": alert.event_uids.values,
        "event_uids_total": alert.event_uids.total,
        "causes": causes(&alert.causes),
    })
}
