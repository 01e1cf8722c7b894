//! A line as JSON: the one place that knows how the record is spelled. Everything that a sender chose goes through the
//! redactor on its way.

use super::event::{Handshake, Sql, cut_name};
use super::line::{Allowed, Executed, Flow, Gap, Learned, Panic, Reload, Repeat, Start, Stop};
use super::redact::Redactor;
use super::{Event, Line, Origin, Revision};
use crate::flow::{Evidence, Outcome, Peer};
use crate::record::statements::What;
use serde::Serialize;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::macros::format_description;

/// Spells lines.
#[derive(Debug)]
pub struct Renderer {
    redactor: Redactor,
    origin: Origin,
}

/// What every line says.
#[derive(Serialize)]
struct Whole<'a, T: Serialize> {
    time: String,
    line: &'static str,
    #[serde(flatten)]
    about: T,
    pod: &'a super::Pod,
    version: &'static str,
    build: &'a str,
}

impl Renderer {
    /// Spells lines of `origin`, masked by `redactor`.
    pub fn new(redactor: Redactor, origin: Origin) -> Self {
        Self { redactor, origin }
    }

    /// The line as one JSON object, without a newline.
    pub fn render(&self, line: &Line, now: SystemTime) -> String {
        match line {
            Line::Judged(event) => self.whole(event.time, "judged", self.judged(event)),
            Line::Handshake(refused) => self.whole(refused.time, "handshake", self.handshake(refused)),
            Line::Start(start) => self.whole(start.time, "start", self.start(start)),
            Line::Stop(stop) => self.whole(stop.time, "stop", self.stop(stop)),
            Line::Reload(reload) => self.whole(reload.time, "reload", self.reload(reload)),
            Line::Panic(panic) => self.whole(panic.time, "panic", self.panic(panic)),
            Line::Gap(gap) => self.whole(now, "gap", gap_line(gap)),
            Line::Repeat(repeat) => self.whole(repeat.time, "repeat", repeat_line(repeat)),
            Line::Allowed(allowed) => self.whole(allowed.until, "allowed", allowed_line(allowed)),
            Line::Flow(flow) => self.whole(flow.until, "flow", self.flow(flow)),
            Line::Executed(executed) => self.whole(executed.until, "statement", self.executed(executed)),
            Line::Learned(learned) => self.whole(learned.until, "learned", self.learned(learned)),
        }
    }

    fn whole(&self, time: SystemTime, line: &'static str, about: impl Serialize) -> String {
        let Origin { pod, version, build } = &self.origin;
        let whole = Whole { time: timestamp(time), line, about, pod, version, build };
        // Strings and numbers under string keys: there is nothing that JSON could not say.
        serde_json::to_string(&whole)
            .unwrap_or_else(|error| format!("{{\"line\":\"unwritable\",\"why\":\"{error:?}\"}}"))
    }

