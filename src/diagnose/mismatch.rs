//! In what a call differs from what an inventory says of its credential; names no cause.

use super::failures::Failure;
use super::owners::Person;
use super::places::Place;
use super::profiles::Profile;
use super::timeline::{Timeline, line_of};
use crate::model::column::Column;
use crate::model::environment::environment_of;
use crate::model::fact::{Fact, Known};
use crate::model::inventory::Listed;
use crate::model::place::network_of;
use ipnet::IpNet;
use std::net::IpAddr;

/// Services of AWS that are everywhere and log in one region (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html>).
const GLOBAL: &[&str] = &["iam", "organizations", "sts", "cloudfront", "route53", "signin", "account", "sso"];
/// Words in a list that allow everything or say nothing.
const ANYTHING: &[&str] = &["all", "any", "*", "global", "shared", "none", "n/a", "-", "unknown", "multi", "default"];
/// How names of models begin: other names of services are none.
const MODELS: &[&str] = &[
    "gpt",
    "o1",
    "o3",
    "o4",
    "chatgpt",
    "claude",
    "gemini",
    "gemma",
    "llama",
    "mistral",
    "mixtral",
    "codestral",
    "command",
    "deepseek",
    "qwen",
    "grok",
    "nova",
    "titan",
    "text-embedding",
    "dall-e",
    "whisper",
    "tts",
    "sonar",
    "phi",
    "kimi",
    "glm",
];

/// In what a call differs from what inventories say of its credential, and never did while it was accepted. `environment` is the one that the call's
/// names speak of.
pub fn mismatch(
    failure: &Failure,
    timeline: &Timeline<'_>,
    profile: Option<&Profile>,
    environment: Option<&str>,
) -> Option<Known> {
    let (mut values, mut shown_by) = (Vec::new(), Vec::new());
    for row in &timeline.listed {
        let differing = differing(failure, row, environment).into_iter();
        // What was accepted with the same difference was not refused for it: the list is wrong or means something else.
        let differing: Vec<(&str, String)> =
            differing.filter(|(what, _)| !was_accepted(failure, profile, what, environment)).collect();
        let says = |(_, says): &(&str, String)| (row.place.clone(), format!("{}: {says}", line_of(row)));
        shown_by.extend(differing.iter().map(says));
        values.extend(differing.into_iter().map(|(what, _)| what.to_string()));
    }
    values.sort();
    values.dedup();
    (!values.is_empty()).then_some(Known { fact: Fact::Mismatch, values, shown_by })
}

/// Whether the credential was accepted, ever, with what a list says it is not for.
fn was_accepted(failure: &Failure, profile: Option<&Profile>, what: &str, environment: Option<&str>) -> bool {
    let Some(profile) = profile.filter(|p| p.first_success.is_some()) else { return false };
    let own = match what {
        "network" => failure.get(Column::SrcIp).and_then(network_of),
        "region" => failure.get(Column::Region).map(str::to_string),
        "tenant" => failure.get(Column::TenantUid).map(str::to_string),
        "environment" => environment.map(str::to_string),
        "model" => return profile.was_accepted(failure.get(Column::Service), failure.get(Column::Operation)),
        _ => return profile.actor_name.as_deref() == failure.get(Column::ActorName),
    };
    let same = |place: &Place| place.get(what).zip(own.as_deref()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    profile.places.iter().any(|(place, ..)| same(place))
}

/// The members of a cell that people filled; none where it allows anything.
fn allowed(text: Option<&str>) -> Option<Vec<String>> {
    let words = text?.split([',', ';', '/', '|', ' ']).map(|w| w.trim().to_lowercase()).filter(|w| !w.is_empty());
    let words: Vec<String> = words.collect();
    (!words.is_empty() && words.iter().all(|w| !ANYTHING.contains(&w.as_str()))).then_some(words)
}

/// In what a call differs from a row of an inventory, and how, in words.
fn differing(failure: &Failure, row: &Listed, environment: Option<&str>) -> Vec<(&'static str, String)> {
    let mut differing = Vec::new();
    let mut compare = |what, own: Option<&str>, listed: Option<Vec<String>>| {
        if let (Some(own), Some(listed)) = (own, listed)
            && !listed.iter().any(|l| l.eq_ignore_ascii_case(own))
        {
            differing.push((what, format!("{what} {}, called with {own}", listed.join(", "))));
        }
    };
    let environments = |words: Vec<String>| words.iter().map(|w| environment_of(w).map(str::to_string)).collect();
    compare("environment", environment, allowed(row.environment.as_deref()).and_then(environments));
    compare("region", region(failure), allowed(row.region.as_deref()).filter(|all| all.iter().all(|r| is_region(r))));
    compare("tenant", failure.get(Column::TenantUid), allowed(row.tenant_uid.as_deref()));
    if let Some(ip) = failure.get(Column::SrcIp).filter(|ip| !allows_network(&row.allowed_networks, ip)) {
        differing.push(("network", format!("allowed from {}, called from {ip}", row.allowed_networks.join(", "))));
    }
    let models = [Column::DenyResource, Column::Service].into_iter().filter_map(|c| failure.get(c));
    let model = models.into_iter().find(|m| is_model(m)).filter(|m| !allows_model(&row.allowed_models, m));
    if let Some(model) = model {
        differing.push(("model", format!("allowed for {}, called {model}", row.allowed_models.join(", "))));
    }
    if let Some(says) = principal(failure, row) {
        differing.push(("principal", says));
    }
    differing
}

/// The region of the call, where it is one of the caller's choosing.
fn region(failure: &Failure) -> Option<&str> {
    let service = failure.get(Column::Service).and_then(|s| s.split('.').next()).unwrap_or_default();
    failure.get(Column::Region).filter(|r| is_region(r) && !GLOBAL.contains(&service))
}

fn is_region(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) || !text.contains(char::is_whitespace) && text.len() >= 6
}

