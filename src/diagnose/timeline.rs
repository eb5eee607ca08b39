//! What was done to one credential, and what it was at any time; a change that failed never gets here.

use super::owners::Person;
use crate::model::finding::{Lifecycle, Micros};
use crate::model::inventory::Listed;
use crate::model::place::EventPlace;

/// Clocks differ, and what a control plane changes takes effect elsewhere with delay
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>, eventual consistency): within this, order proves nothing.
pub const TOLERANCE_US: Micros = 300_000_000;
/// A credential made this long before the end of another, or later, replaces it.
const ROTATION_US: Micros = 30 * 86_400_000_000;

/// One credential that logs or inventories speak of.
#[derive(Debug, Default)]
pub struct Timeline<'l> {
    /// Changes in the order of their times.
    pub changes: Vec<&'l Lifecycle>,
    /// What inventories say of it.
    pub listed: Vec<&'l Listed>,
    left: Vec<Left<'l>>,
}

/// What a credential is after a change, and until when it is valid, each with the change that made it so.
#[derive(Debug, Clone, Copy)]
struct Left<'l> {
    at_us: Micros,
    state: Option<(&'static str, &'l Lifecycle)>,
    valid_until: Option<(Micros, &'l Lifecycle)>,
}

/// What a credential was, and what tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// active, inactive, deleted, expired, rotated or leaked.
    pub name: &'static str,
    /// log or inventory.
    pub from: &'static str,
    /// What shows it.
    pub shown_by: (EventPlace, String),
    /// When it became so, where that is known.
    pub since_us: Option<Micros>,
}

fn state_of(op: &str) -> Option<&'static str> {
    match op {
        "credential_created" | "credential_activated" => Some("active"),
        "credential_deactivated" => Some("inactive"),
        "credential_deleted" => Some("deleted"),
        "credential_rotated" => Some("rotated"),
        "credential_leaked" => Some("leaked"),
        "credential_expired" => Some("expired"),
        _ => None,
    }
}

/// A change in words.
pub fn told(change: &Lifecycle) -> String {
    let whom = change.target_user_name.as_ref().or(change.target_user_uid.as_ref());
    let what = change.target_credential_uid.as_ref().or(change.target_credential_alias.as_ref()).or(whom);
    let by = change.actor_name.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let how = change.operation.as_deref().map(|op| format!(" ({op})")).unwrap_or_default();
    let of = what.map(|w| format!(" of {w}")).unwrap_or_default();
    format!("{}{of}{by}{how}", change.lifecycle_op.replace('_', " "))
}

impl<'l> Timeline<'l> {
    /// Puts changes into their order, and notes what each leaves.
    pub fn sort(&mut self) {
        self.changes.sort_by(|a, b| a.place.cmp(&b.place));
        let mut left = Left { at_us: Micros::MIN, state: None, valid_until: None };
        for change in &self.changes {
            let Some(at_us) = change.place.event_time_us else { continue };
            let valid_until = valid_until(change).map(|until| (until, *change)).or(left.valid_until);
            // Switched off because it was exposed: the reason stays.
            let leaked = left.state.is_some_and(|(name, _)| name == "leaked");
            let next = state_of(&change.lifecycle_op).filter(|name| !leaked || *name == "active");
            left = Left { at_us, state: next.map(|name| (name, *change)).or(left.state), valid_until };
            self.left.push(left);
        }
    }

    /// The state that the changes up to a time leave, by logs alone.
    fn logged(&self, time_us: Micros) -> Option<State> {
        let after = self.left.partition_point(|left| left.at_us <= time_us);
        let left = self.left.get(after.checked_sub(1)?)?;
        let told_by = |change: &Lifecycle| (change.place.clone(), told(change));
        let active = left.state.is_none_or(|(name, _)| name == "active");
        if let Some((until, change)) = left.valid_until.filter(|(until, _)| active && *until <= time_us) {
            return Some(expired(until, told_by(change), "log"));
        }
        let (name, change) = left.state?;
        Some(State { name, from: "log", shown_by: told_by(change), since_us: change.place.event_time_us })
    }

