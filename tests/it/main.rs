//! All integration tests, as one binary: linking is the dear part.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test's functions fail by panicking, and opt-in tests ask the environment"
)]

mod conformance;
mod corpora;
mod delta;
mod dirty;
mod docs;
mod ended;
mod exposition;
mod geoip;
mod notify;
mod oracle;
mod program;
mod proof;
mod query;
mod rule_tools;
mod same;
mod samples;
mod scenarios;
mod secrets;
mod sigmahq;
mod store;
mod table;
mod tidy;
