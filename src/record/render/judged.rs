//! What was judged, or refused before there was a message: an event with its evidence and its SQL.

use super::{Renderer, RevisionPart};
use crate::flow::{Evidence, Outcome, Peer};
use crate::record::Event;
use crate::record::event::{Clipped, Handshake, Sql, cut_name};
use crate::record::statements::What;
use serde::Serialize;

impl Renderer {
    pub(super) fn judged<'a>(&self, event: &'a Event) -> JudgedLine<'a> {
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
            name: self.redactor.clipped(&Clipped::text(&evidence.name)),
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

    pub(super) fn statement<'a>(&self, what: &'a What) -> StatementPart<'a> {
        let texts = |list: &[Box<str>]| list.iter().map(|text| self.redactor.text(text)).collect();
        StatementPart {
            dialect: what.dialect,
            user: self.redactor.text(&what.user),
            database: self.redactor.text(&what.database),
            application: self.redactor.text(&what.application),
            fingerprint: &what.fingerprint,
            asks: texts(&what.asks),
            functions: texts(&what.functions),
        }
    }

    pub(super) fn handshake(&self, refused: &Handshake) -> HandshakeLine {
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
}

#[derive(Serialize)]
pub(super) struct JudgedLine<'a> {
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
pub(super) struct StatementPart<'a> {
    dialect: &'static str,
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
pub(super) struct HandshakeLine {
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

/// W3C Trace Context §3.2: hex digits and dashes. Anything else is no trace, and is not repeated.
fn traceparent(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_that_is_no_trace_is_left_out() {
        assert_eq!(traceparent(b"00-0af7-01"), Some("00-0af7-01"));
        assert_eq!(traceparent(b"00-0af7-01\x1b"), None);
        assert!(traceparent(&[b'0'; 64]).is_some());
        assert!(traceparent(&[b'0'; 65]).is_none());
    }
}
