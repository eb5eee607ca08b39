//! What matches of rules leave behind: alerts under way, steps of correlations, and counts; first by row of a chunk, then for the run.

use super::claims::{Attributed, attribute};
use super::engine::Engine;
use crate::detect::correlated::{self, Correlated};
use crate::detect::sigma::{AlertRule, Matches, Span};
use crate::error::Error;
use crate::model::column::Column;
use crate::model::episode::{Episode, EventRef, Step};
use crate::model::finding::{Alert, Micros};
use crate::model::records::Records;
use crate::rule::correlate::{CorrelationRule, Waiting, count};
use crate::rule::evaluate::Hit;
use crate::rule::meta::Meta;
use crate::rule::set::RuleSet;
use crate::source::batch::Batch;
use crate::source::credential;
use crate::source::redact::{is_secret, redact};
use crate::store::sorted::Sorted;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::sync::Arc;

/// What a row of a chunk leaves behind.
pub struct RowMatches {
    /// The row.
    pub row: usize,
    time_us: Option<Micros>,
    event: EventRef,
    alerts: Vec<u32>,
    steps: Vec<(u32, Step)>,
}

/// What the matches in a batch leave behind, by row. Only rows that some alert or correlation wants are looked at.
pub fn row_matches(rules: &RuleSet, batch: &Batch<'_, '_>, hits: &[Hit], inside: &[bool]) -> Vec<RowMatches> {
    let mut slots = batch.slots();
    let mut clean = Clean::default();
    let mut found = Vec::new();
    for of_row in hits.chunk_by(|a, b| a.row == b.row).filter(|h| inside[h[0].row as usize]) {
        let row = of_row[0].row as usize;
        let numbers = of_row.iter().map(|h| h.rule);
        let alerts: Vec<u32> = numbers.clone().filter(|r| rules.rules[*r as usize].is_alert()).collect();
        let is_served = numbers.clone().any(|r| !rules.served_by(r).is_empty());
        if alerts.is_empty() && !is_served {
            continue;
        }
        let columns = [
            Column::EventUid,
            Column::CredentialUid,
            Column::CredentialHint,
            Column::ActorUid,
            Column::SrcIp,
            Column::Provider,
        ];
        let [event_uid, credential_uid, credential_hint, actor_uid, src_ip, provider] =
            batch.texts(row, columns, &mut slots);
        let [event_uid, credential_uid, actor_uid] =
            [event_uid, credential_uid, actor_uid].map(|text| clean.without_secrets(text));
        let event_uid = event_uid.unwrap_or_default();
        let event = EventRef { event_uid, credential_uid, credential_hint, actor_uid, src_ip, provider };
        let steps = if is_served { rules.steps(batch, row, numbers, &event) } else { Vec::new() };
        let names = |correlation: u32| rules.correlations[correlation as usize].group_by.as_slice();
        let steps = steps.into_iter().map(|(c, step)| (c, clean.masked(step, names(c)))).collect();
        found.push(RowMatches { row, time_us: batch.time_us(row), event, alerts, steps });
    }
    found
}

/// Texts of a chunk in which no secret was found: they repeat, and to look is dear.
#[derive(Default)]
struct Clean {
    known: FxHashSet<String>,
}

impl Clean {
    fn is_clean(&mut self, text: &str) -> bool {
        if self.known.contains(text) {
            return true;
        }
        let is_clean = matches!(redact(text), Cow::Borrowed(_));
        is_clean.then(|| self.known.insert(text.to_string())).is_some()
    }

    /// Most ids hold none, and stay as they are. Hints, addresses and providers are made so that they cannot.
    fn without_secrets(&mut self, text: Option<String>) -> Option<String> {
        text.map(|text| if self.is_clean(&text) { text } else { redact(&text).into_owned() })
    }

