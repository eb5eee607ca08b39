//! Alerts: matches of rules and episodes of correlations told once each; must not print or read files.

pub mod correlated;
pub mod sigma;
