//! Slides an exact window over the steps of one group and joins the windows that satisfy a correlation into episodes; reads no record.
//!
//! With lower bounds a window is `[t - timespan, t]` at the time `t` of each step. With an upper bound, `eq`, `neq` or a `not` a window can only
//! be judged when nothing more can enter it: then windows begin at steps, `[t, t + timespan]`, and those inside another are passed over.

use super::condition::Condition;
use super::measure::{Measure, matched};
use super::past::Past;
use crate::model::episode::{Episode, EventRef, Kind, Step, Threshold};
use crate::model::finding::{Micros, Sample};
use crate::model::usual::{Narrowing, Usual};
use std::collections::VecDeque;

/// A correlation compiled for counting.
#[derive(Debug, Clone)]
pub struct Window {
    /// What is measured.
    pub kind: Kind,
    /// Its bounds.
    pub threshold: Threshold,
    /// Its condition over rules, which are named by their numbers in the correlation.
    pub condition: Option<Condition>,
    /// How long the window is.
    pub timespan_us: Micros,
    /// How many rules it refers to.
    pub rules: usize,
    /// How far from usual a count must be, where the rule asks.
    pub narrowing: Option<Narrowing>,
}

impl Window {
    /// Whether a window can be judged only when it has closed.
    fn is_judged_late(&self) -> bool {
        !self.threshold.is_lower() || self.condition.as_ref().is_some_and(negates)
    }
}

fn negates(condition: &Condition) -> bool {
    match condition {
        Condition::Not(_) => true,
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(negates),
        Condition::Selection(_) | Condition::Of { .. } => false,
    }
}

/// The steps of one group, taken in their order.
pub struct Sliding<'w> {
    window: &'w Window,
    measure: Measure,
    /// Steps in the window, with their numbers.
    steps: VecDeque<(u64, Step)>,
    next: u64,
    /// The time of the first step of the latest chain through rules 0 to n, for `temporal_ordered`.
    chains: Vec<Option<Micros>>,
    /// The number of the last step of the last window judged, for windows judged late.
    judged: Option<u64>,
    /// What was counted before, where a count must be unusual.
    past: Option<Past>,
    open: Option<Open>,
    /// What was found.
    pub episodes: Vec<Episode>,
}

/// An episode that may go on.
struct Open {
    episode: Episode,
    /// The number of the last step in it.
    last: u64,
}

impl<'w> Sliding<'w> {
    /// An empty window.
    pub fn new(window: &'w Window) -> Self {
        Sliding {
            window,
            measure: Measure::new(window.kind, window.rules),
            steps: VecDeque::new(),
            next: 0,
            chains: vec![None; window.rules],
            judged: None,
            past: window.narrowing.clone().map(|how| Past::new(how, window.timespan_us)),
            open: None,
            episodes: Vec::new(),
        }
    }

    /// Takes the next step. Steps come by time; `more` says that the step after it has the same time.
    pub fn push(&mut self, step: Step, more: bool) {
        let now = step.event_time_us;
        let late = self.window.is_judged_late();
        while self.steps.front().is_some_and(|(_, s)| s.event_time_us < now.saturating_sub(self.window.timespan_us)) {
            if late {
                self.judge_late();
            }
            self.drop_front();
        }
        self.chain(&step);
        self.measure.enter(&step);
        if let Some(past) = &mut self.past {
            past.add(&step, self.window.kind);
        }
        self.steps.push_back((self.next, step));
        self.next += 1;
        if !late && !more {
            self.judge(now);
        }
    }

    /// No more steps come.
    pub fn finish(mut self) -> Vec<Episode> {
        while self.window.is_judged_late() && !self.steps.is_empty() {
            self.judge_late();
            self.drop_front();
        }
        self.close();
        self.episodes
    }

    fn drop_front(&mut self) {
        if let Some((_, step)) = self.steps.pop_front() {
            self.measure.leave(&step);
        }
    }

    /// Each chain through the rules so far goes on from the one before it; the one that began last is the shortest.
    fn chain(&mut self, step: &Step) {
        for rule in matched(step, self.window.rules) {
            let before = if rule == 0 { Some(step.event_time_us) } else { self.chains[rule - 1] };
            self.chains[rule] = self.chains[rule].max(before);
        }
    }

    fn is_satisfied(&self) -> bool {
        let rules = self.window.rules;
        match (self.window.kind, &self.window.condition) {
            (Kind::Temporal, Some(condition)) => self.fulfils(condition),
            (Kind::Temporal, None) if !self.window.threshold.bounds.is_empty() => {
                self.window.threshold.holds(self.measure.rules() as f64)
            }
            (Kind::Temporal, None) => (0..rules).all(|rule| self.measure.has(rule)),
            (Kind::TemporalOrdered, _) => {
                let start = self.steps.front().map(|(_, s)| s.event_time_us);
                self.chains.last().copied().flatten().zip(start).is_some_and(|(chain, start)| chain >= start)
            }
            _ => self.window.threshold.holds(self.measure.value()),
        }
    }

