//! Alerts from matches of rules that name no cause: one per rule, subject and episode; must not print or read files.

use crate::model::episode::EventRef;
use crate::model::finding::{Alert, Level, Micros, Sample};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;

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
    /// Tags, such as `attack.t1078`.
    pub tags: Vec<String>,
    /// Links.
    pub references: Vec<String>,
}

impl AlertRule {
    /// An alert of the rule, with its words and nothing else yet.
    pub fn alert(&self, detector: &'static str) -> Alert {
        Alert {
            alert_uid: String::new(),
            rule_id: self.id.clone(),
            rule_author: self.author.clone(),
            rule_license: self.license.clone(),
            title: self.title.clone(),
            level: self.level,
            tags: self.tags.clone(),
            references: self.references.clone(),
            detector: detector.into(),
            window_start: None,
            window_end: None,
            credential_uid: None,
            credential_hint: None,
            actor_uid: None,
            src_ip: None,
            provider: None,
            observed: 0.0,
            expected: None,
            score: None,
            says: String::new(),
            event_uids: Sample::default(),
            causes: Vec::new(),
        }
    }

    /// A rule of that id, of which tests ask nothing more.
    #[cfg(test)]
    pub fn of_test(id: &str) -> AlertRule {
        AlertRule {
            id: id.into(),
            title: "t".into(),
            author: String::new(),
            license: String::new(),
            level: Level::Low,
            tags: vec![],
            references: vec![],
        }
    }
}

/// Most subjects of one rule that get alerts of their own: the first by name, so that order cannot matter. The rest share one.
pub const SUBJECTS_CAP: usize = 100;

/// Matches of alert rules, joined as they come: what is kept grows with what will be reported, not with what matched.
#[derive(Debug)]
pub struct Matches {
    gap_us: Micros,
    /// By rule and subject.
    by_rule: BTreeMap<u32, BTreeMap<String, Vec<Span>>>,
}

/// Matches of one rule and subject without a longer pause than the gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    first_us: Option<Micros>,
    last_us: Option<Micros>,
    total: u64,
    /// The earliest, in order.
    events: Vec<(Option<Micros>, EventRef)>,
}

impl Matches {
    /// No matches yet. `gap_us` is the longest pause inside an episode.
    pub fn new(gap_us: Micros) -> Matches {
        Matches { gap_us, by_rule: BTreeMap::new() }
    }

    /// Takes a match of a rule: the credential, else the actor, else the address is its subject, else the source.
    #[expect(clippy::too_many_arguments, reason = "the rule, when, what, and the last resort for whom")]
    pub fn add(&mut self, rule: u32, time_us: Option<Micros>, event: &EventRef, source: &str) {
        let subject = [&event.credential_uid, &event.actor_uid, &event.src_ip].into_iter().flatten().next();
        let subject = subject.map_or(source, String::as_str);
        let subjects = self.by_rule.entry(rule).or_default();
        if let Some(spans) = subjects.get_mut(subject) {
            return join(spans, (time_us, event), self.gap_us);
        }
        let subject = admitted(subjects, subject, self.gap_us);
        join(subjects.entry(subject.to_string()).or_default(), (time_us, event), self.gap_us);
    }

    /// What was taken of every rule and subject.
    pub fn spans(&self) -> impl Iterator<Item = (u32, &str, &[Span])> {
        let of_rule = |(rule, subjects): (&u32, _)| (*rule, subjects);
        let all = self.by_rule.iter().map(of_rule);
        all.flat_map(|(rule, subjects)| subjects.iter().map(move |(s, spans)| (rule, s.as_str(), spans.as_slice())))
    }

    /// Takes what an earlier run took.
    pub fn restore(&mut self, rule: u32, subject: &str, spans: Vec<Span>) {
        let subjects = self.by_rule.entry(rule).or_default();
        let subject = if subjects.contains_key(subject) { subject } else { admitted(subjects, subject, self.gap_us) };
        let own = subjects.entry(subject.to_string()).or_default();
        spans.into_iter().for_each(|span| absorb(own, span, self.gap_us));
    }

