//! The page of one incident or credential: verdict, history across sources, proof, what was considered and rejected, checklist, fix; reads nothing.

use super::saved::Row;
use super::words::plain;
use crate::model::cause::CauseTree;
use crate::model::checklist::CHECKLIST;
use std::fmt::Write;

/// Width of a line.
const WIDTH: usize = 100;
/// Lines of evidence and of history shown.
const SHOWN: usize = 20;

/// What a page is made from: rows of the report's tables.
pub struct Page<'p> {
    /// The incidents, most pressing first.
    pub incidents: Vec<Row>,
    /// The credential, where one is known.
    pub credential: Option<Row>,
    /// Its history.
    pub timeline: Vec<Row>,
    /// A failure of each incident, by its uid.
    pub failures: Vec<Row>,
    /// The causes.
    pub causes: &'p CauseTree,
}

/// Renders the page.
pub fn render(page: &Page<'_>) -> String {
    let mut text = String::new();
    for incident in &page.incidents {
        let uid = incident.get("incident_uid");
        let failure = page.failures.iter().find(|f| f.get("incident_uid") == uid);
        page.incident(&mut text, incident, failure);
    }
    if let Some(credential) = &page.credential {
        describe(&mut text, credential);
    }
    history(&mut text, &page.timeline);
    text
}

fn heading(text: &mut String, words: &str) {
    let _ = writeln!(text, "{}{words}", if text.is_empty() { "" } else { "\n" });
}

/// A line under a label, wrapped under itself.
fn line(text: &mut String, label: &str, words: &str) {
    let indent = label.chars().count().max(7);
    let mut out = format!("   {label:<indent$}");
    let mut width = out.chars().count();
    for word in plain(words).split_whitespace() {
        if width + word.chars().count() + 1 > WIDTH && width > indent + 4 {
            let _ = writeln!(text, "{out}");
            out = " ".repeat(indent + 3);
            width = indent + 3;
        }
        out.push(' ');
        out.push_str(word);
        width += word.chars().count() + 1;
    }
    let _ = writeln!(text, "{out}");
}

fn time(row: &Row, name: &str) -> String {
    row.text(name).unwrap_or_else(|| "-".into())
}

fn percent(row: &Row) -> String {
    let share: f64 = row.get("confidence").parse().unwrap_or(0.0);
    format!("{:.0} %", share * 100.0)
}

impl Page<'_> {
    fn incident(&self, text: &mut String, incident: &Row, failure: Option<&Row>) {
        let id = incident.text("cause");
        let cause = id.as_deref().and_then(|id| self.causes.get(id));
        let title = cause.map_or("No rule explains these refusals", |c| c.title.as_str());
        heading(text, title);
        let verdict = incident.get("verdict");
        line(text, "why", &format!("{}, {verdict} ({})", id.as_deref().unwrap_or("unexplained"), percent(incident)));
        if let Some(cause) = cause.filter(|c| !c.explanation.is_empty()) {
            line(text, "", &cause.explanation);
        }
        let whom = ["credential_hint", "credential_uid", "actor_name", "actor_uid", "provider", "account_uid"];
        let whom: Vec<String> = whom.iter().filter_map(|name| incident.text(name)).collect();
        line(text, "who", &whom.join(" · "));
        line(
            text,
            "when",
            &format!("{} to {}, {}", time(incident, "first_seen"), time(incident, "last_seen"), state(incident)),
        );
        line(text, "reach", &reach(incident));
        line(text, "id", &incident.get("incident_uid"));
        line(text, "act", &incident.get("owner").replace('_', " "));
        incident.texts("remediation").iter().for_each(|step| line(text, "fix", step));
        self.proof(text, incident);
        if let Some(failure) = failure {
            evidence(text, failure);
            self.rejected(text, failure);
        }
        checklist(text, incident);
    }

    fn proof(&self, text: &mut String, incident: &Row) {
        let proof = incident.members("proof");
        for (shows, words) in [("cause", "What proves it"), ("refusal", "What was refused")] {
            let cited: Vec<&Row> = proof.iter().filter(|p| p.get("shows") == shows).collect();
            if cited.is_empty() {
                continue;
            }
            heading(text, words);
            for row in cited {
                let place = format!("{}#{}", row.get("input_file"), row.get("input_record"));
                let says = format!("{} [{} {place}]", row.get("says"), row.get("source"));
                line(text, &time(row, "event_time"), &says);
            }
        }
    }

    fn rejected(&self, text: &mut String, failure: &Row) {
        let alternatives = failure.members("alternatives");
        if alternatives.is_empty() {
            return;
        }
        heading(text, "What else was considered, and is less well supported");
        for row in alternatives {
            let cause = row.get("cause");
            let title = self.causes.get(&cause).map_or("", |c| c.title.as_str());
            line(text, &cause, &format!("{title} ({}, {})", row.get("verdict"), percent(&row)));
        }
    }
}

