//! `keyfault sources detect`: tells for each file which source it is of and by what, and for a file that no source knows, which comes nearest
//! and how a mapping for it could begin.

use super::args::PackArgs;
use super::{Exit, packs, terminal};
use crate::error::Error;
use crate::model::column::Column;
use crate::model::records::Records;
use crate::pipeline::{Engine, Options};
use crate::read::find::{Input, find};
use crate::read::reader::{Chunk, Limits, Reader};
use crate::report::words::plain;
use crate::source::batch::Batch;
use crate::source::decode::{Decoded, Piece, decode};
use crate::source::mapper::{self, Mapped, Recognised};
use crate::source::{starter, starter_text};
use std::collections::BTreeMap;
use std::path::Path;

/// Records that a mapping is guessed from.
const GUESSED_FROM: usize = 200;

/// Looks at the first chunk of each input.
pub fn run(inputs: &[String], packs: &PackArgs) -> Result<Exit, Error> {
    let sources = packs::load(packs)?;
    let rules = sources.rule_set()?.0;
    let engine = Engine::new(&rules, sources.parse_mappings()?, &Options::default())?;
    let (inputs, problems) = find(inputs)?;
    problems.iter().for_each(|p| terminal::talk(p));
    let mut recognised = false;
    for input in inputs {
        let reader = Reader::new(vec![input.clone()], Limits::default());
        let Some(chunk) = reader.next() else { continue };
        let decoded = Decoded::default();
        let whole = mapper::Chunk { framing: chunk.framing, body: &chunk.body, header: &chunk.header };
        let mapped = engine.mapper.map(whole, &decoded);
        recognised |= !mapped.batches.is_empty();
        let lines = told(&input, &chunk, &mapped);
        // What is told of a file that nobody knows is the head of a mapping for it.
        let mark = if mapped.batches.is_empty() { "# " } else { "" };
        terminal::data(&lines.iter().map(|line| format!("{mark}{}\n", plain(line))).collect::<String>());
        if mapped.batches.is_empty() {
            terminal::data(&begun(&input, &chunk));
        }
    }
    Ok(if recognised { Exit::Done } else { Exit::NothingAnalysed })
}

fn told(input: &Input, chunk: &Chunk, mapped: &Mapped<'_, '_>) -> Vec<String> {
    let mut lines = vec![format!("{}: {}, {}", input.name, chunk.codec.name(), chunk.framing)];
    for (batch, how) in mapped.batches.iter().zip(&mapped.recognised) {
        lines.push(format!("  {}: {} events, {}", batch.source(), batch.rows(), by(how)));
        let missing = missing(batch);
        lines.extend((!missing.is_empty()).then(|| format!("    the source never fills {missing}")));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    mapped.rejects.iter().for_each(|reject| *reasons.entry(&reject.reason).or_default() += 1);
    lines.extend(reasons.into_iter().map(|(reason, records)| format!("  {records} records not read: {reason}")));
    lines.extend(chunk.problem.iter().map(|problem| format!("  problem: {problem}")));
    lines
}

fn by(how: &Recognised) -> String {
    let keys = if how.keys.is_empty() { "its pattern".into() } else { how.keys.join(", ") };
    let case = if how.in_any_case { " (in another case)" } else { "" };
    let records = if how.records == "." { String::new() } else { format!(", records at {}", how.records) };
    let wrapping =
        if how.wrapping.is_empty() { String::new() } else { format!(", wrapped in {}", how.wrapping.join(".")) };
    format!("told by {keys}{case}{records}{wrapping} ({})", how.file)
}

/// Columns that matter for a diagnosis and that a source never fills.
fn missing(batch: &Batch<'_, '_>) -> String {
    let wanted = [Column::EventTime, Column::StatusCode, Column::StatusDetail, Column::SrcIp];
    wanted.iter().filter(|c| !batch.fills(**c)).map(|c| c.name()).collect::<Vec<_>>().join(", ")
}

/// A mapping to begin with; a comment where nothing can be guessed.
fn begun(input: &Input, chunk: &Chunk) -> String {
    let stem = Path::new(&*input.name).file_name().map_or("source".into(), |n| n.to_string_lossy().to_lowercase());
    let stem = stem.split('.').next().unwrap_or_default();
    let is_word = stem.starts_with(|c: char| c.is_ascii_alphabetic()) && !["null", "true", "false"].contains(&stem);
    let stem = if is_word { stem } else { "source" };
    let id: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let decoded = Decoded::default();
    let (mut records, mut lines) = (Vec::new(), Vec::new());
    for piece in decode(chunk.framing, &chunk.body, &chunk.header, &decoded) {
        match piece {
            Piece::Json(value) | Piece::Row(value) => records.extend(starter::records(value)),
            Piece::Line(line) => lines.push(line),
            Piece::Bad { .. } => {}
        }
    }
    records.truncate(GUESSED_FROM);
    lines.truncate(GUESSED_FROM);
    let guessed = starter::starter(&id, &records).or_else(|| starter_text::starter(&id, &lines));
    match guessed {
        Some(mapping) => format!("# save as {id}.yml, edit, and give its folder with --sources\n{mapping}"),
        None => "# nothing in it from which a mapping could be guessed\n".into(),
    }
}