    fn fulfils(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Selection(rule) => rule.parse().is_ok_and(|rule| self.measure.has(rule)),
            Condition::And(all) => all.iter().all(|c| self.fulfils(c)),
            Condition::Or(any) => any.iter().any(|c| self.fulfils(c)),
            Condition::Not(inner) => !self.fulfils(inner),
            // Names are spelled out when the correlation is compiled.
            Condition::Of { .. } => false,
        }
    }

    /// The window that ends now.
    fn judge(&mut self, now: Micros) {
        if !self.is_satisfied() {
            return self.close();
        }
        let measure = self.measure.value();
        let mut usual = self.past.as_mut().and_then(|past| past.usual(now));
        let is_unusual =
            self.past.as_ref().zip(usual.as_mut()).is_none_or(|(past, u)| past.is_unusual(measure, (u, now)));
        let usual = usual.map(|u| (u.score(measure), u));
        if is_unusual { self.satisfied(now, usual) } else { self.close() }
    }

    /// The window that begins at the first step, unless it is a part of the one judged before.
    fn judge_late(&mut self) {
        let Some((last, step)) = self.steps.back() else { return };
        if self.judged.is_some_and(|judged| *last <= judged) {
            return;
        }
        self.judged = Some(*last);
        let at = step.event_time_us;
        self.judge(at);
    }

    fn satisfied(&mut self, now: Micros, usual: Option<(f64, Usual)>) {
        let Some(&(first, _)) = self.steps.front() else { return };
        if self.open.as_ref().is_some_and(|open| first > open.last) {
            self.close();
        }
        let mut open = self.open.take().unwrap_or_else(|| self.begin(now));
        let from = self.steps.partition_point(|(number, _)| open.episode.total > 0 && *number <= open.last);
        for (number, step) in self.steps.range(from..) {
            open.episode.add(step);
            open.last = *number;
        }
        if self.measure.value() > open.episode.peak {
            open.episode.peak = self.measure.value();
            open.episode.usual = usual.map(|(score, usual)| (usual, score));
        }
        self.open = Some(open);
    }

    fn begin(&self, now: Micros) -> Open {
        let (last, step) = &self.steps[self.steps.len() - 1];
        let episode = Episode {
            group: step.group.clone(),
            first_us: Micros::MAX,
            last_us: now,
            satisfied_us: now,
            peak: f64::NEG_INFINITY,
            usual: None,
            total: 0,
            events: Vec::new(),
            common: EventRef::default(),
            at: (step.input, step.input_record),
        };
        Open { episode, last: *last }
    }

    fn close(&mut self) {
        self.episodes.extend(self.open.take().map(|open| open.episode));
    }
}

impl Episode {
    fn add(&mut self, step: &Step) {
        self.first_us = self.first_us.min(step.event_time_us);
        self.last_us = self.last_us.max(step.event_time_us);
        if self.total == 0 {
            self.common = step.event.clone();
        }
        let keep = |common: &mut Option<String>, own: &Option<String>| {
            if common != own {
                *common = None;
            }
        };
        keep(&mut self.common.credential_uid, &step.event.credential_uid);
        keep(&mut self.common.credential_hint, &step.event.credential_hint);
        keep(&mut self.common.actor_uid, &step.event.actor_uid);
        keep(&mut self.common.src_ip, &step.event.src_ip);
        keep(&mut self.common.provider, &step.event.provider);
        self.total += 1;
        if self.events.len() < Sample::CAP {
            self.events.push(step.event.clone());
        }
    }
}

/// Counts the steps of a correlation, which come in their order, group after group.
pub struct Counting<'w> {
    window: &'w Window,
    sliding: Option<Sliding<'w>>,
    waiting: Option<Step>,
    found: Vec<Episode>,
}

impl<'w> Counting<'w> {
    /// Nothing counted yet.
    pub fn new(window: &'w Window) -> Self {
        Counting { window, sliding: None, waiting: None, found: Vec::new() }
    }

    /// Takes the next step. Steps of one event in one group are one step that matches several rules.
    pub fn push(&mut self, step: Step) {
        let event = |s: &Step| (s.event_time_us, s.input, s.input_record);
        match &mut self.waiting {
            Some(waiting) if event(waiting) == event(&step) && waiting.group == step.group => {
                waiting.rules |= step.rules;
                waiting.values.extend(step.values);
                waiting.values.sort();
                waiting.values.dedup();
            }
            _ => {
                self.count(Some(&step));
                self.waiting = Some(step);
            }
        }
    }

