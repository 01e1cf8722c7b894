//! A line as JSON: the one place that knows how the record is spelled. Everything that a sender chose goes through the
//! redactor on its way.

mod counted;
mod judged;

use super::line::{Panic, Reload, Start, Stop};
use super::redact::Redactor;
use super::{Line, Origin, Revision};
use counted::{allowed_line, gap_line, repeat_line};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Evidence, Hit, Part, Place, Weight};
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
}
