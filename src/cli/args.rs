//! The command line as it is typed.

use crate::notify::target::Form;
use crate::report::alerts::AlertFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Tells from logs why a credential stopped working.
///
/// Reads API-gateway logs, AWS CloudTrail and provider audit exports, names the root cause of every refused call with its evidence, and writes
/// Parquet tables. Results go to standard output, messages to standard error.
#[derive(Debug, Parser)]
#[command(name = "keyfault", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 an incident or alert at or above --fail-on (or a failed test), 2 usage, configuration or rule error, \
3 nothing could be analysed, or --strict and something was rejected."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse logs: what was refused, why, who must act, and how to mend it
    Analyze(Box<AnalyzeArgs>),
    /// Tell all about an incident, a failure, an alert or a credential: verdict, history, proof, checklist, fix
    Explain(PageArgs),
    /// Ask the tables of a report or a store with SQL
    Query(QueryArgs),
    /// Show, check and compact a store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Show, check and test rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show and test source mappings, and tell what a file is
    #[command(subcommand)]
    Sources(SourcesCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `keyfault analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Files, folders, globs, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// A key list, credential report or other inventory, read as nothing else; may be given again. Lists among the inputs are known by their content
    #[arg(long, value_name = "FILE")]
    pub inventory: Vec<String>,
    /// Folder for the report
    #[arg(long, value_name = "DIR", default_value = "keyfault-report")]
    pub out: PathBuf,
    /// Folder of Delta tables that last between runs: only new inputs are read, and only what is new is told. The report then holds what all runs found
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// How long the store keeps events, failures and alerts, in days, e.g. 400d; for ever by default
    #[arg(long, value_name = "DAYS", requires = "store")]
    pub retain: Option<String>,
    #[command(flatten)]
    pub packs: PackArgs,
    /// Take every record for one of this source
    #[arg(long, value_name = "ID")]
    pub source: Option<String>,
    /// MaxMind database (.mmdb) of countries, cities or autonomous systems; may be given again
    #[arg(long, value_name = "FILE")]
    pub geoip: Vec<PathBuf>,
    /// Only events from this time on, e.g. 2026-11-01 or 2026-11-01T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Which events to write: all also fills events/*.parquet
    #[arg(long, value_enum, default_value = "failures")]
    pub keep: KeepArg,
    /// What to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormatArg,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
    /// Exit with 1 when an incident or alert is at this level or above
    #[arg(long, value_name = "LEVEL", value_parser = LEVELS)]
    pub fail_on: Option<String>,
    /// Exit with 3 when any record was rejected or any input had a problem
    #[arg(long)]
    pub strict: bool,
    /// Longest pause inside an incident, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    pub gap: u32,
    /// Worker threads; as many as processors by default
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory to stay within, roughly, e.g. 512M or 2G
    #[arg(long, value_name = "SIZE", default_value = "512M")]
    pub memory: String,
    /// Go on without rules that are broken
    #[arg(long)]
    pub skip_broken_rules: bool,
}

/// Names of levels, lowest first.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

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

/// `keyfault explain`.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Id of an incident or alert (its first characters do), a credential's id, hint or alias, or a failure's event id or file#record
    pub id: String,
    /// Folder of the report
    #[arg(long, value_name = "DIR", default_value = "keyfault-report")]
    pub out: PathBuf,
}

/// `keyfault query`.
#[derive(Debug, Args)]
#[command(after_help = QUERY_HELP)]
pub struct QueryArgs {
    /// A SELECT, or - to read it from standard input; without one, the tables are listed
    pub sql: Option<String>,
    /// Read the SQL from a file
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    pub file: Option<PathBuf>,
    /// List the tables with their columns, types and numbers of rows
    #[arg(long)]
    pub tables: bool,
    /// Folder of the report
    #[arg(long, value_name = "DIR", default_value = "keyfault-report")]
    pub out: PathBuf,
    /// Folder of a store, whose tables are asked instead of a report's
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub store: Option<PathBuf>,
    /// How to print the rows
    #[arg(long, value_enum, default_value = "table")]
    pub format: RowsArg,
}

const QUERY_HELP: &str =
    "Every *.parquet of the report is a table of that name; the files below events/ are the table events.
Of a store, all tables are as the last finished run left them.
Times are in UTC; compare them so:
  event_time >= '2026-11-01T00:00:00Z'   or TIMESTAMP '2026-11-01 00:00:00', or a day: '2026-11-01'
Lists and structs are had by array_length(src_ips), src_ips[1] and UNNEST(src_ips).

  keyfault query \"SELECT cause, count(*) AS n FROM failures GROUP BY cause ORDER BY n DESC\"
  keyfault query \"SELECT * FROM incidents WHERE state = 'ongoing'\" --format json";

/// `--format` of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowsArg {
    /// Aligned columns
    Table,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// CSV with a header
    Csv,
    /// A Markdown table
    Markdown,
}

/// `keyfault store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// List the tables: rows, files, bytes, and the last run
    Show {
        /// The folder given to --store
        dir: PathBuf,
        /// What to print
        #[arg(long, value_enum, default_value = "table")]
        format: RowsArg,
    },
    /// Read every byte of the last run's tables and tell what is missing or damaged; exit code 1 when anything is
    Verify {
        /// The folder given to --store
        dir: PathBuf,
    },
    /// Join small files, and delete what no version of the last seven days needs
    Compact {
        /// The folder given to --store
        dir: PathBuf,
        /// Forget events, failures and alerts older than so many days, e.g. 400d
        #[arg(long, value_name = "DAYS")]
        retain: Option<String>,
    },
}

