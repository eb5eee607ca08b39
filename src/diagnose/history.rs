//! The history of one credential across sources: what was done to it and its owner, what it did first and last; concludes nothing.

use super::facts::{Ground, Held};
use super::failures::Failure;
use super::owners::Person;
use super::timeline::{line_of, told};
use crate::model::column::Column;
use crate::model::finding::Happened;
use crate::model::place::EventPlace;

/// First and last refusal of a credential, each with what it says.
pub type Refused = Option<((EventPlace, String), (EventPlace, String))>;

/// What happened to a credential, in the order of time. Nothing of one that only ever did one thing: its incident or profile tells that.
pub fn history(ground: &Ground<'_>, held: &Held<'_>, refused: Refused) -> Vec<Happened> {
    let used = held.profile.is_some_and(|p| p.first_success.is_some());
    if held.id.is_none() && !(used && refused.is_some()) {
        return Vec::new();
    }
    let mut all: Vec<(EventPlace, String, String)> = Vec::new();
    if let Some(id) = held.id {
        let timeline = ground.known.timeline(id);
        all.extend(timeline.changes.iter().map(|c| (c.place.clone(), c.lifecycle_op.clone(), told(c))));
        all.extend(timeline.listed.iter().map(|l| (l.place.clone(), "listed".into(), line_of(l))));
    }
    for owner in held.owners {
        let changes = ground.known.owners.changes_of(owner);
        all.extend(changes.map(|c| (c.place.clone(), c.lifecycle_op.clone(), told(c))));
    }
    let sightings = held.profile.map(|p| (p.first_success, p.last_success));
    if let Some((Some(first), Some(last))) = sightings {
        all.push((ground.place(first), "first_success".into(), "first accepted".into()));
        if first != last {
            all.push((ground.place(last), "last_success".into(), "last accepted".into()));
        }
    }
    if let Some((first, last)) = refused {
        let only = first.0 == last.0;
        all.push((first.0, "first_refusal".into(), first.1));
        if !only {
            all.push((last.0, "last_refusal".into(), last.1));
        }
    }
    all.sort();
    all.dedup();
    all.into_iter().map(|(place, what, says)| happened(held.uid, place, what, says)).collect()
}

/// A refusal as the history of its credential cites it.
pub fn cited(failure: &Failure) -> (EventPlace, String) {
    let status = (failure.http_status > 0).then(|| failure.http_status.to_string());
    let words = [status.as_deref(), failure.get(Column::StatusCode), failure.get(Column::StatusDetail)];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    (failure.place(), format!("refused: {}", words.join(" ")))
}

fn happened(uid: &str, place: EventPlace, what: String, says: String) -> Happened {
    Happened {
        credential_uid: uid.to_string(),
        event_time: place.event_time_us,
        event_uid: place.cited(),
        source: place.source.to_string(),
        input_file: place.input_file.to_string(),
        input_record: place.input_record,
        what,
        says,
    }
}

/// The owners of a credential as logs, inventories and its own use name them.
pub fn owners(listed: Vec<Person>, actor: Option<(&str, Option<&str>)>) -> Vec<Person> {
    let named = actor.filter(|(name, _)| name.contains('@')).map(|(name, provider)| Person::new(name, provider, None));
    let mut all: Vec<Person> = listed.into_iter().chain(named).collect();
    all.sort();
    all.dedup();
    all
}
