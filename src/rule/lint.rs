//! What can be wrong with a rule file, said with place, thing and remedy; knows no record.

use crate::error::Error;
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

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{} [{word} {}]", self.error, self.code)
    }
}
