//! `podwall log`: the record, verified and read. What a file holds is never trusted: it is shown so that no terminal
//! acts on it.

mod print;
mod verify;

use super::{egress, learn};
use crate::document::HumanDuration;
use crate::record::render::timestamp;
use lexopt::prelude::{Long, Short, Value as Word, ValueExt};
use print::{brief, full};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What `podwall log --help` says.
pub const HELP: &str = "\
Verifies and shows the record.

Usage: podwall log verify FILE... [--last HASH]
       podwall log show FILE... [--reason NAME] [--caller TEXT] [--event ID] [--since TIME]
       podwall log learn FILE... [--name NAME] [--owner OWNER] [--all]
       podwall log egress FILE... [--since TIME]

verify holds every line against its hash and against the line before. Rotated files may be given in
any order. --last says what the newest line's hash must be, so that a cut-off end shows.

show prints one line for each event, and its evidence below it.
  --reason NAME   only events with this reason, or whose reason begins so (attack-)
  --caller TEXT   only callers whose identity or address contains this
  --event ID      only this event, in full; of a repeated one, the line that counts it
  --since TIME    only what is not older: 2026-11-22T10:00:00Z, or 90m

learn proposes an allowlist from what learn mode has seen (podwall log learn --help).

egress shows what left the pod, and what was denied (podwall log egress --help).

Exit codes: 0 good, 1 the chain is broken, or nothing was found for --event, 2 wrong usage or no file.
";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    verify: bool,
    files: Vec<PathBuf>,
    last: Option<String>,
    reason: Option<String>,
    caller: Option<String>,
    event: Option<String>,
    /// As lines spell it.
    since: Option<String>,
}

/// Bytes of a line that are looked at; lines of ours are far shorter.
const LINE_BYTES: u64 = 1 << 20;

/// Runs `podwall log …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == "learn").is_some() {
        return learn::run(arguments);
    }
    if arguments.next_if(|first| first == "egress").is_some() {
        return egress::run(arguments);
    }
    let options = match super::asked(parse(arguments), "log", HELP) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let mut out = io::stdout().lock();
    let done = if options.verify { verify::verify(&options, &mut out) } else { show(&options, &mut out) };
    super::shown(done.map(|good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }), "log")
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut words: Vec<OsString> = Vec::new();
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("last") => options.last = Some(parser.value()?.string()?),
            Long("reason") => options.reason = Some(parser.value()?.string()?),
            Long("caller") => options.caller = Some(parser.value()?.string()?),
            Long("event") => options.event = Some(parser.value()?.string()?.to_lowercase()),
            Long("since") => options.since = Some(since(&parser.value()?.string()?, SystemTime::now())?),
            Word(word) => words.push(word),
            other => return Err(other.unexpected()),
        }
    }
    let mut words = words.into_iter();
    options.verify = match words.next() {
        Some(word) if word == "verify" => true,
        Some(word) if word == "show" => false,
        _ => return Err("say `verify FILE...` or `show FILE...`".into()),
    };
    options.files = words.map(PathBuf::from).collect();
    if options.files.is_empty() {
        return Err("name at least one file".into());
    }
    Ok(Some(options))
}

/// A time, or a length of time before `now`, as lines spell it.
pub(super) fn since(text: &str, now: SystemTime) -> Result<String, String> {
    let ago = HumanDuration::parse(text).and_then(|ago| now.checked_sub(ago.0));
    let time = ago.or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from));
    time.map(timestamp).ok_or_else(|| format!("`{text}` is no time such as 2026-11-22T10:00:00Z or 90m"))
}

/// Whether anything was shown, where something particular was asked for.
fn show(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let mut shown = 0_u64;
    for path in &options.files {
        for_each_line(path, |number, line| match serde_json::from_str::<Value>(line) {
            Ok(value) if options.wants(&value) => {
                shown += 1;
                if options.event.is_some() { full(line, out) } else { brief(&value, out) }
            }
            Ok(_) => Ok(()),
            Err(_) => writeln!(out, "{}:{number}: is no line of a record", path.display()),
        })?;
    }
    Ok(shown > 0 || options.event.is_none())
}

impl Options {
    fn wants(&self, line: &Value) -> bool {
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        let is_event = self.event.as_ref().is_none_or(|event| {
            let counted = text("line") == "repeat" && (text("first")..=text("last")).contains(&event.as_str());
            text("event") == event || counted
        });
        let whose = [text("caller"), text("from")];
        is_event
            && self.reason.as_ref().is_none_or(|reason| text("reason").starts_with(reason.as_str()))
            && self.caller.as_ref().is_none_or(|caller| whose.iter().any(|who| who.contains(caller.as_str())))
            && self.since.as_ref().is_none_or(|since| text("time") >= since.as_str())
    }
}

