//! The second half of a run: what was gathered is joined credential by credential, and every refusal gets its verdict, every incident its proof.

use super::claims::{Attributed, Claims};
use super::engine::Engine;
use super::factual::FactRules;
use super::gather::Gathered;
use crate::diagnose::credentials::credential;
use crate::diagnose::ends::uses_after_end;
use crate::diagnose::facts::{Ground, Held, facts};
use crate::diagnose::failures::{Failure, FailureRows, Subject};
use crate::diagnose::fleet::{Fleet, Refusal};
use crate::diagnose::incidents::{Case, Diagnosed, Open, urgency};
use crate::diagnose::known::KnownCredentials;
use crate::diagnose::near_miss::NearMisses;
use crate::diagnose::profiles::Profile;
use crate::diagnose::successors::Successors;
use crate::diagnose::verdicts::{VerdictId, Verdicts};
use crate::error::Error;
use crate::model::column::Column;
use crate::model::fact::{Fact, Known};
use crate::model::finding::{Credential, Evidence, Incident, Lifecycle, Micros, UseAfterEnd};
use crate::model::inventory::Listed;
use crate::model::verdict::Sureness;
use crate::rule::index::DIAGNOSIS;
use crate::store::sorted::{Merged, Sorted};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

/// What diagnosis adds to one refusal. Ordered by row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowVerdict {
    /// Its row among the refusals.
    pub row: u64,
    /// Its verdict.
    pub verdict: VerdictId,
    /// Its incident.
    pub incident_uid: Box<str>,
    /// Evidence from other records.
    pub evidence: Vec<Evidence>,
}

/// An incident in the order in which people should read them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ranked(pub Incident);

/// Orders a type by a key that it gives.
macro_rules! ordered {
    ($type:ty, $own:ident => $key:expr) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }
        impl Eq for $type {}
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                let key = |$own: &Self| $key;
                key(self).cmp(&key(other))
            }
        }
    };
}

ordered!(RowVerdict, own => own.row);
ordered!(Ranked, own => urgency(&own.0));

/// Where the rows of the `credentials` table go, one after another in the order of their ids.
pub type EachCredential<'e> = &'e mut dyn FnMut(Credential) -> Result<(), Error>;

/// What diagnosis found.
pub struct Diagnosis {
    /// What it adds to the refusals.
    pub rows: Sorted<RowVerdict>,
    /// The incidents.
    pub incidents: Sorted<Ranked>,
    /// Refusals by cause.
    pub causes: BTreeMap<String, u64>,
    /// Accepted calls after the end of credentials.
    pub ends: BTreeMap<Box<str>, Vec<UseAfterEnd>>,
}

/// What a run asks of diagnosis.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Longest pause inside an incident.
    pub gap_us: Micros,
    /// Memory to stay within, roughly.
    pub memory_bytes: usize,
    /// What correlations claim.
    pub attributed: &'a Attributed,
}

/// Joins everything that was gathered.
pub fn diagnose(
    engine: &Engine<'_>,
    gathered: &mut Gathered,
    asked: Asked<'_>,
    each: EachCredential<'_>,
) -> Result<Diagnosis, Error> {
    let (lifecycle, listed) = (std::mem::take(&mut gathered.lifecycle), std::mem::take(&mut gathered.listed));
    let met = Met::new(gathered, &lifecycle, &listed)?;
    let mut fleet = Fleet::new(std::mem::take(&mut gathered.pulse));
    let failures = failures(gathered, &met, &mut fleet, asked.memory_bytes)?;
    let inputs = std::mem::take(&mut gathered.inputs);
    let audit = std::mem::take(&mut gathered.audit);
    let ground =
        Ground { known: &met.known, fleet: &fleet, near: &met.near, successors: &met.successors, inputs: &inputs };
    let mut joining = Joining {
        ground,
        case: Case { causes: &engine.rules.causes, gap_us: asked.gap_us, end_us: gathered.end_us, audit: &audit },
        rules: FactRules::new(engine.rules_of(DIAGNOSIS)),
        claims: Claims::new(engine.rules, asked.attributed),
        verdicts: std::mem::replace(&mut gathered.verdicts, Verdicts::new(Arc::new([]))),
        found: Diagnosis {
            rows: Sorted::new(asked.memory_bytes / 16),
            incidents: Sorted::new(asked.memory_bytes / 16),
            causes: BTreeMap::new(),
            ends: BTreeMap::new(),
        },
    };
    joining.all(gathered, &met, failures, each)?;
    gathered.verdicts = joining.verdicts;
    Ok(joining.found)
}

