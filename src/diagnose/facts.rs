//! The facts about one refusal: what the credential, its owner, its history and the others tell about it; names no cause, rules do.

use super::failures::Failure;
use super::fleet::Fleet;
use super::identity::Id;
use super::known::KnownCredentials;
use super::mismatch::mismatch;
use super::near_miss::{NearMiss, NearMisses};
use super::owners::{Person, Standing};
use super::places::PLACES_CAP;
use super::profiles::Profile;
use super::successors::Successors;
use super::timeline::{State, TOLERANCE_US, Timeline, line_of, told};
use crate::model::column::Column;
use crate::model::environment::environment_of;
use crate::model::fact::{Fact, Known};
use crate::model::finding::Micros;
use crate::model::inventory::Listed;
use crate::model::name::is_fingerprint;
use crate::model::place::network_of;
use crate::model::place::{EventPlace, Sighting};
use std::sync::Arc;

/// How long before a refusal a change may have caused it.
const RECENT_US: Micros = 86_400_000_000;

/// What facts are drawn from.
pub struct Ground<'g> {
    /// Credentials, owners and accounts.
    pub known: &'g KnownCredentials<'g>,
    /// What the others did.
    pub fleet: &'g Fleet,
    /// Keys that work.
    pub near: &'g NearMisses,
    /// Newer credentials of the same actors, by use.
    pub successors: &'g Successors,
    /// Names of the inputs and of the sources found in each.
    pub inputs: &'g [(Arc<str>, Arc<str>)],
}

impl Ground<'_> {
    /// Where an event seen in passing stands, so that it can be cited.
    pub fn place(&self, seen: Sighting) -> EventPlace {
        let (input_file, source) = self.inputs.get(seen.input as usize).cloned().unwrap_or_default();
        EventPlace { event_time_us: Some(seen.time_us), source, event_uid: None, input_file, input_record: seen.record }
    }
}

/// A credential whose refusals are looked at, one after another.
pub struct Held<'h> {
    /// The name under which it counts.
    pub uid: &'h str,
    /// What it did.
    pub profile: Option<&'h Profile>,
    /// Its number, where logs or inventories speak of it.
    pub id: Option<Id>,
    /// Its owners, as logs and inventories name them.
    pub owners: &'h [Person],
}

/// What shows a fact.
type Shown = Vec<(EventPlace, String)>;

/// Facts under way.
struct Facts<'f> {
    ground: &'f Ground<'f>,
    failure: &'f Failure,
    time_us: Micros,
    found: Vec<Known>,
}

/// All facts about a refusal. Those of a credential are left out where the refusal names none.
pub fn facts(ground: &Ground<'_>, held: Option<&Held<'_>>, failure: &Failure) -> Vec<Known> {
    let Some(time_us) = failure.time_us() else { return Vec::new() };
    let mut facts = Facts { ground, failure, time_us, found: Vec::new() };
    let owners = facts.people(held);
    let made_us = held.and_then(|h| h.id).and_then(|id| ground.known.timeline(id).created_us());
    facts.owner(&owners, made_us);
    facts.account();
    facts.recent(&owners);
    facts.fleet(held);
    if let Some(held) = held {
        let timeline = held.id.map(|id| ground.known.timeline(id)).filter(|t| !facts.was_let_through(t));
        facts.state(timeline, held, &owners);
        facts.successor(held, &owners);
        facts.listed(held);
        if let Some(timeline) = timeline {
            facts.found.extend(mismatch(failure, timeline, held.profile, facts.environment()));
        }
        if let Some(profile) = held.profile {
            facts.history(profile);
            facts.elsewhere(profile);
        }
        facts.near_miss(held);
    }
    facts.found
}

impl<'f> Facts<'f> {
    fn put(&mut self, fact: Fact, value: impl Into<String>, shown_by: Shown) {
        self.found.push(Known { fact, values: vec![value.into()], shown_by });
    }

