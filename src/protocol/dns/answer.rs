//! Answers: every record of every section, understood or refused; written anew for the client.

use super::edns::{self, Edns, ExtendedError};
use super::emit::{self, Writer};
use super::header::{Flags, Header, Rcode};
use super::input::Input;
use super::name::Name;
use super::query::{self, Query};
use super::record::{Data, Record};
use super::{Class, Type};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;

/// It says that it is a query.
pub const NO_ANSWER: Reason = Reason::new("dns-not-an-answer", Kind::Malformed, "a query where an answer belongs");
/// More records than are ever needed.
pub const RECORDS: Reason = Reason::new("dns-too-many-records", Kind::TooLarge, "more records than an answer may have");
/// There are bytes after the last record.
pub const TRAILING: Reason = Reason::new("dns-trailing-bytes", Kind::Malformed, "bytes after an answer's last record");

/// Records of all sections together. A message of 64 KiB could hold 5,957 of the smallest; the largest answers known
/// have some hundreds.
pub const MAX_RECORDS: usize = 2048;

/// An answer that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its number.
    pub id: u16,
    /// Its flags; the response code's lower bits are in `code`.
    pub flags: Flags,
    /// The response code, all twelve bits.
    pub code: Rcode,
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub of: Type,
    /// The class asked for.
    pub class: Class,
    /// What was asked for.
    pub answers: Vec<Record>,
    /// Who is responsible.
    pub authorities: Vec<Record>,
    /// What may help, without the OPT record.
    pub additional: Vec<Record>,
    /// What the server said in its OPT record.
    pub edns: Option<Edns>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::new(message);
        let header = Header::read(&mut input)?;
        check(&header).map_err(|why| input.fault(why))?;
        let (name, of, class) = query::question(&mut input)?;
        let [_, answers, authorities, additional] = header.counts;
        let mut sections = Sections::default();
        let answers = sections.read(answers, &mut input, false)?;
        let authorities = sections.read(authorities, &mut input, false)?;
        let additional = sections.read(additional, &mut input, true)?;
        if !input.is_empty() {
            return Err(input.fault(TRAILING));
        }
        let edns = sections.edns;
        let code = edns.as_ref().map_or(Rcode(header.flags.rcode()), |edns| edns.extended(header.flags.rcode()));
        let flags = header.flags;
        Ok(Self { id: header.id, flags, code, name, of, class, answers, authorities, additional, edns })
    }

    /// Whether it answers what `query` asked.
    pub fn answers(&self, query: &Query) -> bool {
        self.name == query.name && self.of == query.of && self.class == Class::IN
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.answers.iter().chain(&self.authorities).chain(&self.additional)
    }

    /// Every record, to be changed.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.answers.iter_mut().chain(&mut self.authorities).chain(&mut self.additional)
    }

    /// Writes it for the client who asked `query`, in at most `limit` bytes; what is longer is cut, and says so.
    /// `age` seconds are taken off every TTL.
    pub fn emit(&self, query: &Query, age: u32, limit: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let edns = query.edns.as_ref().map(|_| self.edns_for(query));
        let extra = u16::from(edns.is_some());
        let mut flags = self.flags.0 & Flags::AA | Flags::QR | Flags::RA | query.flags.0 & (Flags::RD | Flags::CD);
        if query.dnssec() || query.flags.has(Flags::AD) {
            flags |= self.flags.0 & Flags::AD;
        }
        let code = if edns.is_some() { self.code.0 } else { self.code_without_edns() };
        let head =
            |truncated: u16, counts| Header { id: query.id, flags: Flags(flags | truncated | code & 0x0F), counts };
        let counts = [1, count(&self.answers), count(&self.authorities), count(&self.additional) + extra];
        head(self.flags.0 & Flags::TC, counts).emit(out);
        emit::question(out, &query.name, query.of);
        let mut writer = Writer::new(out, start, &query.name);
        self.records().for_each(|record| writer.record(record, age));
        edns.iter().for_each(|edns| edns.emit(out));
        if out.len() - start > limit {
            out.truncate(start);
            head(Flags::TC, [1, 0, 0, extra]).emit(out);
            emit::question(out, &query.name, query.of);
            edns.iter().for_each(|edns| edns.emit(out));
        }
    }

    fn edns_for(&self, query: &Query) -> Edns {
        let errors = self.edns.iter().flat_map(|edns| edns.errors.iter().cloned()).take(MAX_ERRORS).collect();
        let [_, code] = (self.code.0 >> 4).to_be_bytes();
        Edns { code, errors, ..Edns::ours(query.dnssec()) }
    }

    /// A client that knows no EDNS knows no code above 15.
    fn code_without_edns(&self) -> u16 {
        if self.code.0 > 0x0F { Rcode::SERVFAIL.0 } else { self.code.0 }
    }

    /// Adds an extended error.
    pub fn explain(&mut self, error: ExtendedError) {
        self.edns.get_or_insert_default().errors.insert(0, error);
    }

    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let record = |record: &Record| size_of::<Record>() + record.owner.wire().len() + record.data.bytes();
        size_of::<Self>() + self.name.wire().len() + self.records().map(record).sum::<usize>()
    }
}

/// Extended errors carried on of one answer.
const MAX_ERRORS: usize = 4;

fn check(header: &Header) -> Result<(), Reason> {
    let [questions, ..] = header.counts;
    match header.flags {
        flags if !flags.has(Flags::QR) => Err(NO_ANSWER),
        flags if flags.opcode() != 0 => Err(query::OPCODE),
        _ if questions != 1 => Err(query::QUESTIONS),
        _ if header.counts.iter().map(|count| usize::from(*count)).sum::<usize>() > MAX_RECORDS + 1 => Err(RECORDS),
        _ => Ok(()),
    }
}

fn count(records: &[Record]) -> u16 {
    u16::try_from(records.len()).unwrap_or(u16::MAX)
}

#[derive(Default)]
struct Sections {
    edns: Option<Edns>,
}

impl Sections {
    fn read(&mut self, count: u16, input: &mut Input<'_>, additional: bool) -> Result<Vec<Record>, Malformed> {
        // A record takes at least eleven bytes: a false count reserves nothing.
        let mut records = Vec::with_capacity(usize::from(count).min(input.len() / 11));
        for _ in 0..count {
            let (owner, of) = (input.name()?, Type(input.u16()?));
            let (class, ttl, length) = (input.u16()?, input.u32()?, input.u16()?);
            let mut data = input.part(usize::from(length))?;
            if of == Type::OPT {
                self.opt(&owner, class, ttl, &mut data, additional)?;
                continue;
            }
            let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
            records.push(Record { owner, of, class: Class(class), ttl, data: Data::read(of, &mut data)? });
        }
        Ok(records)
    }

    fn opt(
        &mut self,
        owner: &Name,
        class: u16,
        ttl: u32,
        data: &mut Input<'_>,
        additional: bool,
    ) -> Result<(), Malformed> {
        if !owner.is_root() {
            return Err(data.fault(edns::OWNER));
        }
        let read = Edns::read(class, ttl, data)?;
        match self.edns.replace(read) {
            None if additional => Ok(()),
            _ => Err(data.fault(edns::SECOND)),
        }
    }
}
