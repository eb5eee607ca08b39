//! `keyfault sources`: list, show and test.

use super::args::{PackArgs, SourcesCommand};
use super::rules::tell;
use super::{Exit, detect, packs, terminal};
use crate::error::{Error, did_you_mean};
use crate::pipeline::{Engine, Options, RuleSources, test_mappings};
use crate::source::docs::{accounts, page};
use crate::source::mapping::Mapping;

/// Runs the command.
pub fn run(command: &SourcesCommand) -> Result<Exit, Error> {
    match command {
        SourcesCommand::List { format, packs } => list(format, packs),
        SourcesCommand::Show { id, packs } => show(id, packs),
        SourcesCommand::Detect { inputs, packs } => detect::run(inputs, packs),
        SourcesCommand::Test { ids, packs } => test(ids, packs),
    }
}

fn list(format: &str, packs: &PackArgs) -> Result<Exit, Error> {
    let mappings = packs::load(packs)?.parse_mappings()?;
    if format == "markdown" {
        terminal::data(&page(&mappings));
        return Ok(Exit::Done);
    }
    for (id, (title, account)) in accounts(&mappings) {
        terminal::data(&format!("{id:<22} {title}\n"));
        for (word, text) in
            [("forms", account.forms.join("; ")), ("proves", account.proves), ("cannot", account.cannot)]
        {
            terminal::data(&if text.is_empty() { String::new() } else { format!("    {word:<7} {text}\n") });
        }
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
    let known = || engine.mapper.mappings().map(|m| m.source.as_str());
    if let Some(id) = ids.iter().find(|id| !known().any(|source| source == id.as_str())) {
        return Err(Error::new("sources test", format!("no source \"{id}\""), did_you_mean(id, known())));
    }
    Ok(tell(&test_mappings(&engine, &|source| ids.is_empty() || ids.iter().any(|i| i == source)), "table"))
}
