//! The summary on the terminal, for a tired person: what failed, why, who must act, since when, and how to mend it.

use super::words::{count, duration, plain, subject, sureness, time};
use crate::model::cause::CauseTree;
use crate::model::finding::{Findings, Incident, Shows};
use std::fmt::Write;

/// Incidents told in full; the rest are in the table.
const TOLD: usize = 8;
/// Width of a line.
const WIDTH: usize = 100;

/// Renders the summary. `colour` allows ANSI colours; `out` is where the tables are.
pub fn render(findings: &Findings, causes: &CauseTree, out: &str, colour: bool) -> String {
    let mut text = String::new();
    let paint = Paint { colour };
    headline(&mut text, findings, causes, &paint);
    for (number, incident) in findings.incidents.iter().take(TOLD).enumerate() {
        tell(&mut text, &format!("{}. {}", number + 1, title(incident, causes)), incident, &paint);
    }
    let untold = findings.incidents_total.saturating_sub(TOLD as u64);
    if untold > 0 {
        let _ = writeln!(text, "\n... and {} more in {out}/incidents.parquet", count(untold));
    }
    cause_table(&mut text, findings, causes, &paint);
    alert_lines(&mut text, findings, &paint);
    inputs(&mut text, findings, &paint);
    text
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_string() }
    }

    fn red(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1;31m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

fn title(incident: &Incident, causes: &CauseTree) -> String {
    match incident.cause.as_deref() {
        Some(id) => causes.get(id).map_or_else(|| id.to_string(), |c| c.title.clone()),
        None => "No rule explains these refusals".into(),
    }
}

fn headline(text: &mut String, findings: &Findings, causes: &CauseTree, paint: &Paint) {
    let line = match findings.incidents.first() {
        None if findings.totals.events == 0 => "Nothing could be analysed: no event was recognised.".to_string(),
        None => "No call was refused.".to_string(),
        Some(first) => format!("{}: {}", title(first, causes), subject(first)),
    };
    let _ = writeln!(text, "{}", paint.red(&line));
}

fn tell(text: &mut String, heading: &str, incident: &Incident, paint: &Paint) {
    let cause = incident.cause.as_deref().unwrap_or("unexplained");
    let _ = writeln!(text, "\n{}", paint.bold(heading));
    let place: Vec<&str> =
        [incident.provider.as_deref(), incident.account_uid.as_deref()].into_iter().flatten().collect();
    row(
        text,
        "who",
        &format!(
            "{}{}",
            subject(incident),
            if place.is_empty() { String::new() } else { format!(" at {}", place.join(", ")) }
        ),
    );
    row(
        text,
        "what",
        &format!(
            "{} refused: {}",
            plural(incident.failures, "call"),
            some(&incident.operations.values, incident.operations.total)
        ),
    );
    if !incident.src_ips.values.is_empty() {
        row(text, "from", &some(&incident.src_ips.values, incident.src_ips.total));
    }
    let open = if cause.contains('.') || incident.cause.is_none() {
        ""
    } else {
        "; the branch only: no log at hand tells which of its causes"
    };
    row(text, "why", &format!("{cause}, {} ({:.0} %){open}", sureness(incident.verdict), incident.confidence * 100.0));
    let cited = |shows| incident.proof.iter().filter(move |p| p.shows == shows);
    if let Some(proof) = cited(Shows::Refusal).next() {
        row(text, "seen", &format!("{} [{} {}]", proof.says, proof.source, proof.event_uid));
    }
    for proof in cited(Shows::Cause).take(2) {
        let at = time(proof.event_time);
        row(text, "proof", &format!("{at} {} [{} {}]", proof.says, proof.source, proof.event_uid));
    }
    row(text, "when", &duration(incident));
    if let Some(owner) = incident.owner {
        row(text, "act", &format!("{} must act", owner.name().replace('_', " ")));
    }
    for step in incident.remediation.iter().take(3) {
        row(text, "fix", step);
    }
    row(text, "id", &incident.incident_uid);
}

/// A labelled line, wrapped under itself.
fn row(text: &mut String, label: &str, value: &str) {
    let mut label = label;
    let mut line = String::new();
    let value = plain(value);
    for word in value.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() + 9 > WIDTH {
            let _ = writeln!(text, "   {label:<5}{line}");
            label = "";
            line.clear();
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(text, "   {label:<5}{line}");
}

fn some(values: &[String], total: u64) -> String {
    const SHOWN: usize = 4;
    let shown = values.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = total.saturating_sub(SHOWN as u64);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn plural(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

fn cause_table(text: &mut String, findings: &Findings, causes: &CauseTree, paint: &Paint) {
    if findings.causes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("Refusals by cause"));
    for (cause, failures) in &findings.causes {
        let title = causes.get(cause).map_or("", |c| c.title.as_str());
        let _ = writeln!(text, "   {:>9}  {cause:<28} {title}", count(*failures));
    }
}

fn alert_lines(text: &mut String, findings: &Findings, paint: &Paint) {
    if findings.alerts.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("Alerts"));
    for alert in findings.alerts.iter().take(TOLD) {
        let _ = writeln!(text, "   {:<9} {} {}", alert.level.name(), time(alert.window_start), plain(&alert.says));
    }
    if findings.alerts.len() > TOLD {
        let _ = writeln!(text, "   ... and {} more in alerts.parquet", findings.alerts.len() - TOLD);
    }
}

fn inputs(text: &mut String, findings: &Findings, paint: &Paint) {
    let totals = &findings.totals;
    let _ = writeln!(text, "\n{}", paint.bold("Inputs"));
    let _ = writeln!(
        text,
        "   {}; {} records = {} events + {} rejects + {} duplicates",
        plural(totals.inputs, "file"),
        count(totals.records),
        count(totals.events),
        count(totals.rejects),
        count(totals.duplicates)
    );
    if totals.first_event_time.is_some() {
        let _ = writeln!(text, "   events from {} to {}", time(totals.first_event_time), time(totals.last_event_time));
    }
    let troubled: Vec<_> = findings.coverage.iter().filter(|c| c.problem.is_some()).collect();
    for row in troubled.iter().take(TOLD) {
        let _ = writeln!(text, "   {}: {}", plain(&row.input_file), plain(row.problem.as_deref().unwrap_or_default()));
    }
    if troubled.len() > TOLD {
        let _ = writeln!(text, "   ... and {} more files with a problem in coverage.parquet", troubled.len() - TOLD);
    }
}
