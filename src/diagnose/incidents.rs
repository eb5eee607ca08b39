//! Joins refusals of one subject and one cause without a long pause into incidents; prints and reads nothing.

use super::checklist::{Context, answers};
use super::failures::{Failure, FailureTable};
use super::profiles::Profiles;
use super::remedy::fill;
use super::verdicts::Verdicts;
use crate::error::Error;
use crate::model::cause::CauseTree;
use crate::model::column::Column;
use crate::model::finding::{Incident, Level, Micros, Proof, Sample, State};
use polars::prelude::{
    ChunkCompareEq, ChunkCompareIneq, ChunkShift, DataFrame, IntoColumn, NamedFrom, PolarsError, Series,
    SortMultipleOptions,
};
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

/// What incidents are made from.
pub struct Case<'c> {
    /// The refusals.
    pub failures: &'c FailureTable,
    /// Their verdicts.
    pub verdicts: &'c Verdicts,
    /// What every credential did.
    pub profiles: &'c Profiles,
    /// The causes.
    pub causes: &'c CauseTree,
    /// Levels of the rules, by number.
    pub levels: &'c [Level],
    /// Longest pause inside an incident.
    pub gap_us: Micros,
    /// Time of the last event of the run.
    pub end_us: Option<Micros>,
    /// Sources seen in the run.
    pub sources: &'c [String],
}

/// Time of a row that has none, far enough from all others to stand apart and near enough not to overflow.
const NO_TIME: Micros = -(1 << 61);

/// The incidents, most pressing first, and the number of the incident that each refusal belongs to.
pub fn incidents(case: &Case<'_>) -> Result<(Vec<Incident>, Vec<u32>), Error> {
    let groups = groups(case)
        .map_err(|e| Error::new("incidents", e.to_string(), "this is a fault of keyfault: please report it"))?;
    let built = groups.iter().map(|rows| incident(case, rows));
    let mut all: Vec<(Incident, &Vec<u32>)> = built.zip(&groups).collect();
    all.sort_by_cached_key(|(i, _)| urgency(i));
    let mut number_of = vec![0; case.failures.rows.len()];
    for (number, (_, rows)) in all.iter().enumerate() {
        rows.iter().for_each(|&r| number_of[r as usize] = number as u32);
    }
    Ok((all.into_iter().map(|(i, _)| i).collect(), number_of))
}

/// What goes on comes first, then what is surest and most severe, then the most frequent.
fn urgency(incident: &Incident) -> impl Ord + use<> {
    let state = match incident.state {
        State::Ongoing => 0,
        State::Unknown => 1,
        State::Recovered => 2,
    };
    use std::cmp::Reverse;
    (
        state,
        Reverse(incident.verdict),
        Reverse(incident.level),
        Reverse(incident.failures),
        incident.first_seen,
        incident.incident_uid.clone(),
    )
}

/// Rows of each incident in time order: sorted by subject, cause and time, broken wherever one changes or the pause is too long.
fn groups(case: &Case<'_>) -> Result<Vec<Vec<u32>>, PolarsError> {
    let rows = &case.failures.rows;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers: FxHashMap<Option<&str>, u32> = FxHashMap::default();
    let causes: Vec<u32> = rows
        .iter()
        .map(|f| {
            let next = numbers.len() as u32;
            *numbers.entry(case.verdicts.get(f.verdict).cause.as_deref()).or_insert(next)
        })
        .collect();
    let column = |name: &str, values: Vec<u32>| Series::new(name.into(), values).into_column();
    let times: Vec<i64> = rows.iter().map(|f| f.event_time_us.unwrap_or(NO_TIME)).collect();
    let frame = DataFrame::new(
        rows.len(),
        vec![
            column("subject", rows.iter().map(|f| f.subject).collect()),
            column("cause", causes),
            Series::new("time".into(), times).into_column(),
            column("row", (0..rows.len() as u32).collect()),
        ],
    )?;
    let sorted = frame.sort(["subject", "cause", "time", "row"], SortMultipleOptions::default())?;
    let (subject, cause) = (sorted.column("subject")?.u32()?, sorted.column("cause")?.u32()?);
    let time = sorted.column("time")?.i64()?;
    let breaks = subject.not_equal_missing(&subject.shift(1))
        | cause.not_equal_missing(&cause.shift(1))
        | (time - &time.shift(1)).gt(case.gap_us);
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for (row, starts) in sorted.column("row")?.u32()?.iter().zip(breaks.iter()) {
        if starts.unwrap_or(false) || groups.is_empty() {
            groups.push(Vec::new());
        }
        if let (Some(row), Some(group)) = (row, groups.last_mut()) {
            group.push(row);
        }
    }
    Ok(groups)
}