fn is_model(name: &str) -> bool {
    let bare = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let bare = bare
        .rsplit_once('.')
        .filter(|(head, _)| head.bytes().all(|b| b.is_ascii_lowercase() || b == b'.'))
        .map_or(bare.as_str(), |(_, m)| m);
    MODELS.iter().any(|m| bare.starts_with(m))
}

/// Whether who acted is another than who owns the credential; told only where both are named in one way.
fn principal(failure: &Failure, row: &Listed) -> Option<String> {
    let actor = failure.get(Column::ActorName)?;
    let owner = row.owner_name.as_deref().filter(|o| o.contains('@'))?;
    // A person's key in the hands of a named application is somebody else's; else two addresses are compared.
    let is_persons = row.owner_kind.as_deref() == Some("user") && failure.get(Column::ActorType) == Some("application");
    let provider = row.provider.as_deref();
    let (a, b) = (Person::new(actor, provider, None), Person::new(owner, None, None));
    let same_uid = failure.get(Column::ActorUid).is_some_and(|uid| row.owner_uid.as_deref() == Some(uid));
    let named = row.credential_name.as_deref() == Some(actor);
    let compares = (is_persons || actor.contains('@')) && !same_uid && !named;
    (compares && a.matches(&b).is_none()).then(|| format!("owned by {owner}, used by {actor}"))
}

fn allows_network(allowed: &[String], ip: &str) -> bool {
    let Ok(ip) = ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) else { return true };
    let (mut any, mut unread) = (false, false);
    for text in allowed {
        match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            Ok(net) => any |= net.contains(&ip),
            Err(_) => unread = true,
        }
    }
    allowed.is_empty() || any || unread
}

fn allows_model(allowed: &[String], model: &str) -> bool {
    let bare = |m: &str| m.rsplit('/').next().unwrap_or(m).to_ascii_lowercase();
    let fits = |allowed: &String| match allowed.strip_suffix('*') {
        Some(head) => model.to_ascii_lowercase().starts_with(&head.to_ascii_lowercase()),
        None => bare(allowed) == bare(model) || allowed.starts_with("all-"),
    };
    allowed.is_empty() || allowed.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_networks_and_models_allow_what_they_cannot_exclude() {
        let nets = ["10.0.0.0/8".to_string(), "192.0.2.7".to_string()];
        assert!(allows_network(&nets, "10.1.2.3") && allows_network(&nets, "192.0.2.7"));
        assert!(!allows_network(&nets, "192.0.2.8"));
        assert!(allows_network(&[], "192.0.2.8") && allows_network(&["office".into()], "192.0.2.8"));
        let models = ["gpt-4o".to_string(), "openai/*".to_string()];
        assert!(allows_model(&models, "openai/gpt-5") && allows_model(&models, "azure/gpt-4o"));
        assert!(!allows_model(&models, "claude-sonnet-4"));
    }
}
