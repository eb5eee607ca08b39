//! `keyfault rules docs`: writes the pages of rules and causes.

use super::args::PackArgs;
use super::{Exit, packs, terminal};
use crate::error::Error;
use crate::pipeline::{Options, RuleSources, check_rules};
use crate::rule::docs::pages;
use std::path::Path;

/// Writes a page for every rule and every cause, over those that a run before has left.
pub fn run(out: &Path, packs: &PackArgs) -> Result<Exit, Error> {
    let sources = RuleSources { with_tests: true, ..packs::load(packs)? };
    let (set, lints) = sources.rule_set()?;
    check_rules(&lints, &Options::default())?;
    let pages = pages(&set);
    for (name, text) in &pages {
        let path = out.join(name);
        let folder = path.parent().unwrap_or(out);
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        std::fs::write(&path, text).map_err(|e| Error::io(&path, &e))?;
    }
    terminal::talk(&format!("{} pages in {}", pages.len(), out.display()));
    Ok(Exit::Done)
}
