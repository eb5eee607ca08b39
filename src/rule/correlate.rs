//! Compiles correlations against the rules they refer to, and takes their steps out of records; counts nothing.

use super::attribution::{Attributing, Attribution};
use super::correlation::Correlation;
use super::document::RuleTest;
use super::meta::Meta;
use super::set::RuleSet;
use super::window::{Counting, Window};
use crate::error::Error;
use crate::model::anomaly::Alerting;
use crate::model::cause::CauseClaim;
use crate::model::cell::Cell;
use crate::model::episode::{Episode, EventRef, Step};
use crate::model::number::Number;
use crate::model::pattern::fold;
use crate::model::records::{FieldRef, Records};
use crate::model::usual::Narrowing;

/// A compiled correlation.
#[derive(Debug)]
pub struct CorrelationRule {
    /// What it says about itself.
    pub meta: Meta,
    /// Its tests.
    pub tests: Vec<RuleTest>,
    /// How it counts.
    pub window: Window,
    /// Names of the values by which matches are told apart.
    pub group_by: Vec<String>,
    /// The rules it refers to, in order.
    pub parts: Vec<Part>,
    /// What it claims of the events of one of its rules. Then it raises no alert.
    pub cause: Option<Attribution>,
    /// How its alerts are told.
    pub alerting: Alerting,
    /// Whether it only serves another correlation.
    pub is_silent: bool,
}

/// A rule that a correlation refers to.
#[derive(Debug)]
pub struct Part {
    /// Which.
    pub of: Of,
    /// The fields of `group-by`, in order.
    pub(super) group: Vec<FieldRef>,
    /// The measured fields.
    pub(super) values: Vec<FieldRef>,
    pub(super) numeric: bool,
    /// What is said of its events: text, and fields between.
    pub(super) says: Vec<Said>,
}

/// A piece of what is said of an event.
#[derive(Debug)]
pub(super) enum Said {
    Text(String),
    Field(FieldRef),
}

/// What a correlation refers to, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// A detection rule.
    Rule(u32),
    /// Another correlation, which stands before it.
    Correlation(u32),
}

/// A correlation document under compilation.
pub(super) struct Draft {
    pub meta: Meta,
    pub correlation: Correlation,
    pub cause: Option<(CauseClaim, Attributing)>,
    pub narrowing: Option<Narrowing>,
    pub alerting: Alerting,
    pub tests: Vec<RuleTest>,
}

/// A group and the values measured in it, of one match.
pub type Counted = (Vec<String>, Vec<Vec<String>>);

/// Most groups that the array fields of one record put it into.
const GROUPS_OF_RECORD: usize = 100;

impl Part {
    /// The groups of a record that matched, and its measured values; none where a group field is null or nothing can be measured.
    pub fn counted(&self, records: &dyn Records, row: usize) -> Vec<Counted> {
        let texts = |field: &FieldRef| texts_of(&records.cell(row, field));
        let groups = product(self.group.iter().map(&texts));
        let values = match self.numeric {
            true => self.values.iter().flat_map(|f| numbers_of(&records.cell(row, f))).map(|n| vec![n]).collect(),
            false => product(self.values.iter().map(|f| texts(f).iter().map(|t| fold(t).into_owned()).collect())),
        };
        if !self.values.is_empty() && values.is_empty() {
            return Vec::new();
        }
        groups.into_iter().map(|group| (group, values.clone())).collect()
    }

    /// What is said of a record that matched.
    fn said(&self, records: &dyn Records, row: usize) -> String {
        let piece = |said: &Said| match said {
            Said::Text(text) => text.clone(),
            Said::Field(field) => texts_of(&records.cell(row, field)).join(", "),
        };
        self.says.iter().map(piece).collect()
    }