/// The credentials in use, met with those that logs and inventories speak of.
struct Met<'l> {
    known: KnownCredentials<'l>,
    near: NearMisses,
    successors: Successors,
    /// Profiles of credentials in use under several names, by the name under which they count.
    joined: FxHashMap<Box<str>, Profile>,
}

impl<'l> Met<'l> {
    fn new(gathered: &mut Gathered, lifecycle: &'l [Lifecycle], listed: &'l [Listed]) -> Result<Met<'l>, Error> {
        let mut known = KnownCredentials::new(lifecycle, listed);
        let mut successors = Successors::default();
        let mut working: FxHashSet<Box<str>> = FxHashSet::default();
        let mut hinted: BTreeMap<usize, Vec<Box<str>>> = BTreeMap::new();
        let sketches = std::mem::take(&mut gathered.sketches);
        gathered.each_profile(&mut |uid, profile| {
            if known.meet(uid, &profile).is_none()
                && let Some(id) =
                    profile.hint.as_deref().and_then(|h| known.hinted(h, profile.provider.as_deref(), Some(uid)))
            {
                hinted.entry(id).or_default().push(uid.into());
            }
            successors.add(uid, &profile);
            if profile.first_success.is_some() && sketches.holds(uid) {
                working.insert(uid.into());
            }
            Ok(())
        })?;
        // A masked form that two credentials in use fit tells neither.
        for (id, uids) in hinted {
            if let [uid] = &uids[..] {
                known.use_as(uid, id);
            }
        }
        let near = NearMisses::new(sketches, &|uid| working.contains(uid));
        let mut joined: FxHashMap<Box<str>, Profile> = FxHashMap::default();
        if known.has_joined() {
            gathered.each_profile(&mut |uid, profile| {
                if known.same_as(uid).len() > 1 {
                    joined.entry(known.canonical(uid).into()).or_default().merge(profile);
                }
                Ok(())
            })?;
        }
        Ok(Met { known, near, successors, joined })
    }

    /// The name under which the credential of a refusal counts.
    fn credential<'f>(&'f self, failure: &'f Failure) -> Option<&'f str> {
        if let Some(uid) = failure.get(Column::CredentialUid) {
            return Some(self.known.canonical(uid));
        }
        let provider = failure.get(Column::Provider);
        let named = failure.get(Column::CredentialAlias).and_then(|alias| self.known.aliased(alias, provider));
        let id = named.or_else(|| self.known.hinted(failure.get(Column::CredentialHint)?, provider, None))?;
        self.known.in_use(id).or_else(|| self.known.timeline(id).name())
    }
}

/// All refusals by whom they happened to, and what they show of the fleet.
fn failures(
    gathered: &mut Gathered,
    met: &Met<'_>,
    fleet: &mut Fleet,
    memory_bytes: usize,
) -> Result<Sorted<Failure>, Error> {
    let mut sorted = Sorted::new(memory_bytes / 8);
    let numbers: FxHashMap<Arc<str>, u32> = gathered.inputs.iter().map(|(n, _)| n.clone()).zip(0..).collect();
    let mut row = 0;
    for batch in gathered.spool.rows()? {
        let batch = batch?;
        let rows = FailureRows::new(&batch);
        for at in 0..batch.num_rows() {
            let verdict = gathered.row_verdicts[row];
            let mut failure = rows.get(at, verdict);
            failure.row = row as u64;
            failure.input = failure.get(Column::InputFile).and_then(|n| numbers.get(n)).copied().unwrap_or(0);
            failure.subject = failure.subject_of(met.credential(&failure));
            let cause = gathered.verdicts.get(verdict).cause.as_deref();
            if let Some(refusal) = refusal(&failure, cause) {
                fleet.add(refusal);
            }
            let bytes = failure.bytes();
            sorted.push(failure, bytes)?;
            row += 1;
        }
    }
    Ok(sorted)
}

