//! Compiles correlations against the rules they refer to, and takes their steps out of records; counts nothing.

use super::attribution::{Attributing, Attribution};
use super::condition::{Condition, named};
use super::correlation::{Alias, Correlation};
use super::document::RuleTest;
use super::lint::Lint;
use super::meta::Meta;
use super::set::{Rule, RuleSet};
use super::window::{Counting, Window};
use crate::error::{Error, did_you_mean};
use crate::model::anomaly::Alerting;
use crate::model::cause::CauseClaim;
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::episode::{Episode, EventRef, Step};
use crate::model::number::Number;
use crate::model::pattern::fold;
use crate::model::records::{FieldRef, Records};
use crate::model::usual::Narrowing;
use crate::yaml::{Position, place};

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
    group: Vec<FieldRef>,
    /// The measured fields.
    values: Vec<FieldRef>,
    numeric: bool,
    /// What is said of its events: text, and fields between.
    says: Vec<Said>,
}

/// A piece of what is said of an event.
#[derive(Debug)]
enum Said {
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

/// Compiles drafts in an order in which every correlation stands after those it refers to, and says of each whether what it refers to alerts on
/// its own too. What cannot be compiled is in the lints.
pub(super) fn compile(rules: &[Rule], drafts: Vec<Draft>, lints: &mut Vec<Lint>) -> Vec<(CorrelationRule, bool)> {
    let names: Vec<(String, String)> = drafts.iter().map(|d| (d.meta.id.clone(), d.meta.name.clone())).collect();
    let is_draft = |name: &str| names.iter().any(|(id, n)| id == name || n == name);
    let mut compiler = Compiler { rules, done: Vec::new(), generate: Vec::new(), lints };
    let mut waiting = drafts;
    loop {
        let before = waiting.len();
        let mut later = Vec::new();
        for draft in waiting {
            let waits = |name: &str| is_draft(name) && compiler.find(name).is_none();
            if draft.correlation.rules.iter().any(|(name, _)| waits(name)) {
                later.push(draft);
            } else {
                compiler.add(draft);
            }
        }
        if later.is_empty() || later.len() == before {
            later.iter().for_each(|draft| compiler.complain_cycle(draft));
            return compiler.done.into_iter().zip(compiler.generate).collect();
        }
        waiting = later;
    }
}

struct Compiler<'c> {
    rules: &'c [Rule],
    done: Vec<CorrelationRule>,
    generate: Vec<bool>,
    lints: &'c mut Vec<Lint>,
}

