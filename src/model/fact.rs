//! What diagnosis finds out about a refusal from other records, as fields that rules can ask for; knows how nothing of it is found.
//!
//! Rules on them are Sigma detections with `taxonomy: keyfault` and `logsource: {product: keyfault, service: diagnosis}`.

use super::place::EventPlace;

macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)+) => {
        /// Something known of a refusal that its own record does not tell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fact { $($(#[doc = $doc])+ $variant,)+ }

        impl Fact {
            /// All facts.
            pub const ALL: &'static [Fact] = &[$(Fact::$variant,)+];

            /// The field's name in rules.
            pub fn name(self) -> &'static str {
                match self { $(Fact::$variant => $name,)+ }
            }

            /// What it means, in one sentence.
            pub fn says(self) -> &'static str {
                match self { $(Fact::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }

            /// The fact of that name.
            pub fn from_name(name: &str) -> Option<Fact> {
                Fact::ALL.iter().copied().find(|f| f.name() == name)
            }
        }
    };
}

facts! {
    /// The cause that the refusal's own record speaks for, before anything else was looked at.
    EventCause "event_cause";
    /// How sure that is: confirmed, likely, possible or unexplained.
    EventVerdict "event_verdict";
    /// What the credential was when the call came, by a log or an inventory: active, inactive, deleted, expired, rotated or leaked.
    CredentialState "credential_state";
    /// What tells that state: log, or inventory.
    CredentialStateFrom "credential_state_from";
    /// The state that a change within the tolerance around the call makes of the credential, where the order of the two cannot be told.
    CredentialStateNear "credential_state_near";
    /// What speaks against that state: accepted_since where the credential was accepted after its end without being switched on again.
    Contradiction "contradiction";
    /// What the owner of the credential was when the call came, by any directory: deleted, suspended, exposed (quarantined because of a leak) or active.
    OwnerState "owner_state";
    /// What a change within the tolerance after the call makes of the owner.
    OwnerStateNear "owner_state_near";
    /// How the owner was matched: exact (same id, e-mail address or name in the same account), or name (the same name elsewhere).
    OwnerMatch "owner_match";
    /// A newer credential of the same owner, made before the call, around the end of this one.
    Successor "successor";
    /// A newer credential of the same actor that works while this one is refused, by use alone.
    SuccessorInUse "successor_in_use";
    /// What the account or tenant was when the call came: closed or suspended.
    AccountState "account_state";
    /// Changes to policies, limits or billing of the caller, its tenant or account in the day before its first refusal: policy_changed, limit_changed ...
    RecentChange "recent_change";
    /// yes where the credential was accepted before the call.
    WorkedBefore "worked_before";
    /// yes where the credential was accepted after the call.
    WorkedAfter "worked_after";
    /// In what the call differs from every call of this credential that was accepted: network, region, tenant, environment.
    Elsewhere "elsewhere";
    /// In what the call differs from what an inventory says of the credential: network, region, tenant, environment, model, principal.
    Mismatch "mismatch";
    /// How the key differs from a key that works and is nearly the same: case, stray, truncated, extended, one_place.
    NearMiss "near_miss";
    /// many_failing where many unrelated credentials of the provider were refused in the same minutes, more than were accepted.
    Fleet "fleet";
    /// yes where calls of the same credential were rate limited in the same minutes.
    ThrottledAround "throttled_around";
    /// What the caller's address did in the run: many_keys where it tried many credentials of which none was ever accepted.
    SourcePattern "source_pattern";
    /// Whether an inventory of its provider lists the credential: yes, or no.
    Listed "listed";
}

/// A fact about one refusal.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Which.
    pub fact: Fact,
    /// Its values; most facts have one.
    pub values: Vec<String>,
    /// What shows it: events of the inputs, each with words.
    pub shown_by: Vec<(EventPlace, String)>,
}
