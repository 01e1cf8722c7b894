//! Where a body ends (RFC 9112 §6 and §7): by length, with its last chunk, or with the connection. Gives the content
//! without its framing, in pieces of the input; holds nothing but the trailer lines.
//!
//! Chunk lines are 1 to 16 hexadecimal digits and CRLF: no sign, no `0x`, no space, no extension (nobody needs them, and
//! servers disagree where they end). The answer is the same however the bytes were split.

use super::trailers::{Block, Trailers};
use super::{Framing, Limits};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use std::ops::Range;

/// A chunk size that is no hexadecimal number, or has none.
pub const CHUNK_SIZE: Reason =
    Reason::new("http1-chunk-size", Kind::Malformed, "a chunk size is not plain hexadecimal");
/// A chunk size of more than 16 digits.
pub const CHUNK_SIZE_LONG: Reason =
    Reason::new("http1-chunk-size-long", Kind::Malformed, "a chunk size of more than 16 digits");
/// A chunk extension.
pub const CHUNK_EXTENSION: Reason = Reason::new("http1-chunk-extension", Kind::Malformed, "a chunk with an extension");
/// A chunk line that does not end in CRLF.
pub const CHUNK_LINE: Reason =
    Reason::new("http1-chunk-line", Kind::Malformed, "a chunk line that does not end in CRLF");
/// Chunk data that does not end in CRLF.
pub const CHUNK_END: Reason =
    Reason::new("http1-chunk-end", Kind::Malformed, "chunk data of another length than its size says");
/// The connection ended inside the body.
pub const CUT: Reason = Reason::new("http1-body-cut", Kind::Malformed, "the connection ended inside a body");

/// Most digits of a chunk size: none more fits the number.
pub const MAX_CHUNK_DIGITS: u8 = 16;

/// Decodes one body.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    trailers: Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes left of a body of known length.
    Length(u64),
    /// All that comes.
    UntilClose,
    /// In a chunk's size: its value and digits so far.
    Size(u64, u8),
    /// After a chunk line's CR.
    SizeFeed(u64),
    /// Bytes left of a chunk.
    Data(u64),
    /// After a chunk's data.
    DataReturn,
    /// After the CR behind a chunk's data.
    DataFeed,
    /// After the last chunk.
    Trailer,
    Done,
}

/// One piece of a body. `data.end <= consumed <= input.len()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the input that were looked at, framing included.
    pub consumed: usize,
    /// Bytes of the input that are content. Empty when more input is needed, or at the end.
    pub data: Range<usize>,
    /// Whether the body is complete.
    pub done: bool,
}

/// How far a body was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that were looked at. What is left belongs to the next message.
    pub consumed: usize,
    /// Whether the body is complete.
    pub done: bool,
}

impl BodyDecoder {
    /// A decoder for a body of this framing.
    pub fn new(framing: Framing, limits: &Limits) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(left) => State::Length(left),
            Framing::Chunked => State::Size(0, 0),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, trailers: Block::new(limits) }
    }

    /// Appends the content of `input` to `out`.
    ///
    /// # Errors
    /// With the rule that is broken; what was appended before it stands.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, Malformed> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let piece = self.step(rest).map_err(|fault| Malformed::new(consumed + fault.at, fault.why))?;
            out.extend_from_slice(rest.get(piece.data).unwrap_or_default());
            consumed += piece.consumed;
            if piece.done || consumed == input.len() {
                return Ok(Progress { consumed, done: piece.done });
            }
        }
    }

    /// The next piece of content, without a copy. Call again with what was not consumed.
    ///
    /// # Errors
    /// With the rule that is broken.
    pub fn step(&mut self, input: &[u8]) -> Result<Piece, Malformed> {
        let mut at = 0;
        while self.state != State::Done && at < input.len() {
            if let Some(left) = self.content_left() {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                self.took(take as u64);
                return Ok(Piece { consumed: at + take, data: at..at + take, done: self.is_done() });
            }
            if self.state == State::Trailer {
                at += self.trailer(input.get(at..).unwrap_or_default(), at)?;
                continue;
            }
            let byte = input.get(at).copied().unwrap_or_default();
            self.state = self.framing_byte(byte).map_err(|why| Malformed::new(at, why))?;
            at += 1;
        }
        Ok(Piece { consumed: at, data: at..at, done: self.is_done() })
    }

    /// The sender has closed its side.
    ///
    /// # Errors
    /// [`CUT`] when the body needed more than came.
    pub fn end_of_input(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::Done | State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Malformed::new(0, CUT)),
        }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailers; complete when the body is.
    pub fn trailers(&self) -> &Trailers {
        self.trailers.read()
    }

    fn content_left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) | State::Data(left) => Some(left),
            State::UntilClose => Some(u64::MAX),
            _ => None,
        }
    }

    fn took(&mut self, bytes: u64) {
        self.state = match self.state {
            State::Length(left) if left == bytes => State::Done,
            State::Length(left) => State::Length(left - bytes),
            State::Data(left) if left == bytes => State::DataReturn,
            State::Data(left) => State::Data(left - bytes),
            state => state,
        };
    }

    fn framing_byte(&self, byte: u8) -> Result<State, Reason> {
        match (self.state, byte) {
            (State::Size(size, digits), _) => size_byte(size, digits, byte),
            (State::SizeFeed(0), b'\n') => Ok(State::Trailer),
            (State::SizeFeed(size), b'\n') => Ok(State::Data(size)),
            (State::SizeFeed(_), _) => Err(CHUNK_LINE),
            (State::DataReturn, b'\r') => Ok(State::DataFeed),
            (State::DataFeed, b'\n') => Ok(State::Size(0, 0)),
            (State::DataReturn | State::DataFeed, _) => Err(CHUNK_END),
            (state, _) => Ok(state),
        }
    }

    fn trailer(&mut self, input: &[u8], at: usize) -> Result<usize, Malformed> {
        let (consumed, done) = self.trailers.take(input).map_err(|fault| Malformed::new(at + fault.at, fault.why))?;
        if done {
            self.state = State::Done;
        }
        Ok(consumed)
    }
}

fn size_byte(size: u64, digits: u8, byte: u8) -> Result<State, Reason> {
    match byte {
        b'\r' if digits > 0 => Ok(State::SizeFeed(size)),
        b';' if digits > 0 => Err(CHUNK_EXTENSION),
        b'\n' => Err(CHUNK_LINE),
        _ => {
            let digit = char::from(byte).to_digit(16).ok_or(CHUNK_SIZE)?;
            if digits == MAX_CHUNK_DIGITS {
                return Err(CHUNK_SIZE_LONG);
            }
            Ok(State::Size((size << 4) | u64::from(digit), digits + 1))
        }
    }
}
