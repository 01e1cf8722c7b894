//! Queries: one question, and what we carry on of its surroundings.

use super::edns::{self, Edns};
use super::emit;
use super::header::{Flags, Header};
use super::input::Input;
use super::name::Name;
use super::{Class, MIN_UDP, Type};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;

/// It says that it is an answer.
pub const NO_QUERY: Reason = Reason::new("dns-not-a-query", Kind::Malformed, "an answer where a query belongs");
/// It is no standard query: a status, notification or update.
pub const OPCODE: Reason = Reason::new("dns-opcode", Kind::Unsupported, "an opcode other than a standard query");
/// QDCOUNT is not 1.
pub const QUESTIONS: Reason = Reason::new("dns-question-count", Kind::Malformed, "not exactly one question");
/// A query that is cut, or brings answers or authorities.
pub const RECORDS: Reason =
    Reason::new("dns-query-records", Kind::Malformed, "a query that is truncated or brings answers or authorities");
/// A query brings an additional record that is no OPT.
pub const ADDITIONAL: Reason =
    Reason::new("dns-query-additional", Kind::Unsupported, "a query with an additional record other than OPT");
/// Another class than IN.
pub const CLASS: Reason = Reason::new("dns-class", Kind::Unsupported, "a class other than IN");
/// The question asks for a type that is none.
pub const TYPE: Reason = Reason::new("dns-question-type", Kind::Malformed, "a question for type 0 or OPT");

/// A query that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its number.
    pub id: u16,
    /// RD, AD and CD as the client set them; nothing else travels.
    pub flags: Flags,
    /// The name asked for, in the client's letter case.
    pub name: Name,
    /// The type asked for.
    pub of: Type,
    /// What the client said in an OPT record.
    pub edns: Option<Edns>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::new(message);
        let header = Header::read(&mut input)?;
        check(&header).map_err(|why| input.fault(why))?;
        let (name, of, class) = question(&mut input)?;
        if of.0 == 0 || of == Type::OPT {
            return Err(input.fault(TYPE));
        }
        if class != Class::IN {
            return Err(input.fault(CLASS));
        }
        let mut opt = None;
        for _ in 0..header.counts[3] {
            let found = read_opt(&mut input)?;
            if opt.replace(found).is_some() {
                return Err(input.fault(edns::SECOND));
            }
        }
        let flags = Flags(header.flags.0 & (Flags::RD | Flags::AD | Flags::CD));
        Ok(Self { id: header.id, flags, name, of, edns: opt })
    }

    /// The largest answer that the client takes over UDP.
    pub fn udp_bytes(&self) -> usize {
        usize::from(self.edns.as_ref().map_or(MIN_UDP, |edns| edns.udp_bytes))
    }

    /// Whether DNSSEC records are wanted.
    pub fn dnssec(&self) -> bool {
        self.edns.as_ref().is_some_and(|edns| edns.dnssec)
    }

    /// Writes it anew, for an upstream: its question and flags, under another number, with our own OPT record.
    pub fn emit(&self, id: u16, out: &mut Vec<u8>) {
        Header { id, flags: self.flags, counts: [1, 0, 0, 1] }.emit(out);
        emit::question(out, &self.name, self.of);
        Edns::ours(self.dnssec()).emit(out);
    }
}

fn check(header: &Header) -> Result<(), Reason> {
    let [questions, answers, authorities, _] = header.counts;
    match header.flags {
        flags if flags.has(Flags::QR) => Err(NO_QUERY),
        flags if flags.opcode() != 0 => Err(OPCODE),
        flags if flags.has(Flags::TC) || flags.rcode() != 0 || answers > 0 || authorities > 0 => Err(RECORDS),
        _ if questions != 1 => Err(QUESTIONS),
        _ => Ok(()),
    }
}

pub(super) fn question(input: &mut Input<'_>) -> Result<(Name, Type, Class), Malformed> {
    Ok((input.name()?, Type(input.u16()?), Class(input.u16()?)))
}

fn read_opt(input: &mut Input<'_>) -> Result<Edns, Malformed> {
    let (owner, of) = (input.name()?, Type(input.u16()?));
    if of != Type::OPT {
        return Err(input.fault(ADDITIONAL));
    }
    if !owner.is_root() {
        return Err(input.fault(edns::OWNER));
    }
    let (class, ttl, length) = (input.u16()?, input.u32()?, input.u16()?);
    Edns::read(class, ttl, &mut input.part(usize::from(length))?)
}
