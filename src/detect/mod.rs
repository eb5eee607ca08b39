//! Baselines, anomalies and alerts: what is unusual, and matches of rules and episodes told once each; must not print or read files.

pub mod addresses;
pub mod baseline;
pub mod baselines;
mod client;
pub mod correlated;
pub mod crowd;
pub mod detectors;
mod ended;
pub mod found;
pub mod novelty;
pub mod peers;
mod presence;
pub mod sigma;
mod spikes;
mod travel;
pub mod values;