impl Compiler<'_> {
    fn find(&self, name: &str) -> Option<Of> {
        let is = |meta: &Meta| meta.is_called(name);
        let rule = self.rules.iter().position(|r| is(&r.meta)).map(|n| Of::Rule(n as u32));
        rule.or_else(|| self.done.iter().position(|c| is(&c.meta)).map(|n| Of::Correlation(n as u32)))
    }

    fn complain_cycle(&mut self, draft: &Draft) {
        let thing =
            format!("correlation \"{}\" refers to itself through others, or to one that is broken", draft.meta.name);
        let error =
            Error::new(draft.meta.place(), thing, "let correlations refer to rules or simpler correlations only");
        self.lints.push(Lint::error("cycle", error));
    }

    fn add(&mut self, draft: Draft) {
        let before = self.lints.len();
        let correlation = &draft.correlation;
        let mut parts: Vec<Part> = correlation.rules.iter().filter_map(|(n, at)| self.part(&draft, n, *at)).collect();
        let cause = self.cause(&draft, &mut parts);
        self.check_aliases(&draft);
        let condition = correlation.condition.as_ref().and_then(|(c, at)| self.numbered(c, &draft, *at));
        if self.lints.len() > before {
            return;
        }
        self.generate.push(correlation.generate);
        self.done.push(CorrelationRule {
            window: Window {
                kind: correlation.kind,
                threshold: correlation.threshold.clone(),
                condition,
                timespan_us: correlation.timespan_us,
                rules: correlation.rules.len(),
                narrowing: draft.narrowing,
            },
            group_by: correlation.group_by.iter().map(|(name, _)| name.clone()).collect(),
            parts,
            cause,
            alerting: draft.alerting,
            is_silent: false,
            meta: draft.meta,
            tests: draft.tests,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "a finding is code, place, thing and remedy")]
    fn complain(&mut self, code: &'static str, place: String, thing: String, remedy: String) {
        self.lints.push(Lint::error(code, Error::new(place, thing, remedy)));
    }

    fn part(&mut self, draft: &Draft, name: &str, at: Position) -> Option<Part> {
        let Some(of) = self.find(name) else {
            let known =
                self.rules.iter().map(|r| r.meta.name.as_str()).chain(self.done.iter().map(|c| c.meta.name.as_str()));
            let near = did_you_mean(name, known);
            let remedy = if near.is_empty() {
                "name a rule by id or name; it may stand in any file of the run".into()
            } else {
                near
            };
            self.complain("unknown-rule", place(&draft.meta.file, at), format!("unknown rule \"{name}\""), remedy);
            return None;
        };
        let group = draft.correlation.group_by.iter();
        let group: Option<Vec<FieldRef>> = group.map(|(field, at)| self.field(draft, of, name, (field, *at))).collect();
        let values = draft.correlation.fields.iter();
        let values: Option<Vec<FieldRef>> = values.map(|field| self.field(draft, of, name, (field, at))).collect();
        let says = self.says(draft, of);
        Some(Part { of, group: group?, values: values?, numeric: draft.correlation.kind.is_numeric(), says })
    }

    /// What the cause says of the events of a rule: its fields stand in braces.
    fn says(&self, draft: &Draft, of: Of) -> Vec<Said> {
        let Some((_, attributing)) = &draft.cause else { return Vec::new() };
        let Some((.., template)) = attributing.says.iter().find(|(name, ..)| self.find(name) == Some(of)) else {
            return Vec::new();
        };
        let columns = matches!(of, Of::Rule(number) if self.rules[number as usize].meta.columns);
        let mut pieces = Vec::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            pieces.push(Said::Text(before.to_string()));
            pieces.push(match Column::from_name(name) {
                _ if ["lag", "_t"].contains(&name) => Said::Text(format!("{{{name}}}")),
                Some(column) if columns => Said::Field(FieldRef::Column(column)),
                _ => Said::Field(FieldRef::Native(name.to_string())),
            });
            rest = after;
        }
        pieces.push(Said::Text(rest.to_string()));
        pieces
    }

    /// The cause with its rules by number. Rules that undo what came before become parts behind all others.
    fn cause(&mut self, draft: &Draft, parts: &mut Vec<Part>) -> Option<Attribution> {
        let (claim, attributing) = draft.cause.as_ref()?;
        let rules = draft.correlation.rules.len();
        let to = match &attributing.to {
            None => Some(rules - 1),
            Some((name, at)) => self.referred(draft, name, *at),
        };
        for (name, at, _) in &attributing.says {
            self.referred(draft, name, *at);
        }
        for (name, at) in &attributing.reset_by {
            parts.extend(self.part(draft, name, *at));
        }
        let (kind, timespan_us) = (draft.correlation.kind, draft.correlation.timespan_us);
        Some(Attribution { claim: claim.clone(), to: to?, rules, kind, timespan_us })
    }

    /// The number of a rule among those that the correlation refers to.
    fn referred(&mut self, draft: &Draft, name: &str, at: Position) -> Option<usize> {
        let rules = &draft.correlation.rules;
        let of = self.find(name);
        let number = rules.iter().position(|(rule, _)| rule == name || (of.is_some() && self.find(rule) == of));
        if number.is_none() {
            let remedy = did_you_mean(name, rules.iter().map(|(r, _)| r.as_str()));
            let thing = format!("cause names \"{name}\", which is none of the correlation's rules");
            self.complain("attribution", place(&draft.meta.file, at), thing, remedy);
        }
        number
    }

    /// The field of one rule that a name of the correlation means.
    #[expect(
        clippy::too_many_arguments,
        reason = "the correlation, the rule by number and name, and the field with its place"
    )]
    fn field(&mut self, draft: &Draft, of: Of, rule: &str, (name, at): (&str, Position)) -> Option<FieldRef> {
        let alias = draft.correlation.aliases.iter().find(|alias| alias.name == name);
        let meta = match of {
            Of::Rule(number) => &self.rules[number as usize].meta,
            Of::Correlation(number) => &self.done[number as usize].meta,
        };
        let own = |named: &str| named == rule || meta.is_called(named);
        let field = match alias {
            Some(alias) => match alias.fields.iter().find(|(named, _)| own(named)) {
                Some((_, field)) => field.as_str(),
                None => {
                    let thing = format!("alias \"{name}\" names no field of rule \"{rule}\"");
                    let remedy = format!("add {rule}: field under the alias");
                    self.complain("alias", place(&draft.meta.file, at), thing, remedy);
                    return None;
                }
            },
            None => name,
        };
        if let Of::Correlation(number) = of
            && !self.done[number as usize].group_by.iter().any(|carried| carried == field)
        {
            let thing = format!("correlation \"{rule}\" does not carry \"{field}\"");
            let remedy = "a correlation carries the names of its group-by only: add it there".to_string();
            self.complain("group-by", place(&draft.meta.file, at), thing, remedy);
            return None;
        }
        match Column::from_name(field) {
            Some(column) if meta.columns => Some(FieldRef::Column(column)),
            _ => Some(FieldRef::Native(field.to_string())),
        }
    }

    /// Aliases that serve nothing, or name rules that are not referred to.
    fn check_aliases(&mut self, draft: &Draft) {
        let correlation = &draft.correlation;
        for Alias { name: alias, at, fields } in &correlation.aliases {
            let used = correlation.group_by.iter().any(|(name, _)| name == alias) || correlation.fields.contains(alias);
            let at = place(&draft.meta.file, *at);
            if !used {
                let thing = format!("alias \"{alias}\" is not used");
                self.complain("alias", at.clone(), thing, "name it under group-by, or remove it".into());
            }
            let referred = |named: &String| {
                let of = self.find(named);
                let resets = draft.cause.iter().flat_map(|(_, a)| &a.reset_by);
                of.is_some() && correlation.rules.iter().chain(resets).any(|(rule, _)| self.find(rule) == of)
            };
            if let Some((unknown, _)) = fields.iter().find(|(named, _)| !referred(named)) {
                let thing = format!("alias \"{alias}\" names \"{unknown}\", which is none of its rules");
                let remedy = did_you_mean(unknown, correlation.rules.iter().map(|(r, _)| r.as_str()));
                self.complain("alias", at, thing, remedy);
            }
        }
    }

    /// The condition with rules named by their numbers.
    fn numbered(&mut self, condition: &Condition, draft: &Draft, at: Position) -> Option<Condition> {
        let rules = &draft.correlation.rules;
        match condition {
            Condition::Selection(name) => {
                let of = self.find(name);
                let number = rules.iter().position(|(rule, _)| rule == name || (of.is_some() && self.find(rule) == of));
                if number.is_none() {
                    let remedy = did_you_mean(name, rules.iter().map(|(r, _)| r.as_str()));
                    let thing = format!("condition names \"{name}\", which is none of the correlation's rules");
                    self.complain("correlation-condition", place(&draft.meta.file, at), thing, remedy);
                }
                number.map(|n| Condition::Selection(n.to_string()))
            }
            Condition::And(all) => self.all_numbered(all, draft, at).map(Condition::And),
            Condition::Or(any) => self.all_numbered(any, draft, at).map(Condition::Or),
            Condition::Not(inner) => self.numbered(inner, draft, at).map(|c| Condition::Not(Box::new(c))),
            Condition::Of { all, pattern } => {
                let named: Vec<Condition> = named(pattern, rules.iter().map(|(r, _)| r.as_str()))
                    .into_iter()
                    .map(|n| Condition::Selection(n.into()))
                    .collect();
                if named.is_empty() {
                    let thing = format!("no rule of the correlation fits \"{pattern}\"");
                    self.complain("correlation-condition", place(&draft.meta.file, at), thing, String::new());
                    return None;
                }
                let join = if *all { Condition::And } else { Condition::Or };
                self.all_numbered(&named, draft, at).map(join)
            }
        }
    }

    fn all_numbered(&mut self, all: &[Condition], draft: &Draft, at: Position) -> Option<Vec<Condition>> {
        all.iter().map(|c| self.numbered(c, draft, at)).collect()
    }
}
