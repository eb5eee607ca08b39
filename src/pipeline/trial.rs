//! Runs the events of rules' tests through the real mappings, rules and diagnosis.

use super::anomalies::{Known, anomalies};
use super::diagnosis::{Asked, ByCredential, diagnose};
use super::engine::Engine;
use super::gather::{Base, Gathered};
use super::reopened::Reopened;
use super::work::{Kept, Worker};
use crate::error::Error;
use crate::model::column::Column;
use crate::model::finding::{Credential, Happened};
use crate::rule::meta::Meta;
use crate::rule::selftest::TestResult;
use crate::rule::trial::{Judged, Run, TestEvent, Trial};
use crate::source::decode::Decoded;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Memory of one test: its events are few.
const MEMORY_BYTES: usize = 64 << 20;
/// Name of the input that events of tests seem to come from.
const INPUT: &str = "test";

/// Runs the tests of the rules that `wanted` names.
pub fn test_rules(engine: &Engine<'_>, wanted: &dyn Fn(&Meta) -> bool) -> Vec<TestResult> {
    crate::rule::selftest::run(engine.rules, &InMemory { engine }, wanted)
}

/// Tests look at verdicts only.
struct NoTables;

impl ByCredential for NoTables {
    fn credential(&mut self, _: Credential) -> Result<(), Error> {
        Ok(())
    }

    fn happened(&mut self, _: Vec<Happened>) -> Result<(), Error> {
        Ok(())
    }
}

struct InMemory<'e, 'r> {
    engine: &'e Engine<'r>,
}

/// A test under way.
struct Trying {
    trial: Trial,
    gathered: Gathered,
    /// How events are cited, by ordinal.
    cited: Vec<String>,
    /// Ordinals of the refusals, by row.
    refused: Vec<usize>,
}

impl Run for InMemory<'_, '_> {
    fn run(&self, events: &[TestEvent]) -> Result<Trial, Error> {
        let mut by_mapping: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (ordinal, event) in events.iter().enumerate() {
            let mapping = self.engine.mapper.mapping_of(&event.source, &event.value)?;
            by_mapping.entry(mapping).or_default().push(ordinal);
        }
        let run = super::Run::new(Vec::new(), Default::default(), &|_| {});
        let mut worker = Worker::new(self.engine, &run);
        let mut trying = Trying {
            trial: Trial {
                hits: vec![Vec::new(); events.len()],
                episodes: Vec::new(),
                verdicts: vec![None; events.len()],
                alerts: Vec::new(),
            },
            gathered: Gathered::new(self.engine, run.gap_us, MEMORY_BYTES),
            cited: (0..events.len()).map(|n| format!("{INPUT}#{n}")).collect(),
            refused: Vec::new(),
        };
        for (mapping, ordinals) in by_mapping {
            trying.take(self.kept(&mut worker, mapping, (events, &ordinals))?)?;
        }
        trying.conclude(self.engine, run.gap_us)
    }
}

impl InMemory<'_, '_> {
    /// The events of one mapping, as a worker keeps them. Ordinals are those in the test.
    fn kept(
        &self,
        worker: &mut Worker<'_, '_>,
        mapping: usize,
        (events, ordinals): (&[TestEvent], &[usize]),
    ) -> Result<(Kept, Vec<Option<String>>), Error> {
        let decoded = Decoded::default();
        let values = ordinals.iter().map(|&o| events[o].value.clone()).collect();
        let mut batch = self.engine.mapper.map_values(mapping, values, &decoded);
        for (row, &ordinal) in ordinals.iter().enumerate() {
            batch.ordinals[row] = ordinal as u64;
            let time = &mut batch.uses.event_time_us[row];
            *time = events[ordinal].time_us.unwrap_or(*time);
            if *time != i64::MIN {
                *time += events[ordinal].later_us;
            }
        }
        let uids = (0..ordinals.len()).map(|row| batch.text(row, Column::EventUid).map(str::to_string)).collect();
        let kept = worker.kept(batch, INPUT);
        kept.map(|kept| (kept, uids)).map_err(|e| Error::new(INPUT, e.to_string(), ""))
    }
}

impl Trying {
    fn take(&mut self, (mut kept, uids): (Kept, Vec<Option<String>>)) -> Result<(), Error> {
        for (row, uid) in uids.into_iter().enumerate() {
            let ordinal = kept.ordinals[row] as usize;
            self.cited[ordinal] = uid.unwrap_or_else(|| std::mem::take(&mut self.cited[ordinal]));
        }
        for hit in &kept.hits {
            self.trial.hits[kept.ordinals[hit.row as usize] as usize].push(hit.rule);
        }
        let name: Arc<str> = INPUT.into();
        self.gathered.take(Base { input: 0, name: &name, record: 0 }, &mut kept, None)?;
        let Some((rows, _)) = kept.failures else { return Ok(()) };
        let ordinals = rows.column(Column::InputRecord.index()).as_primitive::<UInt64Type>();
        self.refused.extend(ordinals.values().iter().map(|o| *o as usize));
        self.gathered.take_failures(rows, &kept.claims)
    }

    /// The event that is cited by its id, or by its place.
    fn ordinal(&self, cited: &str) -> Option<usize> {
        let by_place = cited.strip_prefix(INPUT).and_then(|rest| rest.strip_prefix('#')).and_then(|n| n.parse().ok());
        self.cited.iter().position(|c| c == cited).or(by_place)
    }

    fn conclude(mut self, engine: &Engine<'_>, gap_us: i64) -> Result<Trial, Error> {
        self.gathered.name_input(0, INPUT.into(), INPUT.into());
        let inputs = self.gathered.inputs.clone();
        let attributed = self.gathered.matches.attributed(engine.rules, &self.gathered.inputs)?;
        let asked =
            Asked { gap_us, memory_bytes: MEMORY_BYTES, attributed: &attributed, refused: u64::MAX, locate: None };
        let found = diagnose(engine, &mut self.gathered, asked, &mut NoTables)?;
        self.gathered.habits.join(found.aliases)?;
        let known = Known { ends: &found.ends, inputs: &inputs, locate: None, reopened: &Reopened::default() };
        let alerts = anomalies(engine, &mut self.gathered.habits, &known)?;
        for row in found.rows.into_rows()? {
            let row = row?;
            let ordinal = self.refused[row.row as usize];
            let mut proof: Vec<usize> =
                row.evidence.iter().filter_map(|e| self.ordinal(e.proof_event_uid.as_deref()?)).collect();
            proof.sort_unstable();
            proof.dedup();
            let claimed = self.gathered.verdicts.rules(row.verdict);
            let hits = &mut self.trial.hits[ordinal];
            hits.extend(claimed.iter().copied().filter(|&r| (r as usize) < engine.rules.rules.len()));
            hits.sort_unstable();
            hits.dedup();
            let verdict = self.gathered.verdicts.get(row.verdict).clone();
            self.trial.verdicts[ordinal] = Some(Judged { verdict, proof });
        }
        let mut episodes = self.gathered.matches.episodes(engine.rules)?;
        for event in episodes.iter_mut().flatten().flat_map(|e| &mut e.events) {
            if let Some(ordinal) = self.cited.iter().position(|c| *c == event.event_uid) {
                event.event_uid = ordinal.to_string();
            }
        }
        Ok(Trial { episodes, alerts, ..self.trial })
    }
}
