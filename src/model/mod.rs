//! The words stages say to each other; imports nothing but `error`, `yaml` and libraries.

pub mod anomaly;
pub mod cause;
pub mod cell;
pub mod checklist;
pub mod column;
pub mod condition;
pub mod environment;
pub mod episode;
pub mod fact;
pub mod finding;
pub mod framing;
pub mod inventory;
pub mod json;
pub mod lazy_regex;
pub mod matcher;
pub mod number;
pub mod pattern;
pub mod place;
pub mod records;
pub mod sketch;
mod test;
pub mod time;
pub mod uses;
pub mod usual;
mod value;
pub mod verdict;
pub mod whereabouts;
