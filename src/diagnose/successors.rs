//! Newer credentials that the same actor uses, by use alone: who holds an old key while others have the new one; knows no log of changes.

use super::profiles::Profile;
use crate::model::finding::Micros;
use crate::model::place::Sighting;
use rustc_hash::FxHashMap;

/// Most credentials remembered per actor: the newest.
const NEWEST: usize = 16;
/// Most credentials of which the first success is remembered.
const REMEMBERED: usize = 1 << 17;

/// Who uses credentials, and whose they are.
type Actor = (Box<str>, Box<str>);

/// Credentials that were accepted, by who used them.
#[derive(Debug, Default)]
pub struct Successors {
    by_actor: FxHashMap<Actor, Vec<(Sighting, Box<str>)>>,
    first: FxHashMap<Box<str>, Sighting>,
}

fn actor(profile: &Profile) -> Option<Actor> {
    Some((profile.actor_name.clone()?, profile.provider.clone().unwrap_or_default()))
}

impl Successors {
    /// Takes in a credential that was accepted. Keys that expire by themselves replace each other all the time and do not count.
    pub fn add(&mut self, uid: &str, profile: &Profile) {
        let Some(first) = profile.first_success else { return };
        if self.first.len() < REMEMBERED {
            self.first.insert(uid.into(), first);
        }
        let is_lasting = profile.kind.as_deref() != Some("temporary_key");
        if let Some(actor) = actor(profile).filter(|_| is_lasting && self.by_actor.len() < REMEMBERED) {
            let own = self.by_actor.entry(actor).or_default();
            let at = own.partition_point(|(f, _)| *f > first);
            own.insert(at, (first, uid.into()));
            own.truncate(NEWEST);
        }
    }

    /// When a credential was first accepted.
    pub fn first_success(&self, uid: &str) -> Option<Sighting> {
        self.first.get(uid).copied()
    }

    /// The newest credential of the same actor that was first accepted after this one was, and until a time.
    pub fn of(&self, uid: &str, profile: &Profile, until_us: Micros) -> Option<(&str, Sighting)> {
        let own = profile.first_success?.time_us;
        let all = self.by_actor.get(&actor(profile)?)?;
        let newer =
            all.iter().filter(|(first, other)| first.time_us > own && first.time_us <= until_us && **other != *uid);
        newer.map(|(first, other)| (&**other, *first)).next()
    }
}
