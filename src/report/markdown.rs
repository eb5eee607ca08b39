//! Findings as Markdown, for tickets and chats.

use super::words::{count, duration, plain, subject, sureness};
use crate::model::cause::CauseTree;
use crate::model::finding::Findings;
use std::fmt::Write;

/// Renders the findings.
pub fn render(findings: &Findings, causes: &CauseTree) -> String {
    let mut text = String::from("# Why credentials failed\n\n");
    let _ = writeln!(text, "| failures | cause | verdict | who | when | act |\n|---:|---|---|---|---|---|");
    for incident in &findings.incidents {
        let cause = incident.cause.as_deref().unwrap_or("unexplained");
        let cells = [
            count(incident.failures),
            cause.to_string(),
            sureness(incident.verdict).to_string(),
            subject(incident),
            duration(incident),
            incident.owner.map_or("", |o| o.name()).to_string(),
        ];
        let _ = writeln!(text, "| {} |", cells.map(|c| cell(&c)).join(" | "));
    }
    for incident in findings.incidents.iter().take(10) {
        let title = incident.cause.as_deref().and_then(|c| causes.get(c)).map_or("Unexplained", |c| c.title.as_str());
        let _ = writeln!(text, "\n## {}: {}\n", cell(title), cell(&subject(incident)));
        for proof in &incident.proof {
            let _ = writeln!(text, "- {} ({}, `{}`)", cell(&proof.says), cell(&proof.source), cell(&proof.event_uid));
        }
        for (number, step) in incident.remediation.iter().enumerate() {
            let _ = writeln!(text, "{}. {}", number + 1, cell(step));
        }
    }
    text
}

/// Text that stays inside its table cell and is not taken for markup.
pub(super) fn cell(text: &str) -> String {
    plain(text)
        .replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('[', "\\[")
        .replace('!', "\\!")
        .replace('*', "\\*")
        .replace('`', "'")
}
