//! A run as Prometheus metrics, for the textfile collector of node_exporter; is told the time, never asks for it.
//!
//! All are gauges of the last run: a batch job that ends has no counters that grow. The number of series is bounded, whatever the logs hold.

use crate::model::finding::{Findings, Level, Micros, State};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Most series of one metric whose label's values come from users' files; the rest are summed under `other`.
const SERIES: usize = 100;
/// The metric that outlives a run that came to nothing.
const LAST_SUCCESS: &str = "keyfault_last_success_timestamp_seconds";

/// What is known of a run only when it is over.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'e> {
    /// When, in seconds since 1970-01-01T00:00:00Z.
    pub ended_s: f64,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// The exit code; 0 and 1 are successes.
    pub exit_code: u8,
    /// The end of the last success before it, as [`last_success_s`] tells.
    pub last_success_s: Option<f64>,
    /// What became of the alerts that were sent.
    pub deliveries: &'e [Delivered],
}

/// What became of the alerts for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Scheme and host of the webhook; no more of its URL, which is a secret.
    pub target: String,
    /// Alerts it took.
    pub accepted: u64,
    /// Alerts it did not take.
    pub unsent: u64,
}

/// The metrics of a run, in the text exposition format.
pub fn render(findings: &Findings, ended: &Ended<'_>) -> String {
    let mut page = Page::default();
    page.gauge("keyfault_build_info", "Version of keyfault", [(vec![("version", VERSION)], 1.0)]);
    run(&mut page, ended);
    records(&mut page, findings);
    found(&mut page, findings);
    delivered(&mut page, ended.deliveries);
    page.text
}

/// When the last success ended, as an earlier page has it.
pub fn last_success_s(page: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS)?.trim().parse().ok())
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn run(page: &mut Page, ended: &Ended<'_>) {
    page.number("keyfault_run_duration_seconds", "How long the run took", ended.took_s);
    page.number("keyfault_run_exit_code", "Exit code of the run", f64::from(ended.exit_code));
    page.number("keyfault_last_run_timestamp_seconds", "When the run ended", ended.ended_s);
    let is_success = ended.exit_code <= 1;
    if let Some(success_s) = if is_success { Some(ended.ended_s) } else { ended.last_success_s } {
        page.number(LAST_SUCCESS, "When the last run with exit code 0 or 1 ended", success_s);
    }
}

fn records(page: &mut Page, findings: &Findings) {
    let totals = &findings.totals;
    let problems = findings.coverage.iter().filter(|c| c.problem.is_some()).count() as u64;
    for (name, help, value) in [
        ("keyfault_inputs", "Inputs read", totals.inputs),
        ("keyfault_input_problems", "Inputs with a problem as a whole", problems),
        ("keyfault_input_bytes", "Bytes read, as stored", totals.bytes),
        ("keyfault_uncompressed_bytes", "Bytes read, after decompression", totals.raw_bytes),
        ("keyfault_records", "Records seen: events, rejects and duplicates", totals.records),
        ("keyfault_events", "Records that became events", totals.events),
        ("keyfault_rejects", "Records that were rejected", totals.rejects),
        ("keyfault_duplicates", "Records that were seen before", totals.duplicates),
        ("keyfault_events_outside_window", "Events outside --since and --until", totals.outside_window),
    ] {
        page.number(name, help, value as f64);
    }
    let seconds = |us: Micros| us as f64 / 1e6;
    if let Some(us) = totals.first_event_time {
        page.number("keyfault_first_event_timestamp_seconds", "Time of the earliest event", seconds(us));
    }
    if let Some(us) = totals.last_event_time {
        page.number("keyfault_last_event_timestamp_seconds", "Time of the latest event", seconds(us));
    }
    let mut by_source: BTreeMap<&str, u64> = BTreeMap::new();
    for input in &findings.coverage {
        *by_source.entry(input.source.as_deref().unwrap_or("unknown")).or_default() += input.events;
    }
    page.gauge("keyfault_source_events", "Events by the source of their input", greatest("source", by_source));
}

fn found(page: &mut Page, findings: &Findings) {
    let mut by_cause: BTreeMap<&str, u64> = findings.causes.iter().map(|(cause, n)| (cause.as_str(), *n)).collect();
    by_cause.entry("unexplained").or_default();
    page.gauge("keyfault_failures", "Refused calls by cause", greatest("cause", by_cause));
    let states = [State::Ongoing, State::Recovered, State::Unknown];
    let kinds = Level::ALL.iter().flat_map(|level| states.map(|state| (*level, state)));
    let incidents = kinds.map(|kind| {
        let labels = vec![("level", kind.0.name()), ("state", kind.1.name())];
        (labels, findings.incident_counts.get(&kind).copied().unwrap_or_default() as f64)
    });
    page.gauge("keyfault_incidents", "Incidents by level and state", incidents);
    let mut by_kind: BTreeMap<(&str, Level), u64> = BTreeMap::new();
    findings.alerts.iter().for_each(|a| *by_kind.entry((&*a.detector, a.level)).or_default() += 1);
    let detectors: BTreeSet<&str> =
        findings.alerts.iter().map(|a| &*a.detector).chain(["correlation", "sigma"]).collect();
    let kinds = detectors.into_iter().flat_map(|detector| Level::ALL.iter().map(move |level| (detector, *level)));
    let alerts = kinds.map(|kind| {
        let labels = vec![("detector", kind.0), ("level", kind.1.name())];
        (labels, by_kind.get(&kind).copied().unwrap_or_default() as f64)
    });
    page.gauge("keyfault_alerts", "Alerts by detector and level", alerts);
}

