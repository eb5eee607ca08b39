//! Compiles correlations against the rules they refer to: names to numbers, fields to records, causes to claims; counts nothing.

use super::attribution::Attribution;
use super::condition::{Condition, named};
use super::correlate::{CorrelationRule, Draft, Of, Part, Said};
use super::correlation::Alias;
use super::lint::Lint;
use super::meta::Meta;
use super::set::Rule;
use super::window::Window;
use crate::error::{Error, did_you_mean};
use crate::model::column::Column;
use crate::model::records::FieldRef;
use crate::yaml::{Position, place};

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
