//! Reaches verdicts, incidents, checklists and credential profiles from compact tables; must not print or read files.

pub mod audit;
mod checklist;
pub mod credentials;
pub mod ends;
pub mod facts;
pub mod failures;
pub mod fleet;
pub mod history;
pub mod identity;
pub mod incidents;
pub mod known;
mod mismatch;
pub mod near_miss;
pub mod owners;
pub mod places;
pub mod profiles;
mod remedy;
pub mod successors;
pub mod timeline;
pub mod verdicts;
