//! An incident: refusals of one subject and one cause, with proof, state, remedy and checklist; knows no stage.

use super::cause::Owner;
use super::finding::{Level, Micros};
use super::place::EventPlace;
use super::verdict::Sureness;
use serde::{Deserialize, Serialize};
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

impl Proof {
    /// A record cited for what it shows, in words.
    pub fn of(place: &EventPlace, shows: Shows, says: String) -> Proof {
        Proof {
            event_uid: place.cited(),
            event_time: place.event_time_us,
            source: place.source.to_string(),
            input_file: place.input_file.to_string(),
            input_record: place.input_record,
            shows,
            says,
        }
    }
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
