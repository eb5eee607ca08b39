//! Accepted calls after the end of a credential: what logs and inventories say of its end, met with what its profile says of its use.

use super::profiles::Profile;
use super::timeline::{State, TOLERANCE_US, Timeline};
use crate::model::finding::{Micros, UseAfterEnd};

/// States in which no call should be accepted. A rotated key may be accepted for a while: that is what rotation with an overlap is.
const ENDED: &[&str] = &["inactive", "deleted", "expired", "leaked"];

fn is_end(state: &State) -> bool {
    ENDED.contains(&state.name)
}

/// The accepted calls after each end of a credential.
pub fn uses_after_end(timeline: &Timeline<'_>, profile: &Profile) -> Vec<UseAfterEnd> {
    let Some(last) = profile.last_success else { return Vec::new() };
    let changed = timeline.changes.iter().filter_map(|c| c.place.event_time_us);
    let listed = timeline.listed.iter().filter_map(|l| l.listed_us);
    let mut times: Vec<Micros> = changed.chain(listed).chain(timeline.expires_us()).collect();
    times.sort_unstable();
    times.dedup();
    let mut found: Vec<UseAfterEnd> = Vec::new();
    let mut ended = false;
    for (n, &time) in times.iter().enumerate() {
        let state = timeline.state(time).filter(is_end);
        let Some(state) =
            state.filter(|_| !std::mem::replace(&mut ended, timeline.state(time).is_some_and(|s| is_end(&s))))
        else {
            continue;
        };
        let again = times[n + 1..].iter().find(|t| !timeline.state(**t).is_some_and(|s| is_end(&s)));
        let until = again.map_or(Micros::MAX, |t| t - TOLERANCE_US);
        let first = profile.first_success_after(None, time.saturating_add(TOLERANCE_US));
        if let Some(first_us) = first.or(Some(last.time_us).filter(|t| *t > time + TOLERANCE_US)).filter(|t| *t < until)
        {
            let shown_by = state.shown_by.1;
            found.push(UseAfterEnd { state: state.name, ended_us: time, shown_by, first_us, last });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Lifecycle, Outcome, Uses};
    use crate::model::inventory::Listed;
    use crate::model::place::EventPlace;
    use crate::model::records::Codes;

    const HOUR: Micros = 3_600_000_000;

    fn profile(hours: &[i64]) -> Profile {
        let none = || Codes { codes: vec![0; hours.len()], values: vec![] };
        let uses = Uses {
            event_time_us: hours.iter().map(|h| h * HOUR).collect(),
            outcome: vec![Outcome::Success; hours.len()],
            credential_uid: Codes { codes: vec![1; hours.len()], values: vec!["k".into()] },
            credential_alias: none(),
            credential_hint: none(),
            credential_kind: none(),
            provider: none(),
            actor_name: none(),
            actor_type: none(),
            src_ip: none(),
            region: none(),
            tenant_uid: none(),
            service: none(),
            operation: none(),
            user_agent: none(),
            in_url: none(),
        };
        let ordinals: Vec<u64> = (0..hours.len() as u64).collect();
        let rows = super::super::profiles::Rows { ordinals: &ordinals, skip: None };
        super::super::profiles::Profiles::of(&uses, rows).take().next().unwrap().1
    }

    fn found(changes: &[(&str, i64)], expires: Option<i64>, used: &[i64]) -> Vec<(&'static str, i64)> {
        let changes: Vec<Lifecycle> = changes
            .iter()
            .map(|(op, hour)| Lifecycle {
                lifecycle_op: (*op).into(),
                place: EventPlace { event_time_us: Some(hour * HOUR), ..EventPlace::default() },
                ..Lifecycle::default()
            })
            .collect();
        let listed = Listed { expires_us: expires.map(|h| h * HOUR), ..Listed::default() };
        let mut timeline = Timeline::default();
        timeline.changes.extend(&changes);
        timeline.listed.push(&listed);
        timeline.sort();
        let uses = uses_after_end(&timeline, &profile(used));
        uses.iter().map(|u| (u.state, u.first_us / HOUR)).collect()
    }

    #[test]
    fn what_was_switched_off_must_not_work() {
        let off = ("credential_deactivated", 10);
        assert!(found(&[off], None, &[1, 9]).is_empty());
        assert_eq!(found(&[off], None, &[1, 12, 13]), [("inactive", 12)]);
        assert_eq!(found(&[off, ("credential_deleted", 11)], None, &[12]), [("inactive", 12)]);
        assert!(found(&[off, ("credential_activated", 11)], None, &[9, 12]).is_empty());
        assert!(found(&[("credential_rotated", 10)], None, &[12]).is_empty());
        assert_eq!(found(&[], Some(20), &[12, 22]), [("expired", 22)]);
        assert!(found(&[], Some(20), &[12]).is_empty());
    }
}
