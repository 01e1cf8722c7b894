//! `podwall config`: what the bootstrap configuration may say, and whether a file says it well.

use super::USAGE;
use crate::control::config::settings::Step;
use crate::control::config::{Config, Environment, Setting, load, settings};
use crate::document::{self, Problem};
use lexopt::prelude::{Long, Short, Value as Word};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `podwall config --help` says.
pub const HELP: &str = "\
Explains and checks the bootstrap configuration.

Usage: podwall config check FILE        every problem of a file, with its place and its remedy
       podwall config --explain [FILE]  each setting: meaning, what it takes, default, present value
       podwall config --schema          the JSON Schema, for editors

A setting is overridden by the variable named after it: PODWALL_LIMITS_HEAD_BYTES for limits.head_bytes.

Exit codes: 0 good, 1 problems, 2 wrong usage.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Help,
    Schema,
    Explain(Option<PathBuf>),
    Check(PathBuf),
}

/// Runs `podwall config …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok(Asked::Help) => say(HELP),
        Ok(Asked::Schema) => say(&schema()),
        Ok(Asked::Explain(None)) => say(&explain(None)),
        Ok(Asked::Explain(Some(file))) => match load(&file, &Environment::of_process()) {
            Ok(loaded) => say(&explain(Some(&loaded.config))),
            Err(problems) => complain(&problems),
        },
        Ok(Asked::Check(file)) => check(&file),
        Err(error) => {
            eprint!("podwall config: {error}\n\n{HELP}");
            ExitCode::from(USAGE)
        }
    }
}

/// The JSON Schema of the bootstrap configuration, as it is checked in at `deploy/schema/podwall.json`.
pub fn schema() -> String {
    format!("{:#}\n", document::schema::<Config>())
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut explain = false;
    let mut words: Vec<OsString> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Asked::Help),
            Long("schema") => return Ok(Asked::Schema),
            Long("explain") => explain = true,
            Word(word) => words.push(word),
            other => return Err(other.unexpected()),
        }
    }
    let mut words = words.into_iter();
    match (explain, words.next(), words.next(), words.next()) {
        (true, file, None, None) => Ok(Asked::Explain(file.map(PathBuf::from))),
        (false, Some(word), Some(file), None) if word == "check" => Ok(Asked::Check(file.into())),
        _ => Err("say `check FILE`, `--explain [FILE]` or `--schema`".into()),
    }
}

fn check(file: &Path) -> ExitCode {
    match load(file, &Environment::of_process()) {
        Ok(loaded) => {
            eprint!("{}", document::render_all(&loaded.warnings));
            say(&format!("{}: good\n", file.display()))
        }
        Err(problems) => complain(&problems),
    }
}

fn complain(problems: &[Problem]) -> ExitCode {
    eprint!("{}", document::render_all(problems));
    ExitCode::FAILURE
}

fn say(text: &str) -> ExitCode {
    super::say(text);
    ExitCode::SUCCESS
}

/// Each setting with what it means; with a configuration, also what it is there.
fn explain(config: Option<&Config>) -> String {
    let present = config.and_then(|config| serde_json::to_value(config).ok());
    let mut out = String::new();
    for setting in settings() {
        let is_place_holder = matches!(setting.path.last(), Some(Step::Item));
        if !is_place_holder {
            explain_one(&setting, present.as_ref(), &mut out);
        }
    }
    out
}

fn explain_one(setting: &Setting, present: Option<&Value>, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}\n    {}", setting.name(), setting.meaning);
    let _ = write!(out, "    {}", setting.takes);
    if !setting.holds_others {
        let default = setting.default.as_ref().map_or_else(|| "none".to_owned(), shown);
        let _ = write!(out, "; default {default}");
        if let Some(present) = present {
            let values = values(present, &setting.path).into_iter().filter(|value| !value.is_null());
            let here: Vec<String> = values.map(shown).collect();
            let _ = write!(out, "; here {}", if here.is_empty() { "not set".to_owned() } else { here.join(", ") });
        }
    } else if let Some(list) = present.and_then(|present| words(present, &setting.path)) {
        let _ = write!(out, "; here {list}");
    }
    let _ = writeln!(out, "\n    {}\n", setting.variable());
}

/// What a setting is in a configuration; several of what stands in lists.
fn values<'a>(present: &'a Value, path: &[Step]) -> Vec<&'a Value> {
    path.iter().fold(vec![present], |at, step| {
        at.into_iter()
            .flat_map(|value| match (step, value) {
                (Step::Field(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
                (Step::Item, Value::Array(items)) => items.iter().collect(),
                (Step::Entry, Value::Object(entries)) => entries.values().collect(),
                _ => Vec::new(),
            })
            .collect()
    })
}

/// A list of words or numbers, as it is; what its members hold themselves is told setting by setting.
fn words(present: &Value, path: &[Step]) -> Option<String> {
    let lists: Vec<&Value> = values(present, path).into_iter().filter(|value| value.is_array()).collect();
    let plain = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(|word| !word.is_object()));
    let told = lists.iter().map(|list| list.to_string()).collect::<Vec<_>>().join(", ");
    (!lists.is_empty() && lists.into_iter().all(plain)).then_some(told)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::load::read;

    const FILE: &str = "apiVersion: podwall.dev/v1
kind: Podwall
listeners:
  - {listen: 127.0.0.1:1, upstream: 127.0.0.1:2, tls: off}
  - {listen: 127.0.0.1:3, upstream: 127.0.0.1:4, tls: off}
limits: {headers: 50}
";

    fn asked(words: &[&str]) -> Option<Asked> {
        parse(words.iter().map(OsString::from)).ok()
    }

    #[test]
    fn usage_is_understood() {
        assert_eq!(asked(&["check", "a"]), Some(Asked::Check("a".into())));
        assert_eq!(asked(&["--explain"]), Some(Asked::Explain(None)));
        assert_eq!(asked(&["--explain", "a"]), Some(Asked::Explain(Some("a".into()))));
        assert_eq!(asked(&["--schema"]), Some(Asked::Schema));
        for wrong in [&["check"][..], &[], &["check", "a", "b"], &["--explain", "a", "b"], &["--nonsense"]] {
            assert_eq!(asked(wrong), None);
        }
    }

    #[test]
    fn explanation_names_default_with_present_value() {
        let config = read("f", FILE, &Environment::default()).unwrap().config;
        let text = explain(Some(&config));
        assert!(
            text.contains(
                "limits.headers\n    Header lines of a head.\n    number 1 to 256; default 100; here 50\n    \
                 PODWALL_LIMITS_HEADERS\n"
            ),
            "{text}"
        );
        assert!(text.contains("address:port; default none; here 127.0.0.1:1, 127.0.0.1:3\n"), "{text}");
    }

    #[test]
    fn schema_that_is_checked_in_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/schema/podwall.json");
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(checked_in == schema(), "run: podwall config --schema > deploy/schema/podwall.json");
    }
}
