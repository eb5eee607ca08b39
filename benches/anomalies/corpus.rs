//! What credentials really did: the events of a folder of real logs by credential, as `keyfault analyze` reads them; knows no anomaly.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Fewer events than this show no habit.
const FEWEST: usize = 10;
/// A credential of which a greater part is refused is an anomaly itself.
const REFUSED: f64 = 0.5;

/// One real event.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub at: i64,
    pub provider: String,
    pub service: String,
    pub operation: String,
    pub src_ip: String,
    pub client: String,
    pub status: String,
    pub refused_by: String,
    pub status_code: String,
}

/// The events of every credential that was accepted often enough, in order of time.
pub fn credentials(folder: &Path) -> Result<Vec<Vec<Seen>>, String> {
    let out = tempfile::tempdir().map_err(|e| e.to_string())?;
    let program = Command::new(env!("CARGO_BIN_EXE_keyfault"))
        .args(["analyze", "--keep", "all", "--format", "ndjson", "--out"])
        .args([out.path(), folder])
        .output()
        .map_err(|e| e.to_string())?;
    if !program.status.success() {
        return Err(String::from_utf8_lossy(&program.stderr).into_owned());
    }
    let mut by_credential: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(out.path().join("events"))
        .map_err(|e| e.to_string())?
        .map(|file| file.map(|f| f.path()).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    files.sort();
    for file in files {
        let file = std::fs::File::open(file).map_err(|e| e.to_string())?;
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build()).map_err(|e| e.to_string())?;
        for batch in reader {
            take(&batch.map_err(|e| e.to_string())?, &mut by_credential)?;
        }
    }
    let is_refused = |seen: &&Seen| !seen.refused_by.is_empty();
    let mut all: Vec<Vec<Seen>> = by_credential.into_values().collect();
    all.retain(|own| own.len() >= FEWEST && own.iter().filter(is_refused).count() as f64 <= REFUSED * own.len() as f64);
    all.iter_mut().for_each(|own| own.sort_by_key(|seen| seen.at));
    if all.is_empty() { Err(format!("{}: no credential with {FEWEST} events", folder.display())) } else { Ok(all) }
}

fn take(batch: &RecordBatch, by_credential: &mut BTreeMap<String, Vec<Seen>>) -> Result<(), String> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("no column {name}"));
    let texts = |name: &str| -> Result<StringArray, String> {
        Ok(cast(column(name)?, &DataType::Utf8).map_err(|e| e.to_string())?.as_string::<i32>().clone())
    };
    let names = ["provider", "service", "operation", "src_ip", "user_agent", "status", "refused_by", "status_code"];
    let words: Vec<StringArray> = names.iter().map(|name| texts(name)).collect::<Result<_, _>>()?;
    let credentials = texts("credential_uid")?;
    let times = column("event_time")?.as_primitive::<TimestampMicrosecondType>();
    for row in (0..batch.num_rows()).filter(|row| !credentials.is_null(*row) && !times.is_null(*row)) {
        let text = |n: usize| if words[n].is_null(row) { String::new() } else { words[n].value(row).to_string() };
        by_credential.entry(credentials.value(row).to_string()).or_default().push(Seen {
            at: times.value(row) / 1_000_000,
            provider: text(0),
            service: text(1),
            operation: text(2),
            src_ip: text(3),
            client: text(4),
            status: text(5),
            refused_by: text(6),
            status_code: text(7),
        });
    }
    Ok(())
}
