//! What an inventory says of a credential: the key list of a provider, a credential report, a table that people keep; knows no format.

use super::finding::Micros;
use super::place::EventPlace;
use serde::{Deserialize, Serialize};

macro_rules! members {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)+) => {
        /// Something that an inventory says of a credential: a member of `inventory:` in a mapping.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Member { $($(#[doc = $doc])+ $variant,)+ }

        impl Member {
            /// All members.
            pub const ALL: &'static [Member] = &[$(Member::$variant,)+];

            /// The name in mappings.
            pub fn name(self) -> &'static str {
                match self { $(Member::$variant => $name,)+ }
            }

            /// The member of that name.
            pub fn from_name(name: &str) -> Option<Member> {
                Member::ALL.iter().copied().find(|m| m.name() == name)
            }
        }
    };
}

members! {
    /// Whatever people wrote for the credential: its id, a digest, a masked form, or itself.
    Credential "credential";
    /// The provider's id of the credential, or a digest of it.
    CredentialUid "credential_uid";
    /// A masked form, in any notation.
    CredentialHint "credential_hint";
    /// The name that people gave it.
    CredentialName "credential_name";
    /// Id of its owner.
    OwnerUid "owner_uid";
    /// Login, e-mail address or name of its owner.
    OwnerName "owner_name";
    /// user, service, role or root.
    OwnerKind "owner_kind";
    /// active, inactive, deleted, expired or leaked.
    State "state";
    /// When it was made.
    CreatedAt "created_at";
    /// End of its validity.
    ExpiresAt "expires_at";
    /// When it was last used.
    LastUsedAt "last_used_at";
    /// When the list was made.
    ListedAt "listed_at";
    /// Who issued it.
    Provider "provider";
    /// The account that it belongs to.
    AccountUid "account_uid";
    /// The organisation, project or workspace that it belongs to.
    TenantUid "tenant_uid";
    /// The region that it is valid in.
    Region "region";
    /// The environment that it is meant for.
    Environment "environment";
    /// Addresses and networks that it may be used from.
    AllowedNetworks "allowed_networks";
    /// Models that it may call.
    AllowedModels "allowed_models";
}

/// A credential as an inventory lists it. Secrets are fingerprinted or masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The provider's id of the credential, or its fingerprint.
    pub credential_uid: Option<String>,
    /// A masked form.
    pub credential_hint: Option<String>,
    /// The name that people gave it.
    pub credential_name: Option<String>,
    /// Id of its owner.
    pub owner_uid: Option<String>,
    /// Login, e-mail address or name of its owner.
    pub owner_name: Option<String>,
    /// user, service, role or root.
    pub owner_kind: Option<String>,
    /// active, inactive, deleted, expired or leaked.
    pub state: Option<String>,
    /// When it was made.
    pub created_us: Option<Micros>,
    /// End of its validity.
    pub expires_us: Option<Micros>,
    /// When it was last used.
    pub last_used_us: Option<Micros>,
    /// When the list was made.
    pub listed_us: Option<Micros>,
    /// Who issued it.
    pub provider: Option<String>,
    /// The account that it belongs to.
    pub account_uid: Option<String>,
    /// The organisation, project or workspace that it belongs to.
    pub tenant_uid: Option<String>,
    /// The region that it is valid in.
    pub region: Option<String>,
    /// The environment that it is meant for.
    pub environment: Option<String>,
    /// Addresses and networks that it may be used from; empty where the list does not say.
    pub allowed_networks: Vec<String>,
    /// Models that it may call; empty where the list does not say.
    pub allowed_models: Vec<String>,
    /// The row.
    pub place: EventPlace,
}

impl Listed {
    /// A member as text; lists are joined by commas, times are in RFC 3339.
    pub fn get(&self, member: Member) -> Option<String> {
        let list = |words: &[String]| if words.is_empty() { None } else { Some(words.join(",")) };
        let text = match member {
            Member::Credential | Member::CredentialUid => &self.credential_uid,
            Member::CredentialHint => &self.credential_hint,
            Member::CredentialName => &self.credential_name,
            Member::OwnerUid => &self.owner_uid,
            Member::OwnerName => &self.owner_name,
            Member::OwnerKind => &self.owner_kind,
            Member::State => &self.state,
            Member::Provider => &self.provider,
            Member::AccountUid => &self.account_uid,
            Member::TenantUid => &self.tenant_uid,
            Member::Region => &self.region,
            Member::Environment => &self.environment,
            Member::CreatedAt => return super::time::rfc3339(self.created_us),
            Member::ExpiresAt => return super::time::rfc3339(self.expires_us),
            Member::LastUsedAt => return super::time::rfc3339(self.last_used_us),
            Member::ListedAt => return super::time::rfc3339(self.listed_us),
            Member::AllowedNetworks => return list(&self.allowed_networks),
            Member::AllowedModels => return list(&self.allowed_models),
        };
        text.clone()
    }
}
