//! `podwall signatures list|show|test|bench|import`: the signatures as they are loaded, whether they do what they
//! promise, and rules of others made into some.

mod import;
mod literals;
mod seclang;

use crate::detect::{Detectors, Signature, signature};
use crate::flow::{Found, Fuel, Part, Place};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What `podwall signatures --help` says.
pub const HELP: &str = "\
Lists, shows, tests and measures signatures: the shipped ones, and those of your own files or folders.

Usage: podwall signatures list  [--with PATH]...
       podwall signatures show  ID [--with PATH]...
       podwall signatures test  [--with PATH]...
       podwall signatures bench [--with PATH]...
       podwall signatures import FILE... > MY.yaml

  list         one line for each: id, severity, weight, places, title
  show ID      everything about one
  test         runs every entry on its own hits and misses
  bench        what the signatures cost on the misses of all of them: together, and the ten dearest
  import FILE  converts rules in SecLang (ModSecurity, Coraza) that fit into a signature file, and says of every other
               one why it does not (on the standard error)
  --with PATH  a file, or a folder of *.yaml, in addition to the shipped ones; may be repeated

Exit codes: 0 done, 1 a signature is broken, 2 wrong usage.
";

enum Task {
    List,
    Show(String),
    Test,
    Bench,
    Import(Vec<PathBuf>),
}

/// Runs `podwall signatures …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (task, paths) = match super::asked(parse(arguments), "signatures", HELP) {
        Ok((task, paths)) => (task, paths),
        Err(code) => return code,
    };
    if let Task::Import(files) = &task {
        return import(files);
    }
    let answer = signature::load(true, &paths).and_then(|signatures| match task {
        Task::List => Ok(list(&signatures)),
        Task::Show(id) => show(&signatures, &id),
        Task::Test => test(&signatures),
        Task::Bench => Ok(bench(&signatures)),
        Task::Import(_) => Ok(String::new()),
    });
    match answer {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<(Task, Vec<PathBuf>)>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut words = Vec::new();
    let mut paths = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("with") => paths.push(parser.value()?.into()),
            Long("help") | Short('h') => return Ok(None),
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let task = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => Task::List,
        ["show", id] => Task::Show(id.to_owned()),
        ["test"] => Task::Test,
        ["bench"] => Task::Bench,
        ["import", _, ..] => Task::Import(words.iter().skip(1).map(PathBuf::from).collect()),
        _ => return Err("expected list, show ID, test, bench or import FILE".into()),
    };
    Ok(Some((task, paths)))
}

/// The signatures go to the standard output, the account of them to the standard error.
fn import(files: &[PathBuf]) -> ExitCode {
    match import::files(files) {
        Ok(imported) => {
            print!("{}", imported.text());
            eprint!("{}", imported.account());
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn list(signatures: &[Signature]) -> String {
    let mut text = String::new();
    for entry in signatures {
        let (id, severity, weight) = (&entry.id, entry.severity.name(), entry.weight.0);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{id:36} {severity:9} {weight:>3}  {:24} {}", places(entry), entry.title);
    }
    let _ = writeln!(text, "{} signatures", signatures.len());
    text
}

fn places(entry: &Signature) -> String {
    if entry.places.is_empty() { "anywhere".to_owned() } else { entry.places.join(",") }
}

fn show(signatures: &[Signature], id: &str) -> Result<String, String> {
    let Some(entry) = signatures.iter().find(|entry| &*entry.id == id) else {
        let near = crate::document::nearest(id, signatures.iter().map(|entry| &*entry.id));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("podwall signatures: there is no `{}`{near}\n", id.escape_debug()));
    };
    let mut text = format!("{}\n{}\n\n", entry.id, entry.title);
    let references: Vec<&str> = entry.references.all().collect();
    for (name, value) in [
        ("family", entry.family.to_string()),
        ("severity", entry.severity.name().to_owned()),
        ("weight", entry.weight.0.to_string()),
        ("places", places(entry)),
        ("named", entry.named.join(", ")),
        ("any of", quoted(&entry.any)),
        ("with", quoted(&entry.with)),
        ("without", quoted(&entry.without)),
        ("regex", entry.regex.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("references", references.join(", ")),
        ("hits", quoted(&entry.hits)),
        ("misses", quoted(&entry.misses)),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:11} {value}");
        }
    }
    Ok(text)
}

fn quoted(values: &[String]) -> String {
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
}

fn test(signatures: &[Signature]) -> Result<String, String> {
    let mut wrong = String::new();
    for entry in signatures {
        for sentence in signature::self_test(entry) {
            let _ = writeln!(wrong, "{}: {sentence}", entry.id);
        }
    }
    let examples: usize = signatures.iter().map(|entry| entry.hits.len() + entry.misses.len()).sum();
    if wrong.is_empty() {
        Ok(format!("{} signatures, {examples} hits and misses: all as promised\n", signatures.len()))
    } else {
        Err(wrong)
    }
}

/// How often the misses are gone through for one figure.
const ROUNDS: u32 = 20;

fn bench(signatures: &[Signature]) -> String {
    let values: Vec<&str> = signatures.iter().flat_map(|entry| &entry.misses).map(String::as_str).collect();
    let mut text = format!("{:>9}  over {} values\n", "ns/KB", values.len());
    let none = nanoseconds_per_kilobyte(&Detectors::of_signatures(vec![]), &values);
    let all = nanoseconds_per_kilobyte(&Detectors::of_signatures(signatures.to_vec()), &values);
    let _ = writeln!(text, "{none:9.0}  no signature\n{all:9.0}  all {} signatures", signatures.len());
    let mut each: Vec<(f64, &str)> = signatures
        .iter()
        .map(|entry| (nanoseconds_per_kilobyte(&Detectors::of_signatures(vec![entry.clone()]), &values), &*entry.id))
        .collect();
    each.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    for (cost, id) in each.iter().take(10) {
        let _ = writeln!(text, "{:9.0}  {id}", (cost - none).max(0.0));
    }
    text
}

fn nanoseconds_per_kilobyte(detectors: &Detectors, values: &[&str]) -> f64 {
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for value in values {
            let part = Part::plain(Place::QueryValue, b"value", value.as_bytes());
            detectors.inspect(&[part], &mut Found::default(), &mut Fuel::new(u64::MAX));
        }
        least = least.min(begun.elapsed());
    }
    least.as_nanos() as f64 * 1024.0 / bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Vec<Signature> {
        signature::shipped().unwrap()
    }

    #[test]
    fn list_has_a_line_for_each() {
        assert_eq!(list(&shipped()).lines().count(), shipped().len() + 1);
    }

    #[test]
    fn unknown_id_names_the_near_one() {
        assert!(show(&shipped(), "log4shel-jndi").unwrap_err().contains("`log4shell-jndi`"));
        assert!(show(&shipped(), "log4shell-jndi").unwrap().contains("CVE-2021-44228"));
    }

    #[test]
    fn shipped_ones_keep_their_promises() {
        assert!(test(&shipped()).unwrap().contains("all as promised"));
    }

    #[test]
    fn usage_is_checked() {
        let parsed = |words: &[&str]| parse(words.iter().map(OsString::from)).is_ok();
        assert!(parsed(&["show", "x", "--with", "dir"]) && parsed(&["bench"]));
        assert!(!parsed(&["show"]) && !parsed(&["list", "x"]) && !parsed(&["--what"]));
    }
}
