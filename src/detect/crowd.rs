//! Caps the alerts of one rule by day, so that whatever happens to a hundred thousand keys is told in a page; words no alert but the one for the rest.

use super::baseline::DAY_US;
use super::sigma::{AlertRule, SUBJECTS_CAP, alert_uid};
use crate::model::finding::{Alert, Micros};
use std::collections::BTreeMap;

/// Alerts of one rule under way.
#[derive(Debug)]
pub struct Crowd {
    rule: AlertRule,
    detector: &'static str,
    days: BTreeMap<i64, Day>,
}

/// Alerts that begin on one day: the first by time and id, and how many more there are. What comes later changes none of an earlier day.
#[derive(Debug, Default)]
struct Day {
    told: BTreeMap<(Micros, String), Alert>,
    more: u64,
    last_us: Micros,
}

impl Crowd {
    /// No alerts yet of a rule.
    pub fn new(rule: AlertRule, detector: &'static str) -> Crowd {
        Crowd { rule, detector, days: BTreeMap::new() }
    }

    /// The rule.
    pub fn rule(&self) -> &AlertRule {
        &self.rule
    }

    /// Takes an alert.
    pub fn add(&mut self, alert: Alert) {
        let start_us = alert.window_start.unwrap_or_default();
        let day = self.days.entry(start_us.div_euclid(DAY_US)).or_default();
        day.told.insert((start_us, alert.alert_uid.clone()), alert);
        if day.told.len() > SUBJECTS_CAP
            && let Some(((start_us, _), alert)) = day.told.pop_last()
        {
            day.more += 1;
            day.last_us = day.last_us.max(alert.window_end.unwrap_or(start_us));
        }
    }

    /// The alerts; where a day has too many, one more for the rest of it.
    pub fn finish(self) -> Vec<Alert> {
        let (rule, detector) = (self.rule, self.detector);
        let mut alerts = Vec::new();
        for (number, day) in self.days {
            alerts.extend(day.told.into_values());
            if day.more > 0 {
                alerts.push(rest(&rule, detector, (number * DAY_US, day.last_us), day.more));
            }
        }
        alerts
    }
}

/// One alert that stands for many more.
fn rest(rule: &AlertRule, detector: &'static str, (start_us, end_us): (Micros, Micros), more: u64) -> Alert {
    Alert {
        alert_uid: alert_uid(&[&rule.id, "many more", &start_us.to_string()]),
        window_start: Some(start_us),
        window_end: Some(end_us),
        observed: more as f64,
        says: format!("{}: {more} more that begin on this day, which are not listed", rule.title),
        ..rule.alert(detector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> AlertRule {
        AlertRule::of_test("r")
    }

    #[test]
    fn a_hundred_thousand_are_a_page_in_whatever_order_they_come() {
        let of = |n: i64| {
            let mut alert = rest(&rule(), "d", (n % 2 * DAY_US + n, n), 1);
            alert.alert_uid = format!("{n:06}");
            alert
        };
        let told = |order: &mut dyn Iterator<Item = i64>| {
            let mut crowd = Crowd::new(rule(), "d");
            order.for_each(|n| crowd.add(of(n)));
            crowd.finish()
        };
        let alerts = told(&mut (0..100_000));
        assert_eq!(alerts, told(&mut (0..100_000).rev()));
        assert_eq!(alerts.len(), 2 * (SUBJECTS_CAP + 1));
        assert_eq!(alerts[SUBJECTS_CAP].says, "t: 49900 more that begin on this day, which are not listed");
        // What comes on a later day changes nothing of an earlier one.
        assert_eq!(alerts[..=SUBJECTS_CAP], told(&mut (0..100_000).filter(|n| n % 2 == 0)));
    }
}
