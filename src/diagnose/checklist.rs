//! Answers the fourteen questions for an incident from what the run's logs show; what they do not show stays unknown, with the log that would.

use super::profiles::Profiles;
use crate::model::cause::Cause;
use crate::model::checklist::{CHECKLIST, Check};
use crate::model::finding::{Answer, CheckAnswer, Incident};

/// What the answers are drawn from.
pub struct Context<'c> {
    /// The incident.
    pub incident: &'c Incident,
    /// Its cause.
    pub cause: Option<&'c Cause>,
    /// Who refused.
    pub refused_by: Option<&'c str>,
    /// Defects of the credential as sent.
    pub defects: Option<&'c str>,
    /// What every credential did.
    pub profiles: &'c Profiles,
    /// Sources seen in the run.
    pub sources: &'c [String],
}

/// All questions, answered in their order.
pub fn answers(context: &Context<'_>) -> Vec<CheckAnswer> {
    CHECKLIST.iter().map(|check| answer(context, check)).collect()
}

fn answer(context: &Context<'_>, check: &Check) -> CheckAnswer {
    let (answer, says) = failed(context, check)
        .or_else(|| passed(context, check))
        .unwrap_or_else(|| (Answer::Unknown, format!("would show it: {}", check.needs)));
    CheckAnswer { check: check.id, answer, says }
}

fn failed(context: &Context<'_>, check: &Check) -> Option<(Answer, String)> {
    if let Some(defects) = context.defects.filter(|_| ["key_typed", "key_loaded"].contains(&check.id)) {
        return Some((Answer::Fail, format!("the key as sent shows: {defects}")));
    }
    let cause = context.cause.filter(|c| c.check.as_deref() == Some(check.id))?;
    // A branch says that something in it is at fault, not which question fails.
    cause.id.contains('.').then(|| (Answer::Fail, format!("{} ({})", cause.title, context.incident.verdict.name())))
}

/// A credential that the service accepted in this run is typed, active and known; a refusal over permissions or limits shows the same,
/// because a service checks who is calling before what they may do.
fn passed(context: &Context<'_>, check: &Check) -> Option<(Answer, String)> {
    let incident = context.incident;
    let profile = incident.credential_uid.as_deref().and_then(|c| context.profiles.get(c));
    let accepted = profile.is_some_and(|p| p.successes > 0);
    let branch = incident.cause.as_deref().and_then(|c| c.split('.').next()).unwrap_or_default();
    let recognised = ["permission", "condition", "traffic", "account"].contains(&branch);
    let yes = |says: &str| Some((Answer::Pass, says.to_string()));
    match check.id {
        "key_typed" | "key_active" | "header_format" | "key_loaded" if recognised => {
            yes("the service knew the caller and refused for another reason")
        }
        "key_typed" | "header_format" | "right_user" if accepted => {
            yes("the same credential succeeded elsewhere in these logs")
        }
        "gateway_ok" if context.refused_by == Some("provider") => yes("the provider itself refused"),
        "provider_up" if branch != "provider" && context.refused_by == Some("provider") => yes("the provider answered"),
        "provider_up" if context.refused_by == Some("gateway") => yes("the call never reached the provider"),
        "audit_logs" => audit(incident.provider.as_deref(), context.sources),
        _ => None,
    }
}

fn audit(provider: Option<&str>, sources: &[String]) -> Option<(Answer, String)> {
    let provider = provider?;
    let audit = sources.iter().find(|s| {
        s.starts_with(provider) && (s.contains("audit") || s.contains("cloudtrail") || s.contains("activity"))
    })?;
    Some((Answer::Pass, format!("{audit} is among the inputs")))
}
