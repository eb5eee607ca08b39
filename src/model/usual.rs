//! What is usual: what counts by step of time lead one to expect at an hour of the week; knows no rule and no event.

use super::counts::{Counts, HOUR_US};
use super::finding::Micros;

const DAY_US: Micros = 24 * HOUR_US;
const WEEK_US: Micros = 7 * DAY_US;
/// Makes the median absolute deviation of a normal distribution its standard deviation.
const NORMAL: f64 = 1.4826;
/// What counts of people and machines vary by from week to week at least, as a part of the usual count.
const RESTLESS: f64 = 0.2;
/// Weeks, and where there are fewer than two of them days, that are looked back.
const LOOKED_BACK: i64 = 8;
/// Most steps looked back where no hour of the day can be told yet.
const RECENT_STEPS: i64 = 2_048;

/// Days by which is told how far counts go in bursts.
const DISPERSION_DAYS: i64 = 28;
/// Fewer pairs of steps than this tell nothing about bursts.
const FEWEST_PAIRS: usize = 20;
/// The median of a squared normal deviation.
const MEDIAN_CHI: f64 = 0.455;
/// Counts that go further in bursts than this have no usual size.
const MOST_DISPERSED: f64 = 50.0;

/// How a spread is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Median and median absolute deviation, floored.
    RobustZ,
    /// The same, and never narrower than counts of independent events are.
    #[default]
    Count,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 2] = [Method::RobustZ, Method::Count];

    /// The word in rules.
    pub fn name(self) -> &'static str {
        match self {
            Method::RobustZ => "robust_z",
            Method::Count => "count",
        }
    }
}

/// How far from usual a count must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Narrowing {
    /// How a spread is worked out.
    pub method: Method,
    /// How far back is looked.
    pub baseline_us: Micros,
    /// With less history than this nothing is usual yet.
    pub min_history_us: Micros,
    /// Least distance from the median, in spreads.
    pub min_z: f64,
    /// Least spread.
    pub floor: f64,
    /// How many times as much as the most that is usual it must be at least; 0 where that does not matter.
    pub min_ratio: f64,
}

impl Default for Narrowing {
    fn default() -> Narrowing {
        Narrowing {
            method: Method::Count,
            baseline_us: LOOKED_BACK * WEEK_US,
            min_history_us: 7 * DAY_US,
            min_z: 6.0,
            floor: 1.0,
            min_ratio: 0.0,
        }
    }
}

/// Which times a count was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The same hour of the same weekday.
    HourOfWeek,
    /// The same hour of the days before.
    HourOfDay,
    /// All the time before.
    Recent,
}

/// What a count usually is.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// The median.
    pub median: f64,
    /// What only a tenth is below.
    pub low: f64,
    /// What only a tenth is above.
    pub high: f64,
    /// What only a tenth is above, its neighbours in time included.
    pub most: f64,
    /// How far counts usually are from the median.
    pub spread: f64,
    /// Which times they are of.
    pub compared: Compared,
}

impl Usual {
    /// By groups of samples: the busiest says what is usual, and all say how far counts are from what is usual in their group.
    fn of(mut groups: Vec<Vec<f64>>, compared: Compared, how: &Narrowing) -> Option<Usual> {
        groups.iter_mut().for_each(|group| group.sort_by(f64::total_cmp));
        groups.retain(|group| !group.is_empty());
        let sum = |group: &Vec<f64>| (middle(group).unwrap_or(0.0), group.iter().sum::<f64>());
        let samples = groups.iter().max_by(|a, b| sum(a).partial_cmp(&sum(b)).unwrap_or(std::cmp::Ordering::Equal))?;
        let median = middle(samples)?;
        // An hour in which nothing happens says nothing about how far a busy one strays.
        let alike = groups.iter().filter(|group| sum(group).0 * 2.0 >= median);
        let apart = middle(&deviations(alike))?;
        let deviation = NORMAL * apart;
        let least = match how.method {
            Method::RobustZ => how.floor,
            Method::Count => median.sqrt().max(RESTLESS * median).max(how.floor),
        };
        let (low, high) = tenths(samples);
        let mut all = groups.concat();
        all.sort_by(f64::total_cmp);
        Some(Usual { median, low, high, most: tenths(&all).1, spread: deviation.max(least), compared })
    }