    /// A step without secrets: what looks like one, or stands in a field made for one, is told apart by its fingerprint.
    fn masked(&mut self, mut step: Step, names: &[String]) -> Step {
        for (text, name) in step.group.iter_mut().zip(names) {
            if !self.is_clean(text) || (is_secret(name) && !text.is_empty()) {
                *text = credential::uid(text);
            }
        }
        for text in step.values.iter_mut().flatten() {
            if !self.is_clean(text) {
                *text = credential::uid(text);
            }
        }
        if let Cow::Owned(masked) = redact(&step.said) {
            step.said = masked;
        }
        step
    }
}

/// What the matches of a run leave behind.
pub struct RunMatches {
    matches: Matches,
    steps: Steps,
    /// Matches by detection rule.
    counts: Vec<u64>,
}

/// Takes matches: the rule's id, the subject, the spans.
pub type EachSpan<'e> = dyn FnMut(&str, &str, &[Span]) -> Result<(), Error> + 'e;

/// Matches by rule id.
pub type Counts = Vec<(String, u64)>;

/// Steps by correlation.
struct Steps {
    /// Boxed: rows move while they are sorted.
    by_correlation: Vec<Sorted<Box<Step>>>,
    /// Memory that the steps of each take.
    bytes: Vec<usize>,
    budget_bytes: usize,
}

impl Steps {
    fn new(correlations: usize, budget_bytes: usize) -> Steps {
        let by_correlation = (0..correlations).map(|_| Sorted::new(usize::MAX)).collect();
        Steps { by_correlation, bytes: vec![0; correlations], budget_bytes }
    }

    /// Most correlations have few steps: only the largest makes room.
    fn spill_largest(&mut self) -> Result<(), Error> {
        let Some((largest, bytes)) = self.bytes.iter_mut().enumerate().max_by_key(|(_, bytes)| **bytes) else {
            return Ok(());
        };
        *bytes = 0;
        self.by_correlation[largest].spill()
    }
}

impl Waiting for Steps {
    fn push(&mut self, correlation: u32, step: Step) -> Result<(), Error> {
        let texts = [&step.event.event_uid].into_iter().chain(&step.group).chain(step.values.iter().flatten());
        let bytes = size_of::<Step>() + 400 + texts.map(String::len).sum::<usize>();
        self.bytes[correlation as usize] += bytes;
        self.by_correlation[correlation as usize].push(Box::new(step), bytes)?;
        if self.bytes.iter().sum::<usize>() > self.budget_bytes { self.spill_largest() } else { Ok(()) }
    }

    fn drain(&mut self, correlation: u32, each: &mut dyn FnMut(Step)) -> Result<(), Error> {
        self.bytes[correlation as usize] = 0;
        let steps = std::mem::replace(&mut self.by_correlation[correlation as usize], Sorted::new(0));
        steps.drain(&mut |step| each(*step))
    }
}

impl RunMatches {
    /// Nothing matched yet.
    pub fn new(rules: &RuleSet, gap_us: Micros, memory_bytes: usize) -> RunMatches {
        let steps = Steps::new(rules.correlations.len(), memory_bytes / 8);
        RunMatches { matches: Matches::new(gap_us), steps, counts: vec![0; rules.rules.len()] }
    }

    /// Counts a match.
    pub fn count(&mut self, rule: u32) {
        self.counts[rule as usize] += 1;
    }

    /// Takes what a row left behind; `place` is the input's number and name and the record's ordinal in it.
    pub fn take(&mut self, row: RowMatches, source: &str, place: (usize, &str, u64)) -> Result<(), Error> {
        let (input, name, record) = place;
        let mut event = row.event;
        if event.event_uid.is_empty() {
            event.event_uid = format!("{name}#{record}");
        }
        for rule in row.alerts {
            self.matches.add(rule, row.time_us, &event, source);
        }
        for (correlation, step) in row.steps {
            let placed = Step { input: input as u32, input_record: record, event: event.clone(), ..step };
            self.steps.push(correlation, placed)?;
        }
        Ok(())
    }

