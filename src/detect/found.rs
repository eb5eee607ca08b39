//! Something unusual about a credential, and the alert that it makes under a rule; looks for nothing itself.

use super::sigma::{AlertRule, alert_uid};
use crate::model::anomaly::Detector;
use crate::model::finding::{Alert, Micros, Sample};
use crate::model::place::Sighting;

/// Something unusual.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What found it.
    pub detector: Detector,
    /// When it began.
    pub start_us: Micros,
    /// When it ended.
    pub end_us: Micros,
    /// What was measured.
    pub observed: f64,
    /// What was expected.
    pub expected: Option<f64>,
    /// How far apart the two are.
    pub score: Option<f64>,
    /// In words.
    pub says: String,
    /// Events that show it.
    pub at: Vec<Sighting>,
    /// The address concerned, where it is about one.
    pub src_ip: Option<String>,
    /// The unusual values: networks, operations, clients, states.
    pub values: Vec<String>,
}

impl Found {
    /// Something found, with nothing more to say about it.
    pub fn new(detector: Detector, (start_us, end_us): (Micros, Micros), observed: f64, says: String) -> Found {
        Found {
            detector,
            start_us,
            end_us,
            observed,
            expected: None,
            score: None,
            says,
            at: Vec::new(),
            src_ip: None,
            values: Vec::new(),
        }
    }
}

/// Whose behaviour it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// The credential.
    pub credential_uid: String,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Its kind.
    pub credential_kind: Option<String>,
    /// Who used it.
    pub actor: Option<String>,
    /// Who owns it.
    pub provider: Option<String>,
}

/// The alert of something found under a rule. `cited` says how an event is referred to.
pub fn alert(found: &Found, whose: &Whose, rule: &AlertRule, cited: &dyn Fn(&Sighting) -> String) -> Alert {
    // A hint of dots only names nobody.
    let hint = whose.credential_hint.as_ref().filter(|h| h.contains(char::is_alphanumeric));
    let whom = hint.unwrap_or(&whose.credential_uid);
    let by = whose.actor.as_ref().map(|a| format!(" ({a})")).unwrap_or_default();
    let start = found.start_us.to_string();
    let mut values: Vec<String> = found.at.iter().map(cited).collect();
    values.dedup();
    Alert {
        alert_uid: alert_uid(&[&rule.id, &whose.credential_uid, &start]),
        window_start: Some(found.start_us),
        window_end: Some(found.end_us),
        credential_uid: Some(whose.credential_uid.clone()),
        credential_hint: whose.credential_hint.clone(),
        src_ip: found.src_ip.clone(),
        provider: whose.provider.clone(),
        observed: found.observed,
        expected: found.expected,
        score: found.score,
        says: format!("{}: {whom}{by}: {}", rule.title, found.says),
        event_uids: Sample { total: values.len() as u64, values: values.into_iter().take(Sample::CAP).collect() },
        ..rule.alert(found.detector.name())
    }
}