fn incident(case: &Case<'_>, rows: &[u32]) -> Incident {
    let table = case.failures;
    let failures: Vec<&Failure> = rows.iter().map(|&r| &table.rows[r as usize]).collect();
    let (first, last) = (failures[0], failures[failures.len() - 1]);
    let rank = |f: &&Failure| {
        let v = case.verdicts.get(f.verdict);
        (v.sureness, v.confidence.to_bits())
    };
    let strongest = failures.iter().copied().max_by_key(rank).unwrap_or(first);
    let verdict = case.verdicts.get(strongest.verdict);
    let cause = verdict.cause.as_deref().and_then(|id| case.causes.get(id));
    let text = |column| failures.iter().find_map(|f| table.get(f, column)).map(str::to_string);
    let seen = |f: &Failure| f.event_time_us;
    let (state, recovered_at) = state(case, last, verdict.cause.as_deref());
    let mut incident = Incident {
        incident_uid: uid(table, first, verdict.cause.as_deref()),
        cause: verdict.cause.clone(),
        verdict: verdict.sureness,
        confidence: verdict.confidence,
        level: level(case, strongest, state),
        credential_uid: text(Column::CredentialUid),
        credential_hint: text(Column::CredentialHint),
        actor_uid: text(Column::ActorUid),
        actor_name: text(Column::ActorName),
        provider: text(Column::Provider),
        account_uid: text(Column::AccountUid),
        services: sample(table, &failures, Column::Service),
        operations: sample(table, &failures, Column::Operation),
        src_ips: sample(table, &failures, Column::SrcIp),
        first_seen: failures.iter().copied().find_map(seen),
        last_seen: last.event_time_us,
        state,
        recovered_at,
        failures: count(&failures),
        proof: proof(table, &failures, strongest),
        owner: cause.map(|c| c.owner),
        remediation: Vec::new(),
        checklist: Vec::new(),
    };
    let extras = table.extras.get(&(strongest.subject, strongest.verdict)).map_or(&[][..], Vec::as_slice);
    incident.remediation =
        cause.map_or_else(Vec::new, |c| c.remediation.iter().map(|step| fill(step, &incident, extras)).collect());
    let refused_by = table.get(strongest, Column::RefusedBy);
    let defects = extras.iter().find(|(c, _)| *c == Column::CredentialDefects).map(|(_, t)| t.as_str());
    let context =
        Context { incident: &incident, cause, refused_by, defects, profiles: case.profiles, sources: case.sources };
    incident.checklist = answers(&context);
    incident
}

/// One action delivered to several accounts is one failure.
fn count(failures: &[&Failure]) -> u64 {
    let mut shared = FxHashSet::default();
    failures.iter().filter(|f| f.number(Column::SharedUid) == 0 || shared.insert(f.number(Column::SharedUid))).count()
        as u64
}

/// Level of the rule behind the cause; what nobody can explain is worth a look.
fn level(case: &Case<'_>, strongest: &Failure, state: State) -> Level {
    let level = case.verdicts.strongest_rule(strongest.verdict).map_or(Level::Low, |r| case.levels[r as usize]);
    if state == State::Recovered { level.min(Level::Medium) } else { level }
}

fn uid(table: &FailureTable, first: &Failure, cause: Option<&str>) -> String {
    let event = event_uid(table, first);
    let subject = table.text(first.subject).unwrap_or_default();
    let time = first.event_time_us.unwrap_or(NO_TIME);
    let digest = Sha256::digest(format!("{subject}|{}|{time}|{event}", cause.unwrap_or("unexplained")).as_bytes());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// The event's own id, else its place.
fn event_uid(table: &FailureTable, failure: &Failure) -> String {
    match table.get(failure, Column::EventUid) {
        Some(uid) => uid.to_string(),
        None => format!("{}#{}", table.get(failure, Column::InputFile).unwrap_or_default(), failure.input_record),
    }
}

fn sample(table: &FailureTable, failures: &[&Failure], column: Column) -> Sample {
    let numbers: FxHashSet<u32> = failures.iter().map(|f| f.number(column)).filter(|n| *n > 0).collect();
    let mut values: Vec<String> = numbers.iter().filter_map(|n| table.text(*n)).map(str::to_string).collect();
    values.sort_unstable();
    let total = values.len() as u64;
    values.truncate(Sample::CAP);
    Sample { values, total }
}

/// The first, the surest and the last refusal, in their own words.
fn proof(table: &FailureTable, failures: &[&Failure], strongest: &Failure) -> Vec<Proof> {
    let mut cited: Vec<&Failure> = vec![failures[0], strongest, failures[failures.len() - 1]];
    cited.sort_by_key(|f| (f.event_time_us, f.number(Column::InputFile), f.input_record));
    cited.dedup_by_key(|f| (f.number(Column::InputFile), f.input_record));
    cited.into_iter().map(|f| cite(table, f)).collect()
}

fn cite(table: &FailureTable, failure: &Failure) -> Proof {
    let text = |column| table.get(failure, column);
    let mut says = format!("{} refused", text(Column::Operation).unwrap_or("a call"));
    if failure.http_status > 0 {
        says.push_str(&format!(" with {}", failure.http_status));
    }
    if let Some(code) = text(Column::StatusCode) {
        says.push_str(&format!(" {code}"));
    }
    if let Some(by) = text(Column::RefusedBy) {
        says.push_str(&format!(" by the {by}"));
    }
    if let Some(detail) = text(Column::StatusDetail) {
        says.push_str(&format!(": {detail}"));
    }
    Proof {
        event_uid: event_uid(table, failure),
        event_time: failure.event_time_us,
        source: text(Column::Source).unwrap_or_default().to_string(),
        says,
    }
}

/// Whether it goes on. What is refused for its own sake is over only when the same call succeeds; a bad credential, when any does.
fn state(case: &Case<'_>, last: &Failure, cause: Option<&str>) -> (State, Option<Micros>) {
    let table = case.failures;
    let (Some(seen), Some(end)) = (last.event_time_us, case.end_us) else { return (State::Unknown, None) };
    let by_call = cause.is_none_or(|c| {
        ["permission", "condition", "context", "request", "traffic"].iter().any(|b| c.split('.').next() == Some(b))
    });
    let call = (table.get(last, Column::Service), table.get(last, Column::Operation));
    let success = table
        .get(last, Column::CredentialUid)
        .and_then(|credential| case.profiles.first_success_after(credential, by_call.then_some(call), seen));
    match success {
        Some(at) => (State::Recovered, Some(at)),
        None if end - seen <= case.gap_us => (State::Ongoing, None),
        None => (State::Unknown, None),
    }
}