    /// What the lists say, where they do not contradict each other.
    fn listed_state(&self, time_us: Micros) -> Option<State> {
        let ended = self.listed.iter().find_map(|l| Some((l.expires_us.filter(|e| *e <= time_us)?, *l)));
        // What ends later had not ended, whatever the list calls it by now.
        let not_yet =
            |l: &&&Listed| !(l.state.as_deref() == Some("expired") && l.expires_us.is_some_and(|e| e > time_us));
        let told = self.listed.iter().filter(not_yet);
        let mut states: Vec<(&'static str, &Listed)> = told.filter_map(|l| Some((name_of(l)?, *l))).collect();
        states.dedup_by_key(|(name, _)| *name);
        let [(name, listed)] = states[..] else {
            return ended
                .filter(|_| states.is_empty())
                .map(|(until, l)| expired(until, (l.place.clone(), line_of(l)), "inventory"));
        };
        match ended {
            Some((until, l)) if ["active", "expired"].contains(&name) => {
                Some(expired(until, (l.place.clone(), line_of(l)), "inventory"))
            }
            _ => Some(State {
                name,
                from: "inventory",
                shown_by: (listed.place.clone(), line_of(listed)),
                since_us: None,
            }),
        }
    }

    /// What it was at a time. A log's word on when goes before a list's word on whether.
    pub fn state(&self, time_us: Micros) -> Option<State> {
        let logged = self.logged(time_us);
        if logged.as_ref().is_some_and(|s| s.name != "active") {
            return logged;
        }
        let Some(listed) = self.listed_state(time_us) else { return logged };
        if listed.name == "expired" {
            return Some(listed);
        }
        // Switched on again by a log: a list that nobody dated, or that is older, knows nothing of that.
        let is_older = self.last_activation(time_us).is_some_and(|on| !self.is_listed_after(on));
        // A list may have been made long after the call: what the log says happened later, had not happened yet.
        let ended_later = self.left.iter().any(|l| l.at_us > time_us && l.state.is_some_and(|(s, _)| s != "active"));
        if is_older || ended_later { logged } else { Some(listed) }
    }

    fn last_activation(&self, time_us: Micros) -> Option<Micros> {
        let on = self.changes.iter().filter(|c| c.lifecycle_op == "credential_activated");
        on.filter_map(|c| c.place.event_time_us).filter(|t| *t <= time_us).max()
    }

    /// Whether every list of it was made after a time.
    fn is_listed_after(&self, time_us: Micros) -> bool {
        self.listed.iter().all(|l| l.listed_us.is_some_and(|at| at > time_us))
    }

    /// When the last list of it was made, where all say.
    pub fn listed_us(&self) -> Option<Micros> {
        let times: Option<Vec<Micros>> = self.listed.iter().map(|l| l.listed_us).collect();
        times?.into_iter().max()
    }

    /// The providers that speak of it.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        let changed = self.changes.iter().filter_map(|c| c.provider.as_deref());
        changed.chain(self.listed.iter().filter_map(|l| l.provider.as_deref()))
    }

    /// The state that a change makes of it whose time is so near that its order to the call cannot be told.
    pub fn state_near(&self, time_us: Micros) -> Option<State> {
        let ended = |s: &State| s.name != "active";
        let now = self.logged(time_us);
        let later = self.logged(time_us.saturating_add(TOLERANCE_US)).filter(ended);
        let earlier = self.logged(time_us.saturating_sub(TOLERANCE_US)).filter(ended);
        if now.as_ref().is_some_and(ended) { None } else { earlier.or(later) }
    }

    /// When it was made.
    pub fn created_us(&self) -> Option<Micros> {
        let made = self.changes.iter().filter(|c| c.lifecycle_op == "credential_created");
        made.filter_map(|c| c.place.event_time_us)
            .min()
            .or_else(|| self.listed.iter().filter_map(|l| l.created_us).min())
    }

    /// A name for it.
    pub fn name(&self) -> Option<&str> {
        let listed = self.listed.iter().flat_map(|l| [&l.credential_name, &l.credential_uid, &l.credential_hint]);
        let changed = self.changes.iter().flat_map(|c| [&c.target_credential_uid, &c.target_credential_alias]);
        changed.chain(listed).flatten().map(String::as_str).next()
    }

    /// What shows when it was made.
    pub fn made_by(&self) -> Option<(EventPlace, String)> {
        let made = self.changes.iter().find(|c| c.lifecycle_op == "credential_created");
        made.map(|c| (c.place.clone(), told(c))).or_else(|| self.listed.first().map(|l| (l.place.clone(), line_of(l))))
    }

    /// End of its validity.
    pub fn expires_us(&self) -> Option<Micros> {
        let logged = self.changes.iter().rev().find_map(|c| valid_until(c));
        logged.or_else(|| self.listed.iter().filter_map(|l| l.expires_us).min())
    }

    /// Whether a credential made at `made_us` replaces this one, which ended at `ended_us`, for a call at `time_us`.
    pub fn is_replaced_by(&self, made_us: Micros, ended_us: Option<Micros>, time_us: Micros) -> bool {
        let after_own = self.created_us().is_none_or(|own| made_us > own);
        let near_end = ended_us.is_none_or(|end| made_us >= end - ROTATION_US);
        after_own && near_end && made_us <= time_us
    }

