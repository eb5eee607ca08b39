//! The rule and mapping files that are part of the program; knows where they stand, not what they say.

/// Every file under `rules/`: its name and its text.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The cause catalogue.
pub const CAUSES: &str = "rules/causes.yml";
/// Where the mappings stand.
pub const SOURCES: &str = "rules/sources/";
