//! Answers of our own: refused, no such name, could not be read.

use super::edns::{Edns, ExtendedError};
use super::emit;
use super::header::{Flags, Header, Rcode};
use super::query::{self, Query};
use crate::flow::{Kind, Reason};

/// What the client is told instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The response code.
    pub code: Rcode,
    /// Why, for clients that know EDNS.
    pub why: Option<ExtendedError>,
}

impl Refusal {
    /// Writes the answer to `query`: no record, never cached for long because there is no SOA record (RFC 2308 §5).
    pub fn emit(&self, query: &Query, out: &mut Vec<u8>) {
        let flags = Flags::QR | Flags::RA | query.flags.0 & (Flags::RD | Flags::CD) | self.code.0 & 0x0F;
        let extra = u16::from(query.edns.is_some());
        Header { id: query.id, flags: Flags(flags), counts: [1, 0, 0, extra] }.emit(out);
        emit::question(out, &query.name, query.of);
        if query.edns.is_some() {
            let [_, code] = (self.code.0 >> 4).to_be_bytes();
            let errors = self.why.iter().cloned().collect();
            Edns { code, errors, ..Edns::ours(query.dnssec()) }.emit(out);
        }
    }
}

/// Writes the answer to a query that could not be read but for its number: a header alone.
pub fn unreadable(id: u16, code: Rcode, out: &mut Vec<u8>) {
    Header { id, flags: Flags(Flags::QR | code.0 & 0x0F), counts: [0; 4] }.emit(out);
}

/// The response code for a query that broke this rule.
pub fn code(why: Reason) -> Rcode {
    match why.kind {
        _ if why == query::OPCODE => Rcode::NOTIMP,
        Kind::Unsupported => Rcode::REFUSED,
        _ => Rcode::FORMERR,
    }
}
