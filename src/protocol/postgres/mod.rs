//! PostgreSQL's frontend/backend protocol 3.0, sans-io: bytes become messages ([`frame`]), a connection's first message
//! ([`startup`]), what a client asks ([`front`]), what a server answers ([`back`]), both in one piece ([`round`]), and what
//! both have agreed on so far ([`session`]). What is denied is replaced towards the server by a statement that surely
//! fails ([`emit`]), so that both ends agree on the state of the session, whatever the position.
//!
//! Tolerates: minor versions that the server is left to negotiate, startup settings, any authentication method.
//! Rejects: lengths over a named limit before a byte of them is kept, messages that are unknown or out of state, requests
//! for GSS encryption (answered with no), replication, copying in both directions.

pub mod accesses;
pub mod back;
mod catalogue;
pub mod emit;
pub mod frame;
pub mod front;
pub mod path;
pub mod prepared;
pub mod round;
pub mod session;
pub mod startup;

use super::{Carriage, Protocol};
use crate::flow::{Kind, Reason, Side};

/// What PostgreSQL is, for whoever lists protocols.
pub static PROTOCOL: Protocol =
    Protocol { name: "postgres", speaks_first: Side::Client, identify: startup::identify, carriage: Carriage::Own };

/// A message's length is impossible, or larger than its kind may be.
pub const LENGTH: Reason = Reason::new("postgres-length", Kind::TooLarge, "a message is longer than its kind may be");
/// A message of a kind that is not known, or that has no place in the session's state.
pub const STATE: Reason = Reason::new("postgres-state", Kind::Malformed, "a message has no place where it came");
/// A message whose content breaks its form.
pub const FORM: Reason = Reason::new("postgres-form", Kind::Malformed, "a message breaks its form");
/// A protocol version, or a part of the protocol, that is not carried.
pub const UNSUPPORTED: Reason =
    Reason::new("postgres-unsupported", Kind::Unsupported, "this part of the protocol is not carried");
/// The client's encoding is one in which bytes of ASCII can be part of a character.
pub const ENCODING: Reason =
    Reason::new("postgres-encoding", Kind::Unsupported, "the client's encoding cannot be read safely");
/// More prepared statements, portals or unanswered messages than are followed.
pub const TOO_MANY: Reason = Reason::new(
    "limit-postgres-session",
    Kind::TooMany,
    "the session holds more statements, portals or unanswered messages than are followed",
);
/// A statement brings more rows than the rule allows that grants it.
pub const ROWS: Reason =
    Reason::new("postgres-rows", Kind::Policy, "a statement brings more rows than its rule allows");
/// A statement is executed that was never seen.
pub const UNKNOWN_STATEMENT: Reason =
    Reason::new("postgres-unknown-statement", Kind::Policy, "no statement of this name was prepared in this session");

/// A value that is SQL, a path or a program is longer than what is held to be judged.
pub const VALUE: Reason =
    Reason::new("limit-postgres-value", Kind::TooLarge, "a value that must be judged is longer than may be held");

/// Bounds on what one session can make us hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a statement: what is judged is held whole.
    pub statement_bytes: usize,
    /// Bytes of a message that binds values: its names, or more where values are to be judged.
    pub bind_bytes: usize,
    /// Prepared statements and portals, together.
    pub names: usize,
    /// Messages that the server has not answered.
    pub unanswered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statement_bytes: 256 << 10, bind_bytes: frame::BIND_NAMES, names: 4096, unanswered: 65_536 }
    }
}
