//! Fills the steps of a remedy with an incident's real names.

use crate::model::column::Column;
use crate::model::finding::Incident;

/// A step with every `{column}` replaced. What the logs do not name is said in words, or, inside a command, shown as `<column>`.
pub fn fill(step: &str, incident: &Incident, extras: &[(Column, String)]) -> String {
    filled(step, &|column| value(column, incident, extras))
}

fn filled(step: &str, value: &dyn Fn(Column) -> Option<String>) -> String {
    let mut out = String::with_capacity(step.len());
    let mut rest = step;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|c| open + c) else { break };
        let name = &rest[open + 1..close];
        out.push_str(&rest[..open]);
        match Column::from_name(name) {
            Some(column) => {
                let unnamed = || words(column).map_or_else(|| format!("<{name}>"), str::to_string);
                out.push_str(&value(column).unwrap_or_else(unnamed));
            }
            None => out.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

fn words(column: Column) -> Option<&'static str> {
    match column {
        Column::CredentialHint => Some("the credential"),
        Column::ActorName => Some("the caller"),
        Column::Provider => Some("the provider"),
        Column::Service => Some("the service"),
        Column::SrcIp => Some("the caller's address"),
        _ => None,
    }
}

fn value(column: Column, incident: &Incident, extras: &[(Column, String)]) -> Option<String> {
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
    own.or_else(|| extras.iter().find(|(c, _)| *c == column).map(|(_, t)| t.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_name_what_the_logs_name() {
        assert_eq!(filled("Rotate {credential_hint} now", &|_| Some("sk-...1cc1".into())), "Rotate sk-...1cc1 now");
        assert_eq!(filled("Rotate {credential_hint} now", &|_| None), "Rotate the credential now");
        assert_eq!(filled("run --key {credential_uid} {x}", &|_| None), "run --key <credential_uid> {x}");
    }
}
