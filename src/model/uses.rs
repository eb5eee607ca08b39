//! What events tell diagnosis besides their rows: how credentials were used, and what control-plane calls changed; knows no stage.

use super::finding::Micros;
use super::place::EventPlace;
use super::records::Codes;
use serde::{Deserialize, Serialize};

/// What one event of a chunk did with a credential: the hot columns of every event, reported or not, one entry a row.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    /// Event time; `i64::MIN` where the record has none.
    pub event_time_us: Vec<Micros>,
    /// Outcome of each event.
    pub outcome: Vec<Outcome>,
    /// Dictionary codes of `credential_uid`.
    pub credential_uid: Codes,
    /// Dictionary codes of `credential_alias`.
    pub credential_alias: Codes,
    /// A code where the credential was sent in a URL.
    pub in_url: Codes,
    /// Dictionary codes of `credential_hint`.
    pub credential_hint: Codes,
    /// Dictionary codes of `credential_kind`.
    pub credential_kind: Codes,
    /// Dictionary codes of `provider`.
    pub provider: Codes,
    /// Dictionary codes of `actor_name`.
    pub actor_name: Codes,
    /// Dictionary codes of `actor_type`.
    pub actor_type: Codes,
    /// Dictionary codes of `src_ip`.
    pub src_ip: Codes,
    /// Dictionary codes of `region`.
    pub region: Codes,
    /// Dictionary codes of `tenant_uid`.
    pub tenant_uid: Codes,
    /// Dictionary codes of `service`.
    pub service: Codes,
    /// Dictionary codes of `operation`, secrets masked.
    pub operation: Codes,
    /// Dictionary codes of `user_agent`, secrets masked.
    pub user_agent: Codes,
}

impl Uses {
    /// The same with nothing but times and outcomes.
    pub fn times(self) -> Uses {
        Uses { event_time_us: self.event_time_us, outcome: self.outcome, ..Uses::default() }
    }
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It was refused: a failure of authentication, authorization, entitlement or limits.
    Refused,
    /// It failed for another reason.
    Failed,
    /// The record does not tell.
    Unknown,
}

/// A successful control-plane call that changed a credential, user, account or policy. Secrets are masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// What it did, e.g. `credential_deactivated`.
    pub lifecycle_op: String,
    /// The call, in the source's own words.
    pub operation: Option<String>,
    /// The provider it happened at.
    pub provider: Option<String>,
    /// The account it happened in.
    pub account_uid: Option<String>,
    /// The organisation, project or workspace it happened in.
    pub tenant_uid: Option<String>,
    /// Who did it.
    pub actor_name: Option<String>,
    /// The credential it was done to.
    pub target_credential_uid: Option<String>,
    /// Another id of that credential in the same record.
    pub target_credential_alias: Option<String>,
    /// Id of the user it was done to.
    pub target_user_uid: Option<String>,
    /// Name of the user it was done to.
    pub target_user_name: Option<String>,
    /// End of the credential's validity, where the call set one.
    pub valid_until_us: Option<Micros>,
    /// The record.
    pub place: EventPlace,
}
