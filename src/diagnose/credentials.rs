//! One row a credential: what it did, what was done to it, and what is unhealthy about it.

use super::profiles::{Profile, Profiles};
use crate::model::finding::{Credential, Lifecycle, Micros};
use std::collections::BTreeMap;

const DAY_US: Micros = 86_400_000_000;
/// A key older than this without rotation is a finding (CIS AWS Foundations Benchmark 1.14).
const OLD_DAYS: i64 = 90;
/// A key used from this many addresses or more is a finding.
const MANY_ADDRESSES: u64 = 10;

/// The credentials of a run by id. `end_us` is the time of its last event.
pub fn credentials(profiles: &Profiles, lifecycle: &[Lifecycle], end_us: Option<Micros>) -> Vec<Credential> {
    let mut all: BTreeMap<&str, Credential> =
        profiles.sorted().into_iter().map(|(uid, p)| (uid, of_profile(uid, p))).collect();
    let mut events: Vec<&Lifecycle> = lifecycle.iter().filter(|l| l.target_credential_uid.is_some()).collect();
    events.sort_by_key(|l| (l.event_time_us, l.lifecycle_op.as_str()));
    for event in events {
        let Some(uid) = event.target_credential_uid.as_deref() else { continue };
        let credential =
            all.entry(uid).or_insert_with(|| Credential { credential_uid: uid.to_string(), ..Credential::default() });
        apply(credential, event);
    }
    all.into_values().map(|c| judge(c, end_us)).collect()
}

fn of_profile(uid: &str, profile: &Profile) -> Credential {
    let word = |w: &Option<Box<str>>| w.as_deref().map(str::to_string);
    Credential {
        credential_uid: uid.to_string(),
        credential_hint: word(&profile.hint),
        credential_kind: word(&profile.kind),
        provider: word(&profile.provider),
        owner: word(&profile.actor_name),
        first_use: profile.span_us.map(|s| s.0),
        last_use: profile.span_us.map(|s| s.1),
        last_success: profile.last_success_us,
        last_failure: profile.last_failure_us,
        successes: profile.successes,
        failures: profile.failures + profile.refusals,
        refusals: profile.refusals,
        actor_types: profile.actor_types.iter().map(|t| t.to_string()).collect(),
        distinct_src_ips: profile.src_ips.len() as u64,
        distinct_operations: profile.operations.len() as u64,
        ..Credential::default()
    }
}

fn apply(credential: &mut Credential, event: &Lifecycle) {
    let state = match event.lifecycle_op.as_str() {
        "credential_created" => {
            credential.created_at = event.event_time_us;
            Some("active")
        }
        "credential_activated" => Some("active"),
        "credential_deactivated" => Some("deactivated"),
        "credential_deleted" => Some("deleted"),
        _ => None,
    };
    credential.state = state.map(str::to_string).or(credential.state.take());
    credential.expires_at = event.valid_until_us.or(credential.expires_at);
    credential.provider = credential.provider.take().or_else(|| event.provider.clone());
    credential.owner = credential.owner.take().or_else(|| event.target_user_name.clone());
}

fn judge(mut credential: Credential, end_us: Option<Micros>) -> Credential {
    let expired = credential.expires_at.zip(end_us).is_some_and(|(until, end)| until <= end);
    if expired && credential.state.as_deref().is_none_or(|s| s == "active") {
        credential.state = Some("expired".into());
    }
    credential.age_days = credential.created_at.zip(end_us).map(|(created, end)| (end - created) / DAY_US);
    let lasting = credential.credential_kind.as_deref() != Some("temporary_key");
    let findings = [
        ("never_rotated", lasting && credential.age_days.is_some_and(|d| d > OLD_DAYS)),
        ("root_key", credential.actor_types.iter().any(|t| t == "root")),
        ("unused", credential.created_at.is_some() && credential.first_use.is_none()),
        ("used_from_many_networks", credential.distinct_src_ips >= MANY_ADDRESSES),
    ];
    credential.findings = findings.iter().filter(|(_, holds)| *holds).map(|(name, _)| name.to_string()).collect();
    credential
}
