//! The body for webhooks of one's own: the run in brief, and its alerts with all their columns.

use super::message::Part;
use super::told::told;
use crate::model::finding::Alert;
use crate::report::json::{alert, totals};
use serde_json::{Value, json};

/// The document of one request.
pub(super) fn body(part: &Part<'_>) -> Value {
    let message = part.message;
    json!({
        "run": {
            "keyfault_version": env!("CARGO_PKG_VERSION"),
            "out": message.out,
            "totals": totals(&message.findings.totals),
            "incidents_total": message.findings.incidents_total,
            "alerts_total": message.alerts.len(),
        },
        "part": part.number,
        "parts": part.of,
        "alerts": part.alerts.iter().map(|one| with_words(one, part)).collect::<Vec<_>>(),
        "more": part.more.len(),
        "text": part.foot().map_or_else(|| part.heading(), |foot| format!("{} {foot}", part.heading())),
    })
}

/// The alert's columns, and the same in words under `text`.
fn with_words(one: &Alert, part: &Part<'_>) -> Value {
    let told = told(one, part.message);
    let lines = told.lines.iter().map(|(label, text)| format!("{label}: {text}"));
    let mut value = alert(one);
    value["text"] = std::iter::once(told.says.clone()).chain(lines).collect::<Vec<_>>().join("\n").into();
    value
}
