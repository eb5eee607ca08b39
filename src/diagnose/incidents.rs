//! Joins refusals of one subject and one cause without a long pause into incidents, subject by subject; prints and reads nothing.

use super::audit::AuditLogs;
use super::checklist::{Context, answers};
use super::failures::Failure;
use super::profiles::{Profile, hash};
use super::remedy::{fill, step_for};
use crate::model::cause::CauseTree;
use crate::model::column::Column;
use crate::model::fact::Known;
use crate::model::finding::{Incident, Level, Micros, Proof, Sample, Shows, State};
use crate::model::place::EventPlace;
use crate::model::verdict::Verdict;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most events of other records that an incident cites.
const PROOFS: usize = 5;
/// Most distinct values counted of a column.
const COUNTED: usize = 10_000;

/// What incidents are made with.
pub struct Case<'c> {
    /// The causes.
    pub causes: &'c CauseTree,
    /// Longest pause inside an incident.
    pub gap_us: Micros,
    /// Time of the last event of the run.
    pub end_us: Option<Micros>,
    /// What the audit logs cover.
    pub audit: &'c AuditLogs,
}

/// A refusal and all that was found out about it.
#[derive(Clone)]
pub struct Diagnosed {
    /// The refusal.
    pub failure: Failure,
    /// Its verdict.
    pub verdict: Arc<Verdict>,
    /// Level of the rule behind it.
    pub level: Level,
    /// The facts.
    pub facts: Arc<[Known]>,
    /// The events of other records that prove the verdict, each with words.
    pub proved_by: Vec<(EventPlace, String)>,
}

/// Incidents of one subject under way.
#[derive(Default)]
pub struct Open {
    by_cause: BTreeMap<Option<String>, Building>,
}

/// Distinct values of a column: the first in their order, and how many.
#[derive(Default)]
struct Values {
    first: BTreeSet<Box<str>>,
    counted: FxHashSet<u64>,
}

impl Values {
    fn add(&mut self, value: Option<&str>) {
        let Some(value) = value else { return };
        if self.counted.len() >= COUNTED || !self.counted.insert(hash(value)) {
            return;
        }
        self.first.insert(value.into());
        if self.first.len() > Sample::CAP {
            self.first.pop_last();
        }
    }

    fn sample(&self) -> Sample {
        Sample { values: self.first.iter().map(|v| v.to_string()).collect(), total: self.counted.len() as u64 }
    }
}

/// An incident under way.
struct Building {
    uid: Arc<str>,
    first: Proof,
    first_seen: Option<Micros>,
    last: Failure,
    strongest: Diagnosed,
    failures: u64,
    shared: FxHashSet<u64>,
    services: Values,
    operations: Values,
    src_ips: Values,
    texts: [Option<String>; NAMED.len()],
    proved_by: BTreeSet<(EventPlace, String)>,
}

/// Columns of which an incident takes the first value.
const NAMED: [Column; 6] = [
    Column::CredentialUid,
    Column::CredentialHint,
    Column::ActorUid,
    Column::ActorName,
    Column::Provider,
    Column::AccountUid,
];

fn rank(diagnosed: &Diagnosed) -> (crate::model::verdict::Sureness, u32) {
    (diagnosed.verdict.sureness, diagnosed.verdict.confidence.to_bits())
}

impl Open {
    /// Takes the next refusal of the subject in the order of time. Gives the id of its incident, and the incident that it ended, if any.
    pub fn add(&mut self, case: &Case<'_>, profile: Option<&Profile>, next: Diagnosed) -> (Arc<str>, Option<Incident>) {
        let cause = next.verdict.cause.clone();
        let pause = |b: &Building| next.failure.event_time_us - b.last.event_time_us > case.gap_us;
        let ended = match self.by_cause.get(&cause) {
            Some(building) if pause(building) => self.by_cause.remove(&cause),
            _ => None,
        };
        let ended = ended.map(|building| building.finish(case, profile));
        let building = self.by_cause.entry(cause).or_insert_with_key(|cause| Building::begin(cause.as_deref(), &next));
        building.add(next);
        (building.uid.clone(), ended)
    }

    /// No more refusals of the subject come.
    pub fn finish(self, case: &Case<'_>, profile: Option<&Profile>) -> Vec<Incident> {
        self.by_cause.into_values().map(|building| building.finish(case, profile)).collect()
    }
}

impl Building {
    fn begin(cause: Option<&str>, first: &Diagnosed) -> Building {
        Building {
            uid: uid(&first.failure, cause).into(),
            first: cite(&first.failure),
            first_seen: None,
            last: first.failure.clone(),
            strongest: first.clone(),
            failures: 0,
            shared: FxHashSet::default(),
            services: Values::default(),
            operations: Values::default(),
            src_ips: Values::default(),
            texts: Default::default(),
            proved_by: BTreeSet::new(),
        }
    }

