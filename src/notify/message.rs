//! What is to be told, and how much of it goes into one request; knows no form.

use super::target::Form;
use super::{alertmanager, document, slack};
use crate::model::cause::CauseTree;
use crate::model::finding::{Alert, Findings, Level, Micros};
use crate::report::words::count;
use std::cmp::Reverse;

/// Most alerts told one by one; of more, their number is told.
pub const TOLD: usize = 200;
/// Most alerts in one request: with the head and the foot they stay below the 50 blocks that Slack takes.
const BATCH: usize = 40;

/// Alerts, and what makes them understood.
#[derive(Clone, Copy)]
pub struct Message<'m> {
    /// The alerts to tell, in any order.
    pub alerts: &'m [&'m Alert],
    /// What else the run found: the incidents around them say what to do.
    pub findings: &'m Findings,
    /// What causes mean.
    pub causes: &'m CauseTree,
    /// The report folder, for whoever wants to know more.
    pub out: &'m str,
    /// The time of sending.
    pub now_us: Micros,
}

/// What goes into one request.
pub(super) struct Part<'m> {
    pub message: &'m Message<'m>,
    /// Most severe first.
    pub alerts: Vec<&'m Alert>,
    /// Those that are counted only; the last part tells their number.
    pub more: Vec<&'m Alert>,
    /// 1 for the first.
    pub number: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Message<'_> {
    /// The requests' contents, the most severe alerts first: a flood becomes a few requests, whatever its size.
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let mut alerts = self.alerts.to_vec();
        alerts.sort_by_key(|alert| Reverse(alert.level));
        let more = alerts.split_off(alerts.len().min(TOLD));
        let of = alerts.len().div_ceil(BATCH);
        let batches = alerts.chunks(BATCH).map(<[&Alert]>::to_vec).enumerate();
        let part = |(index, alerts)| Part { message: self, alerts, more: Vec::new(), number: index + 1, of };
        let mut parts: Vec<Part<'_>> = batches.map(part).collect();
        if let Some(last) = parts.last_mut() {
            last.more = more;
        }
        parts
    }
}

impl Part<'_> {
    /// The body in a form.
    pub fn body(&self, form: Form) -> String {
        let body = match form {
            Form::Json => document::body(self),
            Form::Slack => slack::body(self),
            Form::Alertmanager => alertmanager::body(self),
        };
        body.to_string()
    }

    /// `keyfault: 3 alerts, 1 critical, 2 high`.
    pub fn heading(&self) -> String {
        let number = self.message.alerts.len() as u64;
        let part = if self.of > 1 { format!(" (part {} of {})", self.number, self.of) } else { String::new() };
        let plural = if number == 1 { "" } else { "s" };
        format!("keyfault: {} alert{plural}, {}{part}", count(number), levels(self.message.alerts))
    }

    /// `and 9,800 more, 12 medium, 9,788 low: keyfault-report/alerts.ndjson has them`; none when all are told.
    pub fn foot(&self) -> Option<String> {
        let number = self.more.len() as u64;
        let out = self.message.out;
        (number > 0)
            .then(|| format!("and {} more, {}: {out}/alerts.ndjson has them", count(number), levels(&self.more)))
    }
}

/// `1 critical, 2 high`.
fn levels(alerts: &[&Alert]) -> String {
    let of = |level: Level| alerts.iter().filter(|alert| alert.level == level).count() as u64;
    let counts = Level::ALL.iter().rev().map(|level| (of(*level), level.name()));
    let present = counts.filter(|(number, _)| *number > 0);
    present.map(|(number, name)| format!("{} {name}", count(number))).collect::<Vec<_>>().join(", ")
}
