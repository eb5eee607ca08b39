//! The whole flow on one page: inputs to chunks, chunks to events and claims in parallel, then verdicts, incidents and reports once.

mod anomalies;
mod attach;
mod carry;
mod claims;
mod collect;
mod diagnosis;
mod engine;
mod explain;
mod factual;
mod fields;
mod fresh;
mod gather;
mod habits;
mod lasting;
mod matches;
mod meeting;
mod merging;
mod nightly;
mod order;
mod owed;
mod reopened;
mod selftest;
mod trial;
mod upkeep;
mod work;
mod write;

pub use engine::{Engine, Options, RuleSources, check_rules};
pub use explain::{ExplainedEvent, explain};
pub use fields::lint_fields;
pub use nightly::{Lasting, Night, analyze_into};
pub use owed::{Pending, Receivers};
pub use selftest::test_mappings;
pub use trial::test_rules;
pub use upkeep::{Compacted, Retention, compact_store};

use crate::error::Error;
use crate::model::finding::{Findings, Micros, RuleNotes};
use crate::model::whereabouts::Locate;
use crate::read::find::Input;
use crate::read::reader::{Limits, Reader};
use crate::report::alerts::AlertFormat;
use crate::store::outdir::OutDir;
use collect::Collector;
use order::InOrder;
use std::path::PathBuf;

/// Which events are written to the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All, in `events/*.parquet`.
    All,
    /// Failures only.
    Failures,
}

/// What a run is asked to do.
pub struct Run<'r> {
    /// Inputs, in canonical order.
    pub inputs: Vec<Input>,
    /// The report folder.
    pub out: PathBuf,
    /// Which events to write.
    pub keep: Keep,
    /// What a line of `alerts.ndjson` is.
    pub alert_format: AlertFormat,
    /// Only events from this time on.
    pub since_us: Option<Micros>,
    /// Only events before this time.
    pub until_us: Option<Micros>,
    /// Worker threads.
    pub threads: usize,
    /// Memory to stay within, roughly.
    pub memory_bytes: usize,
    /// Longest pause inside an incident.
    pub gap_us: Micros,
    /// Sizes of chunks and records.
    pub limits: Limits,
    /// What the report says of rules that are not as their files have them.
    pub rule_notes: RuleNotes,
    /// Tells where addresses are, where a database was given.
    pub locate: Option<Locate<'r>>,
    /// Told the stored bytes of each input that is done.
    pub progress: &'r (dyn Fn(u64) + Sync),
}

impl<'r> Run<'r> {
    /// A run that reports failures, with as many threads as there are processors and the usual limits.
    pub fn new(inputs: Vec<Input>, out: PathBuf, progress: &'r (dyn Fn(u64) + Sync)) -> Run<'r> {
        Run {
            inputs,
            out,
            keep: Keep::Failures,
            alert_format: AlertFormat::default(),
            since_us: None,
            until_us: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: 512 << 20,
            gap_us: 3_600_000_000,
            limits: Limits::default(),
            rule_notes: RuleNotes::default(),
            locate: None,
            progress,
        }
    }
}

/// Analyses inputs and writes the report.
pub fn analyze(engine: &Engine<'_>, run: Run<'_>) -> Result<Findings, Error> {
    let out = OutDir::begin(&run.out)?;
    let mut collected = read(engine, &run, Collector::new(engine, &run, &out, None))?;
    let (findings, _) = write::report(engine, &run, &out, (&mut collected, &write::Told::default()))?;
    drop(collected);
    out.finish()?;
    Ok(findings)
}

/// Reads all inputs: chunks in parallel, taken in their order.
fn read<'c>(engine: &Engine<'_>, run: &'c Run<'c>, collector: Collector<'c>) -> Result<Collector<'c>, Error> {
    let reader = Reader::new(run.inputs.clone(), run.limits);
    let in_order = InOrder::new(collector, run.threads, run.threads * 2);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(run.threads)
        .stack_size(crate::model::json::STACK_BYTES)
        .build()
        .map_err(|e| Error::new("--threads", e.to_string(), "name a smaller number"))?;
    pool.broadcast(|_| {
        let mut worker = work::Worker::new(engine, run);
        while !in_order.has_failed()
            && let Some(chunk) = reader.next()
        {
            let part = worker.part(&chunk, reader.inputs());
            reader.recycle(chunk.body);
            in_order.submit(part);
        }
        in_order.leave();
    });
    in_order.finish()
}