    fn judged<'a>(&self, event: &'a Event) -> JudgedLine<'a> {
        let identity = event.peer.identity();
        let redactor = &self.redactor;
        let about = event.revision.about(&event.rules);
        JudgedLine {
            event: event.id.to_string(),
            mode: event.mode.name(),
            verdict: event.verdict(),
            reason: event.denial.map(|denial| denial.reason.name),
            kind: event.denial.map(|denial| denial.reason.kind.name()),
            says: event.denial.map(|denial| denial.reason.says),
            cut: event.denial.map(|denial| cut_name(denial.cut)),
            rules: event.rules.iter().map(|rule| redactor.text(rule)).collect(),
            owner: about.owner.map(|text| redactor.text(&text)),
            purpose: about.reason.map(|text| redactor.text(&text)),
            nearest: event.nearest.as_deref().map(|text| redactor.text(text)),
            caller: identity.map(|identity| identity.id.as_str()),
            certificate: identity.map(|identity| identity.serial.as_str()),
            verified: matches!(event.peer, Peer::Verified(_)),
            from: event.from.to_string(),
            to: event.to.to_string(),
            port: event.port,
            direction: event.direction.name(),
            connection: event.connection.0,
            exchange: event.exchange,
            protocol: event.protocol,
            action: redactor.clipped(&event.action),
            resource: redactor.clipped(&event.resource),
            original: redactor.clipped(&event.original),
            evidence: event.evidence.iter().map(|evidence| self.evidence(evidence)).collect(),
            released: event.released,
            upstream_status: event.upstream_status,
            outcome: event.outcome.map(Outcome::name),
            sql: event.sql.as_ref().map(|sql| self.sql(sql)),
            traceparent: event.traceparent.as_ref().and_then(|text| traceparent(&text.bytes)),
            detail: event.detail.as_ref().map(|text| redactor.clipped(text)),
            revision: RevisionPart::of(&event.revision),
        }
    }

    fn evidence<'a>(&self, evidence: &'a Evidence) -> EvidencePart<'a> {
        let shown = self.redactor.evidence(evidence);
        let hit = &evidence.hit;
        EvidencePart {
            detector: hit.detector,
            signature: &hit.signature,
            place: evidence.place.name(),
            name: self.redactor.clipped(&super::event::Clipped::text(&evidence.name)),
            range: [hit.range.start, hit.range.end],
            chain: evidence.chain.layers().iter().map(|layer| layer.name()).collect(),
            weight: hit.weight.0,
            before: shown.before,
            matched: shown.matched,
            after: shown.after,
        }
    }

    fn sql<'a>(&self, sql: &'a Sql) -> SqlPart<'a> {
        let ended = sql.ended;
        SqlPart {
            statement: self.statement(sql.statement.what()),
            values: sql.values.iter().map(|value| self.redactor.mask(&value.bytes)).collect(),
            rows: ended.map(|ended| ended.rows),
            seconds: ended.map(|ended| ended.took.as_micros() as f64 / 1e6),
            ended: ended.map(|ended| match ended.failed {
                Some(code) => String::from_utf8_lossy(&code).into_owned(),
                None => "completed".to_owned(),
            }),
        }
    }

    fn statement<'a>(&self, what: &'a What) -> StatementPart<'a> {
        let texts = |list: &[Box<str>]| list.iter().map(|text| self.redactor.text(text)).collect();
        StatementPart {
            user: self.redactor.text(&what.user),
            database: self.redactor.text(&what.database),
            application: self.redactor.text(&what.application),
            fingerprint: &what.fingerprint,
            asks: texts(&what.asks),
            functions: texts(&what.functions),
        }
    }

    fn executed<'a>(&self, executed: &'a Executed) -> impl Serialize + use<'a> {
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

    fn handshake(&self, refused: &Handshake) -> HandshakeLine {
        HandshakeLine {
            event: refused.id.to_string(),
            verdict: "deny",
            reason: refused.reason.name,
            kind: refused.reason.kind.name(),
            says: refused.reason.says,
            from: refused.from.to_string(),
            to: refused.to.to_string(),
            claimed: refused.claimed.as_ref().map(|text| self.redactor.clipped(text)),
            detail: refused.detail.as_ref().map(|text| self.redactor.clipped(text)),
        }
    }

    fn texts(&self, list: &[String]) -> Vec<String> {
        list.iter().map(|text| self.redactor.text(text)).collect()
    }

    fn start<'a>(&self, start: &'a Start) -> impl Serialize + use<'a> {
        #[derive(Serialize)]
        struct StartLine<'a> {
            listeners: Vec<String>,
            warnings: Vec<String>,
            #[serde(flatten)]
            revision: RevisionPart<'a>,
        }
        StartLine {
            listeners: self.texts(&start.listeners),
            warnings: self.texts(&start.warnings),
            revision: RevisionPart::of(&start.revision),
        }
    }

    fn stop(&self, stop: &Stop) -> impl Serialize + use<> {
        #[derive(Serialize)]
        struct StopLine {
            why: String,
            cut: u64,
        }
        StopLine { why: self.redactor.text(&stop.why), cut: stop.cut }
    }

    fn reload<'a>(&self, reload: &'a Reload) -> impl Serialize + use<'a> {
        #[derive(Serialize)]
        struct ReloadLine<'a> {
            what: &'static str,
            outcome: &'static str,
            problems: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            warnings: Vec<String>,
            weakens: Vec<String>,
            #[serde(flatten)]
            revision: RevisionPart<'a>,
        }
        ReloadLine {
            what: reload.what,
            outcome: if reload.problems.is_empty() { "ok" } else { "failed" },
            problems: self.texts(&reload.problems),
            warnings: self.texts(&reload.warnings),
            weakens: self.texts(&reload.weakens),
            revision: RevisionPart::of(&reload.revision),
        }
    }

    fn flow<'a>(&self, flow: &'a Flow) -> impl Serialize + use<'a> {
        #[derive(Serialize)]
        struct FlowLine<'a> {
            since: String,
            direction: &'static str,
            verdict: &'static str,
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

    fn learned(&self, learned: &Learned) -> impl Serialize + use<> {
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

    fn panic(&self, panic: &Panic) -> impl Serialize + use<> {
        #[derive(Serialize)]
        struct PanicLine {
            event: String,
            message: String,
            caller: Option<String>,
        }
        PanicLine {
            event: panic.id.to_string(),
            message: self.redactor.text(&panic.message),
            caller: panic.caller.as_ref().map(ToString::to_string),
        }
    }
}

