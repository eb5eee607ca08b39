//! Where an event stands in the inputs, so that it can be cited; knows no event.

use super::finding::Micros;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// An event that can be cited as proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventPlace {
    /// When it happened.
    pub event_time_us: Option<Micros>,
    /// The source that saw it.
    pub source: Arc<str>,
    /// Its own id, where it has one.
    pub event_uid: Option<Arc<str>>,
    /// The input.
    pub input_file: Arc<str>,
    /// 0-based ordinal of the record in it.
    pub input_record: u64,
}

impl EventPlace {
    /// How the event is cited: by its id, else by its place.
    pub fn cited(&self) -> String {
        match &self.event_uid {
            Some(uid) => uid.to_string(),
            None => format!("{}#{}", self.input_file, self.input_record),
        }
    }
}

/// An event seen in passing: its place in few bytes, for there is one for every credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sighting {
    /// When it happened.
    pub time_us: Micros,
    /// Number of the input in the run.
    pub input: u32,
    /// 0-based ordinal of the record in it.
    pub record: u64,
}

/// The network of an address, as people write it.
pub fn network_of(ip: &str) -> Option<String> {
    match ip.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!("{a:x}:{b:x}:{c:x}::/48"))
        }
    }
}
