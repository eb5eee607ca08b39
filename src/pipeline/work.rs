//! What one thread does with one chunk: map it, evaluate rules, keep the rows that will be reported. Pure.

use super::engine::Engine;
use super::matches::{RowMatches, row_matches};
use super::{Keep, Run};
use crate::detect::baselines::Baselines;
use crate::diagnose::fleet::Pulse;
use crate::diagnose::profiles::{Profiles, Rows};
use crate::model::column::Column;
use crate::model::finding::{Evidence, Lifecycle, Outcome, Uses};
use crate::model::inventory::Listed;
use crate::model::place::EventPlace;
use crate::model::records::Records;
use crate::model::sketch::Sketch;
use crate::read::find::Input;
use crate::read::reader::Chunk;
use crate::report::failures::with_evidence;
use crate::rule::evaluate::{Hit, Memo};
use crate::source::batch::Batch;
use crate::source::decode::Decoded;
use crate::source::mapper::{self, Rejected};
use crate::source::redact::{excerpt, redact, redact_field};
use crate::source::table::table;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use std::collections::BTreeMap;

/// Longest part of a value shown as evidence, in characters.
const SHOWN: usize = 200;

/// One chunk, worked through.
pub struct Part {
    /// Number of the input.
    pub input: usize,
    /// Number of the part in its input.
    pub number: usize,
    /// Whether it is the last of its input.
    pub last: bool,
    /// How the input is packed.
    pub codec: &'static str,
    /// What is wrong with the input.
    pub problem: Option<String>,
    /// Bytes of text.
    pub raw_bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Records that are no events.
    pub rejects: Vec<Rejected>,
    /// Events by source.
    pub batches: Vec<Kept>,
    /// A fault of our own.
    pub fault: Option<String>,
}

/// What is kept of the events of one source in one chunk.
pub struct Kept {
    /// The source.
    pub source: String,
    /// Ordinals in the chunk, by row.
    pub ordinals: Vec<u64>,
    /// Digests of event ids, by row; 0 for none.
    pub digests: Vec<u128>,
    /// Hot columns, by row.
    pub uses: Uses,
    /// Profiles over all rows.
    pub profiles: Profiles,
    /// Baselines over all rows.
    pub baselines: Baselines,
    /// What was accepted when.
    pub pulse: Pulse,
    /// Sketches of the keys sent.
    pub sketches: Vec<(String, Sketch)>,
    /// Whether the source tells what happens to credentials.
    pub is_audit: bool,
    /// What inventories list, and the rows.
    pub listed: Vec<(usize, Listed)>,
    /// Failures with evidence, and which rows they are; none in most chunks.
    pub failures: Option<(RecordBatch, Vec<usize>)>,
    /// Rule numbers that claimed each failure.
    pub claims: Vec<Vec<u32>>,
    /// All events to report, and which rows they are, when all are kept.
    pub events: Option<(RecordBatch, Vec<usize>)>,
    /// Lifecycle events and their rows.
    pub lifecycle: Vec<(usize, Lifecycle)>,
    /// Matches of all rules.
    pub hits: Vec<Hit>,
    /// What matches leave behind for alerts and correlations.
    pub matches: Vec<RowMatches>,
    /// Rows outside the asked time.
    pub outside: u64,
}

/// A thread's own memory.
pub struct Worker<'w, 'r> {
    engine: &'w Engine<'r>,
    run: &'w Run<'w>,
    memos: BTreeMap<String, Memo>,
}

impl<'w, 'r> Worker<'w, 'r> {
    /// A worker of a run.
    pub fn new(engine: &'w Engine<'r>, run: &'w Run<'w>) -> Self {
        Worker { engine, run, memos: BTreeMap::new() }
    }

    /// Works a chunk through.
    pub fn part(&mut self, chunk: &Chunk, inputs: &[Input]) -> Part {
        let mut part = Part {
            input: chunk.input,
            number: chunk.part,
            last: chunk.last,
            codec: chunk.codec.name(),
            problem: chunk.problem.clone(),
            raw_bytes: chunk.body.len() as u64,
            records: chunk.rejects.len() as u64,
            rejects: Vec::new(),
            batches: Vec::new(),
            fault: None,
        };
        for (ordinal, reject) in chunk.rejects.iter().enumerate() {
            part.rejects.push(Rejected {
                ordinal: ordinal as u64,
                reason: reject.reason.clone(),
                excerpt: excerpt(&reject.excerpt),
            });
        }
        self.map(chunk, &inputs[chunk.input], &mut part);
        part
    }

    fn map(&mut self, chunk: &Chunk, input: &Input, part: &mut Part) {
        let decoded = Decoded::default();
        let whole = mapper::Chunk { framing: chunk.framing, body: &chunk.body, header: &chunk.header };
        let mapper = if input.is_inventory { &self.engine.inventories } else { &self.engine.mapper };
        self.keep(mapper.map(whole, &decoded), &input.name, part);
    }

    fn keep(&mut self, mapped: mapper::Mapped<'_, '_>, name: &str, part: &mut Part) {
        let before = part.records;
        part.records += mapped.records;
        part.rejects.extend(mapped.rejects.into_iter().map(|r| Rejected { ordinal: r.ordinal + before, ..r }));
        for mut batch in mapped.batches {
            batch.ordinals.iter_mut().for_each(|o| *o += before);
            match self.kept(batch, name) {
                Ok(kept) => part.batches.push(kept),
                Err(error) => part.fault = Some(error.to_string()),
            }
        }
    }

