//! The columns of the `events` table, each defined once with its OCSF and ECS equivalents; schemas, docs, mappings and rules derive from this list.

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use std::sync::Arc;

/// The Arrow type of a column in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `Timestamp(Microsecond, "UTC")`.
    Time,
    /// `Utf8`, for values that rarely repeat.
    Text,
    /// `Dictionary(Int32, Utf8)`, for values that repeat.
    Dict,
    /// `List<Dictionary(Int32, Utf8)>`.
    DictList,
    /// `Boolean`.
    Bool,
    /// `UInt16`.
    U16,
    /// `UInt64`.
    U64,
}

impl ColumnType {
    /// The Arrow data type.
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::Text => DataType::Utf8,
            ColumnType::Dict => dict(),
            ColumnType::DictList => DataType::List(Arc::new(Field::new("item", dict(), true))),
            ColumnType::Bool => DataType::Boolean,
            ColumnType::U16 => DataType::UInt16,
            ColumnType::U64 => DataType::UInt64,
        }
    }
}

/// `Dictionary(Int32, Utf8)`.
pub fn dict() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $kind:ident ocsf $ocsf:literal ecs $ecs:literal;)+) => {
        /// A column of the `events` table. The order is the table's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column { $($(#[doc = $doc])+ $variant,)+ }

        impl Column {
            /// All columns in table order.
            pub const ALL: &'static [Column] = &[$(Column::$variant,)+];

            /// The name in tables, mappings and rules.
            pub fn name(self) -> &'static str {
                match self { $(Column::$variant => $name,)+ }
            }

            /// The type.
            pub fn kind(self) -> ColumnType {
                match self { $(Column::$variant => ColumnType::$kind,)+ }
            }

            /// The OCSF attribute this column holds, empty when OCSF has none.
            pub fn ocsf(self) -> &'static str {
                match self { $(Column::$variant => $ocsf,)+ }
            }

            /// The ECS field this column holds, empty when ECS has none.
            pub fn ecs(self) -> &'static str {
                match self { $(Column::$variant => $ecs,)+ }
            }

            /// What the column means, in one sentence.
            pub fn says(self) -> &'static str {
                match self { $(Column::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

columns! {
    /// When the event happened.
    EventTime "event_time" Time ocsf "time" ecs "@timestamp";
    /// Id of the source mapping that read the record.
    Source "source" Dict ocsf "metadata.log_provider" ecs "event.dataset";
    /// Who owns the credential: aws, openai, anthropic, or the gateway itself.
    Provider "provider" Dict ocsf "cloud.provider" ecs "cloud.provider";
    /// The source's own id of the event; equal ids of one source are one event.
    EventUid "event_uid" Text ocsf "metadata.uid" ecs "event.id";
    /// Id shared by copies of one action delivered to several accounts.
    SharedUid "shared_uid" Text ocsf "metadata.correlation_uid" ecs "";
    /// authentication, api_activity, account_change or inventory.
    Class "class" Dict ocsf "class_name" ecs "event.category";
    /// The service called.
    Service "service" Dict ocsf "api.service.name" ecs "event.provider";
    /// The operation called.
    Operation "operation" Dict ocsf "api.operation" ecs "event.action";
    /// success, failure or unknown.
    Status "status" Dict ocsf "status" ecs "event.outcome";
    /// gateway or provider: who refused; null where nobody did.
    RefusedBy "refused_by" Dict ocsf "" ecs "";
    /// The source's error code or reason.
    StatusCode "status_code" Dict ocsf "status_code" ecs "error.code";
    /// The source's error text, redacted.
    StatusDetail "status_detail" Text ocsf "status_detail" ecs "error.message";
    /// HTTP status as the caller saw it.
    HttpStatus "http_status" U16 ocsf "http_response.code" ecs "http.response.status_code";
    /// Account that owns the event.
    AccountUid "account_uid" Dict ocsf "cloud.account.uid" ecs "cloud.account.id";
    /// Organisation, project, workspace or tenant the request named.
    TenantUid "tenant_uid" Dict ocsf "cloud.org.uid" ecs "organization.id";
    /// Region of the service.
    Region "region" Dict ocsf "cloud.region" ecs "cloud.region";
    /// Stable id of who acted.
    ActorUid "actor_uid" Text ocsf "actor.user.uid" ecs "user.id";
    /// Name of who acted.
    ActorName "actor_name" Text ocsf "actor.user.name" ecs "user.name";
    /// Kind of actor: user, role, root, service, application.
    ActorType "actor_type" Dict ocsf "actor.user.type" ecs "user.roles";
    /// Session of the actor.
    SessionUid "session_uid" Text ocsf "actor.session.uid" ecs "";
    /// The provider's id of the credential, else `sha256:` and 16 hex digits of the trimmed key.
    CredentialUid "credential_uid" Text ocsf "actor.user.credential_uid" ecs "";
    /// Another id of the same credential in the same record: its id where the log has a digest too, its name, or a masked form.
    CredentialAlias "credential_alias" Text ocsf "" ecs "";
    /// Kind of credential: access_key, temporary_key, api_key, token, password.
    CredentialKind "credential_kind" Dict ocsf "" ecs "";
    /// Masked form of the credential: prefix, dots, last four characters.
    CredentialHint "credential_hint" Text ocsf "" ecs "";
    /// What is wrong with the credential's shape as it was sent.
    CredentialDefects "credential_defects" DictList ocsf "" ecs "";
    /// Address the call came from.
    SrcIp "src_ip" Text ocsf "src_endpoint.ip" ecs "source.ip";
    /// Domain or service the call came from when there is no address.
    SrcDomain "src_domain" Text ocsf "src_endpoint.domain" ecs "source.domain";
    /// The caller's user agent.
    UserAgent "user_agent" Text ocsf "http_request.user_agent" ecs "user_agent.original";
    /// Whether a second factor was used.
    IsMfa "is_mfa" Bool ocsf "is_mfa" ecs "";
    /// The permission that was denied.
    DenyAction "deny_action" Text ocsf "" ecs "";
    /// The resource it was denied on.
    DenyResource "deny_resource" Text ocsf "" ecs "";
    /// The policy that denied it.
    DenyPolicyUid "deny_policy_uid" Text ocsf "policy.uid" ecs "";
    /// implicit (nothing allows it) or explicit (something denies it).
    DenyEffect "deny_effect" Dict ocsf "" ecs "";
    /// Kind of policy that denied: identity, resource, scp, rcp, boundary, session, vpce, trust.
    DenyPolicyType "deny_policy_type" Dict ocsf "policy.type" ecs "";
    /// What a successful control-plane call did to a credential, user, account or policy.
    LifecycleOp "lifecycle_op" Dict ocsf "" ecs "";
    /// The credential it was done to.
    TargetCredentialUid "target_credential_uid" Text ocsf "" ecs "";
    /// Another id of that credential in the same record.
    TargetCredentialAlias "target_credential_alias" Text ocsf "" ecs "";
    /// Id of the user it was done to.
    TargetUserUid "target_user_uid" Text ocsf "user.uid" ecs "user.target.id";
    /// Name of the user it was done to.
    TargetUserName "target_user_name" Text ocsf "user.name" ecs "user.target.name";
    /// End of the credential's validity.
    ValidUntil "valid_until" Time ocsf "" ecs "";
    /// The input the record was read from.
    InputFile "input_file" Dict ocsf "metadata.log_name" ecs "log.file.path";
    /// 0-based ordinal of the record in its input.
    InputRecord "input_record" U64 ocsf "metadata.sequence" ecs "event.sequence";
}

impl Column {
    /// The column of that name.
    pub fn from_name(name: &str) -> Option<Column> {
        Column::ALL.iter().copied().find(|c| c.name() == name)
    }

    /// Position in the table.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The Arrow field. Only the input's place is never null.
    pub fn field(self) -> Field {
        let nullable = !matches!(self, Column::Source | Column::InputFile | Column::InputRecord);
        Field::new(self.name(), self.kind().arrow(), nullable)
    }
}

/// Arrow fields of the `events` table.
pub fn event_fields() -> Fields {
    Column::ALL.iter().map(|c| c.field()).collect()
}

/// Arrow schema of the `events` table.
pub fn event_schema() -> Arc<Schema> {
    Arc::new(Schema::new(event_fields()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for c in Column::ALL {
            assert_eq!(Column::from_name(c.name()), Some(*c));
            assert_eq!(Column::ALL[c.index()], *c);
        }
    }
}