fn refusal<'f>(failure: &'f Failure, cause: Option<&str>) -> Option<Refusal<'f>> {
    let branch = cause.and_then(|c| c.split('.').next()).unwrap_or_default();
    Some(Refusal {
        provider: failure.get(Column::Provider),
        credential: failure.subject.credential.as_deref()?,
        src_ip: failure.get(Column::SrcIp),
        time_us: failure.time_us()?,
        is_throttled: cause == Some("traffic.rate_limited"),
        is_open: ["", "credential", "identity", "provider", "gateway"].contains(&branch),
    })
}

/// Refusals in the order of their subjects.
type Queue = Peekable<Merged<Failure>>;

/// The next refusal, if it is one of the subject.
fn next_of(queue: &mut Queue, subject: &Subject) -> Result<Option<Failure>, Error> {
    let is_next = |next: &Result<Failure, Error>| next.as_ref().map_or(true, |f| f.subject == *subject);
    queue.next_if(is_next).transpose()
}

/// The subject of the next refusal.
fn next_subject(queue: &mut Queue) -> Result<Option<Subject>, Error> {
    match queue.peek() {
        None => Ok(None),
        Some(Ok(failure)) => Ok(Some(failure.subject.clone())),
        Some(Err(error)) => Err(error.clone()),
    }
}

/// The join under way.
struct Joining<'j> {
    ground: Ground<'j>,
    case: Case<'j>,
    rules: FactRules<'j>,
    claims: Claims<'j>,
    verdicts: Verdicts,
    found: Diagnosis,
}

