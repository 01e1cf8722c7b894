//! Bodies that pass in pieces, on routes that say `stream`: each piece is looked at together with the end of the one
//! before it, so that an attack on the seam of two pieces is seen before its end goes on.

use super::collect::Parts;
use super::{Limits, opaque};
use crate::flow::{Extent, Part, Place};
use crate::protocol::Malformed;

/// What is seen again with the next piece. The longest attack that is recognised across a seam is about this long.
pub const OVERLAP_BYTES: usize = 1024;

/// The window that moves over one body. Memory: the overlap and the piece at hand.
#[derive(Debug, Default)]
pub struct Windows {
    window: Vec<u8>,
    begun: bool,
}

impl Windows {
    /// Looks at the next piece: every run of text in it, and in the end of the piece before.
    ///
    /// # Errors
    /// More runs of text than a body may have parts.
    pub fn feed<'a>(&'a mut self, piece: &[u8], last: bool, limits: &Limits) -> Result<Vec<Part<'a>>, Malformed> {
        let kept = self.window.len().min(OVERLAP_BYTES);
        self.window.drain(..self.window.len() - kept);
        self.window.extend_from_slice(piece);
        let extent = match (self.begun, last) {
            (false, true) => Extent::Whole,
            (false, false) => Extent::First,
            (true, _) => Extent::Next,
        };
        self.begun = true;
        let mut parts = Parts::new(limits, self.window.len());
        opaque::runs(&self.window, Place::BodyOpaque, b"", &mut parts)?;
        parts.list.iter_mut().for_each(|part| part.extent = extent);
        Ok(parts.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(windows: &mut Windows, piece: &[u8], last: bool) -> Vec<(Vec<u8>, Extent)> {
        let parts = windows.feed(piece, last, &Limits::default()).unwrap();
        parts.iter().map(|part| (part.canonical.to_vec(), part.extent)).collect()
    }

    #[test]
    fn seam_is_seen_whole() {
        let mut windows = Windows::default();
        assert_eq!(seen(&mut windows, b"first half, ", false), [(b"first half, ".to_vec(), Extent::First)]);
        assert_eq!(seen(&mut windows, b"second", true), [(b"first half, second".to_vec(), Extent::Next)]);
    }

    #[test]
    fn only_the_overlap_is_kept() {
        let mut windows = Windows::default();
        seen(&mut windows, &[b'a'; OVERLAP_BYTES + 1], false);
        let [(text, _)] = &seen(&mut windows, b"b", false)[..] else { panic!("one run") };
        assert_eq!(text.len(), OVERLAP_BYTES + 1);
    }
}
