//! Alerts as OCSF Detection Findings (<https://schema.ocsf.io/1.5.0/classes/detection_finding>), one a line; knows no clock.

use super::attack::attacks;
use super::json::causes;
use crate::model::finding::{Alert, Findings, Level, Micros};
use serde_json::{Map, Value, json};

/// The version of the schema that the names and numbers below are from.
const VERSION: &str = "1.5.0";

/// All alerts of a run. One without a time of its own is dated by the run's last event, since `time` must be there and a clock would make
/// every run's bytes differ.
pub fn detection_findings(findings: &Findings) -> String {
    let last_us = findings.totals.last_event_time.unwrap_or_default();
    findings.alerts.iter().map(|alert| format!("{}\n", detection_finding(alert, last_us))).collect()
}

/// One alert. `otherwise_us` dates what has no time of its own.
fn detection_finding(alert: &Alert, otherwise_us: Micros) -> Value {
    let time_us = alert.window_end.or(alert.window_start).unwrap_or(otherwise_us);
    without_empty(json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_401,
        "type_name": "Detection Finding: Create",
        "severity_id": severity(alert.level).0,
        "severity": severity(alert.level).1,
        "status_id": 1,
        "status": "New",
        "is_alert": true,
        "time": time_us.div_euclid(1000),
        "start_time": ms(alert.window_start),
        "end_time": ms(alert.window_end),
        "count": Some(alert.event_uids.total).filter(|n| *n > 0),
        "message": alert.says,
        "metadata": metadata(alert),
        "finding_info": finding_info(alert),
        "resources": resources(alert),
        "evidences": evidences(alert),
        "observables": observables(alert),
        "remediation": {
            "desc": format!("`keyfault explain {}` tells the proof and the fix", alert.alert_uid),
            "references": alert.references,
        },
        "unmapped": {
            "causes": causes(&alert.causes),
            "credential_hint": alert.credential_hint,
            "detector": alert.detector,
            "expected": alert.expected,
            "observed": alert.observed,
            "provider": alert.provider,
            "rule_author": alert.rule_author,
            "rule_license": alert.rule_license,
            "score": alert.score,
        },
    }))
}

fn ms(us: Option<Micros>) -> Option<i64> {
    us.map(|us| us.div_euclid(1000))
}

fn severity(level: Level) -> (u8, &'static str) {
    match level {
        Level::Informational => (1, "Informational"),
        Level::Low => (2, "Low"),
        Level::Medium => (3, "Medium"),
        Level::High => (4, "High"),
        Level::Critical => (5, "Critical"),
    }
}

fn metadata(alert: &Alert) -> Value {
    json!({
        "version": VERSION,
        "uid": alert.alert_uid,
        "labels": alert.tags,
        "product": {"name": "keyfault", "vendor_name": "keyfault", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn finding_info(alert: &Alert) -> Value {
    // A rule of fixed words or counts; a detector that knows what is usual; one that knows what was never there before.
    let (type_id, kind) = match (&*alert.detector, alert.expected) {
        ("sigma" | "correlation", None) => (1, "Rule"),
        (_, Some(_)) => (3, "Statistical"),
        _ => (2, "Behavioral"),
    };
    json!({
        "uid": alert.alert_uid,
        "title": alert.title,
        "desc": alert.says,
        "types": [alert.detector],
        "first_seen_time": ms(alert.window_start),
        "last_seen_time": ms(alert.window_end),
        "analytic": {"uid": alert.rule_id, "name": alert.title, "type": kind, "type_id": type_id},
        "attacks": attacks(&alert.tags),
        "related_events": alert.event_uids.values.iter().map(|uid| json!({"uid": uid})).collect::<Vec<_>>(),
        "related_events_count": Some(alert.event_uids.total).filter(|n| *n > 0),
    })
}

fn resources(alert: &Alert) -> Vec<Value> {
    let credential = alert.credential_uid.as_ref();
    let one = |uid| json!({"uid": uid, "name": alert.credential_hint, "type": "credential"});
    credential.into_iter().map(one).collect()
}

/// Who acted, with which credential, from where. A user must have a name or an id, so a credential alone is none.
fn evidences(alert: &Alert) -> Vec<Value> {
    let user = alert.actor_uid.as_ref().map(|uid| json!({"uid": uid, "credential_uid": alert.credential_uid}));
    let evidence = without_empty(json!({"actor": {"user": user}, "src_endpoint": {"ip": alert.src_ip}}));
    if evidence.as_object().is_some_and(Map::is_empty) { Vec::new() } else { vec![evidence] }
}

/// What other findings may be joined by. The numbers are of the schema's list of observable types.
fn observables(alert: &Alert) -> Vec<Value> {
    let all = [
        ("evidences[0].src_endpoint.ip", 2, "IP Address", &alert.src_ip),
        ("resources[0].uid", 10, "Resource UID", &alert.credential_uid),
        ("evidences[0].actor.user.uid", 31, "User Object: uid", &alert.actor_uid),
    ];
    let known = all.into_iter().filter_map(|(name, id, kind, value)| Some((name, id, kind, value.as_ref()?)));
    known.map(|(name, id, kind, value)| json!({"name": name, "type_id": id, "type": kind, "value": value})).collect()
}

/// A value without what is null or empty: the schema leaves out what is not known.
fn without_empty(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().map(|(name, value)| (name, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_empty).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Sample;

    fn alert() -> Alert {
        Alert {
            alert_uid: "0011223344556677".into(),
            rule_id: "r-1".into(),
            rule_author: "Ann".into(),
            rule_license: "DRL 1.1".into(),
            title: "Many refusals".into(),
            level: Level::High,
            tags: vec!["attack.t1078".into(), "attack.impact".into()],
            references: vec!["https://example.org/r".into()],
            detector: "correlation".into(),
            window_start: Some(1_793_527_200_123_456),
            window_end: Some(1_793_527_260_999_999),
            credential_uid: Some("AKIAX".into()),
            credential_hint: Some("AKI...X".into()),
            actor_uid: Some("arn:x".into()),
            src_ip: Some("192.0.2.7".into()),
            provider: Some("aws".into()),
            observed: 312.0,
            expected: None,
            score: None,
            says: "Many refusals: 312".into(),
            event_uids: Sample { values: vec!["e1".into()], total: 312 },
            causes: vec![("credential.expired".into(), 312)],
        }
    }

    /// Names, numbers and types were held against the published schema 1.5.0 when this was written.
    #[test]
    fn an_alert_is_a_detection_finding() {
        insta::assert_snapshot!(format!("{:#}", detection_finding(&alert(), 0)));
    }

    #[test]
    fn what_is_not_known_is_left_out_and_the_time_never_is() {
        let bare = Alert {
            credential_uid: None,
            credential_hint: None,
            actor_uid: None,
            src_ip: None,
            provider: None,
            window_start: None,
            window_end: None,
            event_uids: Sample::default(),
            tags: Vec::new(),
            ..alert()
        };
        let finding = detection_finding(&bare, 5_000_000);
        assert_eq!(finding["time"], 5000);
        for absent in ["evidences", "resources", "observables", "start_time", "count"] {
            assert_eq!(finding.get(absent), None, "{absent}");
        }
        assert!(!finding.to_string().contains("null"), "{finding}");
    }
}