    /// Makes the spread as wide as counts are that come in bursts: `dispersion` is the variance by the mean, 1 of independent events.
    fn widen(&mut self, dispersion: f64) {
        self.spread = self.spread.max((self.median.max(1.0) * dispersion).sqrt());
    }

    /// Whether a count is as far from usual as is asked.
    fn is_exceeded(&self, count: f64, how: &Narrowing) -> bool {
        self.score(count) >= how.min_z && count >= how.min_ratio * self.most
    }

    /// How many spreads a count is above the median.
    pub fn score(&self, count: f64) -> f64 {
        (count - self.median) / self.spread
    }

    /// In words: `usually 9 to 24 at this hour`.
    pub fn says(&self) -> String {
        let when = match self.compared {
            Compared::HourOfWeek => " at this hour of the week",
            Compared::HourOfDay => " at this hour",
            Compared::Recent => "",
        };
        match (self.low == self.high, self.high == 0.0) {
            (_, true) => format!("usually none{when}"),
            (true, _) => format!("usually {}{when}", self.low),
            _ => format!("usually {} to {}{when}", self.low, self.high),
        }
    }
}

/// What a tenth of sorted numbers is below, and what a tenth is above.
fn tenths(sorted: &[f64]) -> (f64, f64) {
    let tenth = sorted.len() / 10;
    (sorted[tenth], sorted[sorted.len() - 1 - tenth])
}

/// How far sorted numbers are from the medians of their groups, in order.
fn deviations<'g>(groups: impl Iterator<Item = &'g Vec<f64>>) -> Vec<f64> {
    let mut apart: Vec<f64> = Vec::new();
    for group in groups {
        let median = middle(group).unwrap_or(0.0);
        // Few samples are nearer to their own median than to the true one.
        let few = (group.len() as f64 / (group.len() as f64 - 1.0).max(0.5)).sqrt();
        apart.extend(group.iter().map(|s| (s - median).abs() * few));
    }
    apart.sort_by(f64::total_cmp);
    apart
}

/// The median of sorted numbers.
fn middle(sorted: &[f64]) -> Option<f64> {
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}

impl Counts {
    /// What is usual at a step, by the steps before `until`; none where there is too little history.
    pub fn usual(&self, step: i64, until: i64, how: &Narrowing) -> Option<Usual> {
        let oldest = until - how.baseline_us / self.step_us();
        let first = self.first()?.max(oldest);
        let known_us = (until - self.first()?).saturating_mul(self.step_us());
        if known_us < how.min_history_us.max(self.step_us()) {
            return None;
        }
        let known_us = (until - first).saturating_mul(self.step_us());
        let span = Past { counts: self, first, until };
        if known_us >= 2 * WEEK_US {
            return span.seasonal(step, WEEK_US, how);
        }
        if known_us >= 3 * DAY_US && self.step_us() < DAY_US {
            return span.seasonal(step, DAY_US, how);
        }
        let from = first.max(until - RECENT_STEPS);
        Usual::of(vec![(from..until).map(|s| f64::from(self.get(s))).collect()], Compared::Recent, how)
    }
}

impl Counts {
    /// Whether a count is unusual, given what is usual by the steps before `until`. How far bursts go is looked at only where it decides.
    pub fn is_unusual(&self, count: f64, (usual, until): (&mut Usual, i64), how: &Narrowing) -> bool {
        if how.method == Method::Count && usual.is_exceeded(count, how) {
            usual.widen(self.dispersion(until));
        }
        usual.is_exceeded(count, how)
    }

