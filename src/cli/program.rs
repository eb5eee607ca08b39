//! From the process's arguments to its exit code.

use super::args::{Cli, Command};
use super::{analyze, page, query, rules, sources, store, terminal};
use crate::error::Error;
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An incident or alert at or above `--fail-on`, or a failed test.
    Found,
    /// Usage, configuration or rule error.
    Misused,
    /// Nothing could be analysed, or `--strict` and something was rejected.
    NothingAnalysed,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Found => 1,
            Exit::Misused => 2,
            Exit::NothingAnalysed => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Runs the program with the process's arguments, on a thread with stack enough for whatever is parsed.
pub fn main() -> ExitCode {
    let thread = std::thread::Builder::new().stack_size(crate::model::json::STACK_BYTES).spawn(command);
    thread.ok().and_then(|t| t.join().ok()).unwrap_or(ExitCode::from(101))
}

fn command() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Analyze(args) => analyze::run(&args),
        Command::Explain(args) => page::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Store(command) => store::run(&command),
        Command::Rules(command) => rules::run(&command),
        Command::Sources(command) => sources::run(&command),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "keyfault", &mut text);
            terminal::data(&String::from_utf8_lossy(&text));
            Ok(Exit::Done)
        }
        Command::Man => man(),
    };
    match exit {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal::talk(&error.to_string());
            Exit::Misused.into()
        }
    }
}

fn man() -> Result<Exit, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text).map_err(|e| Error::new("man", e.to_string(), ""))?;
    terminal::data(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}
