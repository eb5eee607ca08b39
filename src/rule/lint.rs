//! What can be wrong with a rule file, said with place, thing and remedy; knows no record.

use super::document::Document;
use crate::error::Error;
use rustc_hash::FxHashMap;
use std::fmt;

/// Whether a finding stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rule cannot be used.
    Error,
    /// The rule works, but not as well as it could.
    Warning,
}

/// A finding about a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Whether it stops a run.
    pub severity: Severity,
    /// Short code of the kind of finding, for ever.
    pub code: &'static str,
    /// Place, thing and remedy.
    pub error: Error,
}

impl Lint {
    /// A finding that makes the rule unusable.
    pub fn error(code: &'static str, error: Error) -> Lint {
        Lint { severity: Severity::Error, code, error }
    }

    /// A finding that does not.
    pub fn warning(code: &'static str, error: Error) -> Lint {
        Lint { severity: Severity::Warning, code, error }
    }
}

impl Lint {
    /// File, line and column, as far as they are known; lines and columns count from 1.
    pub fn place(&self) -> (&str, usize, usize) {
        let place = self.error.place.as_str();
        let mut parts = place.rsplitn(3, ':');
        match (parts.next().map(str::parse), parts.next().map(str::parse), parts.next()) {
            (Some(Ok(column)), Some(Ok(line)), Some(file)) => (file, line, column),
            _ => (place, 1, 1),
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{} [{word} {}]", self.error, self.code)
    }
}

/// Removes documents whose id or name an earlier one has: a reference could mean either.
pub fn duplicates(documents: &mut Vec<Document>, lints: &mut Vec<Lint>) {
    let mut places: FxHashMap<String, String> = FxHashMap::default();
    documents.retain(|document| {
        let meta = &document.meta;
        let (id, name) = (format!("id {}", meta.id), format!("name {}", meta.name));
        let twin = [&id, &name].into_iter().find_map(|key| Some((key, places.get(key)?)));
        if let Some((key, place)) = twin.filter(|(key, _)| key.as_str() != "id ") {
            let remedy =
                format!("give the rule {} of its own", if key.starts_with("id ") { "an id" } else { "a name" });
            let error = Error::new(meta.place(), format!("{key} is already used at {place}"), remedy);
            lints.push(Lint::error("duplicate-id", error));
            return false;
        }
        places.extend([id, name].map(|key| (key, meta.place())));
        true
    });
}
