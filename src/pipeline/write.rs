//! The end of a run: diagnosis, and every table of the report, written as it comes.

use super::Run;
use super::anomalies::{Known, anomalies};
use super::attach::{Causes, Refusals};
use super::collect::Collector;
use super::diagnosis::{Asked, ByCredential, Diagnosis, Ranked, RowVerdict, diagnose, explained};
use super::engine::Engine;
use super::reopened::Reopened;
use crate::detect::sigma;
use crate::diagnose::verdicts::Verdicts;
use crate::error::Error;
use crate::model::finding::{Alert, Credential, Findings, Happened, Incident, Level, Micros, State};
use crate::report::failures::{Diagnosed, diagnosed, schema};
use crate::report::parquet::TableWriter;
use crate::report::{summary, tables};
use crate::rule::set::RuleSet;
use crate::store::ledger::digest;
use crate::store::outdir::{MARK, OutDir};
use crate::store::sorted::{Merged, Sorted};
use crate::store::spool::Spool;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Most incidents kept for the terminal; the table has all.
const TOLD: usize = 10_000;
/// Rows made into a table's batch at a time.
const ROWS: usize = 1_000;

/// What earlier runs told, so that only what is new is told again: when each incident and alert was last seen.
#[derive(Debug, Default)]
pub struct Told {
    last_us: FxHashMap<u64, Option<Micros>>,
}

impl Told {
    /// Notes what was told.
    pub fn add(&mut self, uid: &str, last_us: Option<Micros>) {
        self.last_us.insert(digest(uid.as_bytes()), last_us);
    }

    /// Whether it was told.
    pub fn is_known(&self, uid: &str) -> bool {
        self.last_us.contains_key(&digest(uid.as_bytes()))
    }

    /// Whether it was never told, or has gone on since.
    fn is_news(&self, uid: &str, last_us: Option<Micros>) -> bool {
        self.last_us.get(&digest(uid.as_bytes())).is_none_or(|told| *told < last_us)
    }
}

