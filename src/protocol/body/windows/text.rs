//! Text and bytes without structure: windows that overlap.

use super::{all_but_overlap, mark};
use crate::flow::{Extent, Place};
use crate::protocol::Malformed;
use crate::protocol::body::collect::{Parts, Value};
use crate::protocol::body::{charset, opaque, sniff};
use std::borrow::Cow;

/// Plain text, or opaque bytes with text in them.
#[derive(Debug, Default)]
pub(super) struct Text {
    begun: bool,
    /// Whether a window was like noise.
    binary: bool,
}

impl Text {
    /// Adds the window as text, or the runs of text in it; how much of it is finished.
    pub(super) fn read<'a>(&mut self, text: &'a [u8], last: bool, parts: &mut Parts<'a>) -> Result<usize, Malformed> {
        let before = parts.list.len();
        let controls = sniff::like_binary(text);
        self.binary = self.binary || controls && opaque::is_noise(text);
        if controls || self.binary {
            opaque::runs_of_stream(text, Place::BodyOpaque, parts)?;
        } else if !text.trim_ascii().is_empty() {
            parts.plain(Place::BodyText, b"", text)?;
        }
        // Wide text without a declaration; it may begin and end within a unit here.
        let units = text.get(..text.len() & !3).unwrap_or_default();
        for (wide, chain) in charset::texts(units, None) {
            let value = Value { raw: text, canonical: Cow::Owned(wide), chain };
            parts.add(Place::BodyText, Cow::Borrowed(b""), value)?;
        }
        mark(parts, before, extent(&mut self.begun, last));
        Ok(all_but_overlap(text))
    }
}

/// The extent of a window, given whether there was one before it.
pub(super) fn extent(begun: &mut bool, last: bool) -> Extent {
    match (std::mem::replace(begun, true), last) {
        (false, true) => Extent::Whole,
        (false, false) => Extent::First,
        (true, _) => Extent::Next,
    }
}