    fn add(&mut self, next: Diagnosed) {
        let failure = &next.failure;
        self.first_seen = self.first_seen.or(failure.time_us());
        // One action delivered to several accounts is one failure.
        let repeated = failure.get(Column::SharedUid).is_some_and(|shared| !self.shared.insert(hash(shared)));
        self.failures += u64::from(!repeated);
        self.services.add(failure.get(Column::Service));
        self.operations.add(failure.get(Column::Operation));
        self.src_ips.add(failure.get(Column::SrcIp));
        for (own, column) in self.texts.iter_mut().zip(NAMED).filter(|(own, _)| own.is_none()) {
            *own = failure.get(column).map(str::to_string);
        }
        self.proved_by.extend(next.proved_by.iter().cloned());
        while self.proved_by.len() > PROOFS {
            self.proved_by.pop_last();
        }
        if rank(&next) > rank(&self.strongest) {
            self.strongest = next.clone();
        }
        self.last = next.failure;
    }

    fn finish(self, case: &Case<'_>, profile: Option<&Profile>) -> Incident {
        let verdict = &self.strongest.verdict;
        let cause = verdict.cause.as_deref().and_then(|id| case.causes.get(id));
        let (state, recovered_at) = state(case, profile, &self.last, verdict.cause.as_deref());
        let proof = self.proof();
        let level = self.strongest.level;
        let [credential_uid, credential_hint, actor_uid, actor_name, provider, account_uid] = self.texts;
        let mut incident = Incident {
            incident_uid: self.uid.to_string(),
            cause: verdict.cause.clone(),
            verdict: verdict.sureness,
            confidence: verdict.confidence,
            level: if state == State::Recovered { level.min(Level::Medium) } else { level },
            credential_uid,
            credential_hint,
            actor_uid,
            actor_name,
            provider,
            account_uid,
            services: self.services.sample(),
            operations: self.operations.sample(),
            src_ips: self.src_ips.sample(),
            first_seen: self.first_seen,
            last_seen: self.last.time_us(),
            state,
            recovered_at,
            failures: self.failures,
            proof,
            owner: cause.map(|c| c.owner),
            remediation: Vec::new(),
            checklist: Vec::new(),
        };
        let steps = cause.map_or(&[][..], |c| &c.remediation);
        let meant = steps.iter().filter_map(|step| step_for(step, incident.provider.as_deref()));
        incident.remediation = meant.map(|step| fill(step, &incident, &self.strongest)).collect();
        incident.checklist =
            answers(&Context { incident: &incident, cause, case, profile, strongest: &self.strongest });
        incident
    }

    /// What the cause is known by, then the first, the surest and the last refusal, in their own words.
    fn proof(&self) -> Vec<Proof> {
        let causes = self.proved_by.iter().map(|(place, says)| Proof::of(place, Shows::Cause, says.clone()));
        let mut refusals = vec![self.first.clone(), cite(&self.strongest.failure), cite(&self.last)];
        refusals.sort_by(|a, b| {
            (a.event_time, &a.input_file, a.input_record).cmp(&(b.event_time, &b.input_file, b.input_record))
        });
        refusals.dedup_by(|a, b| (&a.input_file, a.input_record) == (&b.input_file, b.input_record));
        causes.chain(refusals).collect()
    }
}

/// What goes on comes first, then what is surest and most severe, then the most frequent.
pub fn by_urgency(a: &Incident, b: &Incident) -> Ordering {
    let state = |incident: &Incident| match incident.state {
        State::Ongoing => 0,
        State::Unknown => 1,
        State::Recovered => 2,
    };
    let pressing = |i: &Incident| (i.verdict, i.level, i.failures);
    let by_state = state(a).cmp(&state(b)).then_with(|| pressing(b).cmp(&pressing(a)));
    by_state.then_with(|| (a.first_seen, &a.incident_uid).cmp(&(b.first_seen, &b.incident_uid)))
}

fn uid(first: &Failure, cause: Option<&str>) -> String {
    let (event, subject, time) = (first.place().cited(), first.subject.name(), first.event_time_us);
    let digest = Sha256::digest(format!("{subject}|{}|{time}|{event}", cause.unwrap_or("unexplained")).as_bytes());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn cite(failure: &Failure) -> Proof {
    let text = |column| failure.get(column);
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
    Proof::of(&failure.place(), Shows::Refusal, says)
}

/// Whether it goes on. What is refused for its own sake is over only when the same call succeeds; a bad credential, when any does.
fn state(case: &Case<'_>, profile: Option<&Profile>, last: &Failure, cause: Option<&str>) -> (State, Option<Micros>) {
    let (Some(seen), Some(end)) = (last.time_us(), case.end_us) else { return (State::Unknown, None) };
    let by_call = cause.is_none_or(|c| {
        ["permission", "condition", "context", "request", "traffic"].iter().any(|b| c.split('.').next() == Some(b))
    });
    let call = (last.get(Column::Service), last.get(Column::Operation));
    let success = profile.and_then(|p| p.first_success_after(by_call.then_some(call), seen));
    match success {
        Some(at) => (State::Recovered, Some(at)),
        None if end - seen <= case.gap_us => (State::Ongoing, None),
        None => (State::Unknown, None),
    }
}
