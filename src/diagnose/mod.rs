//! Reaches verdicts, incidents, checklists and credential profiles from compact tables; must not print or read files.

mod checklist;
pub mod credentials;
pub mod failures;
pub mod incidents;
pub mod profiles;
mod remedy;
pub mod verdicts;
