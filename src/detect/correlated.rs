//! Alerts from the episodes of correlations: one an episode; must not print or read files, and counts no window.

use super::crowd::Crowd;
use super::sigma::{AlertRule, alert_uid};
use crate::model::episode::{Episode, EventRef, Kind};
use crate::model::finding::{Alert, Micros, Sample};

/// What is said to have found them.
const DETECTOR: &str = "correlation";

/// What words about an episode need to know of its correlation.
#[derive(Debug, Clone)]
pub struct Correlated {
    /// Its rule.
    pub rule: AlertRule,
    /// What it measures.
    pub kind: Kind,
    /// How long its windows are.
    pub timespan_us: Micros,
    /// Names of the values that tell groups apart.
    pub group_by: Vec<String>,
    /// The smallest number that its bounds ask for, where they ask for one.
    pub expected: Option<f64>,
    /// Episodes of one group without a longer pause than this are one alert.
    pub cooldown_us: Micros,
}

/// The alerts of a correlation.
pub fn alerts(correlated: &Correlated, episodes: Vec<Episode>) -> Vec<Alert> {
    let mut crowd = Crowd::new(correlated.rule.clone(), DETECTOR);
    rested(episodes, correlated.cooldown_us).iter().for_each(|episode| crowd.add(correlated.alert(episode)));
    crowd.finish()
}

/// Episodes of one group with too short a pause between them are one.
fn rested(episodes: Vec<Episode>, cooldown_us: Micros) -> Vec<Episode> {
    let mut rested: Vec<Episode> = Vec::new();
    for next in episodes {
        match rested.last_mut() {
            Some(last) if last.group == next.group && next.first_us - last.last_us <= cooldown_us => {
                let common = last.common.clone();
                let same = common == next.common;
                join(last, next);
                last.common = if same { common } else { EventRef::default() };
            }
            _ => rested.push(next),
        }
    }
    rested
}

fn join(all: &mut Episode, next: Episode) {
    all.first_us = all.first_us.min(next.first_us);
    all.last_us = all.last_us.max(next.last_us);
    all.satisfied_us = all.satisfied_us.min(next.satisfied_us);
    if next.peak > all.peak {
        (all.peak, all.usual) = (next.peak, next.usual);
    }
    all.total += next.total;
    all.events.extend(next.events);
    all.events.truncate(Sample::CAP);
    all.common = EventRef::default();
}

impl Correlated {
    fn whom(&self, group: &[String]) -> String {
        let named: Vec<String> =
            self.group_by.iter().zip(group).map(|(name, value)| format!("{name} {value}")).collect();
        if named.is_empty() { String::new() } else { format!(" for {}", named.join(", ")) }
    }

    fn alert(&self, episode: &Episode) -> Alert {
        let rule = &self.rule;
        let whom = self.whom(&episode.group);
        let events = format!("{} event{}", episode.total, if episode.total == 1 { "" } else { "s" });
        let peak = format!("{}", (episode.peak * 1000.0).round() / 1000.0);
        let within = span(self.timespan_us);
        let measured = match self.kind {
            Kind::EventCount => format!("{events}, up to {peak} within {within}"),
            Kind::ValueCount => format!("{events}, up to {peak} different values within {within}"),
            Kind::Temporal | Kind::TemporalOrdered => format!("{events} within {within} of each other"),
            kind => format!("{events}, {} up to {peak} within {within}", kind.name()),
        };
        let usual = episode.usual.as_ref();
        let compared = usual.map(|(u, _)| format!(", {}", u.says())).unwrap_or_default();
        Alert {
            alert_uid: alert_uid(&[&rule.id, &whom, &episode.first_us.to_string()]),
            window_start: Some(episode.first_us),
            window_end: Some(episode.last_us),
            credential_uid: episode.common.credential_uid.clone(),
            credential_hint: episode.common.credential_hint.clone(),
            actor_uid: episode.common.actor_uid.clone(),
            src_ip: episode.common.src_ip.clone(),
            provider: episode.common.provider.clone(),
            observed: episode.peak,
            expected: usual.map(|(u, _)| u.median).or(self.expected),
            score: usual.map(|(_, score)| *score),
            says: format!("{}{whom}: {measured}{compared}", rule.title),
            event_uids: Sample {
                values: episode.events.iter().map(|e| e.event_uid.clone()).collect(),
                total: episode.total,
            },
            ..rule.alert(DETECTOR)
        }
    }
}

/// A time span in its largest whole unit.
fn span(us: Micros) -> String {
    let seconds = us / 1_000_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let whole = units.into_iter().find(|(unit, _)| seconds % unit == 0);
    whole.map_or_else(|| format!("{seconds} s"), |(unit, name)| format!("{} {name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(group: &str, first: Micros, last: Micros, peak: f64) -> Episode {
        Episode {
            group: vec![group.into()],
            first_us: first,
            last_us: last,
            satisfied_us: first,
            peak,
            usual: None,
            total: 2,
            events: vec![EventRef { event_uid: format!("{group}{first}"), ..EventRef::default() }],
            common: EventRef { src_ip: Some(group.into()), ..EventRef::default() },
            at: (0, 0),
        }
    }

    fn correlated(cooldown_us: Micros) -> Correlated {
        let rule = AlertRule::of_test("r");
        let group_by = vec!["src_ip".into()];
        Correlated { rule, kind: Kind::EventCount, timespan_us: 1_000_000, group_by, expected: Some(1.0), cooldown_us }
    }

    /// Start, end, peak and events of each alert.
    fn told(cooldown_us: Micros, episodes: Vec<Episode>) -> Vec<(Micros, Micros, f64, u64)> {
        let alerts = alerts(&correlated(cooldown_us), episodes);
        let ids: std::collections::BTreeSet<&str> = alerts.iter().map(|a| a.alert_uid.as_str()).collect();
        assert_eq!(ids.len(), alerts.len());
        let of = |a: &Alert| (a.window_start.unwrap(), a.window_end.unwrap(), a.observed, a.event_uids.total);
        alerts.iter().map(of).collect()
    }

    #[test]
    fn episodes_within_the_cooldown_are_one_alert() {
        let episodes = || vec![episode("a", 0, 10, 3.0), episode("a", 60, 70, 9.0), episode("b", 75, 80, 4.0)];
        assert_eq!(told(49, episodes()), [(0, 10, 3.0, 2), (60, 70, 9.0, 2), (75, 80, 4.0, 2)]);
        assert_eq!(told(50, episodes()), [(0, 70, 9.0, 4), (75, 80, 4.0, 2)]);
    }

    #[test]
    fn an_alert_keeps_its_id_while_its_episode_goes_on() {
        let id = |last, peak| alerts(&correlated(0), vec![episode("a", 5, last, peak)])[0].alert_uid.clone();
        assert_eq!(id(10, 2.0), id(900, 70.0));
    }
}
