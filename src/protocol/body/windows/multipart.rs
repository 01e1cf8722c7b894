//! Multipart bodies: headers are read as in whole bodies, contents pass in windows. A transfer encoding or a multipart
//! body within is not undone here: what it holds is judged as it stands.

use super::text::extent;
use super::{OVERLAP_BYTES, all_but_overlap, mark};
use crate::flow::{Kind, Place, Reason};
use crate::protocol::Malformed;
use crate::protocol::body::collect::Parts;
use crate::protocol::body::multipart::{self, Cutter};
use crate::protocol::body::{Limits, entity, opaque, sniff};
use std::borrow::Cow;

/// Headers of one entity that do not end within [`OVERLAP_BYTES`].
pub(in crate::protocol::body) const HEADERS_TOO_LONG: Reason =
    Reason::new("multipart-headers-bytes", Kind::TooLarge, "the headers of a streamed multipart entity are too long");

/// A multipart body that passes in pieces.
#[derive(Debug)]
pub(super) struct Multipart {
    cutter: Cutter,
    state: State,
    entities: usize,
    /// Whether the window begins at the start of a line.
    at_line: bool,
}

#[derive(Debug)]
enum State {
    /// Before the first boundary, or behind the last.
    Outside { closed: bool },
    /// In the headers of an entity.
    Headers,
    /// In its content.
    Content { name: Vec<u8>, place: Place, begun: bool, binary: bool },
}

/// What became of a look at the rest of the window.
enum Step {
    /// Went on to this offset.
    On(usize),
    /// Needs more bytes; finished up to this offset.
    Need(usize),
}

impl Multipart {
    pub(super) fn new(boundary: &[u8]) -> Self {
        let state = State::Outside { closed: false };
        Self { cutter: Cutter::new(boundary), state, entities: 0, at_line: true }
    }

    /// Adds what the window holds; how much of it is finished.
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        loop {
            let step = match self.state {
                State::Headers => self.headers(text, at, parts, limits)?,
                _ => self.content(text, at, last, parts, limits)?,
            };
            match step {
                Step::On(next) => at = next,
                Step::Need(done) if last => return self.end(done, text),
                Step::Need(done) => {
                    self.at_line =
                        done == 0 && self.at_line || text.get(..done).is_some_and(|text| text.ends_with(b"\n"));
                    return Ok(done);
                }
            }
        }
    }

    fn end(&self, done: usize, text: &[u8]) -> Result<usize, Malformed> {
        let why = match self.state {
            State::Outside { closed: true } => return Ok(done),
            State::Outside { closed: false } => multipart::NO_DELIMITER,
            State::Headers | State::Content { .. } => multipart::UNCLOSED,
        };
        Err(Malformed { at: text.len(), why })
    }

    /// Reads headers if all of them are there; else they are judged as they stand, and awaited.
    fn headers<'a>(
        &mut self,
        text: &'a [u8],
        at: usize,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<Step, Malformed> {
        let rest = text.get(at..).unwrap_or_default();
        let Some(length) = headers_length(rest) else {
            if rest.len() > OVERLAP_BYTES {
                return Err(Malformed { at, why: HEADERS_TOO_LONG });
            }
            parts.plain(Place::HeaderValue, b"", rest)?;
            return Ok(Step::Need(at));
        };
        let entity = self.cutter.entity(rest.get(..length).unwrap_or_default(), at, limits)?;
        entity::headings(&entity, parts)?;
        let name = entity.heading.names.first().map(|name| name.raw).unwrap_or_default();
        let name = name.get(..MAX_NAME).unwrap_or(name).to_vec();
        let place = if entity.heading.is_file { Place::FileContent } else { Place::FormValue };
        self.state = State::Content { name, place, begun: false, binary: false };
        Ok(Step::On(at + length))
    }

    /// Reads content, preamble or epilogue up to the next boundary, or all there is.
    fn content<'a>(
        &mut self,
        text: &'a [u8],
        at: usize,
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<Step, Malformed> {
        let from = if at == 0 && !self.at_line { 1 } else { at };
        let Some(found) = self.cutter.at(text, from) else {
            self.piece(self.before_boundary(text, at), last, parts)?;
            return Ok(Step::Need(at.max(all_but_overlap(text))));
        };
        let line_ends = last || memchr::memchr(b'\n', text.get(found..).unwrap_or_default()).is_some();
        if !line_ends {
            if text.len() - found > OVERLAP_BYTES {
                return Err(Malformed { at: found, why: multipart::BOUNDARY_SUFFIX });
            }
            self.piece(self.before_boundary(text, at), false, parts)?;
            return Ok(Step::Need(at.max(all_but_overlap(text))));
        }
        let line = self.cutter.delimiter(text, found)?;
        self.piece(text.get(at..line.content_end.max(at)).unwrap_or_default(), true, parts)?;
        self.entities += usize::from(!line.closing);
        if let State::Outside { closed: true } = self.state {
            return Err(Malformed { at: found, why: multipart::AFTER_CLOSE });
        }
        if self.entities > limits.entities {
            return Err(Malformed { at: found, why: multipart::TOO_MANY_ENTITIES });
        }
        self.state = if line.closing { State::Outside { closed: true } } else { State::Headers };
        Ok(Step::On(line.next_line))
    }

    /// What stands from `at` on, without a last line that may turn out to be a boundary.
    fn before_boundary<'a>(&self, text: &'a [u8], at: usize) -> &'a [u8] {
        let rest = text.get(at..).unwrap_or_default();
        let line = memchr::memrchr(b'\n', rest).map_or(0, |end| end + 1);
        let may_be_boundary = rest.get(line..).is_some_and(|line| self.cutter.may_begin(line));
        if may_be_boundary { rest.get(..line).unwrap_or_default() } else { rest }
    }

    /// Adds a piece of what we are in.
    fn piece<'a>(&mut self, piece: &'a [u8], whole: bool, parts: &mut Parts<'a>) -> Result<(), Malformed> {
        if piece.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut outside = (false, false);
        let (place, name, begun, binary) = match &mut self.state {
            State::Content { name, place, begun, binary } => (*place, &**name, begun, binary),
            _ => (Place::BodyText, &b""[..], &mut outside.0, &mut outside.1),
        };
        let before = parts.list.len();
        let controls = sniff::like_binary(piece);
        *binary = *binary || controls && opaque::is_noise(piece);
        if controls || *binary {
            opaque::runs_of_stream(piece, place, parts)?;
        } else {
            parts.plain(place, b"", piece)?;
        }
        for part in parts.list.iter_mut().skip(before) {
            part.name = Cow::Owned(name.to_vec());
        }
        mark(parts, before, extent(begun, whole));
        Ok(())
    }
}

/// Bytes kept of a field's name: many windows share it.
const MAX_NAME: usize = 100;

/// The length of an entity's headers with the blank line that ends them.
fn headers_length(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        if rest.starts_with(b"\r\n") {
            return Some(from + 2);
        }
        if rest.starts_with(b"\n") {
            return Some(from + 1);
        }
        from += memchr::memchr(b'\n', rest)? + 1;
    }
}
