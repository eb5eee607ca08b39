//! What a run gathers for diagnosis while chunks come in, in bounded memory: refusals, profiles, changes, lists; concludes nothing.

use super::carry::Absent;
use super::engine::Engine;
use super::habits::Habits;
use super::matches::RunMatches;
use super::merging::{Merging, Part};
use super::work::Kept;
use crate::detect::baselines::Baselines;
use crate::diagnose::audit::AuditLogs;
use crate::diagnose::fleet::Pulse;
use crate::diagnose::near_miss::{NearMiss, Sketches};
use crate::diagnose::profiles::{Profile, Profiles, Rows};
use crate::diagnose::verdicts::{VerdictId, Verdicts};
use crate::error::Error;
use crate::model::finding::{Alert, Lifecycle, Micros};
use crate::model::inventory::Listed;
use crate::model::place::EventPlace;
use crate::store::spool::Spool;
use arrow::array::RecordBatch;
use std::sync::Arc;

impl Part for Profile {
    fn merge(&mut self, other: Profile) {
        Profile::merge(self, other);
    }

    fn bytes(&self) -> usize {
        Profile::bytes(self)
    }
}

/// Everything diagnosis needs of a run.
pub struct Gathered {
    /// Refusals with evidence, in order.
    pub spool: Spool,
    /// The verdict of each by its own record.
    pub row_verdicts: Vec<VerdictId>,
    /// Verdicts by set of rules.
    pub verdicts: Verdicts,
    profiles: Profiles,
    all_profiles: Merging<Profile>,
    profile_budget: usize,
    /// What credentials usually do.
    pub habits: Habits,
    /// What was accepted when.
    pub pulse: Pulse,
    /// Sketches of keys.
    pub sketches: Sketches,
    /// What earlier runs kept of rules that this run does not have, for later ones that do: pieces as they came, and claims by row of the refusals.
    pub absent: Absent,
    /// Keys that earlier runs found to be nearly one that works.
    pub near: Vec<NearMiss>,
    /// What detectors found in earlier runs, and in the end what all runs found.
    pub anomalies: Vec<Alert>,
    /// Whether there were earlier runs, and the first event of this one.
    pub resumed: Option<Option<Micros>>,
    /// What was done to credentials, users and accounts.
    pub lifecycle: Vec<Lifecycle>,
    /// What inventories list.
    pub listed: Vec<Listed>,
    /// What audit logs cover.
    pub audit: AuditLogs,
    /// What matches leave behind.
    pub matches: RunMatches,
    /// Names of the inputs by their numbers, and of the sources found in each.
    pub inputs: Vec<(Arc<str>, Arc<str>)>,
    /// Time of the last event.
    pub end_us: Option<Micros>,
}

/// Where the records of a batch stand: number and name of the input, and the ordinal of the first record of the chunk in it.
#[derive(Clone, Copy)]
pub struct Base<'b> {
    /// Number of the input.
    pub input: usize,
    /// Its name.
    pub name: &'b Arc<str>,
    /// Ordinal of the chunk's first record.
    pub record: u64,
}

impl Gathered {
    /// Nothing gathered yet.
    pub fn new(engine: &Engine<'_>, gap_us: Micros, memory_bytes: usize) -> Gathered {
        Gathered {
            spool: Spool::new(memory_bytes / 16),
            row_verdicts: Vec::new(),
            verdicts: Verdicts::new(engine.claims.clone()),
            profiles: Profiles::default(),
            all_profiles: Merging::new(memory_bytes / 16),
            profile_budget: memory_bytes / 16,
            habits: Habits::new(memory_bytes / 32),
            pulse: Pulse::default(),
            sketches: Sketches::default(),
            absent: Absent::default(),
            near: Vec::new(),
            anomalies: Vec::new(),
            resumed: None,
            lifecycle: Vec::new(),
            listed: Vec::new(),
            audit: AuditLogs::default(),
            matches: RunMatches::new(engine.rules, gap_us, memory_bytes),
            inputs: Vec::new(),
            end_us: None,
        }
    }

    /// Takes what a batch tells beside its refusals and events; rows marked in `duplicate` do not count.
    pub fn take(&mut self, base: Base<'_>, kept: &mut Kept, duplicate: Option<&[bool]>) -> Result<(), Error> {
        let is_first = |row: usize| duplicate.is_none_or(|d| !d[row]);
        let (profiles, pulse, baselines) = match duplicate {
            None => {
                let own = (&mut kept.profiles, &mut kept.pulse, &mut kept.baselines);
                (std::mem::take(own.0), std::mem::take(own.1), std::mem::take(own.2))
            }
            Some(skip) => {
                let rows = Rows { ordinals: &kept.ordinals, skip: duplicate };
                let baselines = Baselines::of(&kept.uses, &kept.ordinals, Some(skip));
                (Profiles::of(&kept.uses, rows), Pulse::of(&kept.uses, rows), baselines)
            }
        };
        self.habits.take(baselines, (base.input as u32, base.record))?;
        self.profiles.merge(profiles, (base.input as u32, base.record));
        self.pulse.merge(pulse);
        if self.profiles.bytes() > self.profile_budget {
            self.all_profiles.add_table(self.profiles.take())?;
            self.all_profiles.spill()?;
        }
        kept.sketches.drain(..).for_each(|(uid, sketch)| self.sketches.add(&uid, sketch));
        if kept.is_audit {
            self.audit.add(&kept.source, &kept.uses.event_time_us);
        }
        let placed = |place: EventPlace, row: usize| EventPlace {
            input_file: base.name.clone(),
            input_record: base.record + kept.ordinals[row],
            ..place
        };
        for (row, change) in kept.lifecycle.drain(..).filter(|(row, _)| is_first(*row)) {
            self.lifecycle.push(Lifecycle { place: placed(change.place, row), ..change });
        }
        for (row, listed) in kept.listed.drain(..).filter(|(row, _)| is_first(*row)) {
            self.listed.push(Listed { place: placed(listed.place, row), ..listed });
        }
        kept.hits.iter().filter(|h| is_first(h.row as usize)).for_each(|h| self.matches.count(h.rule));
        for row in kept.matches.drain(..).filter(|m| is_first(m.row)) {
            let record = base.record + kept.ordinals[row.row];
            self.matches.take(row, &kept.source, (base.input, base.name, record))?;
        }
        Ok(())
    }

    /// Notes what an input is called and which sources it holds.
    pub fn name_input(&mut self, number: usize, name: Arc<str>, sources: Arc<str>) {
        if self.inputs.len() <= number {
            self.inputs.resize(number + 1, Default::default());
        }
        self.inputs[number] = (name, sources);
    }

    /// Takes refusals with the rules that claim each.
    pub fn take_failures(&mut self, rows: RecordBatch, claims: &[Vec<u32>]) -> Result<(), Error> {
        let verdicts = &mut self.verdicts;
        self.row_verdicts.extend(claims.iter().map(|c| verdicts.of(c)));
        self.spool.push(rows)
    }

    /// Takes a profile that an earlier run kept.
    pub fn restore_profile(&mut self, credential: Box<str>, profile: Profile) -> Result<(), Error> {
        self.all_profiles.add(credential, profile)
    }

    /// Hands out the profile of every credential, in the order of their names. May be asked again.
    pub fn each_profile(&mut self, each: &mut dyn FnMut(&str, Profile) -> Result<(), Error>) -> Result<(), Error> {
        self.all_profiles.add_table(self.profiles.take())?;
        self.all_profiles.each(each)
    }
}
