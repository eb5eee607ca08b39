//! Writes a filled scenario to a folder, runs the library on it and reads the report back.

use super::super::table;
use super::expand::{Filled, Place};
use arrow::array::AsArray;
use keyfault::pipeline::{Engine, Keep, Run};
use keyfault::read::find::find;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::HashMap;
use std::path::Path;

/// A row of `failures`.
pub struct Failure {
    /// Where the refusal stands in the inputs.
    pub place: Place,
    /// Its cause; empty when unexplained.
    pub cause: String,
    /// How sure.
    pub verdict: String,
    /// What is cited: ids of events, or places.
    pub proofs: Vec<String>,
    /// Its incident.
    pub incident: String,
    /// What a plain classifier looks at: HTTP status, code, text.
    pub seen: [String; 3],
}

/// What a run said.
pub struct Report {
    /// Every refusal.
    pub failures: Vec<Failure>,
    /// The ids of events by their places.
    pub event_uids: HashMap<Place, String>,
    /// State and cited proofs of incidents by id.
    pub incidents: HashMap<String, (String, Vec<String>)>,
    /// Records that became nothing, with the reason.
    pub rejects: Vec<String>,
}

fn place(file: &str, record: &str) -> Place {
    let name = Path::new(file).file_name().unwrap().to_string_lossy().into_owned();
    (name, record.parse().unwrap_or(usize::MAX))
}

/// The place that a proof cites, when it cites one and no id.
pub fn cited_place(proof: &str) -> Option<Place> {
    let (file, record) = proof.rsplit_once('#')?;
    Some(place(file, record))
}

/// The texts of one member of a column that holds lists of structs, by row.
fn members(file: &Path, column: &str, member: &str) -> Vec<Vec<String>> {
    let opened = std::fs::File::open(file).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let lists = batch.column_by_name(column).unwrap().as_list::<i32>();
        rows.extend((0..batch.num_rows()).map(|row| {
            let structs = lists.value(row);
            let texts = structs.as_struct().column_by_name(member).unwrap().as_string::<i32>();
            let found = texts.iter().flatten().filter(|t| !t.is_empty());
            found.map(str::to_string).collect()
        }));
    }
    rows
}

fn failures(report: &Path) -> Vec<Failure> {
    let file = report.join("failures.parquet");
    let columns = [
        "input_file",
        "input_record",
        "cause",
        "verdict",
        "incident_uid",
        "http_status",
        "status_code",
        "status_detail",
    ];
    let proofs = members(&file, "why", "proof_event_uid");
    let rows = table::rows(&file, &columns).into_iter().zip(proofs);
    rows.map(|(row, proofs)| {
        let [input, record, cause, verdict, incident, http, code, detail] = <[String; 8]>::try_from(row).unwrap();
        Failure { place: place(&input, &record), cause, verdict, proofs, incident, seen: [http, code, detail] }
    })
    .collect()
}

fn event_uids(report: &Path) -> HashMap<Place, String> {
    let tables = std::fs::read_dir(report.join("events")).unwrap().map(|e| e.unwrap().path());
    let rows = tables.flat_map(|file| table::rows(&file, &["input_file", "input_record", "event_uid"]));
    rows.map(|row| (place(&row[0], &row[1]), row[2].clone())).filter(|(_, uid)| !uid.is_empty()).collect()
}

fn incidents(report: &Path) -> HashMap<String, (String, Vec<String>)> {
    let file = report.join("incidents.parquet");
    let rows = table::rows(&file, &["incident_uid", "state"]).into_iter().zip(members(&file, "proof", "event_uid"));
    rows.map(|(row, proofs)| (row[0].clone(), (row[1].clone(), proofs))).collect()
}

/// Runs the library on a filled scenario, in a folder.
pub fn run(engine: &Engine<'_>, filled: &Filled, folder: &Path) -> Report {
    let inputs = folder.join("in");
    std::fs::create_dir_all(&inputs).unwrap();
    filled.files.iter().for_each(|(name, text)| std::fs::write(inputs.join(name), text).unwrap());
    let out = folder.join("report");
    let found = find(&[inputs.display().to_string()]).unwrap().0;
    let run = Run { keep: Keep::All, threads: 1, ..Run::new(found, out.clone(), &|_| {}) };
    keyfault::pipeline::analyze(engine, run).unwrap();
    let rejects = table::rows(&out.join("rejects.parquet"), &["input_file", "input_record", "reason"]);
    Report {
        failures: failures(&out),
        event_uids: event_uids(&out),
        incidents: incidents(&out),
        rejects: rejects.iter().map(|row| row.join(" ")).collect(),
    }
}
