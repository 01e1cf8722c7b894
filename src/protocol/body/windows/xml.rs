//! XML, tag by tag and text by text. A tag, comment or text longer than the overlap is read on as if it began where the
//! window begins: as text, until the next `<`.

use super::{OVERLAP_BYTES, all_but_overlap};
use crate::protocol::Malformed;
use crate::protocol::body::Limits;
use crate::protocol::body::collect::Parts;
use crate::protocol::body::xml;

/// XML that passes in pieces.
#[derive(Debug)]
pub(super) struct Xml;

impl Xml {
    /// Adds what the window holds; how much of it is finished.
    pub(super) fn read<'a>(
        &mut self,
        text: &'a [u8],
        last: bool,
        parts: &mut Parts<'a>,
        limits: &Limits,
    ) -> Result<usize, Malformed> {
        let unfinished = xml::pieces(text, parts, limits)?;
        if last || text.len() - unfinished > OVERLAP_BYTES {
            return Ok(all_but_overlap(text));
        }
        Ok(unfinished)
    }
}
