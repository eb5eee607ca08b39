//! What one group of a correlation counted before: the counts that make its windows usual or unusual; judges no window.

use crate::model::counts::Counts;
use crate::model::episode::{Kind, Step};
use crate::model::finding::Micros;
use crate::model::usual::{Narrowing, Usual};
use rustc_hash::FxHashSet;

/// Counts of one group by steps as long as a window.
pub(super) struct Past {
    how: Narrowing,
    timespan_us: Micros,
    counts: Counts,
    /// Distinct values of the current step.
    distinct: (i64, FxHashSet<Vec<String>>),
    /// What was usual, by the step that a window began in.
    known: Option<(i64, Option<Usual>)>,
}

impl Past {
    /// Nothing counted yet.
    pub fn new(how: Narrowing, timespan_us: Micros) -> Past {
        let distinct = (i64::MIN, FxHashSet::default());
        Past { how, timespan_us, counts: Counts::new(timespan_us), distinct, known: None }
    }

    /// Counts a step.
    pub fn add(&mut self, step: &Step, kind: Kind) {
        let at = self.counts.step_of(step.event_time_us);
        if kind == Kind::EventCount {
            return self.counts.add(at, 1);
        }
        if self.distinct.0 != at {
            self.distinct = (at, FxHashSet::default());
            self.counts.add(at, 0);
        }
        for value in &step.values {
            if self.distinct.1.insert(value.clone()) {
                self.counts.add(at, 1);
            }
        }
    }

    /// What is usual for a window that ends now, by all that ended before it began.
    pub fn usual(&mut self, now: Micros) -> Option<Usual> {
        let until = self.counts.step_of(now.saturating_sub(self.timespan_us));
        if let Some((_, usual)) = self.known.as_ref().filter(|(at, _)| *at == until) {
            return usual.clone();
        }
        self.counts.keep(self.how.baseline_us.saturating_add(self.timespan_us.saturating_mul(2)));
        let usual = self.counts.usual(self.counts.step_of(now), until, &self.how);
        self.known = Some((until, usual.clone()));
        usual
    }

    /// Whether the measure of a window that ends now is as far from usual as is asked.
    pub fn is_unusual(&self, measure: f64, (usual, now): (&mut Usual, Micros)) -> bool {
        let until = self.counts.step_of(now.saturating_sub(self.timespan_us));
        self.counts.is_unusual(measure, (usual, until), &self.how)
    }
}
