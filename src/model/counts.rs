//! Counts by step of time, sparse, the same in whatever order and parts they come; expects nothing.

use super::finding::Micros;
use serde::{Deserialize, Serialize};

/// An hour.
pub const HOUR_US: Micros = 3_600_000_000;

/// Counts by step of time; steps without a count are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    step_us: Micros,
    /// The step of the first count ever, kept or not.
    first: Option<i64>,
    #[serde(with = "super::deltas")]
    all: Vec<(i64, u32)>,
}

impl Counts {
    /// No counts yet, of steps of that length.
    pub fn new(step_us: Micros) -> Counts {
        Counts { step_us: step_us.max(1), first: None, all: Vec::new() }
    }

    /// Counts of an hour each.
    pub fn hourly() -> Counts {
        Counts::new(HOUR_US)
    }

    /// The step that a time is in.
    pub fn step_of(&self, time_us: Micros) -> i64 {
        time_us.div_euclid(self.step_us)
    }

    /// When a step begins.
    pub fn begins(&self, step: i64) -> Micros {
        step.saturating_mul(self.step_us)
    }

    /// How long a step is.
    pub fn step_us(&self) -> Micros {
        self.step_us
    }

    /// Notes that counting began at a step, or earlier: until the first count there was nothing to count.
    pub fn begin(&mut self, step: i64) {
        self.first = Some(self.first.map_or(step, |f| f.min(step)));
    }

    /// Adds to a step.
    pub fn add(&mut self, step: i64, count: u32) {
        self.begin(step);
        match self.all.last_mut() {
            Some((last, sum)) if *last == step => *sum = sum.saturating_add(count),
            Some((last, _)) if *last > step => self.insert(step, count),
            _ => self.all.push((step, count)),
        }
    }

    fn insert(&mut self, step: i64, count: u32) {
        match self.all.binary_search_by_key(&step, |(s, _)| *s) {
            Ok(at) => self.all[at].1 = self.all[at].1.saturating_add(count),
            Err(at) => self.all.insert(at, (step, count)),
        }
    }

    /// Adds other counts of the same steps.
    pub fn merge(&mut self, other: &Counts) {
        self.first = match (self.first, other.first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if self.all.last().map(|l| l.0) < other.all.first().map(|f| f.0) {
            self.all.extend_from_slice(&other.all);
            return;
        }
        let (mine, theirs) = (std::mem::take(&mut self.all), &other.all);
        let (mut a, mut b) = (mine.iter().peekable(), theirs.iter().peekable());
        self.all.reserve(mine.len() + theirs.len());
        while let Some(&(step, count)) = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 <= y.0 => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        } {
            self.add(step, count);
        }
    }

    /// Forgets what is further back than that from the last step. What is left is the same in whatever order counts came.
    pub fn keep(&mut self, back_us: Micros) {
        let Some(last) = self.last() else { return };
        self.keep_from(last - back_us / self.step_us);
    }

    /// Forgets counts before a step.
    pub fn keep_from(&mut self, step: i64) {
        self.all.drain(..self.all.partition_point(|(s, _)| *s < step));
    }

    /// The count of a step.
    pub fn get(&self, step: i64) -> u32 {
        self.all.binary_search_by_key(&step, |(s, _)| *s).map_or(0, |at| self.all[at].1)
    }

    /// Steps that have counts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.all.iter().copied()
    }

    /// Steps from one on that have counts, in order.
    pub fn from(&self, step: i64) -> &[(i64, u32)] {
        &self.all[self.all.partition_point(|(s, _)| *s < step)..]
    }

    /// The last step that has a count.
    pub fn last(&self) -> Option<i64> {
        self.all.last().map(|(step, _)| *step)
    }

    /// How many steps have counts.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first step ever counted.
    pub fn first(&self) -> Option<i64> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_order_and_split_gives_the_same_counts(steps in proptest::collection::vec((0i64..500, 1u32..5), 0..80), cut in 0usize..80) {
            let of = |steps: &[(i64, u32)]| {
                let mut counts = Counts::new(1);
                steps.iter().for_each(|(s, n)| { counts.add(*s, *n); counts.keep(100); });
                counts
            };
            let mut sorted = steps.clone();
            sorted.sort_unstable();
            let cut = cut.min(steps.len());
            let (mut a, b) = (of(&steps[..cut]), of(&steps[cut..]));
            a.merge(&b);
            a.keep(100);
            proptest::prop_assert_eq!(&a, &of(&sorted));
            proptest::prop_assert_eq!(&a, &of(&steps));
        }
    }
}
