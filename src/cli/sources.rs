//! `keyfault sources`: list, show, detect and test.

use super::args::{PackArgs, SourcesCommand};
use super::rules::tell;
use super::{Exit, packs, terminal};
use crate::error::{Error, did_you_mean};
use crate::model::column::Column;
use crate::model::records::Records;
use crate::pipeline::{Engine, Options, RuleSources, test_mappings};
use crate::read::find::find;
use crate::read::reader::{Limits, Reader};
use crate::source::decode::Decoded;
use crate::source::mapper::Chunk;
use crate::source::mapping::Mapping;
use std::collections::BTreeMap;

/// Runs the command.
pub fn run(command: &SourcesCommand) -> Result<Exit, Error> {
    match command {
        SourcesCommand::List { packs } => list(packs),
        SourcesCommand::Show { id, packs } => show(id, packs),
        SourcesCommand::Detect { inputs, packs } => detect(inputs, packs),
        SourcesCommand::Test { ids, packs } => test(ids, packs),
    }
}

fn list(packs: &PackArgs) -> Result<Exit, Error> {
    for mapping in packs::load(packs)?.parse_mappings()?.iter().filter(|m| m.file != "keyfault") {
        terminal::data(&format!("{:<16} {:<44} {}\n", mapping.source, mapping.title, mapping.file));
    }
    Ok(Exit::Done)
}

fn show(id: &str, packs: &PackArgs) -> Result<Exit, Error> {
    let sources = packs::load(packs)?;
    let mappings = sources.parse_mappings()?;
    let found: Vec<&Mapping> = mappings.iter().filter(|m| m.source == id).collect();
    if found.is_empty() {
        return Err(Error::new(
            "sources show",
            format!("no source \"{id}\""),
            did_you_mean(id, mappings.iter().map(|m| m.source.as_str())),
        ));
    }
    for file in sources.mappings.iter().filter(|f| found.iter().any(|m| m.file == f.name)) {
        terminal::data(&format!("# {}\n{}", file.name, file.text));
    }
    Ok(Exit::Done)
}

fn test(ids: &[String], packs: &PackArgs) -> Result<Exit, Error> {
    let sources = RuleSources { with_tests: true, ..packs::load(packs)? };
    let rules = sources.rule_set()?.0;
    let engine = Engine::new(&rules, sources.parse_mappings()?, &Options::default())?;
    Ok(tell(&test_mappings(&engine, &|source| ids.is_empty() || ids.iter().any(|i| i == source)), "table"))
}

/// Tells for each input what its first chunk holds.
fn detect(inputs: &[String], packs: &PackArgs) -> Result<Exit, Error> {
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
        let mapped =
            engine.mapper.map(Chunk { framing: chunk.framing, body: &chunk.body, header: &chunk.header }, &decoded);
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        mapped.batches.iter().for_each(|b| *found.entry(b.source()).or_default() += b.rows());
        recognised |= !found.is_empty();
        let mut says: Vec<String> = found.iter().map(|(source, rows)| format!("{source} ({rows} events)")).collect();
        if let Some(reject) = mapped.rejects.first() {
            says.push(format!("{} not recognised ({})", mapped.rejects.len(), reject.reason));
        }
        says.extend(chunk.problem);
        let missing = mapped.batches.first().map(|b| missing(b)).filter(|m| !m.is_empty());
        says.extend(missing.map(|m| format!("the source never fills {m}")));
        terminal::data(&format!("{}: {}, {:?}: {}\n", input.name, chunk.codec.name(), chunk.framing, says.join("; ")));
    }
    Ok(if recognised { Exit::Done } else { Exit::NothingAnalysed })
}

/// Columns that matter for a diagnosis and that a source never fills.
fn missing(batch: &crate::source::batch::Batch<'_, '_>) -> String {
    let wanted = [Column::EventTime, Column::StatusCode, Column::StatusDetail, Column::SrcIp];
    wanted.iter().filter(|c| !batch.fills(**c)).map(|c| c.name()).collect::<Vec<_>>().join(", ")
}
