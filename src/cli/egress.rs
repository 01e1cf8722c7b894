//! `podwall log egress`: what left the pod, and what was to leave and did not, from the record.

use super::log::{for_each_line, since};
use crate::record::redact::escape_again;
use lexopt::prelude::{Long, Short, Value as Word, ValueExt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

/// What `podwall log egress --help` says.
pub(super) const HELP: &str = "\
Shows what left the pod: names, addresses, protocols, bytes; and what was denied.

Usage: podwall log egress FILE... [--since TIME]

  --since TIME    only what is not older: 2026-11-22T10:00:00Z, or 1h

Granted traffic is in the record as sums of an interval (record.aggregate_interval); one that began before
TIME is counted whole when it ended after it.

Exit codes: 0 good, 2 wrong usage or no file.
";

/// What was asked for.
#[derive(Debug, Default)]
struct Options {
    files: Vec<PathBuf>,
    since: Option<String>,
}

/// Sums of what went one way.
#[derive(Debug, Default)]
struct Sum {
    times: u64,
    bytes_out: u64,
    bytes_in: u64,
    longest: f64,
}

/// What the record says.
#[derive(Debug, Default)]
struct Seen {
    /// By destination, protocol and rule.
    left: BTreeMap<[String; 3], Sum>,
    /// By what was to be called, the protocol, and why not.
    denied: BTreeMap<[String; 3], u64>,
}

/// Runs `podwall log egress …`; `arguments` come after that word.
pub(super) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match super::asked(parse(arguments), "log egress", HELP) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let shown = read(&options).and_then(|seen| seen.show(&mut io::stdout().lock()));
    super::shown(shown.map(|()| ExitCode::SUCCESS), "log egress")
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("since") => options.since = Some(since(&parser.value()?.string()?, SystemTime::now())?),
            Word(file) => options.files.push(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    if options.files.is_empty() { Err("name at least one file".into()) } else { Ok(Some(options)) }
}

fn read(options: &Options) -> io::Result<Seen> {
    let mut seen = Seen::default();
    for path in &options.files {
        for_each_line(path, |_, line| {
            let Ok(line) = serde_json::from_str::<Value>(line) else { return Ok(()) };
            let time = line.get("time").and_then(Value::as_str).unwrap_or_default();
            if options.since.as_deref().is_none_or(|since| time >= since) {
                seen.take(&line);
            }
            Ok(())
        })?;
    }
    Ok(seen)
}

impl Seen {
    fn take(&mut self, line: &Value) {
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        let outbound = text("direction") == "outbound";
        match text("line") {
            "flow" => {
                let sum = self.left.entry(destination(line)).or_default();
                let number = |field: &str| line.get(field).and_then(Value::as_u64).unwrap_or_default();
                sum.times += number("times");
                sum.bytes_out += number("bytes_out");
                sum.bytes_in += number("bytes_in");
                sum.longest = sum.longest.max(line.get("longest").and_then(Value::as_f64).unwrap_or_default());
            }
            "judged" if outbound && text("verdict") == "deny" => {
                let acted = if text("mode") == "enforce" { "" } else { " (let go)" };
                let what = format!("{} {}", text("action"), text("resource"));
                let why = format!("{}{acted}", text("reason"));
                *self.denied.entry([what, text("protocol").to_owned(), why]).or_default() += 1;
            }
            "repeat" if outbound => {
                let times = line.get("count").and_then(Value::as_u64).unwrap_or_default();
                let what = format!("more like these, {}", text("caller"));
                *self.denied.entry([what, String::new(), text("reason").to_owned()]).or_default() += times;
            }
            _ => {}
        }
    }

    fn show(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<52} {:<10} {:>8} {:>14} {:>14} {:>9}  rule",
            "left to", "protocol", "times", "bytes out", "bytes in", "longest"
        )?;
        let mut left: Vec<_> = self.left.iter().collect();
        left.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.bytes_out));
        for ([to, protocol, rule], Sum { times, bytes_out, bytes_in, longest }) in left {
            let (to, protocol, rule) = (escape_again(to), escape_again(protocol), escape_again(rule));
            writeln!(out, "{to:<52} {protocol:<10} {times:>8} {bytes_out:>14} {bytes_in:>14} {longest:>8.1}s  {rule}")?;
        }
        writeln!(out, "\n{:<63} {:>8}  why", "denied", "times")?;
        for ([what, protocol, why], times) in &self.denied {
            let (what, protocol, why) = (escape_again(what), escape_again(protocol), escape_again(why));
            writeln!(out, "{what:<52} {protocol:<10} {times:>8}  {why}")?;
        }
        Ok(())
    }
}

/// `api.example 192.0.2.7:443`, the protocol, the rule.
fn destination(line: &Value) -> [String; 3] {
    let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
    let to = [text("name"), text("address")].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let to = if to.is_empty() { "(others)".to_owned() } else { to };
    let rule = if text("verdict") == "deny" { "(denied, let go)" } else { text("rule") };
    [to, text("protocol").to_owned(), rule.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_left_is_added_up() {
        let flow = |time: &str, bytes: u64| {
            format!(
                "{{\"time\":\"{time}\",\"line\":\"flow\",\"verdict\":\"allow\",\"name\":\"a.example\",\
                 \"address\":\"192.0.2.1:443\",\"protocol\":\"tls\",\"rule\":\"r\",\"times\":2,\"bytes_out\":{bytes},\
                 \"bytes_in\":1,\"longest\":1.5}}\n"
            )
        };
        let denied = "{\"time\":\"2026-11-22T10:00:00.000Z\",\"line\":\"judged\",\"verdict\":\"deny\",\"mode\":\"enforce\",\
             \"direction\":\"outbound\",\"reason\":\"egress-no-name\",\"protocol\":\"tcp\",\"action\":\"connect\",\
             \"resource\":\"tcp://\\u001b[2J:1\"}\n";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let text = [flow("2026-11-22T08:00:00.000Z", 100), flow("2026-11-22T10:00:00.000Z", 7)].concat()
            + denied
            + "no line\n";
        fs::write(&path, text).unwrap();
        let shown = |since: Option<&str>| {
            let options = Options { files: vec![path.clone()], since: since.map(str::to_owned) };
            let mut out = Vec::new();
            read(&options).unwrap().show(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let all = shown(None);
        assert!(all.contains(" 4            107              2      1.5s  r\n"), "{all}");
        assert!(!all.contains('\u{1b}') && all.contains("egress-no-name"), "{all}");
        assert!(shown(Some("2026-11-22T09:00:00.000Z")).contains(" 2              7 "));
        for wrong in [&[][..], &["a", "--since", "x"], &["--what"]] {
            assert!(parse(wrong.iter().map(OsString::from)).is_err());
        }
    }
}