/// Works out the findings and writes the report: its tables hold everything, what is told is new. Alerts that are not new come beside.
pub fn report(
    engine: &Engine<'_>,
    run: &Run<'_>,
    out: &OutDir,
    (collected, told): (&mut Collector<'_>, &Told),
) -> Result<(Findings, Vec<Alert>), Error> {
    collected.end_events()?;
    let gathered = &mut collected.gathered;
    let inputs = gathered.inputs.clone();
    let attributed = gathered.matches.attributed(engine.rules, &gathered.inputs)?;
    let refused = collected.totals.failures;
    let (gap_us, memory_bytes, locate) = (run.gap_us, run.memory_bytes, run.locate);
    let asked = Asked { gap_us, memory_bytes, attributed: &attributed, refused, locate };
    let mut streamed = Streamed {
        credentials: Table::create(out, "credentials", tables::credentials)?,
        timeline: Table::create(out, "timeline", tables::timeline)?,
    };
    let found = diagnose(engine, gathered, asked, &mut streamed)?;
    streamed.credentials.finish()?;
    streamed.timeline.finish()?;
    let Diagnosis { rows, incidents, causes, near, ends, aliases } = found;
    gathered.near = near;
    gathered.habits.join(aliases)?;
    let (mut alerts, matches) = gathered.matches.finish(engine)?;
    let earlier = std::mem::take(&mut gathered.anomalies);
    let reopened = gathered.resumed.map_or_else(Reopened::default, |first_us| Reopened::new(&earlier, first_us));
    let known = Known { ends: &ends, inputs: &inputs, locate: run.locate, reopened: &reopened };
    gathered.anomalies = anomalies(engine, &mut gathered.habits, &known)?;
    gathered.anomalies.extend(earlier.into_iter().filter(|alert| reopened.stays(alert)));
    alerts.extend(gathered.anomalies.iter().cloned());
    sigma::sort(&mut alerts);
    let mut counting = Causes::new(&alerts, &gathered.habits.aliases);
    let rules = FailureRules { verdicts: &gathered.verdicts, rules: engine.rules };
    write_failures(out, &mut gathered.spool, (rows, &mut counting), &rules)?;
    counting.attach(&mut alerts);
    let mut totals = std::mem::take(&mut collected.totals);
    totals.explained = explained(&causes);
    let (incidents, incident_counts) = write_incidents(out, incidents, told)?;
    write_table(out, "alerts", tables::alerts(&alerts))?;
    let (alerts, earlier) = alerts.into_iter().partition(|a: &Alert| told.is_news(&a.alert_uid, a.window_end));
    let findings = Findings {
        causes: most_first(causes),
        alerts,
        matches,
        rule_notes: run.rule_notes.clone(),
        incidents,
        incidents_total: incident_counts.values().sum(),
        incident_counts,
        coverage: std::mem::take(&mut collected.coverage),
        rejects: std::mem::take(&mut collected.rejects),
        totals,
    };
    write_table(out, "coverage", tables::coverage(&findings.coverage))?;
    write_table(out, "rejects", tables::rejects(&findings.rejects))?;
    out.write("alerts.ndjson", &run.alert_format.render(&findings))?;
    out.write(MARK, &summary::render(&findings))?;
    Ok((findings, earlier))
}

/// Failures by cause, most first.
fn most_first(causes: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = causes.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// How rows of one kind become a table's batch.
type Batched<T> = fn(&[T]) -> Result<RecordBatch, ArrowError>;

/// A table that is written while its rows come.
struct Table<T> {
    name: &'static str,
    writer: TableWriter,
    rows: Vec<T>,
    batched: Batched<T>,
}

fn fault(name: &str, error: ArrowError) -> Error {
    Error::ours(name, error)
}

impl<T> Table<T> {
    fn create(out: &OutDir, name: &'static str, batched: Batched<T>) -> Result<Table<T>, Error> {
        let schema = batched(&[]).map_err(|e| fault(name, e))?.schema();
        let writer = TableWriter::create(&out.file(&format!("{name}.parquet"))?, name, schema)?;
        Ok(Table { name, writer, rows: Vec::new(), batched })
    }

    fn add(&mut self, row: T) -> Result<(), Error> {
        self.rows.push(row);
        if self.rows.len() < ROWS { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let batch = (self.batched)(&self.rows).map_err(|e| fault(self.name, e))?;
        self.rows.clear();
        self.writer.write(batch)
    }

    fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        self.writer.finish()
    }
}

/// The tables that are written while diagnosis goes from credential to credential.
struct Streamed {
    credentials: Table<Credential>,
    timeline: Table<Happened>,
}

impl ByCredential for Streamed {
    fn credential(&mut self, credential: Credential) -> Result<(), Error> {
        self.credentials.add(credential)
    }

    fn happened(&mut self, happened: Vec<Happened>) -> Result<(), Error> {
        happened.into_iter().try_for_each(|row| self.timeline.add(row))
    }
}

/// How many incidents there are of each level and state.
type IncidentCounts = BTreeMap<(Level, State), u64>;

/// Writes all incidents, counts those that are new, and keeps the most pressing of these.
fn write_incidents(
    out: &OutDir,
    ranked: Sorted<Ranked>,
    told: &Told,
) -> Result<(Vec<Incident>, IncidentCounts), Error> {
    let mut table = Table::<Incident>::create(out, "incidents", tables::incidents)?;
    let (mut news, mut counts) = (Vec::new(), IncidentCounts::new());
    for incident in ranked.into_rows()? {
        let incident = *incident?.0;
        if told.is_news(&incident.incident_uid, incident.last_seen) {
            *counts.entry((incident.level, incident.state)).or_default() += 1;
            news.extend((news.len() < TOLD).then(|| incident.clone()));
        }
        table.add(incident)?;
    }
    table.finish()?;
    Ok((news, counts))
}

/// What is needed to say why a failure got its verdict.
struct FailureRules<'f> {
    verdicts: &'f Verdicts,
    rules: &'f RuleSet,
}

/// Streams the failures that were set aside into their table, each with what diagnosis adds to it.
fn write_failures(
    out: &OutDir,
    spool: &mut Spool,
    (results, causes): (Sorted<RowVerdict>, &mut Causes<'_>),
    rules: &FailureRules<'_>,
) -> Result<(), Error> {
    let mut writer = TableWriter::create(&out.file("failures.parquet")?, "failures", schema())?;
    let verdicts = rules.verdicts;
    let mut results = results.into_rows()?;
    for batch in spool.rows()? {
        let rows = batch?;
        let added = next_of(&mut results, rows.num_rows())?;
        let refusals = Refusals::new(&rows);
        for (at, row) in added.iter().enumerate() {
            causes.count(&refusals, at, verdicts.get(row.verdict).cause.as_deref());
        }
        let added: Vec<Diagnosed<'_>> = added.iter().map(|row| rules.diagnosed(row)).collect();
        writer.write(diagnosed(&rows, &added).map_err(|e| fault("failures", e))?)?;
    }
    writer.finish()
}

fn next_of(results: &mut Merged<RowVerdict>, number: usize) -> Result<Vec<RowVerdict>, Error> {
    results.by_ref().take(number).collect()
}

impl FailureRules<'_> {
    fn diagnosed<'r>(&'r self, row: &'r RowVerdict) -> Diagnosed<'r> {
        let rule = self.verdicts.strongest_rule(row.verdict).and_then(|r| self.rules.claimant(r));
        Diagnosed {
            verdict: self.verdicts.get(row.verdict),
            rule_id: rule.map(|meta| meta.id.as_str()),
            incident_uid: &row.incident_uid,
            evidence: &row.evidence,
        }
    }
}

fn write_table(out: &OutDir, name: &str, rows: Result<RecordBatch, ArrowError>) -> Result<(), Error> {
    let rows = rows.map_err(|e| fault(name, e))?;
    let mut writer = TableWriter::create(&out.file(&format!("{name}.parquet"))?, name, rows.schema())?;
    writer.write(rows)?;
    writer.finish()
}