impl Joining<'_> {
    /// Goes through refusals and profiles side by side, both in the order of credentials.
    fn all(
        &mut self,
        gathered: &mut Gathered,
        met: &Met<'_>,
        failures: Sorted<Failure>,
        each: EachCredential<'_>,
    ) -> Result<(), Error> {
        let mut queue = failures.into_rows()?.peekable();
        let mut unused = met.known.unused_by_name().into_iter().peekable();
        let end_us = gathered.end_us;
        gathered.each_profile(&mut |uid, profile| {
            while let Some((name, id)) = unused.next_if(|(name, _)| *name < uid) {
                each(credential(name, None, Some(met.known.timeline(id)), end_us))?;
            }
            self.until(&mut queue, uid)?;
            if met.known.canonical(uid) != uid {
                return Ok(());
            }
            let profile = met.joined.get(uid).unwrap_or(&profile);
            let subject = Subject { credential: Some(uid.into()), other: "".into() };
            self.subject(&mut queue, &subject, Some(profile))?;
            let timeline = met.known.id_of(uid).map(|id| met.known.timeline(id));
            let ends = timeline.map_or_else(Vec::new, |t| uses_after_end(t, profile));
            if !ends.is_empty() {
                self.found.ends.insert(uid.into(), ends);
            }
            each(credential(uid, Some(profile), timeline, end_us))
        })?;
        for (name, id) in unused {
            each(credential(name, None, Some(met.known.timeline(id)), end_us))?;
        }
        while let Some(subject) = next_subject(&mut queue)? {
            self.subject(&mut queue, &subject, None)?;
        }
        Ok(())
    }

    /// Subjects that come before a credential: those without one, and credentials that have no profile.
    fn until(&mut self, queue: &mut Queue, uid: &str) -> Result<(), Error> {
        while let Some(subject) = next_subject(queue)?.filter(|s| s.credential.as_deref().is_none_or(|c| c < uid)) {
            self.subject(queue, &subject, None)?;
        }
        Ok(())
    }

    /// All refusals of one subject.
    fn subject(&mut self, queue: &mut Queue, subject: &Subject, profile: Option<&Profile>) -> Result<(), Error> {
        let id = subject.credential.as_deref().and_then(|uid| self.ground.known.id_of_any(uid));
        let owners = id.map_or_else(Vec::new, |id| self.ground.known.timeline(id).owners());
        let held = subject.credential.as_deref().map(|uid| Held { uid, profile, id, owners: &owners });
        let mut open = Open::default();
        while let Some(failure) = next_of(queue, subject)? {
            let row = failure.row;
            let (diagnosed, verdict, evidence) = self.diagnosed(held.as_ref(), failure);
            let (incident, ended) = open.add(&self.case, profile, diagnosed);
            ended.map_or(Ok(()), |incident| self.end(incident))?;
            let bytes = 200 + 400 * evidence.len();
            let result = RowVerdict { row, verdict, incident_uid: (&*incident).into(), evidence };
            self.found.rows.push(result, bytes)?;
        }
        open.finish(&self.case, profile).into_iter().try_for_each(|incident| self.end(incident))
    }

    fn end(&mut self, incident: Incident) -> Result<(), Error> {
        const BYTES: usize = 6_000;
        self.found.incidents.push(Ranked(incident), BYTES)
    }

    fn diagnosed(&mut self, held: Option<&Held<'_>>, failure: Failure) -> (Diagnosed, VerdictId, Vec<Evidence>) {
        let facts = self.facts(held, &failure);
        let by_facts = self.rules.claims(&failure, &facts);
        let by_others = self.claims.of(&failure);
        let mut rules: Vec<u32> = self.verdicts.rules(failure.verdict).to_vec();
        rules.extend(by_facts.iter().copied());
        rules.extend(by_others.iter().map(|claim| claim.number));
        rules.sort_unstable();
        rules.dedup();
        let id = self.verdicts.of(&rules);
        let verdict = self.verdicts.get(id).clone();
        *self.found.causes.entry(verdict.cause.clone().unwrap_or_else(|| "unexplained".into())).or_default() += 1;
        let mut evidence = Vec::new();
        let mut proved_by = Vec::new();
        for &rule in by_facts.iter() {
            evidence.extend(self.rules.evidence(&failure, &facts, rule));
            if self.supports(rule, verdict.cause.as_deref()) {
                proved_by.extend(self.rules.proof(&failure, &facts, rule));
            }
        }
        for claim in by_others {
            evidence.extend(self.claims.evidence(claim));
            if self.supports(claim.number, verdict.cause.as_deref()) {
                proved_by.extend(self.claims.proof(claim));
            }
        }
        let level = self.claims.level(self.verdicts.strongest_rule(id));
        (Diagnosed { failure, verdict, level, facts: facts.into(), proved_by }, id, evidence)
    }

    /// What the refusal's own record says, and what others add.
    fn facts(&self, held: Option<&Held<'_>>, failure: &Failure) -> Vec<Known> {
        let verdict = self.verdicts.get(failure.verdict);
        let own = |fact, value: &str| Known { fact, values: vec![value.to_string()], shown_by: vec![] };
        let mut all = vec![own(Fact::EventVerdict, verdict.sureness.name())];
        all.extend(verdict.cause.as_deref().map(|cause| own(Fact::EventCause, cause)));
        all.extend(facts(&self.ground, held, failure));
        all
    }

    /// Whether a rule's claim is one for the cause that was reached.
    fn supports(&self, rule: u32, reached: Option<&str>) -> bool {
        let claim = self.verdicts.claim(rule);
        claim
            .zip(reached)
            .is_some_and(|(claim, cause)| claim.cause == cause || claim.cause.starts_with(&format!("{cause}.")))
    }
}

/// How many refusals have a cause.
pub fn explained(causes: &BTreeMap<String, u64>) -> u64 {
    causes.iter().filter(|(cause, _)| *cause != Sureness::Unexplained.name()).map(|(_, n)| n).sum()
}
