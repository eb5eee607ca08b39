//! Answers the fourteen questions for an incident from what the run's logs show; what they do not show stays unknown, with the log that would.

use super::audit::Cover;
use super::incidents::{Case, Diagnosed};
use super::profiles::Profile;
use crate::model::cause::Cause;
use crate::model::checklist::{CHECKLIST, Check};
use crate::model::column::Column;
use crate::model::fact::{Fact, Known};
use crate::model::finding::{Answer, CheckAnswer, Incident};

/// What the answers are drawn from.
pub struct Context<'c> {
    /// The incident.
    pub incident: &'c Incident,
    /// Its cause.
    pub cause: Option<&'c Cause>,
    /// What incidents are made with.
    pub case: &'c Case<'c>,
    /// What the credential did.
    pub profile: Option<&'c Profile>,
    /// The refusal behind the verdict.
    pub strongest: &'c Diagnosed,
}

/// All questions, answered in their order.
pub fn answers(context: &Context<'_>) -> Vec<CheckAnswer> {
    CHECKLIST.iter().map(|check| answer(context, check)).collect()
}

fn answer(context: &Context<'_>, check: &Check) -> CheckAnswer {
    let (answer, says) = context
        .failed(check)
        .or_else(|| context.known(check))
        .or_else(|| context.passed(check))
        .or_else(|| context.open(check))
        .unwrap_or_else(|| (Answer::Unknown, format!("would show it: {}", check.needs)));
    CheckAnswer { check: check.id.to_string(), answer, says }
}

type Answered = Option<(Answer, String)>;

fn pass(says: impl Into<String>) -> Answered {
    Some((Answer::Pass, says.into()))
}

/// A fact in words: what shows it, else its value.
fn words(known: &Known) -> String {
    match known.shown_by.first() {
        Some((place, says)) => format!("{says} [{}]", place.cited()),
        None => format!("{}: {}", known.fact.name().replace('_', " "), known.values.join(", ")),
    }
}

impl Context<'_> {
    fn fact(&self, fact: Fact) -> Option<&Known> {
        self.strongest.facts.iter().find(|k| k.fact == fact)
    }

    fn is(&self, fact: Fact, value: &str) -> Option<&Known> {
        self.fact(fact).filter(|k| k.values.iter().any(|v| v == value))
    }

    fn branch(&self) -> &str {
        self.incident.cause.as_deref().and_then(|c| c.split('.').next()).unwrap_or_default()
    }

    fn failed(&self, check: &Check) -> Answered {
        let defects = self.strongest.failure.get(Column::CredentialDefects);
        if let Some(defects) = defects.filter(|_| ["key_typed", "key_loaded"].contains(&check.id)) {
            return Some((Answer::Fail, format!("the key as sent shows: {defects}")));
        }
        let cause = self.cause.filter(|c| c.check.as_deref() == Some(check.id))?;
        // A branch says that something in it is at fault, not which question fails.
        let shown = self.strongest.proved_by.first().map(|(place, says)| format!("; {says} [{}]", place.cited()));
        let says = || format!("{} ({}){}", cause.title, self.incident.verdict.name(), shown.unwrap_or_default());
        cause.id.contains('.').then(|| (Answer::Fail, says()))
    }

    /// What other records tell, whatever the verdict is.
    fn known(&self, check: &Check) -> Answered {
        let fail = |known: &Known| Some((Answer::Fail, words(known)));
        match check.id {
            "key_typed" | "key_loaded" => self.fact(Fact::NearMiss).and_then(fail),
            "key_active" => match self.fact(Fact::CredentialState)? {
                active if active.values == ["active"] => pass(words(active)),
                ended => fail(ended),
            },
            "user_good" => match self.fact(Fact::OwnerState)? {
                active if active.values == ["active"] => pass(words(active)),
                gone => fail(gone),
            },
            "right_place" => self.fact(Fact::Mismatch).filter(|k| k.values.iter().any(|v| is_place(v))).and_then(fail),
            "right_user" => self.is(Fact::Mismatch, "principal").and_then(fail),
            "permissions" => self.is(Fact::Mismatch, "network").or(self.is(Fact::Mismatch, "model")).and_then(fail),
            "caching" => self.fact(Fact::Successor).or(self.fact(Fact::SuccessorInUse)).and_then(fail),
            "provider_up" => self.fact(Fact::Fleet).and_then(fail),
            _ => None,
        }
    }

    /// A credential that the service accepted in this run is typed, active and known; a refusal over permissions or limits shows the same,
    /// because a service checks who is calling before what they may do.
    fn passed(&self, check: &Check) -> Answered {
        let accepted = self.profile.is_some_and(|p| p.successes > 0);
        // By the service's own words: what we conclude does not tell what the service knew.
        let own = self.fact(Fact::EventCause).and_then(|k| k.values.first()).and_then(|c| c.split('.').next());
        let said = self.fact(Fact::EventVerdict).is_some_and(|k| k.values != ["possible"]);
        let recognised = said && own.is_some_and(|b| ["permission", "condition", "traffic", "account"].contains(&b));
        let refused_by = self.strongest.failure.get(Column::RefusedBy);
        match check.id {
            "key_typed" | "key_active" | "header_format" | "key_loaded" if recognised => {
                pass("the service knew the caller and refused for another reason")
            }
            "key_active" if self.fact(Fact::WorkedAfter).is_some() => pass("the same credential was accepted later"),
            "key_typed" | "header_format" if accepted => pass("the same credential succeeded elsewhere in these logs"),
            "right_user" if self.owner_uses_it() => pass("its owner used it"),
            "gateway_ok" if refused_by == Some("provider") => pass("the provider itself refused"),
            "provider_up" if self.branch() != "provider" && refused_by == Some("provider") => {
                pass("the provider answered")
            }
            "provider_up" if refused_by == Some("gateway") => pass("the call never reached the provider"),
            _ => None,
        }
    }

    fn owner_uses_it(&self) -> bool {
        self.fact(Fact::Listed).is_some_and(|k| k.values == ["yes"]) && self.is(Fact::Mismatch, "principal").is_none()
    }

    /// What no record tells: an audit log that covers the time without a word of a change passes, one with a gap leaves it open.
    fn open(&self, check: &Check) -> Answered {
        let provider = self.incident.provider.as_deref().unwrap_or_default();
        let last = self.incident.last_seen?;
        let worked = self.profile.and_then(|p| p.last_success).map(|s| s.time_us);
        let from = worked.or(self.incident.first_seen)?.min(last);
        let cover = self.case.audit.cover(provider, from, last);
        match (check.id, &cover) {
            ("audit_logs", Cover::Covered(_)) => pass(cover.says()),
            ("audit_logs", Cover::Gap(..)) => Some((Answer::Fail, cover.says())),
            ("audit_logs", Cover::Absent) => None,
            ("audit_logs", _) => Some((Answer::Unknown, cover.says())),
            ("key_active" | "caching", Cover::Covered(_)) => {
                pass(format!("no change of it is logged; {}", cover.says()))
            }
            ("key_active" | "caching", Cover::Absent) => None,
            ("key_active" | "caching", _) => {
                Some((Answer::Unknown, format!("no change of it is logged, but {}", cover.says())))
            }
            _ => None,
        }
    }
}

fn is_place(what: &str) -> bool {
    ["environment", "region", "tenant"].contains(&what)
}
