//! What correlations are made of: matches of rules as steps, the measures and bounds of a window, and the episodes found; counts nothing.

use super::finding::Micros;
use super::usual::Usual;
use serde::{Deserialize, Serialize};

/// What a correlation measures in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Events.
    EventCount,
    /// Distinct values of a field, or of several together.
    ValueCount,
    /// The sum of a field.
    ValueSum,
    /// The mean of a field.
    ValueAvg,
    /// The median of a field.
    ValueMedian,
    /// A percentile of a field, from 0 to 100, between the two nearest values where it falls between.
    ValuePercentile(u8),
    /// Which rules matched.
    Temporal,
    /// Whether the rules matched in their order.
    TemporalOrdered,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 8] = [
        Kind::EventCount,
        Kind::ValueCount,
        Kind::ValueSum,
        Kind::ValueAvg,
        Kind::ValueMedian,
        Kind::ValuePercentile(50),
        Kind::Temporal,
        Kind::TemporalOrdered,
    ];

    /// Sigma's word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::EventCount => "event_count",
            Kind::ValueCount => "value_count",
            Kind::ValueSum => "value_sum",
            Kind::ValueAvg => "value_avg",
            Kind::ValueMedian => "value_median",
            Kind::ValuePercentile(_) => "value_percentile",
            Kind::Temporal => "temporal",
            Kind::TemporalOrdered => "temporal_ordered",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Whether it asks which rules matched.
    pub fn is_temporal(self) -> bool {
        matches!(self, Kind::Temporal | Kind::TemporalOrdered)
    }

    /// Whether its measure is 0 where nothing happens.
    pub fn is_count(self) -> bool {
        matches!(self, Kind::EventCount | Kind::ValueCount)
    }

    /// Whether it measures numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, Kind::ValueSum | Kind::ValueAvg | Kind::ValueMedian | Kind::ValuePercentile(_))
    }
}

/// A comparison of a measure with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
    /// `eq`
    Equal,
    /// `neq`
    NotEqual,
}

impl Bound {
    /// The bound that Sigma calls so.
    pub fn from_name(name: &str) -> Option<Bound> {
        match name {
            "lt" => Some(Bound::Less),
            "lte" => Some(Bound::LessOrEqual),
            "gt" => Some(Bound::Greater),
            "gte" => Some(Bound::GreaterOrEqual),
            "eq" => Some(Bound::Equal),
            "neq" => Some(Bound::NotEqual),
            _ => None,
        }
    }

    fn holds(self, measure: f64, number: f64) -> bool {
        match self {
            Bound::Less => measure < number,
            Bound::LessOrEqual => measure <= number,
            Bound::Greater => measure > number,
            Bound::GreaterOrEqual => measure >= number,
            Bound::Equal => measure == number,
            Bound::NotEqual => measure != number,
        }
    }
}

/// Bounds of a measure, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Threshold {
    /// The bounds.
    pub bounds: Vec<(Bound, f64)>,
}

impl Threshold {
    /// Whether a measure is within all bounds.
    pub fn holds(&self, measure: f64) -> bool {
        self.bounds.iter().all(|(bound, number)| bound.holds(measure, *number))
    }

    /// Whether only a count of nothing is within all bounds.
    pub fn is_absence(&self) -> bool {
        let above = self.bounds.iter().map(|(_, number)| number.floor() + 1.0);
        self.holds(0.0) && !above.chain([1.0]).any(|count| count >= 1.0 && self.holds(count))
    }

    /// Whether every bound is a lower one: then a window that holds can be told before it closes.
    pub fn is_lower(&self) -> bool {
        self.bounds.iter().all(|(bound, _)| matches!(bound, Bound::Greater | Bound::GreaterOrEqual))
    }
}

/// An event as alerts refer to it, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct EventRef {
    /// The event's id, else `input_file#input_record`.
    pub event_uid: String,
    /// The credential.
    pub credential_uid: Option<String>,
    /// Its masked form.
    pub credential_hint: Option<String>,
    /// Who acted.
    pub actor_uid: Option<String>,
    /// From where.
    pub src_ip: Option<String>,
    /// Whose service.
    pub provider: Option<String>,
}

/// A match of rules that a correlation refers to. Steps of one correlation are counted in their order: by group, then time, then place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// The values of `group-by`.
    pub group: Vec<String>,
    /// When.
    pub event_time_us: Micros,
    /// Events that change credentials and users come before uses at the same time.
    pub rank: u8,
    /// The input's number.
    pub input: u32,
    /// The record's ordinal in it.
    pub input_record: u64,
    /// Which of the correlation's rules matched, by bit.
    pub rules: u64,
    /// The measured values, folded.
    pub values: Vec<Vec<String>>,
    /// What is said of it, where a cause rule says something of its events; `{lag}` stands for how long before the other it was.
    pub said: String,
    /// The event.
    pub event: EventRef,
}

/// A maximal run of windows that satisfy a correlation, in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The values of `group-by`.
    pub group: Vec<String>,
    /// First event of any of the windows.
    pub first_us: Micros,
    /// Last event of any of the windows.
    pub last_us: Micros,
    /// When the first of the windows was satisfied.
    pub satisfied_us: Micros,
    /// The largest measure of any of the windows.
    pub peak: f64,
    /// What was usual at the peak, and how far from it the peak is, where the correlation asks.
    pub usual: Option<(Usual, f64)>,
    /// Events in all of the windows together.
    pub total: u64,
    /// The first of them.
    pub events: Vec<EventRef>,
    /// What all of them have in common.
    pub common: EventRef,
    /// The place of the event that first satisfied a window: the order of what is found.
    pub at: (u32, u64),
}

impl Episode {
    /// The first event, with only that about it which all have in common: how an outer correlation refers to the episode.
    pub fn as_event(&self) -> EventRef {
        let event_uid = self.events.first().map_or_else(String::new, |e| e.event_uid.clone());
        EventRef { event_uid, ..self.common.clone() }
    }
}
