//! What came of the demonstration, for people.

use super::caller::{Outcome, Reply};
use super::script::{Expected, Said, Step};
use serde_json::Value;

/// One line of the table.
pub(super) struct Row {
    who: &'static str,
    what: &'static str,
    verdict: String,
    why: String,
    took: String,
    pub(super) as_expected: bool,
}

impl Row {
    /// Joins what the caller saw with what the record says of it.
    pub(super) fn new(step: Step, reply: &Reply, record: &[Value]) -> Self {
        let line = match &reply.event {
            Some(event) => record.iter().find(|line| line["event"] == **event),
            None if step.expected != Expected::Served => unmatched_handshake(&step, record),
            None => None,
        };
        let why = line.map(reason).unwrap_or_default();
        let verdict = match reply.outcome {
            Outcome::Served => "served".to_owned(),
            Outcome::Refused(Said::Http(status)) => format!("refused {status}"),
            Outcome::Refused(Said::Grpc(status)) => format!("grpc status {status}"),
            Outcome::Refused(Said::Close(code)) => format!("closed {code}"),
            Outcome::Nothing => "no connection".to_owned(),
        };
        let as_expected = super::as_expected(&step, reply.outcome, &why);
        let took = format!("{:.2} ms", reply.took.as_secs_f64() * 1000.0);
        Self { who: step.who.name(), what: step.what, verdict, why, took, as_expected }
    }
}

/// A refused handshake names no event to its caller; the record has one line for each, in order.
fn unmatched_handshake<'a>(step: &Step, record: &'a [Value]) -> Option<&'a Value> {
    let wanted = if step.who == super::script::Who::Nobody { "tls-no-certificate" } else { "tls-" };
    let reason = |line: &&Value| line["reason"].as_str().is_some_and(|reason| reason.starts_with(wanted));
    record.iter().filter(|line| line["line"] == "handshake").rfind(reason)
}

fn reason(line: &Value) -> String {
    line["reason"].as_str().unwrap_or_default().to_owned()
}

/// The table.
pub(super) fn render(rows: &[Row]) -> String {
    let mut text = format!("{:<20} {:<38} {:<14} {:<28} {:>9}\n", "CALLER", "REQUEST", "VERDICT", "WHY", "LATENCY");
    for row in rows {
        let mark = if row.as_expected { "" } else { "  <-- not as expected" };
        text.push_str(&format!(
            "{:<20} {:<38} {:<14} {:<28} {:>9}{mark}\n",
            row.who, row.what, row.verdict, row.why, row.took
        ));
    }
    text
}

/// The record's lines, as they were written.
pub(super) fn record(record: &[Value]) -> String {
    let mut text = String::from("\nThe record, one line each:\n\n");
    for line in record {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// One sentence on the whole.
pub(super) fn summary(rows: &[Row], served: usize, seen: &[String]) -> String {
    let expected = rows.iter().filter(|row| row.as_expected).count();
    format!(
        "\n{expected} of {} verdicts as expected; {} requests reached the service, {served} should have.",
        rows.len(),
        seen.len()
    )
}
