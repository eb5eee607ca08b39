//! The measure of a sliding window, kept up to date as steps enter and leave; knows no time.

use crate::model::episode::{Kind, Step};
use rustc_hash::FxHashMap;

/// What a window measures.
#[derive(Debug)]
pub(super) enum Measure {
    /// Steps.
    Count(u64),
    /// Distinct tuples, and how many steps hold each.
    Distinct(FxHashMap<Vec<String>, u64>),
    /// A sum in billionths, exact, so that what enters and leaves again leaves nothing behind.
    Sum { billionths: i128, count: u64, mean: bool },
    /// All numbers in order.
    Sorted { numbers: Vec<f64>, percentile: u8 },
    /// Steps by rule.
    Rules { steps: Vec<u64>, events: u64 },
}

const BILLION: f64 = 1e9;

impl Measure {
    /// The measure of an empty window of a correlation of so many rules.
    pub fn new(kind: Kind, rules: usize) -> Measure {
        match kind {
            Kind::EventCount => Measure::Count(0),
            Kind::ValueCount => Measure::Distinct(FxHashMap::default()),
            Kind::ValueSum => Measure::Sum { billionths: 0, count: 0, mean: false },
            Kind::ValueAvg => Measure::Sum { billionths: 0, count: 0, mean: true },
            Kind::ValueMedian => Measure::Sorted { numbers: Vec::new(), percentile: 50 },
            Kind::ValuePercentile(percentile) => Measure::Sorted { numbers: Vec::new(), percentile },
            Kind::Temporal | Kind::TemporalOrdered => Measure::Rules { steps: vec![0; rules], events: 0 },
        }
    }

    /// A step enters the window.
    pub fn enter(&mut self, step: &Step) {
        match self {
            Measure::Count(count) => *count += 1,
            Measure::Distinct(seen) => {
                for value in &step.values {
                    *seen.entry(value.clone()).or_default() += 1;
                }
            }
            Measure::Sum { billionths, count, .. } => {
                for number in numbers(step) {
                    *billionths = billionths.saturating_add((number * BILLION).round() as i128);
                    *count += 1;
                }
            }
            Measure::Sorted { numbers: sorted, .. } => {
                for number in numbers(step) {
                    let at = sorted.partition_point(|n| *n < number);
                    sorted.insert(at, number);
                }
            }
            Measure::Rules { steps, events } => {
                *events += 1;
                matched(step, steps.len()).for_each(|rule| steps[rule] += 1);
            }
        }
    }

    /// A step that entered before leaves the window.
    pub fn leave(&mut self, step: &Step) {
        match self {
            Measure::Count(count) => *count -= 1,
            Measure::Distinct(seen) => {
                for value in &step.values {
                    forget(seen, value);
                }
            }
            Measure::Sum { billionths, count, .. } => {
                for number in numbers(step) {
                    *billionths = billionths.saturating_sub((number * BILLION).round() as i128);
                    *count -= 1;
                }
            }
            Measure::Sorted { numbers: sorted, .. } => {
                for number in numbers(step) {
                    let at = sorted.partition_point(|n| *n < number);
                    sorted.remove(at);
                }
            }
            Measure::Rules { steps, events } => {
                *events -= 1;
                matched(step, steps.len()).for_each(|rule| steps[rule] -= 1);
            }
        }
    }

    /// The value now. For temporal kinds the number of events.
    pub fn value(&self) -> f64 {
        match self {
            Measure::Count(count) | Measure::Rules { events: count, .. } => *count as f64,
            Measure::Distinct(seen) => seen.len() as f64,
            Measure::Sum { billionths, count, mean } => {
                let sum = *billionths as f64 / BILLION;
                if *mean && *count > 0 { sum / *count as f64 } else { sum }
            }
            Measure::Sorted { numbers, percentile } => between(numbers, f64::from(*percentile) / 100.0),
        }
    }

    /// How many rules matched in the window.
    pub fn rules(&self) -> usize {
        if let Measure::Rules { steps, .. } = self { steps.iter().filter(|s| **s > 0).count() } else { 0 }
    }

    /// Whether a rule matched in the window.
    pub fn has(&self, rule: usize) -> bool {
        matches!(self, Measure::Rules { steps, .. } if steps[rule] > 0)
    }
}

fn forget(seen: &mut FxHashMap<Vec<String>, u64>, value: &[String]) {
    match seen.get_mut(value) {
        Some(left) if *left > 1 => *left -= 1,
        _ => drop(seen.remove(value)),
    }
}

/// The rules that a step matches.
pub(super) fn matched(step: &Step, rules: usize) -> impl Iterator<Item = usize> {
    let bits = step.rules;
    (0..rules).filter(move |rule| bits >> rule & 1 == 1)
}

fn numbers(step: &Step) -> impl Iterator<Item = f64> {
    step.values.iter().flatten().filter_map(|text| text.parse().ok()).filter(|n: &f64| n.is_finite())
}

/// The value at a share of the way through sorted numbers, between the two nearest where it falls between.
fn between(numbers: &[f64], share: f64) -> f64 {
    let at = share * numbers.len().saturating_sub(1) as f64;
    let below = numbers.get(at.floor() as usize).copied().unwrap_or(f64::NAN);
    let above = numbers.get(at.ceil() as usize).copied().unwrap_or(below);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(value: &str) -> Step {
        Step {
            group: vec![],
            event_time_us: 0,
            rank: 0,
            input: 0,
            input_record: 0,
            rules: 1,
            values: vec![vec![value.into()]],
            said: String::new(),
            event: Default::default(),
        }
    }

    fn check(kind: Kind, enter: &[&str], leave: &[&str], expect: f64) {
        let mut measure = Measure::new(kind, 1);
        enter.iter().for_each(|v| measure.enter(&step(v)));
        leave.iter().for_each(|v| measure.leave(&step(v)));
        assert_eq!(measure.value(), expect, "{kind:?} of {enter:?} without {leave:?}");
    }

    #[test]
    fn what_leaves_leaves_nothing_behind() {
        check(Kind::EventCount, &["a", "b"], &["a"], 1.0);
        check(Kind::ValueCount, &["a", "b", "a"], &["a"], 2.0);
        check(Kind::ValueCount, &["a", "b", "a"], &["a", "a"], 1.0);
        check(Kind::ValueSum, &["0.1", "0.2", "0.3"], &["0.1", "0.2"], 0.3);
        check(Kind::ValueAvg, &["1", "2", "6"], &[], 3.0);
        check(Kind::ValueMedian, &["9", "1", "5"], &[], 5.0);
        check(Kind::ValueMedian, &["1", "2", "3", "4"], &[], 2.5);
        check(Kind::ValuePercentile(90), &["0", "10"], &[], 9.0);
        check(Kind::ValuePercentile(100), &["3", "7"], &["7"], 3.0);
    }
}
