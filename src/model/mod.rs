//! The words stages say to each other; imports nothing but `error`, `yaml` and libraries.

pub mod cause;
pub mod cell;
pub mod checklist;
pub mod column;
pub mod condition;
pub mod finding;
pub mod framing;
pub mod json;
pub mod matcher;
mod pattern;
pub mod records;
pub mod uses;
pub mod verdict;
