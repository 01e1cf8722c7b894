//! Floor 1: bytes become messages. Every codec is sans-io: slices in, values out, nothing waits, nothing is read or
//! written. What breaks a rule is [`Malformed`], with the name of the rule.

pub mod body;
pub mod dns;
pub mod exchange;
pub mod forwarded;
pub mod grpc;
pub mod head;
pub mod hello;
pub mod http1;
pub mod http2;
pub mod identify;
pub mod mysql;
pub mod names;
pub mod postgres;
pub mod protobuf;
pub mod redis;
pub mod websocket;

use crate::flow::{Kind, Reason, Side};

/// A rule of the protocol was broken: where, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Offset into the bytes given to the decoder; as near as is known.
    pub at: usize,
    /// The rule.
    pub why: Reason,
}

impl Malformed {
    /// The rule `why`, broken at `at`.
    pub const fn new(at: usize, why: Reason) -> Self {
        Self { at, why }
    }

    /// The same rule, broken by the upstream: the client is told 502, and not that it was at fault.
    #[must_use]
    pub const fn by_upstream(self) -> Self {
        Self { at: self.at, why: Reason { kind: Kind::Upstream, ..self.why } }
    }
}

/// What a protocol is, for identification and for whoever lists protocols. One constant each.
#[derive(Debug)]
pub struct Protocol {
    /// The word that configuration, records and metrics use.
    pub name: &'static str,
    /// Who sends the first byte.
    pub speaks_first: Side,
    /// Whether bytes of that side open this protocol.
    pub identify: fn(&[u8]) -> Guess,
    /// How it is carried.
    pub carriage: Carriage,
}

/// How a protocol is carried.
#[derive(Clone, Copy, Debug)]
pub enum Carriage {
    /// By a carrier of its own.
    Own,
    /// As questions and answers, each message of a client at most so many bytes long.
    Exchanges(fn(usize) -> Box<dyn exchange::Decoder>),
}

/// What the first bytes of a connection say about a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// It is this protocol.
    Yes,
    /// It is not.
    No,
    /// Too few bytes to tell.
    NeedMore,
}

/// Every protocol that is understood, tried in this order.
pub static PROTOCOLS: &[&Protocol] =
    &[&http2::PROTOCOL, &http1::PROTOCOL, &postgres::PROTOCOL, &mysql::PROTOCOL, &dns::PROTOCOL, &redis::PROTOCOL];

/// A decoder of a registered protocol that is carried as questions and answers, for messages of at most so many bytes.
pub fn exchanges(name: &str, most_bytes: usize) -> Option<Box<dyn exchange::Decoder>> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name).and_then(|protocol| match protocol.carriage {
        Carriage::Exchanges(open) => Some(open(most_bytes)),
        Carriage::Own => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names.iter().skip(at + 1).any(|other| other == name)));
    }
}