    /// What is kept of a batch.
    pub fn kept(&mut self, mut batch: Batch<'_, '_>, name: &str) -> Result<Kept, ArrowError> {
        let source = batch.source().to_string();
        let memo = self.memos.entry(source.clone()).or_default();
        let mut hits = self.engine.rules_of(&source).map_or_else(Vec::new, |rules| rules.evaluate(&batch, memo));
        for hit in &hits {
            let outcome = &mut batch.uses.outcome[hit.row as usize];
            let claims = self.engine.rules.rules[hit.rule as usize].cause.is_some();
            if claims || (*outcome != Outcome::Success && self.engine.rules.is_attributed(hit.rule)) {
                *outcome = Outcome::Refused;
            }
        }
        hits.retain(|hit| {
            let asks_refusal = self.engine.rules.rules[hit.rule as usize].asks_refusal;
            !asks_refusal || batch.uses.outcome[hit.row as usize] == Outcome::Refused
        });
        let inside: Vec<bool> = batch.uses.event_time_us.iter().map(|t| self.is_inside(*t)).collect();
        let refused: Vec<usize> =
            (0..batch.rows()).filter(|&r| inside[r] && batch.outcome(r) == Outcome::Refused).collect();
        let (claims, why): (Vec<_>, Vec<_>) = refused.iter().map(|&row| self.claims(&batch, row, &hits)).unzip();
        let failures = match refused.is_empty() {
            true => None,
            false => Some((with_evidence(&table(&batch, &refused, name)?, &why)?, refused)),
        };
        let events = match self.run.keep {
            Keep::All => {
                let rows: Vec<usize> = (0..batch.rows()).filter(|&r| inside[r]).collect();
                Some((table(&batch, &rows, name)?, rows))
            }
            Keep::Failures => None,
        };
        Ok(Kept {
            lifecycle: lifecycle(&batch),
            matches: row_matches(self.engine.rules, &batch, &hits, &inside),
            hits: hits.into_iter().filter(|h| inside[h.row as usize]).collect(),
            profiles: Profiles::of(&batch.uses, Rows { ordinals: &batch.ordinals, skip: None }),
            baselines: Baselines::of(&batch.uses, &batch.ordinals, None),
            pulse: Pulse::of(&batch.uses, Rows { ordinals: &batch.ordinals, skip: None }),
            sketches: batch.sketches,
            is_audit: batch.is_audit,
            listed: batch.listed,
            outside: inside.iter().filter(|i| !**i).count() as u64,
            failures,
            source,
            ordinals: batch.ordinals,
            // Without ids there are no duplicates, for which alone they would be looked at again.
            uses: if batch.digests.iter().all(|d| *d == 0) { batch.uses.times() } else { batch.uses },
            digests: batch.digests,
            claims,
            events,
        })
    }

    /// Events without a time are never left out.
    fn is_inside(&self, time_us: i64) -> bool {
        let after = self.run.since_us.is_none_or(|s| time_us >= s);
        let before = self.run.until_us.is_none_or(|u| time_us < u);
        time_us == i64::MIN || (after && before)
    }

    /// The rules that claim a row's cause, and why each matched.
    fn claims(&self, batch: &Batch<'_, '_>, row: usize, hits: &[Hit]) -> (Vec<u32>, Vec<Evidence>) {
        let from = hits.partition_point(|h| (h.row as usize) < row);
        let own = hits[from..].iter().take_while(|h| h.row as usize == row);
        let claiming: Vec<&Hit> = own.filter(|h| self.engine.rules.rules[h.rule as usize].cause.is_some()).collect();
        let Some(rules) = self.engine.rules_of(batch.source()) else { return Default::default() };
        let why = self.strongest_first(&claiming).into_iter().flat_map(|h| rules.evidence(batch, h));
        // Redacted before it is cut, so that the cut cannot hide a secret's shape.
        let shown = |e: &Evidence| redact_field(&e.field, &e.value).chars().take(SHOWN).collect();
        let why = why.map(|e| Evidence { value: shown(&e), ..e });
        (claiming.iter().map(|h| h.rule).collect(), why.collect())
    }

    /// The claims in the order in which a reader wants their evidence.
    fn strongest_first(&self, claiming: &[&Hit]) -> Vec<Hit> {
        let strength = |h: &Hit| {
            self.engine.rules.rules[h.rule as usize].cause.as_ref().map(|c| (c.basis, c.confidence.to_bits()))
        };
        let mut hits: Vec<Hit> = claiming.iter().map(|h| **h).collect();
        hits.sort_by_key(|h| (std::cmp::Reverse(strength(h)), h.rule));
        hits
    }
}

fn text(batch: &Batch<'_, '_>, row: usize, column: Column) -> Option<String> {
    batch.text(row, column).map(|t| redact(t).into_owned())
}

/// Changes count whenever they were made: what was switched off before the time that is asked about is off in it.
fn lifecycle(batch: &Batch<'_, '_>) -> Vec<(usize, Lifecycle)> {
    let found = batch.lifecycle.iter().filter_map(|&row| {
        let text = |column| text(batch, row, column);
        let place = EventPlace {
            event_time_us: batch.time_us(row),
            source: batch.source().into(),
            event_uid: text(Column::EventUid).map(Into::into),
            ..EventPlace::default()
        };
        let lifecycle = Lifecycle {
            lifecycle_op: text(Column::LifecycleOp)?,
            operation: text(Column::Operation),
            provider: text(Column::Provider),
            account_uid: text(Column::AccountUid),
            tenant_uid: text(Column::TenantUid),
            actor_name: text(Column::ActorName),
            target_credential_uid: text(Column::TargetCredentialUid),
            target_credential_alias: text(Column::TargetCredentialAlias),
            target_user_uid: text(Column::TargetUserUid),
            target_user_name: text(Column::TargetUserName),
            valid_until_us: text(Column::ValidUntil).and_then(|t| crate::model::time::parse(&t)),
            place,
        };
        Some((row, lifecycle))
    });
    found.collect()
}
