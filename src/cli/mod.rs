//! Floor 4: the commands. Each is one file with a `HELP` text and a `run`; adding one is that file and one line of
//! [`COMMANDS`].

#[cfg(feature = "sidecar")]
pub mod bans;
pub mod check;
#[cfg(feature = "sidecar")]
pub mod config;
#[cfg(feature = "sidecar")]
pub mod demo;
mod egress;
pub mod judge;
pub mod learn;
pub mod log;
#[cfg(feature = "sidecar")]
pub mod pki;
#[cfg(feature = "sidecar")]
pub mod run;
pub mod signatures;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// What the user is told who used a command wrongly.
pub const USAGE: u8 = 2;

/// One command.
pub struct Command {
    /// As it is typed: `check`.
    pub name: &'static str,
    /// One line for `podwall help`.
    pub summary: &'static str,
    /// Its own help.
    pub help: &'static str,
    /// Takes the arguments after its name.
    pub run: fn(&mut dyn Iterator<Item = OsString>) -> ExitCode,
}

/// Every command, in the order that `podwall help` lists them.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "check",
        summary: "check allowlists, configurations and signatures",
        help: check::HELP,
        run: |arguments| check::run(arguments),
    },
    #[cfg(feature = "sidecar")]
    Command { name: "run", summary: "run the sidecar", help: run::HELP, run: |arguments| run::run(arguments) },
    #[cfg(feature = "sidecar")]
    Command {
        name: "demo",
        summary: "watch real callers being served or refused",
        help: demo::HELP,
        run: |arguments| demo::run(arguments),
    },
    #[cfg(feature = "sidecar")]
    Command {
        name: "config",
        summary: "explain and check the bootstrap configuration",
        help: config::HELP,
        run: |arguments| config::run(arguments),
    },
    Command {
        name: "log",
        summary: "verify and show the record",
        help: log::HELP,
        run: |arguments| log::run(arguments),
    },
    #[cfg(feature = "sidecar")]
    Command {
        name: "bans",
        summary: "list and lift bans of a running sidecar",
        help: bans::HELP,
        run: |arguments| bans::run(arguments),
    },
    #[cfg(feature = "sidecar")]
    Command {
        name: "pki",
        summary: "issue a development CA and certificates",
        help: pki::HELP,
        run: |arguments| pki::run(arguments),
    },
    Command {
        name: "judge",
        summary: "judge requests from files, and show what was found",
        help: judge::HELP,
        run: |arguments| judge::run(arguments),
    },
    Command {
        name: "signatures",
        summary: "list, show, test and measure signatures",
        help: signatures::HELP,
        run: |arguments| signatures::run(arguments),
    },
];

/// Runs the command that the arguments name.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let name = arguments.next().unwrap_or_else(|| "help".into());
    let name = name.to_string_lossy();
    match (name.as_ref(), COMMANDS.iter().find(|command| command.name == name)) {
        (_, Some(command)) => (command.run)(&mut arguments),
        ("help" | "--help" | "-h", None) => help(arguments.next()),
        ("--version" | "-V", None) => {
            println!("podwall {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        (unknown, None) => {
            eprintln!("podwall: there is no command `{}`\n\n{}", unknown.escape_debug(), overview());
            ExitCode::from(USAGE)
        }
    }
}

/// To the standard output; nobody is left to tell when it is closed.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// What a command was asked for; otherwise how the program ends, once the help has been given that was asked for
/// (`Ok(None)`) or is needed.
fn asked<T>(parsed: Result<Option<T>, impl fmt::Display>, command: &str, help: &str) -> Result<T, ExitCode> {
    match parsed {
        Ok(Some(asked)) => Ok(asked),
        Ok(None) => {
            say(help);
            Err(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprint!("podwall {command}: {error}\n\n{help}");
            Err(ExitCode::from(USAGE))
        }
    }
}

/// How a command ends that shows what it read.
fn shown(done: io::Result<ExitCode>, command: &str) -> ExitCode {
    match done {
        Ok(code) => code,
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("podwall {command}: {error}");
            ExitCode::from(USAGE)
        }
    }
}

fn help(of: Option<OsString>) -> ExitCode {
    let named = of.and_then(|name| COMMANDS.iter().find(|command| name == *command.name));
    match named {
        Some(command) => print!("{}", command.help),
        None => print!("{}", overview()),
    }
    ExitCode::SUCCESS
}

fn overview() -> String {
    let mut text =
        String::from("podwall: a layer-7 firewall that rides in every pod\n\nUsage: podwall COMMAND [options]\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<12}{}\n", command.name, command.summary));
    }
    text.push_str("\n`podwall help COMMAND` tells more.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_command_is_wrong_usage() {
        assert_eq!(main(["nonsense".into()].into_iter()), ExitCode::from(USAGE));
    }

    #[test]
    fn every_command_has_its_own_name() {
        let mut names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
