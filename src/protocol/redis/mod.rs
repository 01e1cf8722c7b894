//! Redis (RESP2, RESP3, inline commands), sans-io: bytes become commands ([`request`]), commands become what they do to
//! which keys ([`commands`], [`keys`], [`accesses`]), answers pass frame by frame ([`reply`]). One connection is a
//! [`session::Session`].
//!
//! A denied command goes on as a command that no server knows, whose name nobody can guess. The server refuses it where
//! it stands, in a pipeline, in MULTI (EXEC then aborts), while subscribed; its refusal is worded anew for the client.
//! So nothing here counts answers, and nothing can get out of step.
//!
//! Tolerates: both protocol versions, push messages at any time, commands that nobody knows (they ask for their name).
//! Rejects: lengths over a limit before a byte of them is kept, array headers or bulk strings in loose spellings, control
//! characters in inline commands, HTTP, and what makes the connection speak something else (MONITOR, SYNC, PSYNC).

pub mod accesses;
pub mod commands;
pub mod keys;
pub mod reply;
pub mod request;
pub mod session;

use super::exchange::Decoder;
use super::{Carriage, Guess, Protocol};
use crate::flow::{Kind, Reason, Side};

/// What Redis is, for whoever lists protocols.
pub static PROTOCOL: Protocol =
    Protocol { name: "redis", speaks_first: Side::Client, identify, carriage: Carriage::Exchanges(open) };

/// A command or one of its words is longer than may be, or it has more words.
pub const LENGTH: Reason = Reason::new("limit-redis-command", Kind::TooLarge, "a command is longer than it may be");
/// A command that breaks the form of RESP, or an inline command that does.
pub const FORM: Reason = Reason::new("redis-form", Kind::Malformed, "a command breaks its form");
/// An answer that breaks the form of RESP.
pub const ANSWER: Reason = Reason::new("redis-answer", Kind::Malformed, "an answer breaks its form");
/// HTTP on a Redis port: somebody makes another program send what it should not.
pub const HTTP: Reason = Reason::new("redis-http", Kind::Attack, "HTTP is spoken to a Redis port");
/// A command after which the connection speaks something else.
pub const UNSUPPORTED: Reason =
    Reason::new("redis-unsupported", Kind::Unsupported, "this part of the protocol is not carried");

/// Words of one command.
pub const WORDS: usize = 65_536;
/// Bytes of an inline command (as servers allow).
pub const INLINE_BYTES: usize = 64 << 10;
/// Arrays within arrays in an answer; servers nest a handful.
pub const DEPTH: usize = 32;

fn open(command_bytes: usize) -> Box<dyn Decoder> {
    Box::new(session::Session::new(command_bytes))
}

/// An array of bulk strings opens a command. Inline commands are words of people: they are not told by their form.
pub fn identify(bytes: &[u8]) -> Guess {
    let Some((b'*', rest)) = bytes.split_first() else {
        return if bytes.is_empty() { Guess::NeedMore } else { Guess::No };
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = rest.get(digits..).unwrap_or_default();
    match (digits, end) {
        (0..=5, []) => Guess::NeedMore,
        (1..=5, end) if end.starts_with(b"\r\n$") => Guess::Yes,
        (1..=5, end) if b"\r\n$".starts_with(end) => Guess::NeedMore,
        _ => Guess::No,
    }
}
