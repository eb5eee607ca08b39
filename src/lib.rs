//! keyfault tells from logs why a credential stopped working, who must do what, and whether anything abnormal goes on around it.
//!
//! The flow has one direction: `read` finds inputs and cuts them into chunks, `source` turns records into events, `rule` claims causes,
//! `diagnose` reaches verdicts and incidents, `detect` raises alerts, `report` writes, `notify` sends alerts. `pipeline` holds it on one page. See ARCHITECTURE.md.

pub mod builtin;
pub mod cli;
pub mod detect;
pub mod diagnose;
pub mod error;
pub mod model;
pub mod notify;
pub mod pipeline;
pub mod query;
pub mod read;
pub mod report;
pub mod rule;
pub mod source;
pub mod store;
pub mod yaml;