fn delivered(page: &mut Page, deliveries: &[Delivered]) {
    let mut by_target: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for one in deliveries {
        // Two webhooks of one host are one series: what tells them apart is secret.
        *by_target.entry((&one.target, "accepted")).or_default() += one.accepted;
        *by_target.entry((&one.target, "unsent")).or_default() += one.unsent;
    }
    let samples = by_target.into_iter().map(|((to, state), n)| (vec![("target", to), ("state", state)], n as f64));
    page.gauge("keyfault_notified_alerts", "Alerts that a webhook accepted, and those that could not be sent", samples);
}

/// The labels of a sample.
type Labels<'l> = Vec<(&'static str, &'l str)>;

/// Samples with one label, of at most [`SERIES`] values: the greatest by count, and `other`.
fn greatest<'l>(label: &'static str, counts: BTreeMap<&'l str, u64>) -> Vec<(Labels<'l>, f64)> {
    let mut most: Vec<(&str, u64)> = counts.into_iter().collect();
    most.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let rest: u64 = most.iter().skip(SERIES).map(|(_, n)| n).sum();
    let other = (most.len() > SERIES).then_some(("other", rest));
    most.into_iter().take(SERIES).chain(other).map(|(value, n)| (vec![(label, value)], n as f64)).collect()
}

/// The text so far.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A metric without labels.
    fn number(&mut self, name: &str, help: &str, value: f64) {
        self.gauge(name, help, [(Vec::new(), value)]);
    }

    /// A metric and its samples; nothing where there are none.
    fn gauge<'l>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels<'l>, f64)>) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.text, "{name}{labels} {value}");
        }
    }
}

/// A label's value: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details>
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Coverage, Totals};

    const ENDED: Ended<'static> =
        Ended { ended_s: 1_793_613_600.5, took_s: 2.25, exit_code: 0, last_success_s: Some(1.0), deliveries: &[] };

    fn findings() -> Findings {
        let totals = Totals {
            inputs: 2,
            bytes: 1_000,
            raw_bytes: 9_000,
            records: 12,
            events: 9,
            rejects: 2,
            duplicates: 1,
            failures: 7,
            explained: 5,
            first_event_time: Some(1_793_527_200_000_000),
            last_event_time: Some(1_793_527_260_250_000),
            ..Totals::default()
        };
        let coverage = vec![
            Coverage { source: Some("kong".into()), events: 9, ..Coverage::default() },
            Coverage { problem: Some("cut off".into()), ..Coverage::default() },
        ];
        Findings {
            totals,
            coverage,
            causes: vec![("credential.expired".into(), 5), ("unexplained".into(), 2)],
            incident_counts: BTreeMap::from([((Level::High, State::Ongoing), 1)]),
            incidents_total: 1,
            ..Findings::default()
        }
    }

    #[test]
    fn a_run_is_a_page_of_gauges() {
        let deliveries = [Delivered { target: "https://hooks.slack.com".into(), accepted: 3, unsent: 1 }];
        insta::assert_snapshot!(render(&findings(), &Ended { deliveries: &deliveries, ..ENDED }));
    }

    #[test]
    fn a_run_that_came_to_nothing_keeps_the_last_success() {
        let before = render(&findings(), &ENDED);
        assert_eq!(last_success_s(&before), Some(1_793_613_600.5));
        let after = Ended { ended_s: 2e9, exit_code: 3, last_success_s: last_success_s(&before), ..ENDED };
        let page = render(&findings(), &after);
        assert_eq!(last_success_s(&page), Some(1_793_613_600.5));
        assert!(page.contains("keyfault_last_run_timestamp_seconds 2000000000\n"), "{page}");
        let never = render(&findings(), &Ended { exit_code: 3, last_success_s: None, ..ENDED });
        assert_eq!(last_success_s(&never), None);
    }

    #[test]
    fn labels_are_escaped_and_few() {
        let mut findings = findings();
        findings.causes = (0..5_000).map(|n| (format!("own.cause{n:04}"), 2)).collect();
        findings.causes.insert(0, ("own.\"quoted\"\\\nline".into(), 9));
        let page = render(&findings, &ENDED);
        assert!(page.contains(r#"keyfault_failures{cause="own.\"quoted\"\\\nline"} 9"#), "{page}");
        let series: Vec<&str> = page.lines().filter(|l| l.starts_with("keyfault_failures{")).collect();
        assert_eq!(series.len(), SERIES + 1);
        let sum: f64 = series.iter().map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!(sum, 10_009.0);
    }
}
