//! Writes what a run found, one file a table or output form; must not compute findings.

pub mod failures;
pub mod parquet;
pub mod tables;
