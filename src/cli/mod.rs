//! The command line: clap types to a checked configuration, findings to text; the only place that prints.

mod analyze;
mod args;
mod backtest;
mod deliver;
mod detect;
mod docs;
mod explain;
mod packs;
mod page;
mod program;
mod query;
mod rows;
mod rules;
mod sources;
mod store;
mod terminal;

pub use program::{Exit, main};
