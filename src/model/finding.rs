//! What a run finds, row by row of its tables: evidence, incidents, alerts, credential profiles, coverage and rejects; knows no stage.

pub use super::incident::{Answer, CheckAnswer, Incident, Proof, Sample, Shows, State};
use super::place::Sighting;
pub use super::uses::{Lifecycle, Outcome, Uses};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// One predicate of a matching rule and the value it met: a line of a failure's `why`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule's id.
    pub rule_id: String,
    /// The rule's author.
    pub rule_author: String,
    /// The field looked at.
    pub field: String,
    /// How it was compared: `equals`, `contains`, `re` ...
    pub matcher: String,
    /// What it was compared with.
    pub pattern: String,
    /// The value found, redacted and cut to a readable length.
    pub value: String,
    /// The event of another log that proves the claim, where one does.
    pub proof_event_uid: Option<String>,
    /// The rule's title: what the match means.
    pub says: String,
}

/// How severe an alert or incident is; Sigma's levels, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Worth knowing.
    Informational,
    /// Minor.
    Low,
    /// Needs a look soon.
    Medium,
    /// Needs a look now.
    High,
    /// Drop everything.
    Critical,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: &'static [Level] = &[Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];

    /// Sigma's word.
    pub fn name(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Level> {
        Level::ALL.iter().copied().find(|l| l.name() == name)
    }
}

/// Something abnormal, or a match of a rule that names no cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable across runs.
    pub alert_uid: String,
    /// The rule's id.
    pub rule_id: String,
    /// The rule's author.
    pub rule_author: String,
    /// The rule's licence.
    pub rule_license: String,
    /// The rule's title.
    pub title: String,
    /// Severity.
    pub level: Level,
    /// The rule's tags, such as `attack.t1078`.
    pub tags: Vec<String>,
    /// The rule's links.
    pub references: Vec<String>,
    /// What found it: `sigma`, `correlation`, or an anomaly detector.
    pub detector: Cow<'static, str>,
    /// Start of the window.
    pub window_start: Option<Micros>,
    /// End of the window.
    pub window_end: Option<Micros>,
    /// The credential concerned.
    pub credential_uid: Option<String>,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Who acted.
    pub actor_uid: Option<String>,
    /// Address concerned.
    pub src_ip: Option<String>,
    /// Who owns the credential.
    pub provider: Option<String>,
    /// The measured value, e.g. a count of events.
    pub observed: f64,
    /// What was expected, where there is a baseline.
    pub expected: Option<f64>,
    /// How far apart the two are.
    pub score: Option<f64>,
    /// In words.
    pub says: String,
    /// Events behind it.
    pub event_uids: Sample,
    /// Causes of the failures in the window.
    pub causes: Vec<(String, u64)>,
}

/// A credential that was accepted after its end.
#[derive(Debug, Clone, PartialEq)]
pub struct UseAfterEnd {
    /// What it was: inactive, deleted, expired, rotated or leaked.
    pub state: &'static str,
    /// When it became so.
    pub ended_us: Micros,
    /// What shows that, in words.
    pub shown_by: String,
    /// First accepted call after it, as exactly as the profile tells.
    pub first_us: Micros,
    /// Last accepted call.
    pub last: Sighting,
}

/// What one credential did over the run, and its hygiene.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Credential {
    /// The credential.
    pub credential_uid: String,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Another id or name of it.
    pub credential_alias: Option<String>,
    /// Its kind.
    pub credential_kind: Option<String>,
    /// Who owns it.
    pub provider: Option<String>,
    /// Name of who holds it.
    pub owner: Option<String>,
    /// user, service, role or root, where an inventory says.
    pub owner_kind: Option<String>,
    /// active, inactive, deleted, expired, rotated or leaked, as the last lifecycle event left it; none when no log says.
    pub state: Option<String>,
    /// When it was created.
    pub created_at: Option<Micros>,
    /// End of its validity.
    pub expires_at: Option<Micros>,
    /// Days from creation to the last event of the run.
    pub age_days: Option<i64>,
    /// First use.
    pub first_use: Option<Micros>,
    /// Last use.
    pub last_use: Option<Micros>,
    /// Last success.
    pub last_success: Option<Micros>,
    /// Last failure.
    pub last_failure: Option<Micros>,
    /// Successful events.
    pub successes: u64,
    /// Failed events, refusals or not.
    pub failures: u64,
    /// Refusals.
    pub refusals: u64,
    /// Kinds of actors that used it.
    pub actor_types: Vec<String>,
    /// Distinct addresses, counted up to the profile's cap.
    pub distinct_src_ips: u64,
    /// Distinct operations, counted up to the profile's cap.
    pub distinct_operations: u64,
    /// Environments it was accepted in.
    pub environments: Vec<String>,
    /// Countries it was accepted from, where a database tells.
    pub countries: Vec<String>,
    /// Hygiene findings, e.g. `root_key`.
    pub findings: Vec<String>,
}