fn state(incident: &Row) -> String {
    match (incident.get("state").as_str(), incident.text("recovered_at")) {
        ("recovered", Some(_)) => format!("recovered {}", time(incident, "recovered_at")),
        ("ongoing", _) => "still ongoing at the end of the logs".into(),
        _ => "no later call seen".into(),
    }
}

fn reach(incident: &Row) -> String {
    let some = |name: &str, one: &str| {
        let total = incident.get(&format!("{name}_total"));
        let first: Vec<String> = incident.texts(name).into_iter().take(3).collect();
        let one = if total == "1" { one.trim_end_matches('s').replace("addresse", "address") } else { one.into() };
        format!("{total} {one} ({})", first.join(", "))
    };
    let parts = [("services", "services"), ("operations", "operations"), ("src_ips", "addresses")];
    let parts = parts.iter().filter(|(name, _)| incident.get(&format!("{name}_total")) != "0");
    let parts: Vec<String> = parts.map(|(name, one)| some(name, one)).collect();
    format!("{} calls refused; {}", incident.get("failures"), parts.join("; "))
}

/// What each rule saw, in its own words and those of the records that it cites.
fn evidence(text: &mut String, failure: &Row) {
    heading(text, "Why this verdict");
    let why = failure.members("why");
    let mut rules: Vec<String> = Vec::new();
    why.iter().map(|row| row.get("rule_id")).filter(|id| !id.is_empty()).for_each(|id| {
        if !rules.contains(&id) {
            rules.push(id);
        }
    });
    for rule in rules.iter().take(SHOWN) {
        let own: Vec<&Row> = why.iter().filter(|row| row.get("rule_id") == *rule).collect();
        let (cited, plain): (Vec<&Row>, Vec<&Row>) = own.iter().partition(|row| row.text("proof_event_uid").is_some());
        let title = plain.first().or(cited.first()).map_or_else(String::new, |row| row.get("says"));
        let met: Vec<String> = plain.iter().filter(|row| !is_plain(row)).map(|row| met(row)).collect();
        line(text, "-", &if met.is_empty() { title } else { format!("{title} ({})", met.join("; ")) });
        for row in cited {
            line(text, "", &format!("{} [{}]", row.get("says"), row.get("proof_event_uid")));
        }
    }
}

/// Whether a line says only what every refusal says.
fn is_plain(row: &Row) -> bool {
    row.get("field") == "status" || row.get("value").is_empty()
}

fn met(row: &Row) -> String {
    const LONG: usize = 90;
    let value: String = row.get("value").chars().take(LONG).collect();
    format!("{}: {value}", row.get("field").replace('_', " "))
}

fn checklist(text: &mut String, incident: &Row) {
    heading(text, "Checklist");
    for row in incident.members("checklist") {
        let (id, answer) = (row.get("check"), row.get("answer"));
        let question = CHECKLIST.iter().find(|c| c.id == id).map_or(id.as_str(), |c| c.question);
        let mark = match answer.as_str() {
            "pass" => "ok  ",
            "fail" => "FAIL",
            _ => "?   ",
        };
        line(text, mark, &format!("{question}: {}", row.get("says")));
    }
}

fn describe(text: &mut String, credential: &Row) {
    heading(text, "The credential");
    let names = ["credential_hint", "credential_uid", "credential_alias", "credential_kind", "provider"];
    let names: Vec<String> = names.iter().filter_map(|n| credential.text(n)).collect();
    line(text, "what", &names.join(" · "));
    let owner = [credential.text("owner"), credential.text("owner_kind")];
    line(text, "owner", &owner.into_iter().flatten().collect::<Vec<_>>().join(", "));
    line(text, "state", &credential.text("state").unwrap_or_else(|| "no log or inventory says".into()));
    let used = |name: &str| time(credential, name);
    let calls = format!("{} accepted, {} failed", credential.get("successes"), credential.get("failures"));
    line(
        text,
        "use",
        &format!(
            "{calls}; first {}, last {}, last accepted {}",
            used("first_use"),
            used("last_use"),
            used("last_success")
        ),
    );
    line(text, "made", &format!("{}, ends {}", used("created_at"), used("expires_at")));
    let findings = credential.texts("findings");
    if !findings.is_empty() {
        line(text, "mind", &findings.join(", ").replace('_', " "));
    }
}

fn history(text: &mut String, timeline: &[Row]) {
    if timeline.is_empty() {
        return;
    }
    heading(text, "What happened to it");
    for row in timeline.iter().take(SHOWN) {
        let place = format!("{}#{}", row.get("input_file"), row.get("input_record"));
        line(text, &time(row, "event_time"), &format!("{} [{} {place}]", row.get("says"), row.get("source")));
    }
    if timeline.len() > SHOWN {
        line(text, "", &format!("... and {} more in timeline.parquet", timeline.len() - SHOWN));
    }
}
