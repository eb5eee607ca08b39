//! Sigma rule files: load, lint, compile, evaluate, self-test; must not know file formats of logs.

pub mod causes;
pub mod condition;
mod detection;
pub mod document;
pub mod evaluate;
pub mod lint;
pub mod selftest;
pub mod set;
