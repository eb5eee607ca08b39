//! The body for Prometheus' Alertmanager, `POST /api/v2/alerts`; knows which labels make an alert the same one.

use super::message::Part;
use super::told::told;
use crate::model::finding::{Alert, Micros};
use crate::report::words::rfc3339;
use serde_json::{Map, Value, json};
use ureq::http::Uri;

/// How long an alert fires. Alertmanager takes one whose end lies in the past for resolved and tells nobody, so the end of the window, which
/// in a batch run is always past, is of no use here.
const FIRES_US: Micros = 24 * 3_600_000_000;

/// The alerts of one request.
pub(super) fn body(part: &Part<'_>) -> Value {
    let more = part.foot().map(|foot| counted(part, &foot));
    part.alerts.iter().map(|alert| firing(alert, part)).chain(more).collect()
}

fn firing(alert: &Alert, part: &Part<'_>) -> Value {
    let message = part.message;
    let told = told(alert, message);
    let lines: Vec<String> = told.lines.iter().map(|(label, text)| format!("{label}: {text}")).collect();
    let credential = alert.credential_hint.as_deref().or(alert.credential_uid.as_deref());
    let labels = [
        ("alertname", Some(alert.title.as_str())),
        ("service", Some("keyfault")),
        ("severity", Some(alert.level.name())),
        ("alert_uid", Some(&alert.alert_uid)),
        ("credential", credential),
        ("detector", Some(&alert.detector)),
        ("provider", alert.provider.as_deref()),
        ("rule_id", Some(&alert.rule_id)),
    ];
    let known = labels.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?.into())));
    let mut firing = json!({
        "labels": known.collect::<Map<String, Value>>(),
        "annotations": {"summary": told.says, "description": lines.join("\n")},
        "startsAt": rfc3339(Some(alert.window_start.map_or(message.now_us, |start| start.min(message.now_us)))),
        "endsAt": rfc3339(Some(message.now_us + FIRES_US)),
    });
    // Behind the word "Source" in Alertmanager's pages. One that is no URL would have the whole request refused.
    let is_url = |link: &&String| link.starts_with("https://") && link.parse::<Uri>().is_ok();
    if let Some(link) = alert.references.iter().find(is_url) {
        firing["generatorURL"] = link.as_str().into();
    }
    firing
}

/// One alert for all that are counted only.
fn counted(part: &Part<'_>, foot: &str) -> Value {
    let now_us = part.message.now_us;
    let severity = part.more.iter().map(|alert| alert.level).max().map(|level| level.name());
    json!({
        "labels": {"alertname": "More alerts of keyfault", "service": "keyfault", "severity": severity},
        "annotations": {"summary": foot},
        "startsAt": rfc3339(Some(now_us)),
        "endsAt": rfc3339(Some(now_us + FIRES_US)),
    })
}
