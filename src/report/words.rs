//! How values are said to people: times, counts and texts that cannot harm a terminal.

use crate::model::finding::{Incident, Micros, State};
pub use crate::model::time::rfc3339;
use crate::model::verdict::Sureness;
use chrono::DateTime;

/// `2026-11-01 10:05:12Z`; a dash for none.
pub fn time(us: Option<Micros>) -> String {
    us.and_then(DateTime::from_timestamp_micros)
        .map_or_else(|| "-".into(), |t| t.format("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Text without control characters: a log line must not steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How sure, in words.
pub fn sureness(verdict: Sureness) -> &'static str {
    match verdict {
        Sureness::Confirmed => "confirmed",
        Sureness::Likely => "likely",
        Sureness::Possible => "possible, not proved",
        Sureness::Unexplained => "unexplained",
    }
}

/// Whom an incident is about: hint of the credential, name of the actor, whichever is known.
pub fn subject(incident: &Incident) -> String {
    let credential = incident.credential_hint.as_deref().or(incident.credential_uid.as_deref());
    let actor = incident.actor_name.as_deref().or(incident.actor_uid.as_deref());
    plain(&match (credential, actor) {
        (Some(credential), Some(actor)) => format!("{credential} ({actor})"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => "callers that the log does not name".into(),
    })
}

/// Since when, and whether it goes on.
pub fn duration(incident: &Incident) -> String {
    let since = time(incident.first_seen);
    match incident.state {
        State::Ongoing => format!("since {since}, still ongoing"),
        State::Recovered => {
            format!("{since} to {}, recovered {}", time(incident.last_seen), time(incident.recovered_at))
        }
        State::Unknown => format!("{since} to {}, no later call seen", time(incident.last_seen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_said_plainly() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(time(Some(1_783_252_800_000_000)), "2026-07-05 12:00:00Z");
        assert_eq!(plain("a\u{1b}[31mb\n"), "a [31mb ");
    }
}
