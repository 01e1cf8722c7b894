//! `podwall log learn`: what learn mode saw becomes a proposal for an allowlist. Many paths become templates, callers who
//! ask for the same share a rule. What a record holds is never trusted: a rule is proposed only if `podwall check` would
//! take it, and the owner reads all of them before they grant anything.

mod budgets;
mod proposal;
mod seen;
mod statements;
mod written;

use super::USAGE;
use crate::record::learned::Times;
use budgets::Volumes;
use lexopt::prelude::{Long, Short, Value as Word, ValueExt};
use proposal::propose;
use seen::Access;
use statements::Statements;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `podwall log learn --help` says.
pub const HELP: &str = "\
Proposes an allowlist from what learn mode has seen.

Usage: podwall log learn FILE... [--name NAME] [--owner OWNER] [--all]

Writes a document with one rule for each thing that callers asked for and no rule granted, and one for
each user of a database with the statements that ran, granted or not. Requests and statements that carried a sign of an attack are never among them. Numbers, UUIDs, long tokens, and segments that
have more than 24 values become {id}. Read every rule before you use it: what nobody should have been
asking for is in it too.
Rules for what the pod calls have a budget: four times the bytes that left for the destination in the busiest hour
(of the clock, UTC) of the record, rounded up to 1, 2 or 5 with noughts, 100KiB/h at least; the figures stand beside it.
Let it learn through the busiest hours of a week. For rules that grant already, budgets are listed at the end.
  --name NAME    what the document is called (learned)
  --owner OWNER  who answers for its rules
  --all          also what the application never answered with success (a status below 400)

Exit codes: 0 good, 1 nothing to propose, 2 wrong usage or no file.
";

/// What was asked for.
#[derive(Debug)]
struct Options {
    files: Vec<PathBuf>,
    name: String,
    owner: Option<String>,
    all: bool,
}

/// Runs `podwall log learn …`; `arguments` come after that.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match super::asked(parse(arguments), "log learn", HELP) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match Learned::read(&options) {
        Ok(learned) => match propose(&options, learned) {
            Some(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            None => {
                eprintln!(
                    "podwall log learn: nothing to propose: no `learned` or `statement` lines of what succeeded (--all)"
                );
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("podwall log learn: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options { files: Vec::new(), name: "learned".into(), owner: None, all: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("name") => options.name = parser.value()?.string()?,
            Long("owner") => options.owner = Some(parser.value()?.string()?),
            Long("all") => options.all = true,
            Word(word) => options.files.push(word.into()),
            other => return Err(other.unexpected()),
        }
    }
    if options.files.is_empty() { Err("name at least one file".into()) } else { Ok(Some(options)) }
}

/// All that a record tells of.
#[derive(Default)]
struct Learned {
    seen: BTreeMap<Access, Times>,
    /// Requests that are not told one by one.
    beyond: u64,
    statements: Statements,
    volumes: Volumes,
}

impl Learned {
    fn read(options: &Options) -> io::Result<Self> {
        let (seen, beyond) = seen::read(&options.files)?;
        let statements = Statements::read(&options.files, options.all)?;
        Ok(Self { seen, beyond, statements, volumes: Volumes::read(&options.files)? })
    }
}
