//! The baselines of a run on their way together, in bounded memory: finds nothing unusual itself.

use super::merging::{Merging, Part};
use crate::detect::baseline::Baseline;
use crate::detect::baselines::Baselines;
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};

impl Part for Baseline {
    fn merge(&mut self, other: Baseline) {
        Baseline::merge(self, other);
    }

    fn bytes(&self) -> usize {
        Baseline::bytes(self)
    }
}

/// Names of credentials in use that are other names of one: each with the name under which it counts.
pub type Aliases = BTreeMap<Box<str>, Box<str>>;

/// Baselines by credential, spilled past a budget.
pub struct Habits {
    all: Baselines,
    merging: Merging<Baseline>,
    budget_bytes: usize,
    /// Baselines of credentials with several names, once somebody said which these are.
    joined: BTreeMap<Box<str>, Baseline>,
    /// Other names of credentials.
    pub aliases: Aliases,
}

impl Habits {
    /// None yet; about so much of them stays in memory.
    pub fn new(budget_bytes: usize) -> Habits {
        Habits {
            all: Baselines::default(),
            merging: Merging::new(budget_bytes),
            budget_bytes,
            joined: BTreeMap::new(),
            aliases: Aliases::new(),
        }
    }

    /// Adds the baselines of a chunk, whose records begin at `record` of the input of that number.
    pub fn take(&mut self, chunk: Baselines, (input, record): (u32, u64)) -> Result<(), Error> {
        self.all.merge(chunk, (input, record));
        if self.all.bytes() > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    /// Adds a baseline that an earlier run kept.
    pub fn restore(&mut self, credential: Box<str>, baseline: Baseline) -> Result<(), Error> {
        self.merging.add(credential, baseline)
    }

    fn spill(&mut self) -> Result<(), Error> {
        // One credential at a time comes out of the table, is written and forgotten: the table and its rows are not in memory together.
        self.merging.add_table(self.all.take().map(|(credential, baseline)| (credential, *baseline)))?;
        self.merging.spill()
    }

    /// Learns which names are of one credential.
    pub fn join(&mut self, aliases: Aliases) -> Result<(), Error> {
        if aliases.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<Box<str>> = aliases.iter().flat_map(|(name, own)| [name.clone(), own.clone()]).collect();
        let mut joined: BTreeMap<Box<str>, Baseline> = BTreeMap::new();
        self.each(&mut |name, baseline| {
            if names.contains(name) {
                let own = aliases.get(name).map_or_else(|| name.into(), Clone::clone);
                joined.entry(own).or_default().merge(baseline);
            }
            Ok(())
        })?;
        (self.aliases, self.joined) = (aliases, joined);
        Ok(())
    }

    /// Hands out the baseline of every credential, in the order of their names. May be asked again.
    pub fn each(&mut self, each: &mut dyn FnMut(&str, Baseline) -> Result<(), Error>) -> Result<(), Error> {
        self.spill()?;
        let (aliases, joined) = (&self.aliases, &self.joined);
        self.merging.each(&mut |name, own| match aliases.contains_key(name) {
            true => Ok(()),
            false => each(name, joined.get(name).cloned().unwrap_or(own)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::Sighting;

    fn baseline(hour: i64) -> Baseline {
        let mut baseline = Baseline::default();
        baseline.calls.add(hour, 1);
        baseline.day(Sighting { time_us: hour * 3_600_000_000, input: 0, record: 0 });
        baseline
    }

    /// Names and hours of what comes out.
    fn told(habits: &mut Habits) -> Vec<(String, Vec<i64>)> {
        let mut told = Vec::new();
        let add = &mut |name: &str, baseline: Baseline| {
            told.push((name.to_string(), baseline.calls.iter().map(|(hour, _)| hour).collect()));
            Ok(())
        };
        habits.each(add).unwrap();
        told
    }

    #[test]
    fn names_of_one_credential_have_one_baseline_whatever_the_budget() {
        for budget in [1, 1_000, 1 << 20] {
            let mut habits = Habits::new(budget);
            for (name, hour) in [("b", 3), ("a", 1), ("id", 2), ("a", 4), ("b", 5)] {
                habits.restore(name.into(), baseline(hour)).unwrap();
            }
            let all = [("a".into(), vec![1, 4]), ("b".into(), vec![3, 5]), ("id".into(), vec![2])];
            assert_eq!(told(&mut habits), all);
            habits.join(Aliases::from([("id".into(), "a".into())])).unwrap();
            let joined = [("a".into(), vec![1, 2, 4]), ("b".into(), vec![3, 5])];
            assert_eq!(told(&mut habits), joined);
            assert_eq!(told(&mut habits), joined);
        }
    }
}