/// RFC 3339 in UTC, to the millisecond.
pub fn timestamp(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(time).format(format).unwrap_or_default()
}

#[derive(Serialize)]
struct JudgedLine<'a> {
    event: String,
    mode: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'static str>,
    rules: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
    verified: bool,
    from: String,
    to: String,
    port: u16,
    direction: &'static str,
    connection: u64,
    exchange: u64,
    protocol: &'static str,
    action: String,
    resource: String,
    original: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidencePart<'a>>,
    released: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<SqlPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    revision: RevisionPart<'a>,
}

#[derive(Serialize)]
struct SqlPart<'a> {
    #[serde(flatten)]
    statement: StatementPart<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
}

#[derive(Serialize)]
struct StatementPart<'a> {
    user: String,
    database: String,
    application: String,
    fingerprint: &'a str,
    asks: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    functions: Vec<String>,
}

#[derive(Serialize)]
struct EvidencePart<'a> {
    detector: &'static str,
    signature: &'a str,
    place: &'static str,
    name: String,
    range: [usize; 2],
    chain: Vec<&'static str>,
    weight: u16,
    before: String,
    matched: String,
    after: String,
}

#[derive(Serialize)]
struct HandshakeLine {
    event: String,
    verdict: &'static str,
    reason: &'static str,
    kind: &'static str,
    says: &'static str,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct RevisionPart<'a> {
    policy: &'a str,
    signatures: &'a str,
    generation: u64,
}

impl<'a> RevisionPart<'a> {
    fn of(revision: &'a Revision) -> Self {
        Self { policy: &revision.policy, signatures: &revision.signatures, generation: revision.generation }
    }
}

fn gap_line(gap: &Gap) -> impl Serialize + use<> {
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

fn repeat_line(repeat: &Repeat) -> impl Serialize + use<'_> {
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

fn allowed_line(allowed: &Allowed) -> impl Serialize + use<'_> {
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

/// W3C Trace Context §3.2: hex digits and dashes. Anything else is no trace, and is not repeated.
fn traceparent(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Hit, Part, Place, Weight};
    use crate::record::event::tests::{denied, noon};

    fn render(line: &Line) -> serde_json::Value {
        let origin = Origin {
            pod: crate::record::Pod { name: "cart-0".into(), ..Default::default() },
            version: "0.1.0",
            build: "b".into(),
        };
        let text = Renderer::new(Redactor::new(&[0; 32]), origin).render(line, noon());
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn denial_says_who_did_what() {
        let line = render(&Line::Judged(Box::new(denied("/admin?token=abc"))));
        assert_eq!(line["time"], "2026-09-21T14:13:20.000Z");
        assert_eq!(line["reason"], "policy-no-rule");
        assert_eq!(line["caller"], "spiffe://cluster.local/ns/shop/sa/cart");
        assert_eq!(line["certificate"], "0a1b");
        assert_eq!(line["pod"]["name"], "cart-0");
        assert!(!line.to_string().contains("abc"));
    }

    #[test]
    fn evidence_carries_its_place_range_chain() {
        let mut event = denied("/");
        let part = Part::plain(Place::QueryValue, b"q\x1b", b"1 OR 1=1");
        let hit = Hit { detector: "sql", signature: "sql-tautology".into(), range: 2..8, weight: Weight::CERTAIN };
        event.evidence.push(Evidence::of(&part, hit));
        let line = render(&Line::Judged(Box::new(event)));
        let evidence = &line["evidence"][0];
        assert_eq!(evidence["matched"], "OR 1=1");
        assert_eq!(evidence["name"], "q\\u{1b}");
        assert_eq!(evidence["range"], serde_json::json!([2, 8]));
    }

    #[test]
    fn trace_that_is_no_trace_is_left_out() {
        assert_eq!(traceparent(b"00-0af7-01"), Some("00-0af7-01"));
        assert_eq!(traceparent(b"00-0af7-01\x1b"), None);
        assert!(traceparent(&[b'0'; 64]).is_some());
        assert!(traceparent(&[b'0'; 65]).is_none());
    }
}
