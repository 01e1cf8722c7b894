//! Finds the end of a head, line by line, and refuses what must not wait for its end: bare line feeds and everything
//! over a limit. Remembers where it stopped, so that a head in a thousand pieces costs what one piece costs; the answer
//! is the same however the bytes were split.

use super::{Limits, MAX_HEADERS};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;

/// A line feed without a carriage return before it.
pub const BARE_LF: Reason =
    Reason::new("http1-bare-lf", Kind::Malformed, "a line ends in LF alone, which some servers take and others do not");
/// A second empty line before the first line.
pub const LEADING_LINES: Reason =
    Reason::new("http1-leading-lines", Kind::Malformed, "more than one empty line before the first line");
/// The head is over its limit.
pub const HEAD_BYTES: Reason = Reason::new("http1-head-too-large", Kind::TooLarge, "the head is over its limit");
/// The first line is over its limit.
pub const TARGET_BYTES: Reason = Reason::new("http1-target-too-long", Kind::TooLarge, "the target is over its limit");
/// A header line is over its limit.
pub const HEADER_BYTES: Reason =
    Reason::new("http1-header-too-large", Kind::TooLarge, "a header line is over its limit");
/// There are too many header lines.
pub const HEADERS: Reason = Reason::new("http1-too-many-headers", Kind::TooLarge, "more header lines than allowed");

/// How far a head has been looked at. `line <= next <= buffer.len()`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Where the first line starts, after at most one empty line.
    start: usize,
    line: usize,
    next: usize,
    lines: usize,
}

impl Scan {
    /// Looks at what has come since the last call. Gives the head's start and end once its empty line is there.
    pub(super) fn find_end(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
        extra: usize,
    ) -> Result<Option<Lines>, Malformed> {
        for at in memchr::memchr_iter(b'\n', buffer.get(self.next..).unwrap_or_default()) {
            let feed = self.next + at;
            self.within(feed + 1, limits, extra)?;
            if feed == self.line || buffer.get(feed - 1) != Some(&b'\r') {
                return Err(Malformed::new(feed, BARE_LF));
            }
            let empty = feed == self.line + 1;
            self.line = feed + 1;
            if empty && self.lines > 0 {
                return Ok(Some(Lines { start: self.start, end: self.line }));
            }
            self.count(empty, limits)?;
        }
        self.next = buffer.len();
        self.within(buffer.len() + 1, limits, extra)?;
        Ok(None)
    }

    fn count(&mut self, empty: bool, limits: &Limits) -> Result<(), Malformed> {
        if empty {
            let second = self.start > 0;
            self.start = self.line;
            return if second { Err(Malformed::new(self.line, LEADING_LINES)) } else { Ok(()) };
        }
        self.lines += 1;
        if self.lines > limits.headers.min(MAX_HEADERS) + 1 {
            return Err(Malformed::new(self.line, HEADERS));
        }
        Ok(())
    }

    /// Refuses when the head, or its current line, needs more bytes than it may have. `end` is the least end of the line.
    fn within(&self, end: usize, limits: &Limits, extra: usize) -> Result<(), Malformed> {
        const CRLF: usize = 2;
        let (line_bytes, why) = match self.lines {
            0 => (limits.target_bytes + extra, TARGET_BYTES),
            _ => (limits.header_bytes, HEADER_BYTES),
        };
        let (line_end, head_end) = (self.line + line_bytes + CRLF, self.start + limits.head_bytes);
        if end <= line_end.min(head_end) {
            return Ok(());
        }
        Err(if head_end <= line_end { Malformed::new(head_end, HEAD_BYTES) } else { Malformed::new(line_end, why) })
    }
}

/// A complete head: `buffer[start..end]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub start: usize,
    pub end: usize,
}