    /// Its owners, as inventories and the call that made it name them.
    pub fn owners(&self) -> Vec<Person> {
        let listed = self.listed.iter().flat_map(|l| {
            let names = [&l.owner_uid, &l.owner_name].into_iter().flatten();
            names.map(|n| Person::new(n, l.provider.as_deref(), l.account_uid.as_deref()))
        });
        let changed = self.changes.iter().flat_map(|c| {
            let names = [&c.target_user_uid, &c.target_user_name].into_iter().flatten();
            names.map(|n| Person::new(n, c.provider.as_deref(), c.account_uid.as_deref()))
        });
        let mut owners: Vec<Person> = listed.chain(changed).collect();
        if owners.is_empty() {
            let made = self.changes.iter().find(|c| c.lifecycle_op == "credential_created");
            owners.extend(made.and_then(|c| {
                Some(Person::new(c.actor_name.as_deref()?, c.provider.as_deref(), c.account_uid.as_deref()))
            }));
        }
        owners.sort();
        owners.dedup();
        owners
    }
}

fn expired(until: Micros, shown_by: (EventPlace, String), from: &'static str) -> State {
    let (place, says) = shown_by;
    let end = crate::model::time::rfc3339(Some(until)).unwrap_or_default();
    State { name: "expired", from, shown_by: (place, format!("{says}; valid until {end}")), since_us: Some(until) }
}

fn name_of(listed: &Listed) -> Option<&'static str> {
    ["active", "inactive", "deleted", "expired", "leaked"].into_iter().find(|n| listed.state.as_deref() == Some(n))
}

/// A row of an inventory in words.
pub fn line_of(listed: &Listed) -> String {
    let name = [&listed.credential_name, &listed.credential_uid, &listed.credential_hint].into_iter().flatten().next();
    let name = name.map_or("a credential", String::as_str);
    let mut says = format!("the inventory lists {name}");
    for (what, value) in
        [("as", &listed.state), ("of", &listed.owner_name), ("for", &listed.environment), ("in", &listed.tenant_uid)]
    {
        if let Some(value) = value {
            says.push_str(&format!(" {what} {value}"));
        }
    }
    says
}

/// The end of validity that a change set. No credential is made to have ended before: such a record, replayed or with a clock that is wrong, says nothing.
fn valid_until(change: &Lifecycle) -> Option<Micros> {
    let made_us = change.place.event_time_us.filter(|_| change.lifecycle_op == "credential_created");
    change.valid_until_us.filter(|until| made_us.is_none_or(|made| *until > made))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Micros = 60_000_000;

    fn change(op: &str, minute: i64) -> Lifecycle {
        let place = EventPlace { event_time_us: Some(minute * MIN), ..EventPlace::default() };
        Lifecycle { lifecycle_op: op.into(), place, ..Lifecycle::default() }
    }

    fn state(ops: &[(&str, i64)], minute: i64) -> (Option<&'static str>, Option<&'static str>) {
        let changes: Vec<Lifecycle> = ops.iter().map(|(op, at)| change(op, *at)).collect();
        let mut timeline = Timeline { changes: changes.iter().collect(), ..Timeline::default() };
        timeline.sort();
        (timeline.state(minute * MIN).map(|s| s.name), timeline.state_near(minute * MIN).map(|s| s.name))
    }

    #[test]
    fn the_last_change_before_the_call_decides() {
        let off = ("credential_deactivated", 60);
        assert_eq!(state(&[off], 61), (Some("inactive"), None));
        assert_eq!(state(&[off], 50), (None, None));
        assert_eq!(state(&[off], 58), (None, Some("inactive")));
        assert_eq!(state(&[off, ("credential_activated", 70)], 80), (Some("active"), None));
        assert_eq!(state(&[off, ("credential_activated", 70)], 72), (Some("active"), Some("inactive")));
        assert_eq!(state(&[("credential_leaked", 50), off], 61), (Some("leaked"), None));
        assert_eq!(state(&[("policy_changed", 50)], 61), (None, None));
    }

    #[test]
    fn a_list_that_contradicts_itself_says_nothing() {
        let row = |state: &str| Listed { state: Some(state.into()), ..Listed::default() };
        let (a, b) = (row("active"), row("inactive"));
        let listed = |listed: Vec<&Listed>| Timeline {
            listed: listed.into_iter().cloned().collect::<Vec<_>>().leak().iter().collect(),
            ..Timeline::default()
        };
        assert_eq!(listed(vec![&b]).state(0).map(|s| s.name), Some("inactive"));
        assert_eq!(listed(vec![&a, &b]).state(0), None);
        assert_eq!(listed(vec![&b, &b]).state(0).map(|s| s.name), Some("inactive"));
    }
}