    fn get(&self, column: Column) -> Option<&'f str> {
        self.failure.get(column)
    }

    /// Owners of the credential, and who acted, where the actor is somebody.
    fn people(&self, held: Option<&Held<'_>>) -> Vec<Person> {
        let (provider, account) = (self.get(Column::Provider), self.get(Column::AccountUid));
        let is_somebody =
            self.get(Column::ActorType).is_none_or(|t| !["application", "gateway", "provider"].contains(&t));
        let names = [self.get(Column::ActorUid), self.get(Column::ActorName)].into_iter().flatten();
        let actor = names.filter(|n| is_somebody || n.contains('@')).map(|n| Person::new(n, provider, account));
        let owned = held.map_or(&[][..], |h| h.owners);
        let owned = owned.iter().map(|o| o.clone().placed(provider, account));
        let mut people: Vec<Person> = owned.chain(actor).collect();
        people.sort();
        people.dedup();
        people
    }

    /// A sighting that can be cited.
    fn seen(&self, sighting: Sighting, says: String) -> (EventPlace, String) {
        (self.ground.place(sighting), says)
    }

    /// Whether the provider refused what a gateway had let through: then the gateway's own credential was accepted, and what is known of it explains nothing.
    fn was_let_through(&self, timeline: &Timeline<'_>) -> bool {
        let (source, provider) = (self.get(Column::Source), self.get(Column::Provider));
        let mut providers = timeline.providers().peekable();
        // An upstream that nobody knows may be the one that issued the key.
        let is_others = provider.is_some_and(|p| Some(p) != source && p != "upstream");
        self.get(Column::RefusedBy) == Some("provider")
            && is_others
            && providers.peek().is_some()
            && providers.all(|p| Some(p) == source)
    }

    /// What the credential was when the call came.
    fn state_of(&self, timeline: &Timeline<'_>, held: &Held<'_>) -> Option<State> {
        let state = timeline.state(self.time_us)?;
        let profile = held.profile;
        // Another secret of the same id, first used after the rotation, is the new one.
        let is_newer = state.name == "rotated"
            && is_fingerprint(held.uid)
            && profile.and_then(|p| p.span_us).zip(state.since_us).is_some_and(|((first, _), since)| first > since);
        // A list is as old as it is: what was accepted since it was made, or since the call, it does not know of.
        let known_us = timeline.listed_us().unwrap_or(self.time_us);
        let is_stale = state.from == "inventory"
            && state.since_us.is_none()
            && profile.and_then(|p| p.last_success).is_some_and(|seen| seen.time_us > known_us);
        (!is_newer && !is_stale).then_some(state)
    }

    fn state(&mut self, timeline: Option<&Timeline<'_>>, held: &Held<'_>, owners: &[Person]) {
        let Some(timeline) = timeline else { return self.state_by_owner(owners) };
        if let Some(state) = self.state_of(timeline, held) {
            self.contradiction(&state, timeline, held.profile);
            self.put(Fact::CredentialStateFrom, state.from, vec![]);
            self.put(Fact::CredentialState, state.name, vec![state.shown_by]);
        } else {
            self.state_by_owner(owners);
        }
        if let Some(near) = timeline.state_near(self.time_us) {
            self.put(Fact::CredentialStateNear, near.name, vec![near.shown_by]);
        }
    }

    /// Accepted after its end, when the change had taken effect long ago, and not switched on again: one of the two logs is wrong.
    fn contradiction(&mut self, state: &State, timeline: &Timeline<'_>, profile: Option<&Profile>) {
        let Some(since) = state.since_us.filter(|_| !["active", "leaked"].contains(&state.name)) else { return };
        let accepted = profile.and_then(|p| p.first_success_after(None, since + TOLERANCE_US));
        let still = |at: &Micros| timeline.state(*at).is_some_and(|s| s.since_us == state.since_us);
        let Some(at) = accepted.filter(still) else { return };
        let last = profile.and_then(|p| p.last_success).filter(|seen| seen.time_us >= at);
        let shown_by = last.map(|seen| self.seen(seen, "the credential was accepted after that".into()));
        self.put(Fact::Contradiction, "accepted_since", shown_by.into_iter().collect());
    }

    /// A report that lists owners without naming their keys tells the state of a key when all keys of the owner are in one state.
    fn state_by_owner(&mut self, owners: &[Person]) {
        let rows: Vec<&Listed> = owners.iter().flat_map(|o| self.ground.known.listed_owner(o)).copied().collect();
        let states: Vec<&str> = rows.iter().filter_map(|l| l.state.as_deref()).collect();
        let [first, rest @ ..] = &states[..] else { return };
        if rest.iter().all(|s| s == first) {
            self.put(Fact::CredentialStateFrom, "owner", vec![]);
            self.put(Fact::CredentialState, *first, vec![(rows[0].place.clone(), line_of(rows[0]))]);
        }
    }

    /// A quarantine concerns the credentials that there were.
    fn can_concern(&self, standing: &Standing<'_>, made_us: Option<Micros>) -> bool {
        let at = standing.change.place.event_time_us;
        standing.state != "exposed" || made_us.zip(at).is_none_or(|(made, at)| made <= at)
    }

    fn owner(&mut self, owners: &[Person], made_us: Option<Micros>) {
        let known = &self.ground.known.owners;
        let standing = known.standing(owners, self.time_us, false);
        let gone = |s: &Standing<'_>| s.state != "active";
        if !standing.as_ref().is_some_and(gone)
            && let Some(near) = known.standing(owners, self.time_us, true).filter(gone)
        {
            let shown_by = vec![(near.change.place.clone(), told(near.change))];
            self.put(Fact::OwnerStateNear, near.state, shown_by);
        }
        let Some(standing) = standing.filter(|s| self.can_concern(s, made_us)) else { return };
        self.put(Fact::OwnerMatch, standing.by.name(), vec![]);
        self.put(Fact::OwnerState, standing.state, vec![(standing.change.place.clone(), told(standing.change))]);
    }

    fn account(&mut self) {
        let provider = self.get(Column::Provider).unwrap_or_default();
        for account in [Column::AccountUid, Column::TenantUid].into_iter().filter_map(|c| self.get(c)) {
            if let Some((state, change)) = self.ground.known.owners.account(provider, account, self.time_us) {
                return self.put(Fact::AccountState, state, vec![(change.place.clone(), told(change))]);
            }
        }
    }

    fn recent(&mut self, owners: &[Person]) {
        let provider = self.get(Column::Provider).unwrap_or_default();
        let places = [Column::AccountUid, Column::TenantUid].into_iter().filter_map(|c| self.get(c));
        let keys = places.map(|p| format!("{provider}\u{0}{p}")).chain(owners.iter().map(|o| o.name.clone()));
        let known = self.ground.known;
        let changes: Vec<_> = keys.flat_map(|key| known.changes_of(&key).iter().copied()).collect();
        let since = self.time_us - RECENT_US;
        let is_recent = |at: Micros| (since..=self.time_us).contains(&at);
        let mut recent: Vec<_> = changes
            .into_iter()
            .filter(|c| c.lifecycle_op.ends_with("_changed") && c.place.event_time_us.is_some_and(is_recent))
            .collect();
        recent.sort_by(|a, b| b.place.cmp(&a.place));
        recent.dedup_by(|a, b| a.place == b.place);
        let Some(last) = recent.first() else { return };
        let mut values: Vec<String> = recent.iter().map(|c| c.lifecycle_op.clone()).collect();
        values.sort();
        values.dedup();
        let shown_by = vec![(last.place.clone(), told(last))];
        self.found.push(Known { fact: Fact::RecentChange, values, shown_by });
    }

    fn fleet(&mut self, held: Option<&Held<'_>>) {
        let fleet = self.ground.fleet;
        if fleet.outage(self.get(Column::Provider), self.time_us).is_some() {
            self.put(Fact::Fleet, "many_failing", vec![]);
        }
        if held.is_some_and(|h| fleet.is_throttled(h.uid, self.time_us)) {
            self.put(Fact::ThrottledAround, "yes", vec![]);
        }
        if self.get(Column::SrcIp).is_some_and(|ip| fleet.keys_tried(ip).is_some()) {
            self.put(Fact::SourcePattern, "many_keys", vec![]);
        }
    }

    fn successor(&mut self, held: &Held<'_>, owners: &[Person]) {
        let known = self.ground.known;
        let timeline = held.id.map(|id| known.timeline(id));
        let state = timeline.and_then(|t| t.state(self.time_us));
        let ended =
            state.as_ref().and_then(|s| s.since_us).filter(|_| state.as_ref().is_some_and(|s| s.name != "active"));
        let newer = known.newer(owners, held.id, self.time_us);
        let newer = newer.filter(|(made, _)| timeline.is_none_or(|t| t.is_replaced_by(*made, ended, self.time_us)));
        // Without a word of when this one was made, one made before its first use does not replace it.
        let first_use = held.profile.and_then(|p| p.first_success).map(|s| s.time_us);
        let newer = newer.filter(|(made, _)| first_use.is_none_or(|first| *made > first));
        if let Some((_, id)) = newer {
            let name = known.timeline(id).name().unwrap_or_default();
            let shown_by = known.timeline(id).made_by().into_iter().collect();
            self.put(Fact::Successor, name, shown_by);
        }
        let profile = held.profile.filter(|p| p.first_success.is_some());
        if let Some((uid, first)) = profile.and_then(|p| self.ground.successors.of(held.uid, p, self.time_us)) {
            let says = format!("{uid} of the same caller was accepted");
            let shown = self.seen(first, says);
            self.put(Fact::SuccessorInUse, uid, vec![shown]);
        }
    }

    fn listed(&mut self, held: &Held<'_>) {
        let rows = held.id.map_or(&[][..], |id| &self.ground.known.timeline(id).listed);
        if let Some(row) = rows.first() {
            return self.put(Fact::Listed, "yes", vec![(row.place.clone(), line_of(row))]);
        }
        let hint = held.profile.and_then(|p| p.hint.as_deref());
        let provider = self.get(Column::Provider).unwrap_or_default();
        if self.ground.known.could_be_listed(provider, held.uid, hint) {
            self.put(Fact::Listed, "no", vec![]);
        }
    }

    fn history(&mut self, profile: &Profile) {
        let first = profile.first_success.filter(|s| s.time_us < self.time_us);
        let last = profile.last_success.filter(|s| s.time_us < self.time_us).or(first);
        if let Some(seen) = last {
            let shown = self.seen(seen, "the same credential was accepted".into());
            self.put(Fact::WorkedBefore, "yes", vec![shown]);
        }
        if let Some(seen) = profile.last_success.filter(|s| s.time_us > self.time_us) {
            let shown = self.seen(seen, "the same credential was accepted later".into());
            self.put(Fact::WorkedAfter, "yes", vec![shown]);
        }
    }

    /// The environment that the names in the call speak of.
    fn environment(&self) -> Option<&'static str> {
        [Column::Service, Column::TenantUid].into_iter().filter_map(|c| self.get(c)).find_map(environment_of)
    }

    fn elsewhere(&mut self, profile: &Profile) {
        let full = profile.places.len() >= PLACES_CAP;
        let Some((_, _, last)) = profile.places.iter().max_by_key(|(_, _, last)| *last).filter(|_| !full) else {
            return;
        };
        let own = [
            ("network", self.get(Column::SrcIp).and_then(network_of)),
            ("region", self.get(Column::Region).map(str::to_string)),
            ("tenant", self.get(Column::TenantUid).map(str::to_string)),
            ("environment", self.environment().map(str::to_string)),
        ];
        let (mut values, mut words) = (Vec::new(), Vec::new());
        for (what, value) in own {
            let Some(value) = value else { continue };
            let accepted: Vec<Option<&str>> = profile.places.iter().map(|(place, ..)| place.get(what)).collect();
            let differs = accepted.iter().all(|a| a.is_some_and(|a| !a.eq_ignore_ascii_case(&value)));
            if differs {
                words.push(format!("{what} {} and not {value}", accepted[0].unwrap_or_default()));
                values.push(what.to_string());
            }
        }
        if !values.is_empty() {
            let shown = self.seen(*last, format!("accepted from {}", words.join(", ")));
            self.found.push(Known { fact: Fact::Elsewhere, values, shown_by: vec![shown] });
        }
    }

    fn near_miss(&mut self, held: &Held<'_>) {
        if held.id.is_some() || held.profile.is_some_and(|p| p.first_success.is_some()) {
            return;
        }
        if let Some(NearMiss { good, near, .. }) = self.ground.near.near(held.uid) {
            let first = self.ground.successors.first_success(&good);
            let says = format!("{good} works; the key refused {}", near.says());
            let shown_by = first.map(|s| self.seen(s, says)).into_iter().collect();
            self.put(Fact::NearMiss, near.name(), shown_by);
        }
    }
}
