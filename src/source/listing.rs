//! What a record of an inventory lists: its members computed, secrets fingerprinted or masked; knows no credential but that of the record.

use super::credential::{hint, is_masked};
use super::datum::Datum;
use super::event::{Event, members, shown_uid};
use super::redact::redact;
use super::shape::shape_of;
use crate::model::inventory::{Listed, Member};
use crate::model::name::{fingerprint, may_be_key};
use crate::model::place::EventPlace;
use std::borrow::Cow;

/// The credentials that a record lists. Entries that name neither a credential nor an owner list nothing.
pub(super) fn listed(event: &Event<'_, '_>) -> Vec<Listed> {
    let row = event.plan.row(event.slots);
    let entries = event.plan.inventory.iter().map(|entry| {
        let mut listed =
            Listed { place: EventPlace { source: event.source.into(), ..EventPlace::default() }, ..Listed::default() };
        entry.iter().for_each(|(member, expr)| put(&mut listed, *member, expr.eval(&row)));
        listed
    });
    entries.filter(is_told).collect()
}

fn is_told(listed: &Listed) -> bool {
    let names = [
        &listed.credential_uid,
        &listed.credential_hint,
        &listed.credential_name,
        &listed.owner_uid,
        &listed.owner_name,
    ];
    names.into_iter().any(Option::is_some)
}

fn put(listed: &mut Listed, member: Member, datum: Datum<'_>) {
    match member {
        Member::CreatedAt => listed.created_us = datum.to_time_us(),
        Member::ExpiresAt => listed.expires_us = datum.to_time_us(),
        Member::LastUsedAt => listed.last_used_us = datum.to_time_us(),
        Member::ListedAt => listed.listed_us = datum.to_time_us(),
        Member::AllowedNetworks => listed.allowed_networks = words(datum),
        Member::AllowedModels => listed.allowed_models = words(datum),
        Member::CredentialUid => put_uid(listed, datum, false),
        Member::Credential if listed.credential_uid.is_none() => put_uid(listed, datum, true),
        Member::Credential => {}
        _ => {
            if let Some(text) = datum.into_text() {
                *text_of(listed, member) =
                    Some(if is_masked(&text) { text.into_owned() } else { redact(&text).into_owned() });
            }
        }
    }
}

/// A key that stands raw in a list is fingerprinted, and its masked form is kept with it.
fn put_uid(listed: &mut Listed, datum: Datum<'_>, is_anything: bool) {
    let Some(text) = datum.into_text() else { return };
    let text = text.trim();
    if let Some(digest) = super::credential::uid_of_digest(text) {
        listed.credential_uid = Some(digest);
    } else if is_masked(text) {
        listed.credential_hint = Some(text.to_string());
    } else if is_anything && may_be_key(text) {
        listed.credential_hint.get_or_insert_with(|| hint(text));
        listed.credential_uid = Some(fingerprint(text));
    } else if !text.is_empty() {
        if shape_of(text).is_some() && listed.credential_hint.is_none() {
            listed.credential_hint = Some(hint(text));
        }
        listed.credential_uid = Some(shown_uid(Cow::Borrowed(text)).into_owned());
    }
}

fn text_of(listed: &mut Listed, member: Member) -> &mut Option<String> {
    match member {
        Member::CredentialHint => &mut listed.credential_hint,
        Member::CredentialName => &mut listed.credential_name,
        Member::OwnerUid => &mut listed.owner_uid,
        Member::OwnerName => &mut listed.owner_name,
        Member::OwnerKind => &mut listed.owner_kind,
        Member::State => &mut listed.state,
        Member::Provider => &mut listed.provider,
        Member::AccountUid => &mut listed.account_uid,
        Member::TenantUid => &mut listed.tenant_uid,
        Member::Region => &mut listed.region,
        _ => &mut listed.environment,
    }
}

/// The members of a list, however it is written: JSON, or parted by commas, semicolons or white space.
fn words(datum: Datum<'_>) -> Vec<String> {
    let texts = datum.into_text().map_or_else(Vec::new, members);
    let parted = texts.iter().flat_map(|t| t.split([',', ';', '|', ' ', '\n', '\t']));
    parted.map(str::trim).filter(|w| !w.is_empty()).map(|w| redact(w).into_owned()).collect()
}
