//! Holds every line against its hash and against the line before.

use super::print::kind;
use super::{Options, for_each_line};
use crate::record::chain::{Broken, Chain};
use std::io::{self, Write};
use std::path::Path;

/// Whether all lines of all files hold.
pub(super) fn verify(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let mut files = options.files.iter().map(|path| Ok((first_number(path)?, path))).collect::<io::Result<Vec<_>>>()?;
    files.sort_by_key(|(first, _)| *first);
    let mut chain: Option<Chain> = None;
    let (mut lines, mut broken) = (0_u64, 0_u64);
    for (_, path) in files {
        for_each_line(path, |number, line| {
            lines += 1;
            let told = match follow(&mut chain, line) {
                Ok(None) => return Ok(()),
                Ok(Some(note)) => note,
                Err(fault) => {
                    broken += 1;
                    fault
                }
            };
            writeln!(out, "{}:{number}: {told}", path.display())
        })?;
    }
    let last = chain.map_or_else(|| "none".to_owned(), |chain| chain.last_hash());
    if options.last.as_ref().is_some_and(|expected| *expected != last) {
        broken += 1;
        writeln!(out, "the newest line's hash is not the one given: lines were cut off, or added")?;
    }
    let verdict = if broken == 0 { "good" } else { "BROKEN" };
    writeln!(out, "{verdict}: {lines} lines, {broken} faults, last hash {last}")?;
    Ok(broken == 0)
}

/// Goes on to a line: nothing to say, a note, or a fault.
fn follow(chain: &mut Option<Chain>, line: &str) -> Result<Option<String>, String> {
    let Some(known) = chain else {
        let after = Chain::after(line).map_err(|broken| explain(&broken))?;
        *chain = Some(after);
        let note =
            (after.next() > 1).then(|| format!("begins with line {}: older files are not here", after.next() - 1));
        return Ok(note);
    };
    match known.follow(line) {
        Ok(()) => Ok(None),
        // On the standard output every process begins a chain of its own.
        Err(Broken::DoesNotFollow { found: 0, .. }) if kind(line) == "start" => {
            Ok(Some("a new chain begins with a start".into()))
        }
        Err(broken) => Err(explain(&broken)),
    }
}

fn explain(broken: &Broken) -> String {
    match broken {
        Broken::NotALine => "is no line of a record".to_owned(),
        Broken::Changed => "was changed: its hash is not that of its text".to_owned(),
        Broken::DoesNotFollow { expected, found } if expected == found => {
            format!("does not follow: line {found} is there, but the line before it is another")
        }
        Broken::DoesNotFollow { expected, found } => {
            format!("does not follow: it is line {found}, where line {expected} should be")
        }
    }
}

/// The number of a file's first line, for the order of rotated files.
fn first_number(path: &Path) -> io::Result<u64> {
    let mut first = None;
    for_each_line(path, |_, line| {
        first = first.or_else(|| Chain::after(line).ok().map(|chain| chain.next()));
        Ok(())
    })?;
    Ok(first.unwrap_or(0))
}
