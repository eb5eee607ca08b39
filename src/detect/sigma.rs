//! Alerts from matches of rules that name no cause: one per rule, subject and episode; must not print or read files.

use crate::model::finding::{Alert, Level, Micros, Sample};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A match of an alert rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertHit {
    /// The rule's number.
    pub rule: u32,
    /// Credential, else actor, else address: whom it is about.
    pub subject: String,
    /// When.
    pub event_time_us: Option<Micros>,
    /// The event's id.
    pub event_uid: String,
    /// The credential.
    pub credential_uid: Option<String>,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Who acted.
    pub actor_uid: Option<String>,
    /// From where.
    pub src_ip: Option<String>,
    /// Whose service.
    pub provider: Option<String>,
}

/// What an alert needs to know of its rule.
#[derive(Debug, Clone)]
pub struct AlertRule {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Author.
    pub author: String,
    /// Licence.
    pub license: String,
    /// Severity.
    pub level: Level,
}

/// Most subjects of one rule that get alerts of their own; the rest share one.
const SUBJECTS_CAP: usize = 100;

/// The alerts, most severe first. `rules` is by rule number.
pub fn alerts(hits: &[AlertHit], rules: &dyn Fn(u32) -> AlertRule, gap_us: Micros) -> Vec<Alert> {
    let mut by_subject: BTreeMap<(u32, &str), Vec<&AlertHit>> = BTreeMap::new();
    let mut subjects: BTreeMap<u32, usize> = BTreeMap::new();
    for hit in hits {
        let known = by_subject.contains_key(&(hit.rule, hit.subject.as_str()));
        let listed = subjects.entry(hit.rule).or_default();
        *listed += usize::from(!known);
        let subject = if known || *listed <= SUBJECTS_CAP { hit.subject.as_str() } else { "" };
        by_subject.entry((hit.rule, subject)).or_default().push(hit);
    }
    let mut alerts = Vec::new();
    for ((rule, subject), mut hits) in by_subject {
        hits.sort();
        hits.sort_by_key(|h| h.event_time_us);
        let many =
            |a: &&AlertHit, b: &&AlertHit| b.event_time_us.zip(a.event_time_us).is_none_or(|(b, a)| b - a <= gap_us);
        alerts.extend(hits.chunk_by(many).map(|episode| alert(&rules(rule), subject, episode)));
    }
    alerts.sort_by(|a, b| (b.level, a.window_start, &a.alert_uid).cmp(&(a.level, b.window_start, &b.alert_uid)));
    alerts
}

fn alert(rule: &AlertRule, subject: &str, episode: &[&AlertHit]) -> Alert {
    let (first, last) = (episode[0], episode[episode.len() - 1]);
    let own = |get: fn(&AlertHit) -> &Option<String>| {
        if subject.is_empty() { None } else { episode.iter().find_map(|h| get(h).clone()) }
    };
    let mut uids: Vec<String> = episode.iter().map(|h| h.event_uid.clone()).collect();
    uids.sort_unstable();
    uids.dedup();
    let total = uids.len() as u64;
    uids.truncate(Sample::CAP);
    let whom = if subject.is_empty() { "many more subjects".to_string() } else { subject.to_string() };
    let digest =
        Sha256::digest(format!("{}|{subject}|{:?}|{}", rule.id, first.event_time_us, first.event_uid).as_bytes());
    Alert {
        alert_uid: digest.iter().take(8).map(|b| format!("{b:02x}")).collect(),
        rule_id: rule.id.clone(),
        rule_author: rule.author.clone(),
        rule_license: rule.license.clone(),
        title: rule.title.clone(),
        level: rule.level,
        detector: "sigma",
        window_start: first.event_time_us,
        window_end: last.event_time_us,
        credential_uid: own(|h| &h.credential_uid),
        credential_hint: own(|h| &h.credential_hint),
        actor_uid: own(|h| &h.actor_uid),
        src_ip: own(|h| &h.src_ip),
        provider: own(|h| &h.provider),
        observed: total as f64,
        expected: None,
        score: None,
        says: format!("{}: {total} event{} by {whom}", rule.title, if total == 1 { "" } else { "s" }),
        event_uids: Sample { values: uids, total },
        causes: Vec::new(),
    }
}