    /// The alerts. `rules` is by rule number.
    pub fn alerts(&self, rules: &dyn Fn(u32) -> AlertRule) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (rule, subjects) in &self.by_rule {
            let rule = rules(*rule);
            let spans = subjects.iter().flat_map(|(subject, spans)| spans.iter().map(move |s| (subject, s)));
            alerts.extend(spans.map(|(subject, span)| span.alert(&rule, subject)));
        }
        alerts
    }
}

/// The name under which a new subject goes. The empty subject stands for all beyond the cap; the last by name makes way for an earlier one.
fn admitted<'s>(subjects: &mut BTreeMap<String, Vec<Span>>, subject: &'s str, gap_us: Micros) -> &'s str {
    let listed = subjects.len() - usize::from(subjects.contains_key(""));
    if subject.is_empty() || listed < SUBJECTS_CAP {
        return subject;
    }
    let last = subjects.last_entry().filter(|last| subject < last.key().as_str());
    let Some(spans) = last.map(std::collections::btree_map::OccupiedEntry::remove) else { return "" };
    let shared = subjects.entry(String::new()).or_default();
    spans.into_iter().for_each(|span| absorb(shared, span, gap_us));
    subject
}

/// Which spans, in order of time and further apart than the gap, are no further than the gap from a time span; where none is, its own place.
fn near(spans: &[Span], (from_us, to_us): (Option<Micros>, Option<Micros>), gap_us: Micros) -> Range<usize> {
    let is_near = |own: &Span| match (own.first_us.zip(own.last_us), from_us.zip(to_us)) {
        (Some((first, last)), Some((from, to))) => {
            first <= to.saturating_add(gap_us) && last >= from.saturating_sub(gap_us)
        }
        (None, None) => true,
        _ => false,
    };
    let from = spans.partition_point(|s| !is_near(s) && s.first_us < from_us);
    from..from + spans[from..].iter().take_while(|s| is_near(s)).count()
}

/// Adds a span to spans, which stay in order of time further apart than the gap.
fn absorb(spans: &mut Vec<Span>, mut span: Span, gap_us: Micros) {
    let near = near(spans, (span.first_us, span.last_us), gap_us);
    let at = near.start;
    spans.drain(near).for_each(|other| span.merge(other));
    spans.insert(at, span);
}

/// Adds a match to spans, which stand in order of time further apart than the gap: the same spans result from any order of adding.
fn join(spans: &mut Vec<Span>, (time_us, event): (Option<Micros>, &EventRef), gap_us: Micros) {
    let near = near(spans, (time_us, time_us), gap_us);
    let at = near.start;
    if near.is_empty() {
        let (first_us, last_us) = (time_us, time_us);
        spans.insert(at, Span { first_us, last_us, total: 1, events: vec![(time_us, event.clone())] });
        return;
    }
    // A match between two spans makes them one.
    let others: Vec<Span> = spans.drain(at + 1..near.end).collect();
    let span = &mut spans[at];
    others.into_iter().for_each(|other| span.merge(other));
    span.add(time_us, event);
}

impl Span {
    /// The last match; none where none has a time.
    pub fn last_us(&self) -> Option<Micros> {
        self.last_us
    }

    fn add(&mut self, time_us: Option<Micros>, event: &EventRef) {
        self.first_us = self.first_us.min(time_us);
        self.last_us = self.last_us.max(time_us);
        self.total += 1;
        let place = self.events.partition_point(|(time, other)| (time, other) <= (&time_us, event));
        if place < Sample::CAP {
            self.events.insert(place, (time_us, event.clone()));
            self.events.truncate(Sample::CAP);
        }
    }

    fn merge(&mut self, other: Span) {
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        self.total += other.total;
        self.events.extend(other.events);
        self.events.sort();
        self.events.truncate(Sample::CAP);
    }
}

