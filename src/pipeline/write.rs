//! The end of a run: incidents, credentials and alerts from the compact tables, and every table of the report.

use super::Run;
use super::collect::Collector;
use super::engine::Engine;
use crate::diagnose::credentials::credentials;
use crate::diagnose::failures::FailureTable;
use crate::diagnose::incidents::{Case, incidents};
use crate::diagnose::verdicts::Verdicts;
use crate::error::Error;
use crate::model::finding::{Findings, Incident};
use crate::report::failures::{Diagnosed, diagnosed, schema};
use crate::report::parquet::TableWriter;
use crate::report::{json, summary, tables};
use crate::rule::set::RuleSet;
use crate::store::outdir::{MARK, OutDir};
use crate::store::spool::Spool;
use arrow::array::RecordBatch;
use std::collections::BTreeMap;

/// Works out the findings and writes the report.
pub fn report(
    engine: &Engine<'_>,
    run: &Run<'_>,
    out: &OutDir,
    mut collected: Collector<'_>,
) -> Result<Findings, Error> {
    collected.end_events()?;
    let levels: Vec<_> = engine.rules.rules.iter().map(|r| r.meta.level).collect();
    let sources: Vec<String> = collected.sources.iter().cloned().collect();
    let case = Case {
        failures: &collected.failures,
        verdicts: &collected.verdicts,
        profiles: &collected.profiles,
        causes: &engine.rules.causes,
        levels: &levels,
        gap_us: run.gap_us,
        end_us: collected.totals.last_event_time,
        sources: &sources,
    };
    let (found, incident_of) = incidents(&case)?;
    let (alerts, matches) = collected.matches.finish(engine)?;
    let findings = Findings {
        causes: causes(&collected.failures, &collected.verdicts),
        alerts,
        matches,
        rule_notes: run.rule_notes.clone(),
        credentials: credentials(&collected.profiles, &collected.lifecycle, collected.totals.last_event_time),
        incidents: found,
        coverage: collected.coverage,
        rejects: collected.rejects,
        totals: collected.totals,
    };
    let verdicts = FailureVerdicts {
        failures: &collected.failures,
        verdicts: &collected.verdicts,
        incident_of: &incident_of,
        incidents: &findings.incidents,
        rules: engine.rules,
    };
    verdicts.write(out, collected.spool)?;
    write_tables(out, &findings)?;
    out.write("alerts.ndjson", &json::alerts(&findings.alerts))?;
    out.write(MARK, &summary::render(&findings))?;
    Ok(findings)
}

/// Failures by cause, most first.
fn causes(failures: &FailureTable, verdicts: &Verdicts) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for failure in &failures.rows {
        *counts.entry(verdicts.get(failure.verdict).cause.as_deref().unwrap_or("unexplained")).or_default() += 1;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(c, n)| (c.to_string(), n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// Every failure's verdict and incident, by row.
struct FailureVerdicts<'f> {
    failures: &'f FailureTable,
    verdicts: &'f Verdicts,
    incident_of: &'f [u32],
    incidents: &'f [Incident],
    rules: &'f RuleSet,
}

impl FailureVerdicts<'_> {
    /// Streams the failures that were set aside into their table.
    fn write(&self, out: &OutDir, spool: Spool) -> Result<(), Error> {
        let mut writer = TableWriter::create(&out.file("failures.parquet")?, "failures", schema())?;
        let mut at = 0;
        spool.drain(&mut |rows| {
            let added: Vec<Diagnosed<'_>> = (at..at + rows.num_rows()).map(|row| self.diagnosed(row)).collect();
            at += rows.num_rows();
            let rows = diagnosed(&rows, &added)
                .map_err(|e| Error::new("failures", e.to_string(), "this is a fault of keyfault: please report it"))?;
            writer.write(rows)
        })?;
        writer.finish()
    }

    fn diagnosed(&self, row: usize) -> Diagnosed<'_> {
        let verdict = self.failures.rows[row].verdict;
        let rule = self.verdicts.strongest_rule(verdict);
        Diagnosed {
            verdict: self.verdicts.get(verdict),
            rule_id: rule.map(|r| self.rules.rules[r as usize].meta.id.as_str()),
            incident_uid: &self.incidents[self.incident_of[row] as usize].incident_uid,
        }
    }
}

fn write_tables(out: &OutDir, findings: &Findings) -> Result<(), Error> {
    let all = [
        ("incidents", tables::incidents(&findings.incidents)),
        ("alerts", tables::alerts(&findings.alerts)),
        ("credentials", tables::credentials(&findings.credentials)),
        ("coverage", tables::coverage(&findings.coverage)),
        ("rejects", tables::rejects(&findings.rejects)),
    ];
    for (name, rows) in all {
        let rows: RecordBatch =
            rows.map_err(|e| Error::new(name, e.to_string(), "this is a fault of keyfault: please report it"))?;
        let mut writer = TableWriter::create(&out.file(&format!("{name}.parquet"))?, name, rows.schema())?;
        writer.write(rows)?;
        writer.finish()?;
    }
    Ok(())
}
