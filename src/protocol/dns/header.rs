//! The twelve octets that open every message (RFC 1035 §4.1.1, RFC 4035 §3.2).
//!
//! ```text
//! id (16) | QR opcode(4) AA TC RD RA Z AD CD rcode(4) | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT
//! ```

use super::input::Input;
use crate::protocol::Malformed;

/// A response code, extended by EDNS to twelve bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number that pairs answers with queries.
    pub id: u16,
    /// Everything between id and counts.
    pub flags: Flags,
    /// Questions, answers, authorities, additional records.
    pub counts: [u16; 4],
}

/// The second sixteen bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The query could not be read.
    pub const FORMERR: Self = Self(1);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// Not implemented.
    pub const NOTIMP: Self = Self(4);
    /// Refused by policy.
    pub const REFUSED: Self = Self(5);
    /// EDNS version that is not supported (RFC 6891 §9).
    pub const BADVERS: Self = Self(16);
}

impl Flags {
    /// It is an answer.
    pub const QR: u16 = 0x8000;
    /// From who is responsible for the name.
    pub const AA: u16 = 0x0400;
    /// Cut to fit.
    pub const TC: u16 = 0x0200;
    /// Recursion is asked for.
    pub const RD: u16 = 0x0100;
    /// Recursion is to be had.
    pub const RA: u16 = 0x0080;
    /// Validated (RFC 4035 §3.2.3).
    pub const AD: u16 = 0x0020;
    /// Not to be validated (RFC 4035 §3.2.2).
    pub const CD: u16 = 0x0010;

    /// Whether all of these bits are set.
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// RFC 1035 §4.1.1; 0 is a standard query.
    pub fn opcode(self) -> u8 {
        (self.0 >> 11) as u8 & 0x0F
    }

    /// The four bits of the response code that stand here.
    pub fn rcode(self) -> u16 {
        self.0 & 0x000F
    }
}

impl Header {
    pub(super) fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let (id, flags) = (input.u16()?, Flags(input.u16()?));
        Ok(Self { id, flags, counts: [input.u16()?, input.u16()?, input.u16()?, input.u16()?] })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let words = [self.id, self.flags.0].into_iter().chain(self.counts);
        words.for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    }
}

/// The id of a message that cannot be read any further, for the answer that says so.
pub fn id_of(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|id| u16::from_be_bytes(*id))
}
