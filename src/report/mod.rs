//! Writes what a run found, one file a table or output form; must not compute findings.

pub mod alerts;
mod attack;
pub mod cells;
pub mod columns;
pub mod csv;
pub mod failures;
pub mod grid;
pub mod json;
pub mod markdown;
pub mod metrics;
pub mod ocsf;
pub mod page;
pub mod parquet;
pub mod rows;
pub mod saved;
pub mod summary;
pub mod tables;
pub mod text;
pub mod words;
