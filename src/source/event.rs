//! One record as an event: every column computed from a plan and a record, with what columns mean to each other; knows no batch.

use super::credential::{self, Fingerprint};
use super::datum::Datum;
use super::plan::Plan;
use super::redact::redact;
use super::shape::shape_of;
use super::trie::Slots;
use crate::model::column::Column;
use crate::model::finding::Outcome;
use crate::model::name::is_fingerprint;
use std::borrow::Cow;

/// HTTP statuses that are refusals where a mapping does not say which failures are.
const HTTP_REFUSALS: &[i64] = &[401, 402, 403, 407, 429];

/// An event: a plan, the slots of a record, and its fingerprint.
pub(super) struct Event<'a, 'd> {
    pub plan: &'a Plan,
    pub source: &'a str,
    pub slots: &'a Slots<'d>,
    /// How it ended, where that is known already.
    pub outcome: Option<Outcome>,
}

impl<'a, 'd: 'a> Event<'a, 'd> {
    /// A column as the mapping says it, without what other columns imply.
    pub fn mapped(&self, column: Column) -> Datum<'a> {
        self.plan.column(column).map_or(Datum::Nothing, |e| e.eval(&self.plan.row(self.slots)))
    }

    /// A field that the mapping makes for rules that name it.
    pub fn computed(&self, name: &str) -> Option<Cow<'a, str>> {
        self.plan.computed(name)?.eval(&self.plan.row(self.slots)).into_text()
    }

    /// How the event ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome.unwrap_or_else(|| self.mapped_outcome())
    }

    fn mapped_outcome(&self) -> Outcome {
        match self.mapped(Column::Status).into_text().as_deref() {
            Some("success") => Outcome::Success,
            Some("failure") => self.failure(),
            Some(_) => Outcome::Unknown,
            None => match self.mapped(Column::HttpStatus).to_int() {
                Some(100..=399) => Outcome::Success,
                Some(_) => self.failure(),
                None => Outcome::Unknown,
            },
        }
    }

    /// A failed event is a refusal when the mapping says so; without a word from it, when its HTTP status is one of a refusal.
    fn failure(&self) -> Outcome {
        let refused = match &self.plan.refusal {
            Some(when) => when.holds(&self.plan.row(self.slots)),
            None => self.mapped(Column::HttpStatus).to_int().is_none_or(|s| HTTP_REFUSALS.contains(&s)),
        };
        if refused { Outcome::Refused } else { Outcome::Failed }
    }

    /// The raw credential as it was sent. Only for [`credential::fingerprint`].
    pub fn raw_credential(&self) -> Option<Cow<'a, str>> {
        self.plan.raw_credential.as_ref()?.eval(&self.plan.row(self.slots)).into_text()
    }

    /// Whether the credential stands in a URL.
    pub fn is_in_url(&self) -> bool {
        let row = self.plan.row(self.slots);
        self.plan.url_credential.as_ref().is_some_and(|e| !e.eval(&row).is_nothing())
    }

    /// The value of a column, given the fingerprint of the raw credential.
    pub fn column(&self, column: Column, fingerprint: Option<&Fingerprint>) -> Datum<'a> {
        match column {
            // Only our own events name their source; every other mapping is it.
            Column::Source => or_else(self.mapped(column), || Some(Cow::Borrowed(self.source))),
            Column::Status => match self.outcome() {
                Outcome::Success => text("success"),
                Outcome::Refused | Outcome::Failed => text("failure"),
                Outcome::Unknown => text("unknown"),
            },
            Column::Class if !self.plan.inventory.is_empty() => text("inventory"),
            // Whether a failure is a refusal may be for a rule to say, so every failure names who would have refused.
            Column::RefusedBy => match self.outcome() {
                Outcome::Refused | Outcome::Failed => self.mapped(column),
                Outcome::Success | Outcome::Unknown => Datum::Nothing,
            },
            Column::CredentialUid => self.credential_uid(fingerprint),
            Column::CredentialAlias | Column::TargetCredentialUid | Column::TargetCredentialAlias => {
                self.mapped(column).into_text().map_or(Datum::Nothing, |id| Datum::Text(shown_uid(id)))
            }
            Column::CredentialHint => self.credential_hint(fingerprint),
            Column::CredentialKind => {
                or_else(self.mapped(column), || fingerprint.and_then(|f| f.kind).map(Cow::Borrowed))
            }
            _ => self.mapped(column),
        }
    }

    /// The provider's id where the log has one. A mapping that names a raw key here by mistake still gives only its fingerprint.
    fn credential_uid(&self, fingerprint: Option<&Fingerprint>) -> Datum<'a> {
        let uid =
            or_else(self.mapped(Column::CredentialUid), || fingerprint.and_then(|f| f.uid.clone()).map(Cow::Owned));
        uid.into_text().map_or(Datum::Nothing, |id| Datum::Text(shown_uid(id)))
    }

    fn credential_hint(&self, fingerprint: Option<&Fingerprint>) -> Datum<'a> {
        let mapped =
            or_else(self.mapped(Column::CredentialHint), || fingerprint.and_then(|f| f.hint.clone()).map(Cow::Owned));
        let masked = mapped.into_text().map(|hint| match redact(&hint) {
            Cow::Owned(masked) => Cow::Owned(masked),
            Cow::Borrowed(_) => hint,
        });
        or_else(masked.map_or(Datum::Nothing, Datum::Text), || match self.mapped(Column::CredentialUid).into_text() {
            Some(id) if !self.is_digest(&id) => Some(Cow::Owned(credential::hint(&id))),
            _ => None,
        })
    }

    fn is_digest(&self, id: &str) -> bool {
        is_fingerprint(id) || (id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// What is wrong with the credential as sent, and whether it was sent to another provider than the one that issued it.
    pub fn defects(&self, fingerprint: Option<&Fingerprint>) -> Vec<Cow<'a, str>> {
        let mut defects: Vec<Cow<'a, str>> =
            self.mapped(Column::CredentialDefects).into_text().map_or_else(Vec::new, members);
        let Some(fingerprint) = fingerprint else { return defects };
        defects.extend(fingerprint.defects.iter().map(|d| Cow::Borrowed(*d)));
        let provider = self.mapped(Column::Provider).into_text();
        let foreign = match (fingerprint.issuer, provider.as_deref()) {
            (Some(issuer), Some(called)) => {
                issuer != called && super::shape::SHAPES.iter().any(|s| s.provider == called)
            }
            _ => false,
        };
        if foreign {
            defects.push(Cow::Borrowed("foreign_prefix"));
        }
        defects.sort_unstable();
        defects
    }
}

