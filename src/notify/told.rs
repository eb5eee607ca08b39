//! An alert in words for a tired person: what was seen against what is usual, whose key, why, and what to do; knows no form.

use super::message::Message;
use crate::model::finding::{Alert, Incident};
use crate::report::words::{count, plain, time};

/// Longest text of one line, in characters.
const LINE: usize = 400;
/// Causes and steps named.
const NAMED: usize = 3;

/// An alert, ready to be said.
pub(super) struct Told {
    /// What happened, in one line.
    pub says: String,
    /// The rest, each line with its label.
    pub lines: Vec<(&'static str, String)>,
}

/// Puts an alert into words.
pub(super) fn told(alert: &Alert, message: &Message<'_>) -> Told {
    let mut lines = Vec::new();
    let mut say = |label, text: Option<String>| lines.extend(text.map(|text| (label, clipped(&text))));
    let usual = alert.expected.map(|usual| format!("{} where {} is usual", number(alert.observed), number(usual)));
    say("seen", usual);
    say("who", whom(alert));
    say("when", alert.window_start.map(|start| when(start, alert)));
    for (cause, failures) in alert.causes.iter().take(NAMED) {
        say("cause", Some(caused(cause, *failures, message)));
    }
    for step in steps(alert, message) {
        say("do", Some(step));
    }
    say("more", Some(format!("keyfault explain {} --out {}", alert.alert_uid, message.out)));
    Told { says: clipped(if alert.says.is_empty() { &alert.title } else { &alert.says }), lines }
}

fn whom(alert: &Alert) -> Option<String> {
    let key = alert.credential_hint.as_ref().or(alert.credential_uid.as_ref()).map(|key| format!("key {key}"));
    let parts = [
        key,
        alert.provider.as_ref().map(|provider| format!("at {provider}")),
        alert.actor_uid.as_ref().map(|actor| format!("used by {actor}")),
        alert.src_ip.as_ref().map(|ip| format!("from {ip}")),
    ];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" "))
}

fn when(start: i64, alert: &Alert) -> String {
    match alert.window_end.filter(|end| *end > start) {
        Some(end) => format!("{} to {}", time(Some(start)), time(Some(end))),
        None => time(Some(start)),
    }
}

fn caused(cause: &str, failures: u64, message: &Message<'_>) -> String {
    let title = message.causes.get(cause).map_or("No rule explains the refusals", |c| c.title.as_str());
    let calls = if failures == 1 { "call" } else { "calls" };
    format!("{title} ({cause}, {} {calls} refused)", count(failures))
}

/// The steps of the incident behind the alert, which name real keys and users; else those of the cause that need no names; without a cause,
/// what the rule refers to.
fn steps(alert: &Alert, message: &Message<'_>) -> Vec<String> {
    let Some((cause, _)) = alert.causes.first() else {
        return alert.references.first().map(|link| format!("Read {link}")).into_iter().collect();
    };
    let is_behind = |incident: &&Incident| {
        incident.cause.as_ref() == Some(cause)
            && incident.credential_uid.is_some()
            && incident.credential_uid == alert.credential_uid
    };
    if let Some(incident) = message.findings.incidents.iter().find(is_behind) {
        return incident.remediation.iter().take(NAMED).cloned().collect();
    }
    let needs_names = |step: &str| step.contains('{') || step.starts_with('[');
    let general = message.causes.get(cause).into_iter().flat_map(|c| &c.remediation);
    general.filter(|step| !needs_names(step)).take(NAMED).cloned().collect()
}

/// `312`, `0.25`: as many digits as help.
fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}")
}

/// Text from logs, made harmless to whoever shows it, and cut to a line.
pub(super) fn clipped(text: &str) -> String {
    let text = plain(text);
    let Some((cut, _)) = text.char_indices().nth(LINE) else { return text };
    format!("{} ...", &text[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cause::{Cause, CauseTree, Owner};
    use crate::model::finding::{Findings, Level, Sample};
    use serde_json::json;

    fn alert(causes: &[(&str, u64)]) -> Alert {
        Alert {
            alert_uid: "0011".into(),
            rule_id: "r".into(),
            rule_author: String::new(),
            rule_license: String::new(),
            title: "Title".into(),
            level: Level::High,
            tags: Vec::new(),
            references: vec!["https://example.org/rule".into()],
            detector: "sigma".into(),
            window_start: None,
            window_end: None,
            credential_uid: Some("AKIAX".into()),
            credential_hint: None,
            actor_uid: None,
            src_ip: None,
            provider: None,
            observed: 1.0,
            expected: None,
            score: None,
            says: "It\nhappened".into(),
            event_uids: Sample::default(),
            causes: causes.iter().map(|(cause, failures)| (cause.to_string(), *failures)).collect(),
        }
    }

    fn incident(credential: &str) -> Incident {
        let sample = json!({"values": [], "total": 0});
        serde_json::from_value(json!({
            "incident_uid": "i", "cause": "credential.expired", "verdict": "Likely", "confidence": 0.9, "level": "High",
            "credential_uid": credential, "credential_hint": null, "actor_uid": null, "actor_name": null, "provider": null,
            "account_uid": null, "services": sample, "operations": sample, "src_ips": sample, "first_seen": null,
            "last_seen": null, "state": "Unknown", "recovered_at": null, "failures": 1, "proof": [], "owner": null,
            "remediation": [format!("Renew {credential}")], "checklist": [],
        }))
        .unwrap()
    }

    /// What is said to be done.
    fn todo(causes: &[(&str, u64)], incidents: Vec<Incident>) -> Vec<String> {
        let steps = ["Renew {credential_hint}", "[aws] aws iam x", "Look at the clock"];
        let expired = Cause {
            id: "credential.expired".into(),
            title: "Expired".into(),
            explanation: String::new(),
            owner: Owner::Caller,
            check: None,
            remediation: steps.map(str::to_string).to_vec(),
            references: Vec::new(),
        };
        let (tree, findings) = (CauseTree::new([expired]), Findings { incidents, ..Findings::default() });
        let message = Message { alerts: &[], findings: &findings, causes: &tree, out: "report", now_us: 0 };
        let told = told(&alert(causes), &message);
        assert_eq!(told.says, "It happened");
        told.lines.into_iter().filter(|(label, _)| *label == "do").map(|(_, text)| text).collect()
    }

    #[test]
    fn what_to_do_is_said_as_exactly_as_it_is_known() {
        let expired = &[("credential.expired", 2)][..];
        assert_eq!(todo(expired, vec![incident("AKIAY"), incident("AKIAX")]), ["Renew AKIAX"]);
        assert_eq!(todo(expired, vec![incident("AKIAY")]), ["Look at the clock"], "no names that nobody filled in");
        assert_eq!(todo(&[], vec![incident("AKIAX")]), ["Read https://example.org/rule"]);
    }
}
