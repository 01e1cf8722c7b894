//! The lines after the last chunk (RFC 9112 §7.1.2). Held until they are complete, within their limit; what belongs to
//! a head (framing, routing, identity, content) is refused here by name, so that no server merges it into one.

use super::fields::Field;
use super::scan::BARE_LF;
use super::{Limits, MAX_HEADERS, Span, line};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::head::Header;
use crate::protocol::names::{self, Name};

/// The trailers are over their limit.
pub const TRAILER_BYTES: Reason =
    Reason::new("http1-trailers-too-large", Kind::TooLarge, "the trailers are over their limit");
/// There are too many trailer lines.
pub const TRAILERS: Reason =
    Reason::new("http1-too-many-trailers", Kind::TooLarge, "more trailer lines than headers allowed");
/// A trailer that belongs to a head.
pub const FORBIDDEN: Reason =
    Reason::new("http1-trailer-forbidden", Kind::Malformed, "a trailer that only a head may have");

/// The trailers of a body, in order.
#[derive(Clone, Debug, Default)]
pub struct Trailers {
    block: Vec<u8>,
    fields: Vec<Field>,
}

impl Trailers {
    /// Every trailer line.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        self.fields.iter().map(|field| field.view(&self.block))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Collects trailer lines until their empty line.
#[derive(Clone, Debug)]
pub(super) struct Block {
    limit: usize,
    count: usize,
    read: Trailers,
}

impl Block {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limit: limits.trailer_bytes, count: limits.headers.min(MAX_HEADERS), read: Trailers::default() }
    }

    pub(super) fn read(&self) -> &Trailers {
        &self.read
    }

    /// Takes bytes up to the end of a line, or of the input. Gives how many, and whether the empty line is among them.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        /// What the empty line adds is not counted.
        const EMPTY_LINE: usize = 2;
        let line = memchr::memchr(b'\n', input).map_or(input, |feed| input.get(..=feed).unwrap_or(input));
        let block = &mut self.read.block;
        let room = (self.limit + EMPTY_LINE).saturating_sub(block.len());
        if line.len() > room {
            return Err(Malformed::new(room, TRAILER_BYTES));
        }
        block.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            return Ok((line.len(), false));
        }
        if !block.ends_with(b"\r\n") {
            return Err(Malformed::new(line.len() - 1, BARE_LF));
        }
        if *block != b"\r\n" && !block.ends_with(b"\r\n\r\n") {
            return Ok((line.len(), false));
        }
        self.complete().map_err(|fault| Malformed::new(line.len() - 1, fault))?;
        Ok((line.len(), true))
    }

    fn complete(&mut self) -> Result<(), Reason> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let Trailers { block, fields } = &mut self.read;
        let room = headers.get_mut(..self.count).unwrap_or_default();
        let parsed = match httparse::parse_headers(block, room) {
            Ok(httparse::Status::Complete((len, parsed))) if len == block.len() => parsed,
            Err(httparse::Error::TooManyHeaders) => return Err(TRAILERS),
            _ => return Err(line::fault_in_fields(block, 0).why),
        };
        for header in parsed {
            let name = header.name.as_bytes();
            let known = names::known(name);
            if is_forbidden(name, known) {
                return Err(FORBIDDEN);
            }
            let value = Span::of(block, header.value, 0);
            fields.push(Field { name: Span::of(block, name, 0), value, known, dropped: false });
        }
        Ok(())
    }
}

fn is_forbidden(name: &[u8], known: Option<&'static Name>) -> bool {
    known.is_some_and(Name::is_head_only)
        || names::is_guarded(name)
        || (names::is_odd(name) && names::folds_onto_known(name))
}
