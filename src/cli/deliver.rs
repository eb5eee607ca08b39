//! What a finished run hands on: alerts to webhooks, metrics to a file; both may fail without changing how the run ends.

use super::args::DeliveryArgs;
use super::{Exit, terminal};
use crate::error::Error;
use crate::model::cause::CauseTree;
use crate::model::finding::{Alert, Findings, Level};
use crate::notify::message::Message;
use crate::notify::send::{Courier, Outcome, Patience, deliver};
use crate::notify::target::Target;
use crate::pipeline::{Pending, Receivers};
use crate::report::metrics::{self, Delivered};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where a run's findings go beside its report, checked before the run begins.
pub struct Delivery {
    targets: Vec<Target>,
    least: Level,
    metrics: Option<PathBuf>,
}

/// A run that has ended.
pub struct Ended<'e> {
    /// What it found.
    pub findings: &'e Findings,
    /// With a store, what it says is to be sent.
    pub pending: Option<&'e Pending>,
    /// What causes mean.
    pub causes: &'e CauseTree,
    /// The report folder.
    pub out: &'e Path,
    /// How the program will exit.
    pub exit: Exit,
    /// How long the run took, in seconds.
    pub took_s: f64,
}

impl Delivery {
    /// Checks what was asked for: a URL that is none, or a folder that cannot be written to, should be told before hours of work.
    pub fn checked(args: &DeliveryArgs) -> Result<Delivery, Error> {
        let form = args.notify_format.map(Into::into);
        let targets = args.notify.iter().map(|text| Target::new(&url(text)?, form));
        if let Some(file) = &args.metrics {
            // It is removed at once: a run that is killed leaves nothing in the collector's folder.
            beside(file)?;
        }
        Ok(Delivery {
            targets: targets.collect::<Result<_, _>>()?,
            least: Level::from_name(&args.notify_level).unwrap_or(Level::Medium),
            metrics: args.metrics.clone(),
        })
    }

    /// Who is to get which alerts, for a store to remember.
    pub fn receivers(&self) -> Receivers {
        Receivers { fingerprints: self.targets.iter().map(Target::fingerprint).collect(), least: Some(self.least) }
    }

    /// Sends alerts and writes metrics. What fails is told, and nothing else comes of it. Returns the alerts that each target took, by fingerprint.
    pub fn finish(&self, ended: &Ended<'_>) -> Vec<(String, Vec<String>)> {
        let outcomes = self.send(ended);
        self.write_metrics(ended, &outcomes.iter().map(delivered).collect::<Vec<_>>());
        outcomes.into_iter().map(|outcome| (outcome.fingerprint, outcome.accepted)).collect()
    }

    fn write_metrics(&self, ended: &Ended<'_>, deliveries: &[Delivered]) {
        let Some(file) = &self.metrics else { return };
        let before = std::fs::read_to_string(file).unwrap_or_default();
        let end = metrics::Ended {
            ended_s: now().as_secs_f64(),
            took_s: ended.took_s,
            exit_code: ended.exit.code(),
            last_success_s: metrics::last_success_s(&before),
            deliveries,
        };
        if let Err(error) = replace(file, &metrics::render(ended.findings, &end)) {
            terminal::talk(&error.to_string());
        }
    }

    fn send(&self, ended: &Ended<'_>) -> Vec<Outcome> {
        let out = ended.out.display().to_string();
        let now_us = i64::try_from(now().as_micros()).unwrap_or_default();
        let mut outcomes = Vec::new();
        for target in &self.targets {
            let alerts: Vec<&Alert> = match ended.pending {
                Some(pending) => pending.get(&target.fingerprint()).into_iter().flatten().collect(),
                None => ended.findings.alerts.iter().filter(|alert| alert.level >= self.least).collect(),
            };
            if alerts.is_empty() {
                continue;
            }
            let message =
                Message { alerts: &alerts, findings: ended.findings, causes: ended.causes, out: &out, now_us };
            let outcome = sent(target, &message);
            terminal::talk(&says(&outcome, &out));
            outcomes.push(outcome);
        }
        outcomes
    }
}

#[expect(clippy::disallowed_methods, reason = "a webhook is waited for so long and no longer")]
fn sent(target: &Target, message: &Message<'_>) -> Outcome {
    let began = Instant::now();
    let courier = Courier { patience: Patience::default(), elapsed: &|| began.elapsed(), pause: &std::thread::sleep };
    deliver(target, message, &courier)
}

fn says(outcome: &Outcome, out: &str) -> String {
    let target = &outcome.target;
    let plural = |number: usize| format!("{number} alert{}", if number == 1 { "" } else { "s" });
    match &outcome.problem {
        None => format!("{target} accepted {}", plural(outcome.accepted.len())),
        Some(problem) => {
            let unsent = plural(usize::try_from(outcome.unsent).unwrap_or(usize::MAX));
            format!("{target}: {unsent} not sent: {problem}; {out}/alerts.ndjson has them")
        }
    }
}

fn delivered(outcome: &Outcome) -> Delivered {
    Delivered { target: outcome.target.clone(), accepted: outcome.accepted.len() as u64, unsent: outcome.unsent }
}

/// A URL as it stands, or the first line of a file after `@`: what is on a command line is seen by every user of the machine.
fn url(text: &str) -> Result<String, Error> {
    let Some(file) = text.strip_prefix('@').map(Path::new) else { return Ok(text.to_string()) };
    let content = std::fs::read_to_string(file).map_err(|e| Error::io(file, &e))?;
    Ok(content.lines().next().unwrap_or_default().to_string())
}

/// Time since 1970-01-01T00:00:00Z.
#[expect(clippy::disallowed_methods, reason = "metrics and Alertmanager want the time of the run")]
fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// A file in the same folder, so that it can be renamed to its place. Its name does not end in `.prom`: the collector passes it over.
fn beside(file: &Path) -> Result<tempfile::NamedTempFile, Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".keyfault-").tempfile_in(folder).map_err(|e| Error::io(folder, &e))
}

/// Writes a file whole, so that no reader meets half of it.
fn replace(file: &Path, text: &str) -> Result<(), Error> {
    let fault = |e: std::io::Error| Error::io(file, &e);
    let mut written = beside(file)?;
    written.write_all(text.as_bytes()).map_err(fault)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The collector is another user.
        written.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(fault)?;
    }
    written.persist(file).map_err(|e| fault(e.error))?;
    Ok(())
}