    /// Counts the step that waits, given the one after it.
    fn count(&mut self, next: Option<&Step>) {
        let Some(step) = self.waiting.take() else { return };
        let next = next.filter(|n| n.group == step.group);
        let more = next.is_some_and(|n| n.event_time_us == step.event_time_us);
        let mut sliding = self.sliding.take().unwrap_or_else(|| Sliding::new(self.window));
        sliding.push(step, more);
        match next {
            Some(_) => self.sliding = Some(sliding),
            None => self.found.extend(sliding.finish()),
        }
    }

    /// The episodes, by group and time.
    pub fn finish(mut self) -> Vec<Episode> {
        self.count(None);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::episode::Bound;

    fn step(time: i64, rules: u64) -> Step {
        Step {
            group: vec!["g".into()],
            event_time_us: time,
            rank: 1,
            input: 0,
            input_record: time as u64 * 10 + rules,
            rules,
            values: Vec::new(),
            said: String::new(),
            event: EventRef { event_uid: format!("{time}"), ..EventRef::default() },
        }
    }

    fn window(kind: Kind, bound: Option<(Bound, f64)>, condition: Option<&str>) -> Window {
        Window {
            kind,
            threshold: Threshold { bounds: bound.into_iter().collect() },
            condition: condition.map(|c| super::super::condition::parse(c).unwrap()),
            timespan_us: 10,
            rules: 2,
            narrowing: None,
        }
    }

    /// Events as time and rules; episodes as the times in them and the peak.
    fn check(window: &Window, steps: &[(i64, u64)], expect: &[(&[i64], f64)]) {
        let mut counting = Counting::new(window);
        steps.iter().for_each(|(time, rules)| counting.push(step(*time, *rules)));
        let found: Vec<(Vec<i64>, f64)> = counting
            .finish()
            .iter()
            .map(|e| (e.events.iter().map(|e| e.event_uid.parse().unwrap()).collect(), e.peak))
            .collect();
        let expect: Vec<(Vec<i64>, f64)> = expect.iter().map(|(times, peak)| (times.to_vec(), *peak)).collect();
        assert_eq!(found, expect, "{window:?} {steps:?}");
    }

    #[test]
    fn windows_hold_both_their_ends_and_join_into_episodes() {
        let three = window(Kind::EventCount, Some((Bound::GreaterOrEqual, 3.0)), None);
        check(&three, &[(0, 1), (5, 1), (10, 1)], &[(&[0, 5, 10], 3.0)]);
        check(&three, &[(0, 1), (5, 1), (11, 1)], &[]);
        check(
            &three,
            &[(0, 1), (1, 1), (2, 1), (3, 1), (30, 1), (31, 1), (32, 1)],
            &[(&[0, 1, 2, 3], 4.0), (&[30, 31, 32], 3.0)],
        );
        let one = window(Kind::EventCount, Some((Bound::GreaterOrEqual, 1.0)), None);
        check(&one, &[(0, 1), (9, 1), (18, 1), (40, 1)], &[(&[0, 9, 18], 2.0), (&[40], 1.0)]);
    }

    #[test]
    fn upper_bounds_are_judged_when_nothing_more_can_enter() {
        let few = window(Kind::EventCount, Some((Bound::LessOrEqual, 2.0)), None);
        check(&few, &[(0, 1), (1, 1), (2, 1)], &[]);
        check(&few, &[(0, 1), (1, 1), (50, 1), (51, 1), (52, 1)], &[(&[0, 1], 2.0)]);
    }

    #[test]
    fn rules_near_each_other() {
        let both = window(Kind::Temporal, None, None);
        check(&both, &[(0, 2), (10, 1)], &[(&[0, 10], 2.0)]);
        check(&both, &[(0, 2), (11, 1)], &[]);
        check(&both, &[(3, 3)], &[(&[3], 1.0)]);
        let alone = window(Kind::Temporal, None, Some("0 and not 1"));
        check(&alone, &[(0, 1), (5, 2)], &[]);
        check(&alone, &[(0, 2), (5, 1)], &[]);
        check(&alone, &[(0, 1), (15, 2), (40, 1)], &[(&[0], 1.0), (&[40], 1.0)]);
    }

    #[test]
    fn rules_in_their_order() {
        let ordered = window(Kind::TemporalOrdered, None, None);
        check(&ordered, &[(0, 1), (10, 2)], &[(&[0, 10], 2.0)]);
        check(&ordered, &[(0, 2), (10, 1)], &[]);
        check(&ordered, &[(0, 1), (11, 2)], &[]);
        check(&ordered, &[(0, 1), (8, 1), (16, 2)], &[(&[8, 16], 2.0)]);
        check(&ordered, &[(7, 3)], &[(&[7], 1.0)]);
    }
}