impl Span {
    fn alert(&self, rule: &AlertRule, subject: &str) -> Alert {
        let own = |get: fn(&EventRef) -> &Option<String>| {
            if subject.is_empty() { None } else { self.events.iter().find_map(|(_, e)| get(e).clone()) }
        };
        let whom = if subject.is_empty() { "many more subjects" } else { subject };
        let uids = self.events.iter().map(|(_, e)| e.event_uid.clone()).collect();
        Alert {
            alert_uid: alert_uid(&[&rule.id, subject, &format!("{:?}", self.first_us), &self.events[0].1.event_uid]),
            window_start: self.first_us,
            window_end: self.last_us,
            credential_uid: own(|e| &e.credential_uid),
            credential_hint: own(|e| &e.credential_hint),
            actor_uid: own(|e| &e.actor_uid),
            src_ip: own(|e| &e.src_ip),
            provider: own(|e| &e.provider),
            observed: self.total as f64,
            says: format!("{}: {} event{} by {whom}", rule.title, self.total, if self.total == 1 { "" } else { "s" }),
            event_uids: Sample { values: uids, total: self.total },
            ..rule.alert("sigma")
        }
    }
}

/// An alert's id, the same in every run that finds it.
pub fn alert_uid(parts: &[&str]) -> String {
    Sha256::digest(parts.join("|").as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// Puts alerts in the order in which people should read them.
pub fn sort(alerts: &mut [Alert]) {
    alerts.sort_by(|a, b| (b.level, a.window_start, &a.alert_uid).cmp(&(a.level, b.window_start, &b.alert_uid)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(_: u32) -> AlertRule {
        AlertRule::of_test("r")
    }

    fn event(uid: u32) -> EventRef {
        EventRef { event_uid: format!("{uid:04}"), actor_uid: Some("a".into()), ..EventRef::default() }
    }

    proptest::proptest! {
        #[test]
        fn any_order_of_matches_gives_the_same_alerts(mut times in proptest::collection::vec(0i64..200, 1..60), seed in 0u64..1000) {
            let alerts = |order: &[(usize, i64)]| {
                let mut matches = Matches::new(5);
                order.iter().for_each(|(n, t)| matches.add(0, (*t > 0).then_some(*t), &event(*n as u32), "s"));
                matches.alerts(&rule)
            };
            times.sort_unstable();
            let ordered: Vec<(usize, i64)> = times.iter().copied().enumerate().collect();
            let mut shuffled = ordered.clone();
            shuffled.sort_by_key(|(n, _)| (*n as u64 + 1).wrapping_mul(seed | 1) % 61);
            let found = alerts(&ordered);
            proptest::prop_assert_eq!(&found, &alerts(&shuffled));
            proptest::prop_assert_eq!(found.iter().map(|a| a.event_uids.total).sum::<u64>(), times.len() as u64);
            let pauses = times.windows(2).filter(|w| w[1] - w[0] > 5 || (w[0] <= 0 && w[1] > 0)).count();
            proptest::prop_assert_eq!(found.len(), pauses + 1);
        }
    }

    proptest::proptest! {
        #[test]
        fn parts_restored_in_any_order_give_the_same_alerts(
            taken in proptest::collection::vec((0i64..200, 0usize..150), 1..300), split in 1usize..7
        ) {
            let add = |matches: &mut Matches, n: usize, (time, subject): (i64, usize)| {
                let event = EventRef { actor_uid: Some(format!("{subject:03}")), ..event(n as u32) };
                matches.add(0, (time > 0).then_some(time), &event, "s");
            };
            let mut whole = Matches::new(5);
            taken.iter().enumerate().for_each(|(n, t)| add(&mut whole, n, *t));
            let mut parts: Vec<Matches> = (0..split).map(|_| Matches::new(5)).collect();
            taken.iter().enumerate().for_each(|(n, t)| add(&mut parts[n * 7 % split], n, *t));
            let mut joined = parts.pop().unwrap();
            for part in parts.iter().rev() {
                part.spans().for_each(|(rule, subject, spans)| joined.restore(rule, subject, spans.to_vec()));
            }
            proptest::prop_assert_eq!(whole.alerts(&rule), joined.alerts(&rule));
        }
    }

    #[test]
    fn a_thousand_subjects_share_the_last_alert() {
        let mut matches = Matches::new(5);
        for n in 0..1000 {
            matches.add(0, Some(1), &EventRef { actor_uid: Some(n.to_string()), ..event(n) }, "s");
        }
        let alerts = matches.alerts(&rule);
        assert_eq!(alerts.len(), SUBJECTS_CAP + 1);
        assert_eq!(alerts.iter().map(|a| a.observed).sum::<f64>(), 1000.0);
    }
}
