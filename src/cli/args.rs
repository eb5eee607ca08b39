//! The command line as it is typed.

mod delivery;
mod tables;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub use delivery::DeliveryArgs;
use delivery::LEVELS;
use std::path::PathBuf;
pub use tables::{QueryArgs, RowsArg, StoreCommand};

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

/// `keyfault explain`.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Id of an incident or alert (its first characters do), a credential's id, hint or alias, or a failure's event id or file#record
    pub id: String,
    /// Folder of the report
    #[arg(long, value_name = "DIR", default_value = "keyfault-report")]
    pub out: PathBuf,
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
