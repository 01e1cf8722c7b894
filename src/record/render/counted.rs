//! What is counted, so that not everything has a line of its own: statements that ran, flows, what was learned, repetitions.

use super::judged::StatementPart;
use super::{Renderer, timestamp};
use crate::record::line::{Allowed, Executed, Flow, Gap, Learned, Repeat};
use serde::Serialize;

impl Renderer {
    pub(super) fn executed<'a>(&self, executed: &'a Executed) -> impl Serialize + use<'a> {
        #[derive(Serialize)]
        struct ExecutedLine<'a> {
            since: String,
            direction: Option<&'static str>,
            caller: Option<String>,
            verdict: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'static str>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            suspicious: bool,
            rule: Option<String>,
            action: Option<&'static str>,
            original: Option<String>,
            #[serde(flatten)]
            statement: Option<StatementPart<'a>>,
            times: u64,
            failed: u64,
            rows: u64,
            seconds: f64,
            longest: f64,
        }
        let what = executed.statement.as_ref().map(|statement| statement.what());
        let ran = &executed.ran;
        ExecutedLine {
            since: timestamp(executed.since),
            direction: what.map(|what| what.caller.direction().name()),
            caller: what.map(|what| what.caller.to_string()),
            verdict: what.map(|what| if what.reason.is_none() { "allow" } else { "deny" }),
            reason: what.and_then(|what| what.reason),
            suspicious: what.is_some_and(|what| what.suspicious),
            rule: what.and_then(|what| what.rule.as_ref()).map(|rule| self.redactor.text(rule)),
            action: what.map(|what| what.kind),
            original: what.map(|what| self.redactor.clipped(&what.text)),
            statement: what.map(|what| self.statement(what)),
            times: ran.times,
            failed: ran.failed,
            rows: ran.rows,
            seconds: ran.took.as_micros() as f64 / 1e6,
            longest: ran.longest.as_micros() as f64 / 1e6,
        }
    }

    pub(super) fn flow<'a>(&self, flow: &'a Flow) -> impl Serialize + use<'a> {
        #[derive(Serialize)]
        struct FlowLine<'a> {
            since: String,
            direction: &'static str,
            verdict: &'static str,
            from: Option<String>,
            name: Option<String>,
            address: Option<String>,
            protocol: Option<&'static str>,
            rule: Option<&'a str>,
            times: u64,
            bytes_out: u64,
            bytes_in: u64,
            seconds: f64,
            longest: f64,
        }
        let (to, carried) = (flow.to.as_ref(), &flow.carried);
        let granted = to.is_none_or(|to| to.rule.is_some());
        FlowLine {
            since: timestamp(flow.since),
            direction: "outbound",
            verdict: if granted { "allow" } else { "deny" },
            from: to.map(|to| to.from.to_string()),
            name: to.and_then(|to| to.name.as_ref()).map(|name| self.redactor.text(name)),
            address: to.map(|to| to.address.to_string()),
            protocol: to.map(|to| to.protocol),
            rule: to.and_then(|to| to.rule.as_deref()),
            times: carried.times,
            bytes_out: carried.bytes_out,
            bytes_in: carried.bytes_in,
            seconds: carried.lasted.as_millis() as f64 / 1000.0,
            longest: carried.longest.as_millis() as f64 / 1000.0,
        }
    }

    pub(super) fn learned(&self, learned: &Learned) -> impl Serialize + use<> {
        #[derive(Serialize)]
        struct LearnedLine {
            since: String,
            caller: Option<String>,
            #[serde(flatten)]
            asked: Option<AskedPart>,
            requests: u64,
            succeeded: u64,
        }
        #[derive(Serialize)]
        struct AskedPart {
            direction: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            host: Option<String>,
            port: u16,
            action: String,
            path: String,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            websocket: bool,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            absolute_form: bool,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            stream: bool,
        }
        let asked = learned.asked.as_ref().map(|(caller, asked)| AskedPart {
            direction: caller.direction().name(),
            host: asked.host.as_ref().map(|host| self.redactor.text(host)),
            port: asked.port,
            action: self.redactor.text(&asked.action),
            path: self.redactor.text(&asked.path),
            websocket: asked.needs.websocket,
            absolute_form: asked.needs.absolute_form,
            stream: asked.needs.stream,
        });
        LearnedLine {
            since: timestamp(learned.since),
            caller: learned.asked.as_ref().map(|(caller, _)| caller.to_string()),
            asked,
            requests: learned.times.requests,
            succeeded: learned.times.succeeded,
        }
    }
}

pub(super) fn gap_line(gap: &Gap) -> impl Serialize + use<> {
    #[derive(Serialize)]
    struct GapLine {
        lost: u64,
        queue_full: u64,
        over_rate: u64,
        write_failed: u64,
        torn_bytes: u64,
    }
    GapLine {
        lost: gap.queue_full + gap.over_rate + gap.write_failed,
        queue_full: gap.queue_full,
        over_rate: gap.over_rate,
        write_failed: gap.write_failed,
        torn_bytes: gap.torn_bytes,
    }
}

pub(super) fn repeat_line(repeat: &Repeat) -> impl Serialize + use<'_> {
    #[derive(Serialize)]
    struct RepeatLine<'a> {
        direction: &'static str,
        caller: String,
        reason: &'static str,
        kind: &'static str,
        rule: Option<&'a str>,
        count: u64,
        first: String,
        last: String,
    }
    RepeatLine {
        direction: repeat.caller.direction().name(),
        caller: repeat.caller.to_string(),
        reason: repeat.reason.name,
        kind: repeat.reason.kind.name(),
        rule: repeat.rule.as_deref(),
        count: repeat.count,
        first: repeat.first.to_string(),
        last: repeat.last.to_string(),
    }
}

pub(super) fn allowed_line(allowed: &Allowed) -> impl Serialize + use<'_> {
    #[derive(Serialize)]
    struct AllowedLine<'a> {
        since: String,
        direction: Option<&'static str>,
        caller: Option<String>,
        rule: Option<&'a str>,
        requests: u64,
        bytes_in: u64,
        bytes_out: u64,
    }
    AllowedLine {
        since: timestamp(allowed.since),
        direction: allowed.caller.as_ref().map(|caller| caller.direction().name()),
        caller: allowed.caller.as_ref().map(ToString::to_string),
        rule: allowed.rule.as_deref(),
        requests: allowed.requests,
        bytes_in: allowed.bytes_in,
        bytes_out: allowed.bytes_out,
    }
}
