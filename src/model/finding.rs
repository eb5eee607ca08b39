//! What a run finds, row by row of its tables: evidence, incidents, alerts, credential profiles, coverage and rejects; knows no stage.

use super::cause::Owner;
use super::place::Sighting;
pub use super::uses::{Lifecycle, Outcome, Uses};
use super::verdict::Sureness;
use serde::{Deserialize, Serialize};
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

/// Whether an incident still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Failures reach up to the end of the logs.
    Ongoing,
    /// The same credential succeeded after the last failure.
    Recovered,
    /// The logs do not tell.
    Unknown,
}

impl State {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            State::Ongoing => "ongoing",
            State::Recovered => "recovered",
            State::Unknown => "unknown",
        }
    }
}

/// What a cited event shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Shows {
    /// The refusal itself.
    Refusal,
    /// The cause of it, in another record.
    Cause,
}

impl Shows {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Shows::Refusal => "refusal",
            Shows::Cause => "cause",
        }
    }
}

/// An event cited as proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Its `event_uid`, else `input_file#input_record`.
    pub event_uid: String,
    /// When it happened.
    pub event_time: Option<Micros>,
    /// The source that saw it.
    pub source: String,
    /// The input.
    pub input_file: String,
    /// 0-based ordinal of the record in it.
    pub input_record: u64,
    /// What it shows.
    pub shows: Shows,
    /// What it shows, in words.
    pub says: String,
}

/// The answer to one question of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// Shown to be all right.
    Pass,
    /// Shown to be the fault.
    Fail,
    /// The logs at hand do not tell.
    Unknown,
}

impl Answer {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Pass => "pass",
            Answer::Fail => "fail",
            Answer::Unknown => "unknown",
        }
    }
}

/// One question of the checklist, answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// Id of the question (see [`super::checklist`]).
    pub check: String,
    /// The answer.
    pub answer: Answer,
    /// The evidence, or the log that would be needed.
    pub says: String,
}

/// A capped sample of distinct values with their true number.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// The first values in sorted order, at most [`Sample::CAP`].
    pub values: Vec<String>,
    /// How many distinct values there were.
    pub total: u64,
}

impl Sample {
    /// Most values a sample lists.
    pub const CAP: usize = 20;
}

/// Failures of one subject and one cause without a longer pause than the gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Stable across runs: a digest of subject, cause and first failure.
    pub incident_uid: String,
    /// The cause; none when unexplained.
    pub cause: Option<String>,
    /// How sure.
    pub verdict: Sureness,
    /// 0 to 1.
    pub confidence: f32,
    /// Level of the strongest rule behind the cause.
    pub level: Level,
    /// The credential that failed.
    pub credential_uid: Option<String>,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Who acted.
    pub actor_uid: Option<String>,
    /// Name of who acted.
    pub actor_name: Option<String>,
    /// Who owns the credential.
    pub provider: Option<String>,
    /// The account.
    pub account_uid: Option<String>,
    /// Services that refused.
    pub services: Sample,
    /// Operations refused.
    pub operations: Sample,
    /// Addresses the failures came from.
    pub src_ips: Sample,
    /// First failure.
    pub first_seen: Option<Micros>,
    /// Last failure.
    pub last_seen: Option<Micros>,
    /// Whether it goes on.
    pub state: State,
    /// First success seen after the last failure.
    pub recovered_at: Option<Micros>,
    /// Number of failures.
    pub failures: u64,
    /// Events that show it.
    pub proof: Vec<Proof>,
    /// Who must act.
    pub owner: Option<Owner>,
    /// Steps that mend it, filled with this incident's names.
    pub remediation: Vec<String>,
    /// The checklist, answered.
    pub checklist: Vec<CheckAnswer>,
}

/// Something abnormal, or a match of a rule that names no cause.
#[derive(Debug, Clone, PartialEq)]
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
    pub detector: &'static str,
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
    /// Hygiene findings, e.g. `root_key`.
    pub findings: Vec<String>,
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
