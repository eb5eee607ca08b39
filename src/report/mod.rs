//! Writes what a run found, one file a table or output form; must not compute findings.

pub mod csv;
pub mod failures;
pub mod json;
pub mod markdown;
pub mod page;
pub mod parquet;
pub mod saved;
pub mod summary;
pub mod tables;
pub mod text;
pub mod words;
