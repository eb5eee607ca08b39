//! Sigma rule files: load, lint, compile, evaluate, self-test; must not know file formats of logs.

pub mod anomaly;
pub mod attribution;
pub mod causes;
mod claim;
pub mod condition;
pub mod correlate;
pub mod correlation;
pub mod detection;
pub mod docs;
pub mod document;
pub mod evaluate;
pub mod explain;
pub mod filter;
pub mod index;
mod linking;
pub mod lint;
mod measure;
pub mod meta;
pub mod overrides;
mod past;
pub mod selftest;
pub mod set;
pub mod trial;
pub mod window;
