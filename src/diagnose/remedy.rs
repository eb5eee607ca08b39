//! Fills the steps of a remedy with an incident's real names.

use crate::model::column::Column;
use crate::model::finding::Incident;

/// A step with every `{column}` replaced; a name that the logs do not give is shown as `<column>`.
pub fn fill(step: &str, incident: &Incident, extras: &[(Column, String)]) -> String {
    let mut out = String::with_capacity(step.len());
    let mut rest = step;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|c| open + c) else { break };
        let name = &rest[open + 1..close];
        out.push_str(&rest[..open]);
        match Column::from_name(name) {
            Some(column) => out.push_str(&value(column, incident, extras).unwrap_or_else(|| format!("<{name}>"))),
            None => out.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
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
