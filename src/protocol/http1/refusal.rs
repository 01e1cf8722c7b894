//! Our own answers: which status a reason gets, and the small response that says no more than that and the event's id.

use super::emit;
use super::{Framing, scan};
use crate::flow::{Kind, Reason};
use crate::protocol::grpc::Flavour;

/// The status that answers a refusal.
pub fn status(why: &Reason) -> u16 {
    match why.kind {
        Kind::Policy | Kind::Attack => 403,
        Kind::Malformed | Kind::Tls => 400,
        Kind::Unsupported if *why == super::line::VERSION => 505,
        Kind::Unsupported if *why == super::request::EXPECT => 417,
        Kind::Unsupported => 501,
        Kind::TooLarge if *why == scan::TARGET_BYTES => 414,
        Kind::TooLarge if is_of_head(why) => 431,
        Kind::TooLarge => 413,
        Kind::TooSlow => 408,
        // What all callers share is used up; what one caller may have is another matter.
        Kind::TooMany if matches!(why.name, "limit-connections" | "limit-held-bytes") => 503,
        Kind::TooMany => 429,
        Kind::Upstream if why.name.ends_with("-timeout") => 504,
        Kind::Upstream if why.name.ends_with("-connect") || why.name == "upstream-circuit-open" => 503,
        Kind::Upstream => 502,
        Kind::Ours => 503,
    }
}

fn is_of_head(why: &Reason) -> bool {
    [scan::HEAD_BYTES, scan::HEADER_BYTES, scan::HEADERS, super::trailers::TRAILER_BYTES, super::trailers::TRAILERS]
        .contains(why)
}

/// An answer of our own. It names the event, and nothing of ours.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// 400 to 599.
    pub status: u16,
    /// The event's id, for `x-podwall-event` and the text.
    pub event: &'a str,
    /// Whether the connection ends with it.
    pub close: bool,
    /// Seconds after which asking again may succeed, for `retry-after` (RFC 9110 §10.2.3) and gRPC's
    /// `grpc-retry-pushback-ms`, which its clients obey when they retry by themselves.
    pub retry_after: Option<u64>,
    /// Whether the request was HEAD: the text is left out.
    pub head: bool,
    /// The status of gRPC, where that is spoken, and in which way: it stands in fields, and the HTTP status is 200.
    pub grpc: Option<(u8, Flavour)>,
}

impl Refusal<'_> {
    /// An answer without content, whose trailers stand in its head.
    fn write_grpc(&self, out: &mut Vec<u8>, (status, flavour): (u8, Flavour), event: &str) {
        emit::status_line(out, 200, b"OK");
        emit::ours(out, "content-type", flavour.content_type());
        if let Some(seconds) = self.retry_after {
            emit::ours(out, "retry-after", &seconds.to_string());
            emit::ours(out, "grpc-retry-pushback-ms", &seconds.saturating_mul(1000).to_string());
        }
        grpc_fields(status, event).iter().for_each(|(name, value)| emit::ours(out, name, value));
        emit::ours(out, "x-podwall-event", event);
        emit::framing(out, Framing::Length(0));
        if self.close {
            emit::ours(out, "connection", "close");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes the whole response.
    pub fn write(&self, out: &mut Vec<u8>) {
        let phrase = phrase(self.status);
        let event: String =
            self.event.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        if let Some(grpc) = self.grpc {
            return self.write_grpc(out, grpc, &event);
        }
        let body = format!("{{\"status\":{},\"error\":\"{phrase}\",\"event\":\"{event}\"}}\n", self.status);
        emit::status_line(out, self.status, phrase.as_bytes());
        emit::ours(out, "content-type", "application/json");
        emit::ours(out, "cache-control", "no-store");
        emit::ours(out, "x-podwall-event", &event);
        if let Some(seconds) = self.retry_after {
            emit::ours(out, "retry-after", &seconds.to_string());
        }
        emit::framing(out, Framing::Length(body.len() as u64));
        if self.close {
            emit::ours(out, "connection", "close");
        }
        out.extend_from_slice(b"\r\n");
        if !self.head {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

/// What a gRPC client is told: a status, and the event's id as its message.
pub fn grpc_fields(status: u8, event: &str) -> [(&'static str, String); 2] {
    [("grpc-status", status.to_string()), ("grpc-message", format!("refused, event {event}"))]
}

/// RFC 9110 §15.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    }
}
