//! All detectors on one page: what each finds in the baseline of one credential. Pure: no clock, no files.

use super::baseline::Baseline;
use super::found::Found;
use super::novelty::{Peers, new_values};
use super::travel::impossible;
use super::{ended, presence, spikes};
use crate::model::anomaly::{Anomaly, Detector};
use crate::model::finding::{Micros, UseAfterEnd};
use crate::model::whereabouts::Locate;

/// What detectors know beside a baseline.
pub struct Around<'a> {
    /// What like credentials do.
    pub peers: &'a Peers,
    /// Where addresses are.
    pub locate: Locate<'a>,
    /// Only what ends from this time on is told: what is before it was told by an earlier run.
    pub since_us: Option<Micros>,
}

/// What is unusual about one credential.
pub fn detect(baseline: &Baseline, ends: &[UseAfterEnd], anomaly: &Anomaly, around: &Around<'_>) -> Vec<Found> {
    let Some(detector) = anomaly.detector else { return Vec::new() };
    use Detector::*;
    let found = match detector {
        UsageSpike | RefusalSpike => spikes::spikes(baseline, anomaly, detector),
        ThresholdExceeded => spikes::exceeded(baseline, anomaly),
        ConsistentFailure => spikes::consistent(baseline, anomaly),
        NewNetwork | NewAsn | NewCountry | NewOperation | NewClient => {
            new_values(baseline, anomaly, detector, around.peers)
        }
        DormantRevived => presence::revived(baseline, anomaly),
        ImpossibleTravel => impossible(baseline, anomaly, around.locate),
        SharedNetworks => presence::shared_networks(baseline, anomaly),
        SharedEnvironments => presence::shared_environments(baseline),
        UseAfterRevocation | UseAfterExpiry => ended::after_end(ends, detector),
    };
    found.into_iter().filter(|f| around.since_us.is_none_or(|since| f.end_us >= since)).collect()
}