/// An id of a credential as it may be shown: a raw key that a mapping names by mistake still gives only its fingerprint.
pub(super) fn shown_uid(id: Cow<'_, str>) -> Cow<'_, str> {
    let is_raw = shape_of(&id).is_some_and(|s| !s.kind.ends_with("_key") || s.kind == "api_key");
    if is_raw && !credential::is_masked(&id) {
        return Cow::Owned(credential::uid(&id));
    }
    // A log's own sha256 of the key, as its first 16 digits, is the fingerprint made here.
    if id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Cow::Owned(format!("sha256:{id}"));
    }
    match redact(&id) {
        Cow::Owned(_) => Cow::Owned(credential::uid(&id)),
        Cow::Borrowed(_) => id,
    }
}

fn text(text: &str) -> Datum<'_> {
    Datum::Text(Cow::Borrowed(text))
}

fn or_else<'a>(datum: Datum<'a>, other: impl FnOnce() -> Option<Cow<'a, str>>) -> Datum<'a> {
    if datum.is_nothing() { other().map_or(Datum::Nothing, Datum::Text) } else { datum }
}

/// The members of a list that came as JSON text, or the text itself as the only one.
pub(super) fn members(text: Cow<'_, str>) -> Vec<Cow<'_, str>> {
    let list = if text.starts_with('[') { sonic_rs::from_str::<Vec<String>>(&text).ok() } else { None };
    match list {
        Some(list) => list.into_iter().map(Cow::Owned).collect(),
        None => vec![text],
    }
}
