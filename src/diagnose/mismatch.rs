//! In what a call differs from what an inventory says of its credential; names no cause.

use super::failures::Failure;
use super::owners::Person;
use super::timeline::{Timeline, line_of};
use crate::model::column::Column;
use crate::model::environment::environment_of;
use crate::model::fact::{Fact, Known};
use crate::model::inventory::Listed;
use ipnet::IpNet;
use std::net::IpAddr;

/// In what a call differs from what inventories say of its credential. `environment` is the one that the call's names speak of.
pub fn mismatch(failure: &Failure, timeline: &Timeline<'_>, environment: Option<&str>) -> Option<Known> {
    let (mut values, mut shown_by) = (Vec::new(), Vec::new());
    for row in &timeline.listed {
        let differing = differing(failure, row, environment);
        let says = |(_, says): &(&str, String)| (row.place.clone(), format!("{}: {says}", line_of(row)));
        shown_by.extend(differing.iter().map(says));
        values.extend(differing.into_iter().map(|(what, _)| what.to_string()));
    }
    values.sort();
    values.dedup();
    (!values.is_empty()).then_some(Known { fact: Fact::Mismatch, values, shown_by })
}

/// In what a call differs from a row of an inventory, and how, in words.
fn differing(failure: &Failure, row: &Listed, environment: Option<&str>) -> Vec<(&'static str, String)> {
    let mut differing = Vec::new();
    let mut compare = |what, own: Option<&str>, listed: Option<&str>| {
        if let (Some(own), Some(listed)) = (own, listed)
            && !own.eq_ignore_ascii_case(listed)
        {
            differing.push((what, format!("{what} {listed}, called with {own}")));
        }
    };
    let listed = row.environment.as_deref().map(|e| environment_of(e).unwrap_or(e));
    compare("environment", environment, listed);
    compare("region", failure.get(Column::Region), row.region.as_deref());
    compare("tenant", failure.get(Column::TenantUid), row.tenant_uid.as_deref());
    if let Some(ip) = failure.get(Column::SrcIp).filter(|ip| !allows_network(&row.allowed_networks, ip)) {
        differing.push(("network", format!("allowed from {}, called from {ip}", row.allowed_networks.join(", "))));
    }
    let model = failure.get(Column::DenyResource).or(failure.get(Column::Service));
    if let Some(model) = model.filter(|m| !allows_model(&row.allowed_models, m)) {
        differing.push(("model", format!("allowed for {}, called {model}", row.allowed_models.join(", "))));
    }
    if let Some(says) = principal(failure, row) {
        differing.push(("principal", says));
    }
    differing
}

/// Whether who acted is another than who owns the credential; told only where both are named in one way.
fn principal(failure: &Failure, row: &Listed) -> Option<String> {
    let actor = failure.get(Column::ActorName)?;
    let owner = row.owner_name.as_deref()?;
    let provider = row.provider.as_deref();
    let (a, b) = (Person::new(actor, provider, None), Person::new(owner, provider, None));
    // A person's key in the hands of a named application is somebody else's; other names are compared only where they are of one kind.
    let is_persons = row.owner_kind.as_deref() == Some("user") && failure.get(Column::ActorType) == Some("application");
    let alike = is_persons || (actor.contains('@') == owner.contains('@') && !actor.contains("..."));
    let uids = [failure.get(Column::ActorUid), row.owner_uid.as_deref()];
    let same_uid = uids[0].is_some() && uids[0] == uids[1];
    let named = row.credential_name.as_deref() == Some(actor);
    (alike && !same_uid && !named && a.matches(&b).is_none()).then(|| format!("owned by {owner}, used by {actor}"))
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
