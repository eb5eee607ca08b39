//! The body for Slack's incoming webhooks: a section an alert; knows Slack's limits and what it would take for a command.

use super::message::Part;
use super::told::{Told, told};
use crate::model::finding::Alert;
use serde_json::{Value, json};

/// Longest text of a section, in characters: <https://docs.slack.dev/reference/block-kit/blocks/section-block>
const SECTION: usize = 3000;
/// Longest text of a header, in characters.
const HEADER: usize = 150;

/// The message of one request.
pub(super) fn body(part: &Part<'_>) -> Value {
    let heading: String = part.heading().chars().take(HEADER).collect();
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": heading}})];
    blocks.extend(part.alerts.iter().map(|alert| section(alert, &told(alert, part.message))));
    if let Some(foot) = part.foot() {
        blocks.push(json!({"type": "context", "elements": [{"type": "plain_text", "text": foot}]}));
    }
    json!({"text": escaped(&summary(part)), "blocks": blocks})
}

/// What a phone shows before the message is opened.
fn summary(part: &Part<'_>) -> String {
    let first = part.alerts.first().map(|alert| told(alert, part.message).says).unwrap_or_default();
    format!("{}: {first}", part.heading())
}

/// Lines that would go beyond the limit are left out whole, so that no escape is cut in two.
fn section(alert: &Alert, told: &Told) -> Value {
    let mut text = format!("*{}* {}", alert.level.name().to_uppercase(), escaped(&told.says));
    for (label, line) in &told.lines {
        let line = format!("\n*{label}* {}", escaped(line));
        if text.chars().count() + line.chars().count() <= SECTION {
            text.push_str(&line);
        }
    }
    // Verbatim: an address or a name from a log becomes no link and calls nobody.
    json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
}

/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>: without it a log could say `<!channel>`.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