    /// Hands out the matches of every rule and subject, by the rule's id.
    pub fn each_span(&self, rules: &RuleSet, each: &mut EachSpan<'_>) -> Result<(), Error> {
        self.matches
            .spans()
            .try_for_each(|(rule, subject, spans)| each(&rules.rules[rule as usize].meta.id, subject, spans))
    }

    /// Takes matches of a rule that an earlier run kept.
    pub fn restore_spans(&mut self, rule: u32, subject: &str, spans: Vec<Span>) {
        self.matches.restore(rule, subject, spans);
    }

    /// Hands out the steps of every correlation, by its id.
    pub fn each_step(
        &mut self,
        rules: &RuleSet,
        each: &mut dyn FnMut(&str, Step) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (correlation, steps) in rules.correlations.iter().zip(&mut self.steps.by_correlation) {
            steps.rows()?.try_for_each(|step| each(&correlation.meta.id, *step?))?;
        }
        Ok(())
    }

    /// Takes a step of a correlation that an earlier run kept.
    pub fn restore_step(&mut self, correlation: u32, step: Step) -> Result<(), Error> {
        self.steps.push(correlation, step)
    }

    /// The episodes of every correlation.
    pub fn episodes(&mut self, rules: &RuleSet) -> Result<Vec<Vec<Episode>>, Error> {
        count(&rules.correlations, &mut self.steps)
    }

    /// What correlations claim about refusals.
    pub fn attributed(&mut self, rules: &RuleSet, inputs: &[(Arc<str>, Arc<str>)]) -> Result<Attributed, Error> {
        let mut attributed = Attributed::default();
        for (number, correlation) in rules.correlations.iter().enumerate() {
            let Some(attribution) = &correlation.cause else { continue };
            let claim = ((rules.rules.len() + number) as u32, attribution);
            let mut group: Vec<Step> = Vec::new();
            self.steps.drain(number as u32, &mut |step| {
                if group.first().is_some_and(|first| first.group != step.group) {
                    attribute(&mut attributed, claim, &group, inputs);
                    group.clear();
                }
                group.push(step);
            })?;
            attribute(&mut attributed, claim, &group, inputs);
        }
        Ok(attributed)
    }

    /// The alerts of matches and episodes, and the matches by rule id. Nothing is left.
    pub fn finish(&mut self, engine: &Engine<'_>) -> Result<(Vec<Alert>, Counts), Error> {
        let rules = engine.rules;
        let mut alerts = self.matches.alerts(&|rule| alert_rule(&rules.rules[rule as usize].meta));
        let episodes = self.episodes(rules)?;
        let mut counts: Counts = rules
            .rules
            .iter()
            .zip(std::mem::take(&mut self.counts))
            .map(|(r, n)| (r.meta.id.clone(), n))
            .filter(|(_, n)| *n > 0)
            .collect();
        for (correlation, episodes) in rules.correlations.iter().zip(episodes).filter(|(_, e)| !e.is_empty()) {
            counts.push((correlation.meta.id.clone(), episodes.len() as u64));
            if !correlation.is_silent && correlation.cause.is_none() {
                alerts.extend(correlated::alerts(&correlated(correlation), episodes));
            }
        }
        counts.sort();
        Ok((alerts, counts))
    }
}

/// What alerts need to know of a rule.
pub fn alert_rule(meta: &Meta) -> AlertRule {
    AlertRule {
        id: meta.id.clone(),
        title: meta.title.clone(),
        author: meta.author.clone(),
        license: meta.license.clone(),
        level: meta.level,
        tags: meta.tags.clone(),
        references: meta.references.clone(),
    }
}

fn correlated(correlation: &CorrelationRule) -> Correlated {
    let window = &correlation.window;
    Correlated {
        rule: alert_rule(&correlation.meta),
        kind: window.kind,
        timespan_us: window.timespan_us,
        group_by: correlation.group_by.clone(),
        expected: window.threshold.bounds.first().map(|(_, number)| *number),
        cooldown_us: correlation.alerting.cooldown_us,
    }
}