/// Something that happened to a credential, or around it: a line of its history across sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// The credential.
    pub credential_uid: String,
    /// When.
    pub event_time: Option<Micros>,
    /// What: a lifecycle operation, `listed`, `first_success`, `last_success`, `first_refusal` or `last_refusal`.
    pub what: String,
    /// In words.
    pub says: String,
    /// The source that saw it.
    pub source: String,
    /// The event's id, else its place.
    pub event_uid: String,
    /// The input.
    pub input_file: String,
    /// 0-based ordinal of the record in it.
    pub input_record: u64,
}

/// What became of one input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coverage {
    /// The input.
    pub input_file: Arc<str>,
    /// Bytes as stored.
    pub bytes: u64,
    /// `plain`, `gzip` or `zstd`.
    pub codec: &'static str,
    /// Source mapping ids found in it, joined by commas; none when nothing was recognised.
    pub source: Option<String>,
    /// Records seen.
    pub records: u64,
    /// Of these, events.
    pub events: u64,
    /// Of these, rejected.
    pub rejects: u64,
    /// Of these, duplicates of events seen before.
    pub duplicates: u64,
    /// Earliest event time.
    pub first_event_time: Option<Micros>,
    /// Latest event time.
    pub last_event_time: Option<Micros>,
    /// What was wrong with the input as a whole.
    pub problem: Option<String>,
}

/// A record that could not become an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Reject {
    /// The input.
    pub input_file: Arc<str>,
    /// 0-based ordinal of the record in it.
    pub input_record: u64,
    /// Why.
    pub reason: String,
    /// The beginning of the record, redacted.
    pub excerpt: String,
}

/// The counts of a run. `records = events + rejects + duplicates`, always.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Inputs read.
    pub inputs: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// Bytes after decompression.
    pub raw_bytes: u64,
    /// Records seen.
    pub records: u64,
    /// Of these, events.
    pub events: u64,
    /// Of these, rejected.
    pub rejects: u64,
    /// Of these, duplicates.
    pub duplicates: u64,
    /// Events outside `--since` and `--until`: counted, not reported.
    pub outside_window: u64,
    /// Refusals.
    pub failures: u64,
    /// Refusals with a cause.
    pub explained: u64,
    /// Earliest event time.
    pub first_event_time: Option<Micros>,
    /// Latest event time.
    pub last_event_time: Option<Micros>,
}

/// Everything a run found but the event and failure rows, which are streamed.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Counts.
    pub totals: Totals,
    /// Failures by cause id (`unexplained` for none), most first.
    pub causes: Vec<(String, u64)>,
    /// Incidents, most pressing first; of very many only these, the table has all.
    pub incidents: Vec<Incident>,
    /// How many incidents there are.
    pub incidents_total: u64,
    /// Of all of them, how many are of each level and state.
    pub incident_counts: BTreeMap<(Level, State), u64>,
    /// Alerts, most severe first.
    pub alerts: Vec<Alert>,
    /// Inputs in canonical order.
    pub coverage: Vec<Coverage>,
    /// Rejected records in canonical order.
    pub rejects: Vec<Reject>,
    /// Matches by rule: every detection rule and correlation that matched, by id; a correlation's are its episodes.
    pub matches: Vec<(String, u64)>,
    /// What a reader must know about the rules of the run: those skipped because they are broken, and overrides in force.
    pub rule_notes: RuleNotes,
}

/// How the rules of a run differ from their files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleNotes {
    /// Broken rules that were left out: place and reason.
    pub skipped: Vec<(String, String)>,
    /// Overrides in force: rule, reason and last day.
    pub overridden: Vec<(String, String, String)>,
}
