//! The second half of a run: what was gathered is joined credential by credential, and every refusal gets its verdict, every incident its proof.

use super::claims::{Attributed, Claims};
use super::engine::Engine;
use super::factual::{FactRules, cited, proof};
use super::gather::Gathered;
use super::habits::Aliases;
use super::meeting::{Met, failures};
use crate::diagnose::credentials::{countries, credential};
use crate::diagnose::ends::uses_after_end;
use crate::diagnose::facts::{Ground, Held, facts};
use crate::diagnose::failures::{Failure, Subject};
use crate::diagnose::fleet::{Fleet, Refusals};
use crate::diagnose::history::{self, Refused, history, owners};
use crate::diagnose::identity::Id;
use crate::diagnose::incidents::{Case, Diagnosed, Open, by_urgency};
use crate::diagnose::near_miss::NearMiss;
use crate::diagnose::owners::Person;
use crate::diagnose::profiles::Profile;
use crate::diagnose::verdicts::{VerdictId, Verdicts};
use crate::error::Error;
use crate::model::fact::{Fact, Known};
use crate::model::finding::{Credential, Evidence, Happened, Incident, Micros, UseAfterEnd};
use crate::model::place::EventPlace;
use crate::model::verdict::{Sureness, within};
use crate::model::whereabouts::Locate;
use crate::rule::index::DIAGNOSIS;
use crate::store::sorted::{Merged, Sorted};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::iter::Peekable;

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
pub struct Ranked(pub Box<Incident>);

/// Orders a type as an expression over two of it says.
macro_rules! ordered {
    ($type:ty, ($a:ident, $b:ident) => $order:expr) => {
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
                let ($a, $b) = (self, other);
                $order
            }
        }
    };
}

ordered!(RowVerdict, (a, b) => a.row.cmp(&b.row));
ordered!(Ranked, (a, b) => by_urgency(&a.0, &b.0));

/// Where rows go that come one after another, in the order of credentials.
pub trait ByCredential {
    /// A row of `credentials`.
    fn credential(&mut self, credential: Credential) -> Result<(), Error>;

    /// Rows of `timeline`, of one credential.
    fn happened(&mut self, happened: Vec<Happened>) -> Result<(), Error>;
}

/// What diagnosis found.
pub struct Diagnosis {
    /// What it adds to the refusals.
    pub rows: Sorted<RowVerdict>,
    /// The incidents.
    pub incidents: Sorted<Ranked>,
    /// Refusals by cause.
    pub causes: BTreeMap<String, u64>,
    /// Keys that are nearly one that works.
    pub near: Vec<NearMiss>,
    /// Accepted calls after the end of credentials.
    pub ends: BTreeMap<Box<str>, Vec<UseAfterEnd>>,
    /// Other names of credentials in use, each with the one under which it counts.
    pub aliases: Aliases,
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
    /// How many refusals are the run's own: they come first, those of earlier runs behind.
    pub refused: u64,
    /// Where addresses are, where a database was given.
    pub locate: Option<Locate<'a>>,
}

/// Joins everything that was gathered.
pub fn diagnose(
    engine: &Engine<'_>,
    gathered: &mut Gathered,
    asked: Asked<'_>,
    told: &mut dyn ByCredential,
) -> Result<Diagnosis, Error> {
    let (mut lifecycle, mut listed) = (std::mem::take(&mut gathered.lifecycle), std::mem::take(&mut gathered.listed));
    // They may come from several runs on a store, and several lists may speak of one credential.
    let order = |a: &EventPlace, b: &EventPlace| (&a.input_file, a.input_record).cmp(&(&b.input_file, b.input_record));
    lifecycle.sort_by(|a, b| order(&a.place, &b.place));
    listed.sort_by(|a, b| order(&a.place, &b.place));
    let met = Met::new(gathered, &lifecycle, &listed)?;
    let mut refusals = Refusals::default();
    let failures = failures(gathered, &met, &mut refusals, asked.memory_bytes)?;
    let fleet = Fleet::new(std::mem::take(&mut gathered.pulse), refusals)?;
    let inputs = std::mem::take(&mut gathered.inputs);
    let audit = std::mem::take(&mut gathered.audit);
    let ground =
        Ground { known: &met.known, fleet: &fleet, near: &met.near, successors: &met.successors, inputs: &inputs };
    let mut joining = Joining {
        met: &met,
        ground,
        case: Case { causes: &engine.rules.causes, gap_us: asked.gap_us, end_us: gathered.end_us, audit: &audit },
        rules: FactRules::new(engine.rules_of(DIAGNOSIS)),
        claims: Claims::new(engine.rules, asked.attributed),
        verdicts: std::mem::replace(&mut gathered.verdicts, Verdicts::new(std::sync::Arc::new([]))),
        refused: asked.refused,
        locate: asked.locate,
        found: Diagnosis {
            rows: Sorted::new(asked.memory_bytes / 32),
            incidents: Sorted::new(asked.memory_bytes / 32),
            causes: BTreeMap::new(),
            near: Vec::new(),
            ends: BTreeMap::new(),
            aliases: Aliases::new(),
        },
    };
    joining.all(gathered, failures, told)?;
    let Joining { verdicts, found, .. } = joining;
    gathered.verdicts = verdicts;
    Ok(Diagnosis { near: met.near.into_found(), ..found })
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
    met: &'j Met<'j>,
    ground: Ground<'j>,
    case: Case<'j>,
    rules: FactRules<'j>,
    claims: Claims<'j>,
    verdicts: Verdicts,
    refused: u64,
    locate: Option<Locate<'j>>,
    found: Diagnosis,
}