    /// The variance of counts by their mean, at least 1: by how far the same steps of two days in a row are apart, over four weeks.
    fn dispersion(&self, until: i64) -> f64 {
        let day = DAY_US / self.step_us();
        let from = until - DISPERSION_DAYS * day;
        let recent = self.from(from).iter().take_while(|(step, _)| *step < until);
        let known = |step: i64| (from..until).contains(&step);
        let mut apart: Vec<f64> = Vec::new();
        for &(step, count) in recent {
            let pairs = [(step - day, false), (step + day, true)];
            for (other, is_later) in pairs.into_iter().filter(|(other, _)| known(*other)) {
                let with = self.get(other);
                // Of two steps with counts the earlier one tells both.
                if (with == 0 || is_later) && count + with >= 2 {
                    let (a, b) = (f64::from(count), f64::from(with));
                    apart.push((a - b).powi(2) / (a + b));
                }
            }
        }
        apart.sort_by(f64::total_cmp);
        let median = middle(&apart).filter(|_| apart.len() >= FEWEST_PAIRS);
        median.map_or(1.0, |median| (median / MEDIAN_CHI).clamp(1.0, MOST_DISPERSED))
    }
}

/// A part of counts: what was known before some time.
struct Past<'c> {
    counts: &'c Counts,
    first: i64,
    until: i64,
}

impl Past<'_> {
    /// By the same hour of earlier weeks or days. Of that hour and its neighbours the busiest counts: clocks are put forward, and people
    /// begin early.
    fn seasonal(&self, step: i64, season_us: Micros, how: &Narrowing) -> Option<Usual> {
        let compared = if season_us == WEEK_US { Compared::HourOfWeek } else { Compared::HourOfDay };
        let hours = [-1, 0, 1].into_iter().filter(|o| *o == 0 || self.counts.step_us() <= HOUR_US);
        Usual::of(hours.map(|o| self.samples(step, season_us, o * HOUR_US)).collect(), compared, how)
    }

    fn samples(&self, step: i64, season_us: Micros, offset_us: Micros) -> Vec<f64> {
        let step_us = self.counts.step_us();
        let begin = self.counts.begins(step).div_euclid(HOUR_US.max(step_us)) * HOUR_US.max(step_us) + offset_us;
        let mut samples = Vec::new();
        for season in 1..=LOOKED_BACK {
            let from = (begin - season * season_us).div_euclid(step_us);
            let to = from + (HOUR_US / step_us).max(1);
            let known = (from..to).filter(|s| (self.first..self.until).contains(s));
            samples.extend(known.map(|s| f64::from(self.counts.get(s))));
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Office hours: 20 calls an hour from 8 to 17 on weekdays.
    fn office(weeks: i64) -> Counts {
        let mut counts = Counts::hourly();
        for hour in 0..weeks * 168 {
            let (day, at) = (hour / 24 % 7, hour % 24);
            if day < 5 && (8..18).contains(&at) {
                counts.add(hour, 20);
            }
        }
        counts
    }

    #[test]
    fn mondays_are_not_unusual() {
        let counts = office(3);
        let usual = |hour: i64| counts.usual(hour, hour, &Narrowing::default());
        let monday_at_nine = usual(2 * 168 + 9).unwrap();
        assert_eq!((monday_at_nine.median, monday_at_nine.compared), (20.0, Compared::HourOfWeek));
        assert!(monday_at_nine.score(24.0) < 6.0 && monday_at_nine.score(60.0) > 6.0);
        let sunday = usual(2 * 168 + 6 * 24 + 3).unwrap();
        assert_eq!((sunday.median, sunday.says()), (0.0, "usually none at this hour of the week".to_string()));
        assert!(usual(8 + 24).is_none());
        assert_eq!(usual(8 + 7 * 24 + 1).unwrap().compared, Compared::HourOfDay);
    }

    #[test]
    fn an_hour_earlier_than_usual_is_usual() {
        let counts = office(3);
        assert!(counts.usual(2 * 168 + 7, 2 * 168 + 7, &Narrowing::default()).unwrap().score(20.0) < 6.0);
    }
}
