//! Brings built-in and further rule and mapping files together.

use super::args::PackArgs;
use crate::error::Error;
use crate::pipeline::RuleSources;
use crate::rule::set::RuleFile;
use std::path::{Path, PathBuf};

/// The built-in files, without their tests, and those that the arguments name.
pub fn load(packs: &PackArgs) -> Result<RuleSources, Error> {
    let mut sources = RuleSources { today: today(), with_tests: false, ..RuleSources::builtin() };
    let is_rule = |f: &RuleFile| !f.name.ends_with("causes.yml") && !is_mapping(f);
    sources.rules.extend(files(&packs.rules)?.into_iter().filter(is_rule));
    let mappings = files(&packs.sources)?;
    let name = |file: &RuleFile| Path::new(&file.name).file_name().map(|n| n.to_os_string());
    sources.mappings.retain(|builtin| !mappings.iter().any(|own| name(own) == name(builtin)));
    sources.mappings.extend(mappings);
    Ok(sources)
}

/// The day on which overrides are in force.
#[expect(clippy::disallowed_methods, reason = "overrides end on a day of the calendar")]
fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

/// All YAML files that paths name, folders searched through.
pub fn files(paths: &[PathBuf]) -> Result<Vec<RuleFile>, Error> {
    let mut found = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(Error::new(path.display().to_string(), "no such file or folder", "check the path"));
        }
        let walk = walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_map(Result::ok);
        let named: Vec<PathBuf> = walk
            .filter(|e| e.file_type().is_file())
            .map(|e| e.into_path())
            .filter(|p| is_yaml(p) || p == path)
            .collect();
        if named.is_empty() {
            return Err(Error::new(path.display().to_string(), "holds no .yml file", "name a folder with rule files"));
        }
        for file in named {
            let text = std::fs::read_to_string(&file).map_err(|e| Error::io(&file, &e))?;
            found.push(RuleFile { name: file.display().to_string(), text });
        }
    }
    Ok(found)
}

/// Whether a file is a source mapping: a folder may hold both mappings and rules.
pub fn is_mapping(file: &RuleFile) -> bool {
    file.text.lines().any(|line| line.starts_with("source:"))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yml" || e == "yaml")
}
