//! `podwall judge`: requests from files through the decoding and detection of the data path, and what was found in them.
//! Everything is granted; only attacks and malformed messages are denied.

mod report;
mod rows;
mod verdict;

use crate::detect::{Detectors, signature};
use crate::flow::Sensitivity;
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `podwall judge --help` says.
pub const HELP: &str = "\
Judges requests as the sidecar would if its allowlist granted everything.

Usage: podwall judge FILE...                        raw HTTP/1.1 requests; - is the standard input
       podwall judge --rows FILE... --out FILE.tsv  JSON lines, also gzipped

  --sensitivity WORD  low, default or high (default)
  --with PATH         a file, or a folder of *.yaml, of own signatures; may be repeated
  --rows              FILEs hold one JSON object per line: {\"id\", \"request\": {\"method\", \"path\", \"headers\":
                      [[name, value]...], \"body_b64\"}} or {\"id\", \"request\": {\"raw_b64\"}}
  --out FILE.tsv      where rows go: id, allow or deny, status with reason, nanoseconds; separated by tabs

Exit codes: 0 everything was allowed (or rows were written), 1 something was denied, 2 wrong usage,
3 a file could not be read or written.
";

/// What is asked for.
struct Asked {
    files: Vec<PathBuf>,
    with: Vec<PathBuf>,
    sensitivity: Sensitivity,
    rows: bool,
    out: Option<PathBuf>,
}

/// Runs `podwall judge …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let asked = match parse(arguments) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("podwall judge: {error}\n\n{HELP}");
            return ExitCode::from(super::USAGE);
        }
    };
    let judged = signature::load(&asked.with).and_then(|signatures| {
        let judge = verdict::Judge { detectors: Detectors::new(signatures), sensitivity: asked.sensitivity };
        let done = if asked.rows { judge_rows(&judge, &asked) } else { judge_files(&judge, &asked.files) };
        done.map_err(|error| format!("podwall judge: {error}\n"))
    });
    match judged {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprint!("{text}");
            ExitCode::from(3)
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Asked>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut asked = Asked { files: vec![], with: vec![], sensitivity: Sensitivity::Default, rows: false, out: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rows") => asked.rows = true,
            Long("out") => asked.out = Some(parser.value()?.into()),
            Long("with") => asked.with.push(parser.value()?.into()),
            Long("sensitivity") => asked.sensitivity = sensitivity(&parser.value()?.string()?)?,
            Long("help") | Short('h') => return Ok(None),
            Value(file) => asked.files.push(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    match (asked.files.is_empty(), asked.rows == asked.out.is_some()) {
        (true, _) => Err("name a file".into()),
        (_, false) => Err("--rows and --out go together".into()),
        _ => Ok(Some(asked)),
    }
}

fn sensitivity(word: &str) -> Result<Sensitivity, lexopt::Error> {
    [Sensitivity::Low, Sensitivity::Default, Sensitivity::High]
        .into_iter()
        .find(|level| level.name() == word)
        .ok_or_else(|| format!("`{}` is not low, default or high", word.escape_debug()).into())
}

/// Whether everything was allowed.
fn judge_files(judge: &verdict::Judge, files: &[PathBuf]) -> io::Result<bool> {
    let mut allowed = true;
    for file in files {
        let mut bytes = Vec::new();
        if file.as_os_str() == "-" {
            io::stdin().read_to_end(&mut bytes)?;
        } else {
            bytes = fs::read(file).map_err(|error| named(file, &error))?;
        }
        let verdict = judge.judge(&bytes);
        allowed &= !verdict.denies();
        io::stdout().write_all(report::text(&file.display().to_string(), &verdict).as_bytes())?;
    }
    Ok(allowed)
}

fn judge_rows(judge: &verdict::Judge, asked: &Asked) -> io::Result<bool> {
    let Some(out) = &asked.out else { return Ok(true) };
    let mut out = io::BufWriter::new(fs::File::create(out).map_err(|error| named(out, &error))?);
    for file in &asked.files {
        rows::judge(judge, file, &mut out).map_err(|error| named(file, &error))?;
    }
    out.flush()?;
    Ok(true)
}

fn named(file: &std::path::Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> bool {
        matches!(parse(words.iter().map(OsString::from)), Ok(Some(_)))
    }

    #[test]
    fn usage_is_checked() {
        assert!(parsed(&["a.http"]) && parsed(&["--rows", "a.jsonl", "--out", "b.tsv", "--sensitivity", "high"]));
        assert!(!parsed(&[]) && !parsed(&["--rows", "a.jsonl"]) && !parsed(&["a.http", "--sensitivity", "most"]));
    }
}
