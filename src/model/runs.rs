//! Sets of hours as runs of hours that follow each other, the same in whatever order they come; knows not what happened in them.

use serde::{Deserialize, Serialize};

/// A set of hours since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// First hour of each run, and how many follow it.
    #[serde(with = "super::deltas")]
    all: Vec<(i64, u32)>,
}

impl Runs {
    /// Adds an hour.
    pub fn add(&mut self, hour: i64) {
        self.insert((hour, 0));
    }

    /// Adds other hours.
    pub fn merge(&mut self, other: &Runs) {
        other.all.iter().for_each(|run| self.insert(*run));
    }

    fn insert(&mut self, (first, more): (i64, u32)) {
        let last = first + i64::from(more);
        // Runs that touch the new one become part of it.
        let from = self.all.partition_point(|(f, m)| f + i64::from(*m) + 1 < first);
        let to = from + self.all[from..].partition_point(|(f, _)| *f <= last + 1);
        if from == to {
            return self.all.insert(from, (first, more));
        }
        let (own_first, _) = self.all[from];
        let (last_first, last_more) = self.all[to - 1];
        let (first, last) = (first.min(own_first), last.max(last_first + i64::from(last_more)));
        self.all[from] = (first, (last - first) as u32);
        self.all.drain(from + 1..to);
    }

    /// Forgets hours before one.
    pub fn keep(&mut self, from: i64) {
        let ended = |(first, more): &(i64, u32)| first + i64::from(*more) < from;
        self.all.drain(..self.all.partition_point(ended));
        if let Some((first, more)) = self.all.first_mut().filter(|(first, _)| *first < from) {
            *more -= (from - *first) as u32;
            *first = from;
        }
    }

    /// The hours from one on, in order.
    pub fn from(&self, hour: i64) -> impl Iterator<Item = i64> + '_ {
        let at = self.all.partition_point(|(first, more)| first + i64::from(*more) < hour);
        self.all[at..].iter().flat_map(move |(first, more)| (*first).max(hour)..=first + i64::from(*more))
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no hour.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    proptest::proptest! {
        #[test]
        fn runs_are_the_set_of_their_hours(hours in proptest::collection::vec(-20i64..60, 0..60), cut in 0usize..60, kept in -30i64..70) {
            let of = |hours: &[i64]| {
                let mut runs = Runs::default();
                hours.iter().for_each(|h| runs.add(*h));
                runs
            };
            let cut = cut.min(hours.len());
            let mut runs = of(&hours[..cut]);
            runs.merge(&of(&hours[cut..]));
            runs.keep(kept);
            let set: BTreeSet<i64> = hours.iter().copied().filter(|h| *h >= kept).collect();
            proptest::prop_assert_eq!(runs.from(i64::MIN / 2).collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            proptest::prop_assert_eq!(runs.from(10).collect::<Vec<_>>(), set.range(10..).copied().collect::<Vec<_>>());
            let gaps = set.iter().filter(|h| !set.contains(&(**h - 1))).count();
            proptest::prop_assert_eq!(runs.len(), gaps);
        }
    }
}
