//! Fills the steps of a remedy with an incident's real names.

use super::incidents::Diagnosed;
use crate::model::column::Column;
use crate::model::fact::Fact;
use crate::model::finding::Incident;

/// A step without the provider that it is meant for in brackets before it; none where the provider is another.
pub fn step_for<'s>(step: &'s str, provider: Option<&str>) -> Option<&'s str> {
    let Some((meant, rest)) = step.strip_prefix('[').and_then(|s| s.split_once("] ")) else { return Some(step) };
    provider.is_some_and(|p| p == meant || p.starts_with(&format!("{meant}_"))).then_some(rest)
}

/// A step with every `{column}` replaced. What the logs do not name is said in words, or, inside a command, shown as `<column>`.
pub fn fill(step: &str, incident: &Incident, strongest: &Diagnosed) -> String {
    let fact = |name: &str| {
        let fact = Fact::from_name(name)?;
        let known = strongest.facts.iter().find(|k| k.fact == fact)?;
        Some(known.values.join(", "))
    };
    let by_name = |name: &str| match Column::from_name(name) {
        Some(column) => value(column, incident, strongest),
        None => fact(name),
    };
    filled(step, &by_name)
}

fn filled(step: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(step.len());
    let mut rest = step;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|c| open + c) else { break };
        let name = &rest[open + 1..close];
        out.push_str(&rest[..open]);
        match Column::from_name(name).is_some() || Fact::from_name(name).is_some() {
            true => {
                let unnamed = || words(name).map_or_else(|| format!("<{name}>"), str::to_string);
                out.push_str(&value(name).unwrap_or_else(unnamed));
            }
            false => out.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

fn words(name: &str) -> Option<&'static str> {
    if Fact::from_name(name) == Some(Fact::Successor) {
        return Some("the newer key");
    }
    match Column::from_name(name)? {
        Column::CredentialHint => Some("the credential"),
        Column::ActorName => Some("the caller"),
        Column::Provider => Some("the provider"),
        Column::Service => Some("the service"),
        Column::SrcIp => Some("the caller's address"),
        _ => None,
    }
}

fn value(column: Column, incident: &Incident, strongest: &Diagnosed) -> Option<String> {
    let own = match column {
        Column::CredentialUid => incident.credential_uid.clone(),
        Column::CredentialHint => incident.credential_hint.clone().or_else(|| incident.credential_uid.clone()),
        Column::ActorUid => incident.actor_uid.clone(),
        Column::ActorName => incident.actor_name.clone(),
        Column::Provider => incident.provider.clone(),
        Column::AccountUid => incident.account_uid.clone(),
        Column::Service => incident.services.values.first().cloned(),
        Column::Operation => incident.operations.values.first().cloned(),
        Column::SrcIp => incident.src_ips.values.first().cloned(),
        _ => None,
    };
    own.or_else(|| strongest.failure.get(column).map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_another_provider_are_left_out() {
        assert_eq!(step_for("Rotate it", None), Some("Rotate it"));
        assert_eq!(step_for("[aws] aws iam ...", Some("aws_apigateway")), Some("aws iam ..."));
        assert_eq!(step_for("[aws] aws iam ...", Some("litellm")), None);
    }

    #[test]
    fn steps_name_what_the_logs_name() {
        assert_eq!(filled("Rotate {credential_hint} now", &|_| Some("sk-...1cc1".into())), "Rotate sk-...1cc1 now");
        assert_eq!(filled("Rotate {credential_hint} now", &|_| None), "Rotate the credential now");
        assert_eq!(filled("run --key {credential_uid} {x}", &|_| None), "run --key <credential_uid> {x}");
    }
}
