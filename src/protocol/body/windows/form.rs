//! Forms, pair by pair. Of a value that is longer than the overlap, later windows have no name.

use super::{OVERLAP_BYTES, all_but_overlap, mark};
use crate::flow::{Extent, Place};
use crate::protocol::Malformed;
use crate::protocol::body::collect::Parts;
use crate::protocol::body::urlencoded;
use std::borrow::Cow;

/// A form that passes in pieces.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Whether the window begins inside a long value.
    inside: bool,
}

impl Form {
    /// Adds the pairs of the window; how much of it is finished.
    pub(super) fn read<'a>(&mut self, text: &'a [u8], last: bool, parts: &mut Parts<'a>) -> Result<usize, Malformed> {
        let mut at = 0;
        if self.inside {
            let end = memchr::memchr(b'&', text).unwrap_or(text.len());
            let before = parts.list.len();
            let value = urlencoded::decode(text.get(..end).unwrap_or_default());
            parts.add(Place::FormValue, Cow::Borrowed(b""), value)?;
            mark(parts, before, Extent::Next);
            if end == text.len() {
                return Ok(seam(text));
            }
            self.inside = false;
            at = end + 1;
        }
        let rest = text.get(at..).unwrap_or_default();
        let unfinished = if last { rest.len() } else { memchr::memrchr(b'&', rest).map_or(0, |end| end + 1) };
        let (pairs, tail) = rest.split_at_checked(unfinished).unwrap_or((rest, b""));
        urlencoded::pairs(pairs, parts)?;
        let before = parts.list.len();
        urlencoded::pairs(tail, parts)?;
        mark(parts, before, Extent::First);
        self.inside = tail.len() > OVERLAP_BYTES;
        Ok(if self.inside { seam(text) } else { text.len() - tail.len() })
    }
}

/// All but the overlap, and never a piece of an escape.
fn seam(text: &[u8]) -> usize {
    let end = all_but_overlap(text);
    let cut = text.get(..end).unwrap_or_default().iter().rev().take(2).position(|b| *b == b'%');
    cut.map_or(end, |back| end - back - 1)
}
