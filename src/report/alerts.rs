//! `alerts.ndjson`, in the form that was asked for; knows the forms' names, not their fields.

use super::{json, ocsf};
use crate::model::finding::Findings;

/// What a line of `alerts.ndjson` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertFormat {
    /// The columns of the `alerts` table.
    #[default]
    Keyfault,
    /// An OCSF Detection Finding.
    Ocsf,
}

impl AlertFormat {
    /// One alert a line.
    pub fn render(self, findings: &Findings) -> String {
        match self {
            AlertFormat::Keyfault => json::alerts(&findings.alerts),
            AlertFormat::Ocsf => ocsf::detection_findings(findings),
        }
    }
}
