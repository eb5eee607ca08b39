//! Questions to tables of reports and stores, as they are typed.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
