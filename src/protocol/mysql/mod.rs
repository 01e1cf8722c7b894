//! MySQL's and MariaDB's client/server protocol, sans-io: bytes become packets ([`packet`]), the greeting and its answer
//! ([`handshake`]), what a client commands ([`command`]), where the server's answer ends ([`answer`]), what has been prepared
//! ([`prepared`]), what is bound to it ([`values`]), and how the session reads its texts ([`settings`]). A command is answered before the next one goes on, so
//! a denial is an error of our own ([`emit`]) of which the server never hears, and both ends agree on the session.
//!
//! Tolerates: commands that are sent ahead (they wait), any authentication method, packets of 16 MiB and more where values
//! are carried. Rejects: protocol 9 and clients before 4.1, compression, files that no statement names, MariaDB's extensions, character sets in which ASCII is part of other characters, commands that rule the server.

pub mod accesses;
pub mod answer;
pub mod command;
pub mod emit;
pub mod handshake;
pub mod packet;
pub mod prepared;
pub mod settings;
pub mod values;

use super::{Carriage, Protocol};
use crate::flow::{Kind, Reason, Side};

/// What MySQL is, for whoever lists protocols.
pub static PROTOCOL: Protocol =
    Protocol { name: "mysql", speaks_first: Side::Server, identify: handshake::identify, carriage: Carriage::Own };

/// A packet is longer than its kind may be.
pub const LENGTH: Reason = Reason::new("mysql-length", Kind::TooLarge, "a packet is longer than its kind may be");
/// A packet that has no place in the session's state.
pub const STATE: Reason = Reason::new("mysql-state", Kind::Malformed, "a packet has no place where it came");
/// A packet whose content breaks its form.
pub const FORM: Reason = Reason::new("mysql-form", Kind::Malformed, "a packet breaks its form");
/// A version, or a part of the protocol, that is not carried.
pub const UNSUPPORTED: Reason =
    Reason::new("mysql-unsupported", Kind::Unsupported, "this part of the protocol is not carried");
/// The client's character set is one in which bytes of ASCII can be part of another character.
pub const CHARSET: Reason =
    Reason::new("mysql-charset", Kind::Unsupported, "the client's character set cannot be read safely");
/// More prepared statements, or bytes of them, than are followed.
pub const TOO_MANY: Reason =
    Reason::new("limit-mysql-session", Kind::TooMany, "the session holds more statements than are followed");
/// A statement brings more rows than the rule allows that grants it.
pub const ROWS: Reason = Reason::new("mysql-rows", Kind::Policy, "a statement brings more rows than its rule allows");
/// A statement is executed that was never prepared.
pub const UNKNOWN_STATEMENT: Reason =
    Reason::new("mysql-unknown-statement", Kind::Policy, "no statement of this number was prepared in this session");
/// A value that may be a path or a program is longer than what is held to be judged.
pub const VALUE: Reason =
    Reason::new("limit-mysql-value", Kind::TooLarge, "a value that must be judged is longer than may be held");
/// The server asks the client for a file that no statement of the client's names.
pub const INFILE: Reason =
    Reason::new("mysql-local-infile", Kind::Policy, "the server asks the client for a file that no statement names");
/// A way to prove oneself that depends on whether TLS is spoken, which differs between client and server.
pub const AUTHENTICATION: Reason = Reason::new(
    "mysql-authentication",
    Kind::Unsupported,
    "the password would be sent as the other side's kind of connection asks for, and TLS is spoken on only one of the two",
);

/// Bounds on what one session can make us hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a statement: what is judged is held whole.
    pub statement_bytes: usize,
    /// Prepared statements.
    pub statements: usize,
    /// Bytes that are remembered of the values of prepared statements: types, beginnings of what was sent ahead.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statement_bytes: 256 << 10, statements: 4096, value_bytes: 1 << 20 }
    }
}