    /// An episode of an inner correlation, whose `group-by` carries `names`, as a step.
    fn step_of(&self, part: usize, names: &[String], episode: &Episode) -> Step {
        let value = |field: &FieldRef| {
            names
                .iter()
                .position(|n| n == field.name())
                .and_then(|at| episode.group.get(at).cloned())
                .unwrap_or_default()
        };
        let values: Vec<String> = self.values.iter().map(value).collect();
        Step {
            group: self.group.iter().map(value).collect(),
            event_time_us: episode.satisfied_us,
            rank: 1,
            input: episode.at.0,
            input_record: episode.at.1,
            rules: 1 << part,
            values: if values.is_empty() { Vec::new() } else { vec![values] },
            said: String::new(),
            event: episode.as_event(),
        }
    }
}

fn texts_of(cell: &Cell<'_>) -> Vec<String> {
    match cell {
        Cell::List(members) => {
            let mut texts: Vec<String> = members.iter().flat_map(texts_of).collect();
            texts.sort();
            texts.dedup();
            texts
        }
        cell => cell.as_text().map(|t| t.into_owned()).into_iter().collect(),
    }
}

fn numbers_of(cell: &Cell<'_>) -> Vec<String> {
    match cell {
        Cell::List(members) => members.iter().flat_map(numbers_of).collect(),
        cell => Number::of(cell).map(|n| n.to_f64().to_string()).into_iter().collect(),
    }
}

/// Every combination of one member of each; none where one has no member.
fn product(parts: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    parts.fold(vec![Vec::new()], |before, choices| {
        let joined =
            before.iter().flat_map(|b| choices.iter().map(move |c| [b.as_slice(), std::slice::from_ref(c)].concat()));
        joined.take(GROUPS_OF_RECORD).collect()
    })
}

impl RuleSet {
    /// The steps of correlations that a row is, given the rules it matches. Rows without a time are none.
    #[expect(clippy::too_many_arguments, reason = "the row, what it matches, and how it is referred to")]
    pub fn steps(
        &self,
        records: &dyn Records,
        row: usize,
        matched: impl Iterator<Item = u32>,
        event: &EventRef,
    ) -> Vec<(u32, Step)> {
        let Some(event_time_us) = records.time_us(row) else { return Vec::new() };
        let mut steps = Vec::new();
        for (correlation, part) in matched.flat_map(|rule| self.served_by(rule)) {
            let of = &self.correlations[*correlation as usize].parts[*part as usize];
            steps.extend(of.counted(records, row).into_iter().map(|(group, values)| {
                let rank = records.rank(row);
                let (input, input_record, rules) = (0, row as u64, 1 << part);
                (
                    *correlation,
                    Step {
                        group,
                        event_time_us,
                        rank,
                        input,
                        input_record,
                        rules,
                        values,
                        said: of.said(records, row),
                        event: event.clone(),
                    },
                )
            }));
        }
        steps
    }
}

/// Where the steps of correlations wait until they are counted.
pub trait Waiting {
    /// Takes a step of a correlation.
    fn push(&mut self, correlation: u32, step: Step) -> Result<(), Error>;

    /// Hands out all steps of a correlation in their order.
    fn drain(&mut self, correlation: u32, each: &mut dyn FnMut(Step)) -> Result<(), Error>;
}

/// The episodes of every correlation. What an inner correlation finds is a step of the outer one at the moment it was first satisfied.
pub fn count(correlations: &[CorrelationRule], steps: &mut dyn Waiting) -> Result<Vec<Vec<Episode>>, Error> {
    let mut found = Vec::new();
    for (number, correlation) in correlations.iter().enumerate() {
        let mut counting = Counting::new(&correlation.window);
        steps.drain(number as u32, &mut |step| counting.push(step))?;
        let episodes = counting.finish();
        for (outer, part, refers) in outer_parts(correlations, number as u32) {
            for episode in &episodes {
                steps.push(outer, refers.step_of(part, &correlation.group_by, episode))?;
            }
        }
        found.push(episodes);
    }
    Ok(found)
}

fn outer_parts(all: &[CorrelationRule], inner: u32) -> impl Iterator<Item = (u32, usize, &Part)> {
    let parts =
        all.iter().enumerate().flat_map(|(n, c)| c.parts.iter().enumerate().map(move |(p, part)| (n as u32, p, part)));
    parts.filter(move |(_, _, part)| part.of == Of::Correlation(inner))
}