/// Calls `each` with the number (from 1) and text of every line.
pub(super) fn for_each_line(path: &Path, mut each: impl FnMut(u64, &str) -> io::Result<()>) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(named)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if Read::by_ref(&mut file).take(LINE_BYTES).read_until(b'\n', &mut line).map_err(named)? == 0 {
            break;
        }
        each(number, &String::from_utf8_lossy(&line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::chain::Chain;
    use std::fs;
    use tempfile::{TempDir, tempdir};

    const DENIED: &str = r#"{"time":"2026-11-22T10:00:00.000Z","line":"judged","event":"b","mode":"shadow","verdict":"deny","reason":"attack-sql","caller":"spiffe://d/ns/shop/sa/cart","action":"GET","resource":"http://x/","evidence":[{"detector":"sql","signature":"t","place":"query-value","name":"q","before":"1 ","matched":"OR 1=1","after":""}]}"#;
    const REPEAT: &str = r#"{"time":"2026-11-22T11:00:00.000Z","line":"repeat","reason":"policy-no-rule","caller":"10.0.0.1","count":7,"first":"c","last":"f"}"#;
    const START: &str = r#"{"time":"2026-11-22T09:00:00.000Z","line":"start","version":"0.1.0"}"#;

    fn linked(from: &mut Chain, lines: &[&str]) -> String {
        let link = |line: &&str| {
            let (linked, next) = from.link(line);
            *from = next;
            linked
        };
        lines.iter().map(link).collect()
    }

    fn file(dir: &TempDir, name: &str, text: &str) -> String {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// What the command prints, and whether all is well.
    fn log(arguments: &[&str]) -> (bool, String) {
        let options = parse(arguments.iter().map(OsString::from)).unwrap().unwrap();
        let mut out = Vec::new();
        let well = if options.verify { verify::verify(&options, &mut out) } else { show(&options, &mut out) };
        (well.unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn event_is_shown_in_the_order_of_its_line() {
        let line = "{\"time\":\"t\",\"event\":\"e\",\"evidence\":[{\"detector\":\"sql\",\"at\":1}],\"a\":[1,2]}";
        let mut out = Vec::new();
        full(line, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(
            words,
            ["time", "t", "event", "e", "evidence", "detector", "sql", "evidence", "at", "1", "a", "1,", "2"]
        );
    }

    #[test]
    fn whole_record_verifies_in_any_order_of_files() {
        let dir = tempdir().unwrap();
        let mut chain = Chain::default();
        let old = file(&dir, "r.1", &linked(&mut chain, &[START, DENIED]));
        let new = file(&dir, "r", &linked(&mut chain, &[REPEAT]));
        let (well, text) = log(&["verify", &new, &old]);
        assert!(well && text == format!("good: 3 lines, 0 faults, last hash {}\n", chain.last_hash()), "{text}");
    }

    #[test]
    fn change_is_told_with_its_place() {
        let dir = tempdir().unwrap();
        let text = linked(&mut Chain::default(), &[START, DENIED, REPEAT]).replace("10.0.0.1", "10.0.0.2");
        let (well, text) = log(&["verify", &file(&dir, "r", &text)]);
        assert!(!well && text.contains("r:3: was changed"), "{text}");
    }

    #[test]
    fn missing_line_is_told_with_its_place() {
        let dir = tempdir().unwrap();
        let whole = linked(&mut Chain::default(), &[START, DENIED, REPEAT]);
        let text: Vec<_> = whole.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line).collect();
        let (well, text) = log(&["verify", &file(&dir, "r", &text.join("\n"))]);
        assert!(!well && text.contains("r:2: does not follow: it is line 2, where line 1 should be"), "{text}");
    }

    #[test]
    fn end_that_was_cut_off_shows_against_the_last_hash() {
        let dir = tempdir().unwrap();
        let mut chain = Chain::default();
        let begun = linked(&mut chain, &[START, DENIED]);
        linked(&mut chain, &[REPEAT]);
        let name = file(&dir, "r", &begun);
        assert!(log(&["verify", &name]).0);
        assert!(!log(&["verify", &name, "--last", &chain.last_hash()]).0);
    }

    #[test]
    fn restart_on_the_standard_output_is_no_fault() {
        let dir = tempdir().unwrap();
        let twice = [START, START].map(|start| linked(&mut Chain::default(), &[start, DENIED])).concat();
        assert!(log(&["verify", &file(&dir, "r", &twice)]).0);
        let other = [START, DENIED].map(|start| linked(&mut Chain::default(), &[start])).concat();
        assert!(!log(&["verify", &file(&dir, "s", &other)]).0);
    }

    #[test]
    fn events_are_found() {
        let dir = tempdir().unwrap();
        let name = file(&dir, "r", &linked(&mut Chain::default(), &[START, DENIED, REPEAT]));
        let lines = |arguments: &[&str]| log(&[&["show", &name], arguments].concat()).1.lines().count();
        assert_eq!(lines(&[]), 4);
        assert_eq!(lines(&["--reason", "attack-"]), 2);
        assert_eq!(lines(&["--caller", "shop/sa/cart"]), 2);
        assert_eq!(lines(&["--since", "2026-11-22T10:30:00Z"]), 1);
        assert!(log(&["show", &name, "--event", "B"]).1.contains("attack-sql"));
        assert!(log(&["show", &name, "--event", "d"]).1.contains("policy-no-rule"));
        assert!(!log(&["show", &name, "--event", "z"]).0);
    }

    #[test]
    fn no_terminal_acts_on_what_is_shown() {
        let dir = tempdir().unwrap();
        let text = DENIED.replace("OR 1=1", "\\u001b[2J\\u202e").replace("http://x/", "http://x/\\u009b1m");
        let name = file(&dir, "r", &format!("{text}\n\x1b[2Jno json\n"));
        for arguments in [&["show", &name][..], &["show", &name, "--event", "b"]] {
            let text = log(arguments).1;
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
            assert!(text.contains("\\u{1b}[2J"));
        }
    }

    #[test]
    fn times_are_understood() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7200);
        assert_eq!(since("1h", now), Ok("1970-01-01T01:00:00.000Z".into()));
        assert_eq!(since("1970-01-01T01:00:00+01:00", now), Ok("1970-01-01T00:00:00.000Z".into()));
        assert!(since("yesterday", now).is_err());
    }

    #[test]
    fn usage_is_understood() {
        for wrong in [&["verify"][..], &[], &["print", "a"], &["show", "a", "--since", "x"]] {
            assert!(parse(wrong.iter().map(OsString::from)).is_err());
        }
    }
}
