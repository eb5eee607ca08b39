//! One row a credential: what it did, what was done to it, and what is unhealthy about it.

use super::places::PLACES_CAP;
use super::profiles::Profile;
use super::timeline::Timeline;
use crate::model::finding::{Credential, Micros};
use crate::model::whereabouts::Locate;
use std::collections::BTreeSet;

const DAY_US: Micros = 86_400_000_000;
/// A key older than this without rotation is a finding (CIS AWS Foundations Benchmark 1.14).
const OLD_DAYS: i64 = 90;
/// A key used from this many addresses or more is a finding.
const MANY_ADDRESSES: u64 = 10;
/// A key that ends within so many days is a finding.
const SOON_DAYS: i64 = 14;

/// The row of one credential. `end_us` is the time of the last event of the run.
pub fn credential(
    uid: &str,
    profile: Option<&Profile>,
    timeline: Option<&Timeline<'_>>,
    end_us: Option<Micros>,
) -> Credential {
    let mut credential = match profile {
        Some(profile) => of_profile(uid, profile),
        None => Credential { credential_uid: uid.to_string(), ..Credential::default() },
    };
    if let Some(timeline) = timeline {
        apply(&mut credential, timeline, end_us);
    }
    judge(credential, profile, timeline, end_us)
}

/// The countries of the networks that it was accepted from.
pub fn countries(profile: &Profile, locate: Locate<'_>) -> Vec<String> {
    let networks = profile.places.iter().filter_map(|(place, ..)| place.network.as_deref()?.split('/').next());
    let countries: BTreeSet<String> = networks.filter_map(|network| locate(network)?.country).collect();
    countries.into_iter().collect()
}

fn of_profile(uid: &str, profile: &Profile) -> Credential {
    let word = |w: &Option<Box<str>>| w.as_deref().map(str::to_string);
    let environments: BTreeSet<&str> = profile.places.iter().filter_map(|(p, ..)| p.environment.as_deref()).collect();
    Credential {
        credential_uid: uid.to_string(),
        credential_hint: word(&profile.hint),
        credential_alias: profile.aliases.first().map(|a| a.to_string()),
        credential_kind: word(&profile.kind),
        provider: word(&profile.provider),
        owner: word(&profile.actor_name),
        first_use: profile.span_us.map(|s| s.0),
        last_use: profile.span_us.map(|s| s.1),
        last_success: profile.last_success.map(|s| s.time_us),
        last_failure: profile.last_failure_us,
        successes: profile.successes,
        failures: profile.failures + profile.refusals,
        refusals: profile.refusals,
        actor_types: profile.actor_types.iter().map(|t| t.to_string()).collect(),
        distinct_src_ips: profile.src_ips.len() as u64,
        distinct_operations: profile.operations.len() as u64,
        environments: environments.into_iter().map(str::to_string).collect(),
        ..Credential::default()
    }
}

fn apply(credential: &mut Credential, timeline: &Timeline<'_>, end_us: Option<Micros>) {
    let end = end_us.unwrap_or(Micros::MAX);
    credential.state = timeline.state(end).map(|s| s.name.to_string());
    credential.created_at = timeline.created_us();
    credential.expires_at = timeline.expires_us();
    let listed = timeline.listed.first();
    let changed = |get: fn(&crate::model::finding::Lifecycle) -> &Option<String>| {
        timeline.changes.iter().find_map(|c| get(c).clone())
    };
    let owner = listed.and_then(|l| l.owner_name.clone().or(l.owner_uid.clone()));
    credential.owner = owner.or(credential.owner.take()).or_else(|| changed(|c| &c.target_user_name));
    credential.owner_kind = listed.and_then(|l| l.owner_kind.clone());
    let provider = listed.and_then(|l| l.provider.clone()).or_else(|| changed(|c| &c.provider));
    credential.provider = credential.provider.take().or(provider);
    let alias = listed.and_then(|l| l.credential_name.clone()).or_else(|| changed(|c| &c.target_credential_alias));
    credential.credential_alias = credential.credential_alias.take().or(alias);
    credential.credential_hint =
        credential.credential_hint.take().or_else(|| listed.and_then(|l| l.credential_hint.clone()));
}

fn judge(
    mut credential: Credential,
    profile: Option<&Profile>,
    timeline: Option<&Timeline<'_>>,
    end_us: Option<Micros>,
) -> Credential {
    let days_from = |at: Option<Micros>| at.zip(end_us).map(|(at, end)| (end - at) / DAY_US);
    credential.age_days = days_from(credential.created_at);
    let lasting = credential.credential_kind.as_deref() != Some("temporary_key");
    let ended = credential.state.as_deref().is_some_and(|s| s != "active");
    let days_left = days_from(credential.expires_at).map(|d| -d);
    let listed_use = timeline.is_some_and(|t| t.listed.iter().any(|l| l.last_used_us.is_some()));
    let by_machine = credential.actor_types.iter().any(|t| ["application", "service", "role"].contains(&t.as_str()));
    let root = credential.actor_types.iter().any(|t| t == "root") || credential.owner_kind.as_deref() == Some("root");
    let human = credential.owner_kind.as_deref() == Some("user");
    let networks = profile.is_some_and(|p| p.places.len() >= PLACES_CAP);
    let findings = [
        ("expiring_soon", !ended && days_left.is_some_and(|d| (0..=SOON_DAYS).contains(&d))),
        ("human_key_in_workload", human && by_machine),
        ("never_rotated", lasting && !ended && credential.age_days.is_some_and(|d| d > OLD_DAYS)),
        ("root_key", root),
        ("sent_in_url", profile.is_some_and(|p| p.in_url)),
        ("shared_across_environments", credential.environments.len() > 1),
        ("unused", credential.created_at.is_some() && credential.first_use.is_none() && !listed_use && !ended),
        ("used_from_many_networks", networks || credential.distinct_src_ips >= MANY_ADDRESSES),
    ];
    credential.findings = findings.iter().filter(|(_, holds)| *holds).map(|(name, _)| name.to_string()).collect();
    credential
}
