//! Where findings go beside the report, as it is typed.

use crate::notify::target::Form;
use crate::report::alerts::AlertFormat;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Names of levels, lowest first.
pub(super) const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// Where findings go beside the report.
#[derive(Debug, Args)]
pub struct DeliveryArgs {
    /// What a line of alerts.ndjson is
    #[arg(long, value_enum, default_value = "keyfault")]
    pub alert_format: AlertFormatArg,
    /// Send alerts to this webhook when the report is written; @FILE reads the URL from a file, where no other user sees it. May be given again. A webhook that fails never fails the run
    #[arg(long, value_name = "URL")]
    pub notify: Vec<String>,
    /// The body for webhooks; by default Slack's for hooks.slack.com, Alertmanager's for .../api/v2/alerts, json for all others
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub notify_format: Option<NotifyFormatArg>,
    /// Send alerts of this level or above
    #[arg(long, value_name = "LEVEL", default_value = "medium", value_parser = LEVELS)]
    pub notify_level: String,
    /// Write the run's counts to this file, for the textfile collector of Prometheus' node_exporter
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// `--alert-format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AlertFormatArg {
    /// The columns of the alerts table
    Keyfault,
    /// OCSF Detection Findings
    Ocsf,
}

impl From<AlertFormatArg> for AlertFormat {
    fn from(format: AlertFormatArg) -> AlertFormat {
        match format {
            AlertFormatArg::Keyfault => AlertFormat::Keyfault,
            AlertFormatArg::Ocsf => AlertFormat::Ocsf,
        }
    }
}

/// `--notify-format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum NotifyFormatArg {
    /// One document: the run and its alerts
    Json,
    /// A message for Slack's incoming webhooks
    Slack,
    /// Alerts for Prometheus' Alertmanager
    Alertmanager,
}

impl From<NotifyFormatArg> for Form {
    fn from(format: NotifyFormatArg) -> Form {
        match format {
            NotifyFormatArg::Json => Form::Json,
            NotifyFormatArg::Slack => Form::Slack,
            NotifyFormatArg::Alertmanager => Form::Alertmanager,
        }
    }
}