/// Rules and mappings beside the built-in ones.
#[derive(Debug, Args, Default)]
pub struct PackArgs {
    /// Folder or file of further Sigma rules; may be given again
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// Folder or file of further source mappings; may be given again
    #[arg(long, value_name = "DIR")]
    pub sources: Vec<PathBuf>,
}

/// `--keep`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum KeepArg {
    /// All events
    All,
    /// Failures only
    Failures,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// A summary for people
    Table,
    /// One JSON document
    Json,
    /// One incident a line
    Ndjson,
    /// Incidents as CSV
    Csv,
    /// Markdown
    Markdown,
}

/// `keyfault rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List all rules
    List {
        #[command(flatten)]
        packs: PackArgs,
    },
    /// Show a rule or a cause
    Show {
        /// Id, name or title of a rule, or a cause such as credential.expired
        id: String,
        #[command(flatten)]
        packs: PackArgs,
    },
    /// Check rule files; the built-in ones when none is named
    Lint {
        /// Rule files or folders
        paths: Vec<PathBuf>,
        /// table or json: one object per finding
        #[arg(long, default_value = "table", value_parser = ["table", "json"])]
        format: String,
        /// Folder or file of further source mappings, whose fields rules may name
        #[arg(long, value_name = "DIR")]
        sources: Vec<PathBuf>,
    },
    /// Run the tests in rule files; in the built-in ones when none is named
    Test(TestArgs),
    /// Tell why rules match a record or do not, predicate by predicate
    Explain(ExplainArgs),
    /// Write a page for every rule and every cause
    Docs {
        /// Folder for the pages
        #[arg(long, value_name = "DIR", default_value = "keyfault-docs")]
        out: PathBuf,
        #[command(flatten)]
        packs: PackArgs,
    },
}

/// `keyfault rules test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Rule files or folders
    pub paths: Vec<PathBuf>,
    /// table or json: one object per test
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub format: String,
    /// Folder or file of further source mappings
    #[arg(long, value_name = "DIR")]
    pub sources: Vec<PathBuf>,
    /// Count matches in these logs instead of running the tests in the files
    #[arg(long, value_name = "DIR")]
    pub corpus: Option<String>,
    /// What to expect of the counts: a YAML file of `rule id: count` or `rule id: {at_least: 1, at_most: 9}`
    #[arg(long, value_name = "FILE", requires = "corpus")]
    pub expect: Option<PathBuf>,
}

/// `keyfault rules explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A record as JSON, a file that holds records, or - for standard input
    pub event: String,
    /// Only this rule, by id, name or title; may be given again
    #[arg(long, value_name = "RULE")]
    pub rule: Vec<String>,
    /// Take every record for one of this source
    #[arg(long, value_name = "ID")]
    pub source: Option<String>,
    /// table or json: one object per record
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    pub format: String,
    #[command(flatten)]
    pub packs: PackArgs,
}

/// `keyfault sources`.
#[derive(Debug, Subcommand)]
pub enum SourcesCommand {
    /// List all sources: the forms they are read in, what they can prove and what not
    List {
        /// table or markdown
        #[arg(long, default_value = "table", value_parser = ["table", "markdown"])]
        format: String,
        #[command(flatten)]
        packs: PackArgs,
    },
    /// Show a source mapping
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        packs: PackArgs,
    },
    /// Tell which source files are from
    Detect {
        /// Files, folders or globs
        #[arg(required = true)]
        inputs: Vec<String>,
        #[command(flatten)]
        packs: PackArgs,
    },
    /// Run the tests in mapping files
    Test {
        /// Source ids; all when none is named
        ids: Vec<String>,
        #[command(flatten)]
        packs: PackArgs,
    },
}
