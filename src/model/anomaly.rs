//! What the `anomaly:` block of a rule asks for: which detector, and how far from usual something must be; detects nothing.

use super::finding::Micros;
use super::usual::Narrowing;

macro_rules! detectors {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal;)+) => {
        /// What looks for one kind of anomaly in what every credential does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Detector { $($(#[doc = $doc])+ $variant,)+ }

        impl Detector {
            /// All detectors.
            pub const ALL: &'static [Detector] = &[$(Detector::$variant,)+];

            /// The name in rules and alerts.
            pub fn name(self) -> &'static str {
                match self { $(Detector::$variant => $name,)+ }
            }

            /// The detector of that name.
            pub fn from_name(name: &str) -> Option<Detector> {
                Detector::ALL.iter().copied().find(|d| d.name() == name)
            }
        }
    };
}

detectors! {
    /// Many more calls in an hour than usual.
    UsageSpike "usage_spike";
    /// Many more refusals in an hour than usual.
    RefusalSpike "refusal_spike";
    /// Many more refusals in ten minutes than usual, or than is wanted where nothing is usual yet.
    RefusalBurst "refusal_burst";
    /// More calls in an hour than a fixed number.
    ThresholdExceeded "threshold_exceeded";
    /// More refusals in an hour than a fixed number.
    RefusalsExceeded "refusals_exceeded";
    /// Refused hour after hour without a success.
    ConsistentFailure "consistent_failure";
    /// Accepted from a network that it never came from.
    NewNetwork "new_network";
    /// Accepted from an autonomous system that it never came from.
    NewAsn "new_asn";
    /// Accepted from a country that it never came from.
    NewCountry "new_country";
    /// Used for an operation that it was never used for, and that few like it are.
    NewOperation "new_operation";
    /// Used by a client that never used it.
    NewClient "new_client";
    /// Used again after a long pause.
    DormantRevived "dormant_revived";
    /// In two places further apart than anybody travels in the time between.
    ImpossibleTravel "impossible_travel";
    /// Used from many networks on one day.
    SharedNetworks "shared_networks";
    /// Accepted in more than one environment.
    SharedEnvironments "shared_environments";
    /// Accepted after it was switched off, deleted or replaced.
    UseAfterRevocation "use_after_revocation";
    /// Accepted after the end of its validity.
    UseAfterExpiry "use_after_expiry";
}

impl Detector {
    /// Whether it counts refusals, and sees no event.
    pub fn counts_refusals(self) -> bool {
        use Detector::*;
        matches!(self, RefusalBurst | RefusalSpike | RefusalsExceeded | ConsistentFailure)
    }

    /// Whether it looks at the end of credentials, of which a list may tell late.
    pub fn looks_at_ends(self) -> bool {
        matches!(self, Detector::UseAfterRevocation | Detector::UseAfterExpiry)
    }
}

/// The `anomaly:` block of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// The detector; none in a correlation, which counts itself.
    pub detector: Option<Detector>,
    /// How far from usual a count must be.
    pub narrowing: Narrowing,
    /// Least count, or number of things, that is worth an alert.
    pub at_least: f64,
    /// The pause that makes a credential dormant.
    pub pause_us: Micros,
    /// Above this speed, in km/h, nobody travels.
    pub max_speed: f64,
    /// A value that this part of its peers have is nothing unusual, from 0 to 1.
    pub peers: f64,
}

impl Default for Anomaly {
    fn default() -> Anomaly {
        Anomaly {
            detector: None,
            narrowing: Narrowing::default(),
            at_least: 0.0,
            pause_us: 30 * 86_400_000_000,
            max_speed: 1_000.0,
            peers: 1.1,
        }
    }
}

/// The `alert:` block of a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alerting {
    /// Episodes of one group without a longer pause than this are one alert.
    pub cooldown_us: Micros,
}