impl Joining<'_> {
    /// Goes through refusals and profiles side by side, both in the order of credentials.
    fn all(
        &mut self,
        gathered: &mut Gathered,
        failures: Sorted<Failure>,
        told: &mut dyn ByCredential,
    ) -> Result<(), Error> {
        let mut queue = failures.into_rows()?.peekable();
        let met = self.met;
        let mut unused = met.known.unused_by_name().into_iter().peekable();
        let end_us = gathered.end_us;
        gathered.each_profile(&mut |uid, profile| {
            while let Some((name, id)) = unused.next_if(|(name, _)| *name < uid) {
                self.unused((name, id), end_us, told)?;
            }
            self.until(&mut queue, uid)?;
            let name = met.known.canonical(uid);
            if name != uid {
                self.found.aliases.insert(uid.into(), name.into());
                return Ok(());
            }
            let profile = met.joined.get(uid).unwrap_or(&profile);
            let subject = Subject { credential: Some(uid.into()), other: "".into() };
            let refused = self.subject(&mut queue, &subject, Some(profile))?;
            let id = met.known.id_of(uid);
            let owners = self.owners(id, Some(profile));
            let held = Held { uid, profile: Some(profile), id, owners: &owners };
            told.happened(history(&self.ground, &held, refused))?;
            let ends = id.map_or_else(Vec::new, |id| uses_after_end(met.known.timeline(id), profile));
            if !ends.is_empty() {
                self.found.ends.insert(uid.into(), ends);
            }
            let mut row = credential(uid, Some(profile), id.map(|id| met.known.timeline(id)), end_us);
            row.countries = self.locate.map_or_else(Vec::new, |locate| countries(profile, locate));
            told.credential(row)
        })?;
        for (name, id) in unused {
            self.unused((name, id), end_us, told)?;
        }
        while let Some(subject) = next_subject(&mut queue)? {
            self.subject(&mut queue, &subject, None)?;
        }
        Ok(())
    }

    /// A credential that logs or inventories speak of and that no log shows in use.
    fn unused(&self, (uid, id): (&str, Id), end_us: Option<Micros>, told: &mut dyn ByCredential) -> Result<(), Error> {
        let owners = self.owners(Some(id), None);
        told.happened(history(&self.ground, &Held { uid, profile: None, id: Some(id), owners: &owners }, None))?;
        told.credential(credential(uid, None, Some(self.met.known.timeline(id)), end_us))
    }

    fn owners(&self, id: Option<Id>, profile: Option<&Profile>) -> Vec<Person> {
        let listed = id.map_or_else(Vec::new, |id| self.met.known.timeline(id).owners());
        let actor = profile.and_then(|p| Some((p.actor_name.as_deref()?, p.provider.as_deref())));
        owners(listed, actor)
    }

    /// Subjects that come before a credential: those without one, and credentials that have no profile.
    fn until(&mut self, queue: &mut Queue, uid: &str) -> Result<(), Error> {
        while let Some(subject) = next_subject(queue)?.filter(|s| s.credential.as_deref().is_none_or(|c| c < uid)) {
            self.subject(queue, &subject, None)?;
        }
        Ok(())
    }

    /// All refusals of one subject.
    fn subject(&mut self, queue: &mut Queue, subject: &Subject, profile: Option<&Profile>) -> Result<Refused, Error> {
        let mut refused: Refused = None;
        if queue.peek().is_none_or(|next| next.as_ref().is_ok_and(|f| f.subject != *subject)) {
            return Ok(refused);
        }
        let id = subject.credential.as_deref().and_then(|uid| self.ground.known.id_of_any(uid));
        let owners = self.owners(id, profile);
        let held = subject.credential.as_deref().map(|uid| Held { uid, profile, id, owners: &owners });
        // Of others no history is told.
        let has_history = profile.is_some_and(|p| id.is_some() || p.first_success.is_some());
        let mut open = Open::default();
        while let Some(failure) = next_of(queue, subject)? {
            let row = failure.row;
            if has_history {
                let cited = history::cited(&failure);
                refused = Some((refused.map_or_else(|| cited.clone(), |(first, _)| first), cited));
            }
            let (diagnosed, verdict, evidence) = self.diagnosed(held.as_ref(), failure);
            let (incident, ended) = open.add(&self.case, profile, diagnosed);
            ended.map_or(Ok(()), |incident| self.end(incident))?;
            let bytes = 200 + 400 * evidence.len();
            let result = RowVerdict { row, verdict, incident_uid: (&*incident).into(), evidence };
            self.found.rows.push(result, bytes)?;
        }
        open.finish(&self.case, profile).into_iter().try_for_each(|incident| self.end(incident))?;
        Ok(refused)
    }

    fn end(&mut self, incident: Incident) -> Result<(), Error> {
        const BYTES: usize = 6_000;
        self.found.incidents.push(Ranked(Box::new(incident)), BYTES)
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
        if failure.row < self.refused {
            *self.found.causes.entry(verdict.cause.clone().unwrap_or_else(|| "unexplained".into())).or_default() += 1;
        }
        let mut evidence = Vec::new();
        let mut proved_by = Vec::new();
        for &rule in by_facts.iter() {
            let lines = self.rules.evidence(&failure, &facts, rule);
            if self.supports(rule, verdict.cause.as_deref()) {
                proved_by.extend(proof(&lines, &facts));
            }
            evidence.extend(cited(lines, &facts));
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
        self.verdicts.claim(rule).zip(reached).is_some_and(|(claim, cause)| within(&claim.cause, cause))
    }
}

/// How many refusals have a cause.
pub fn explained(causes: &BTreeMap<String, u64>) -> u64 {
    causes.iter().filter(|(cause, _)| *cause != Sureness::Unexplained.name()).map(|(_, n)| n).sum()
}
