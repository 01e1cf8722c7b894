//! `podwall demo`: a sample service, a real sidecar before it, and callers of several identities, all on loopback with
//! certificates made on the spot. Every request has an expected verdict; one that differs makes the command fail.

mod caller;
mod script;
mod service;
mod stage;
mod table;

use caller::Outcome;
use script::{Expected, Step};
use stage::Stage;
use std::ffi::OsString;
use std::process::ExitCode;
use table::Row;

/// What `podwall help demo` says.
pub const HELP: &str = "\
Shows what the sidecar does: real mTLS callers, real attacks, a verdict for each.

Usage: podwall demo [--keep]

  --keep   leave everything running afterwards, with commands to try

Exit codes: 0 every verdict was the expected one, 1 one was not, 2 wrong usage.
";

/// Runs `podwall demo …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let keep = match super::asked(parse(arguments), "demo", HELP) {
        Ok(keep) => keep,
        Err(code) => return code,
    };
    match perform(keep) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("podwall demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<bool>, lexopt::Error> {
    let mut keep = false;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Long("keep") => keep = true,
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(keep))
}

/// Sets the stage, plays the script, tells what came of it. Whether everything was as expected.
fn perform(keep: bool) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stage = Stage::set().await?;
        println!("{}", stage.introduction());
        let mut rows = Vec::new();
        for step in script::script() {
            let reply = stage.caller(step.who).send(stage.address, &step.message).await;
            rows.push((step, reply));
        }
        let served = rows.iter().filter(|(step, _)| step.expected == Expected::Served).count();
        let seen = stage.seen();
        if keep {
            println!("{}", stage.commands());
            let _ = tokio::signal::ctrl_c().await;
        }
        let record = stage.end()?;
        let rows: Vec<Row> = rows.into_iter().map(|(step, reply)| Row::new(step, &reply, &record)).collect();
        print!("{}", table::render(&rows));
        print!("{}", table::record(&record));
        println!("{}", table::summary(&rows, served, &seen));
        Ok(rows.iter().all(|row| row.as_expected) && seen.len() == served)
    })
}

/// What a step's answer is held against.
fn as_expected(step: &Step, outcome: Outcome, why: &str) -> bool {
    match step.expected {
        Expected::Served => outcome == Outcome::Served,
        Expected::Refused(wanted, reason) => outcome == Outcome::Refused(wanted) && why.starts_with(reason),
        Expected::NoHandshake(reason) => outcome == Outcome::Nothing && why.starts_with(reason),
    }
}
