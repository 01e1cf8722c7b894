//! A server's frames, read as they pass: the same rules as for a [`Reader`](super::Reader), but nothing is held except the
//! header and control frames, so messages have no limit. What breaks a rule is not passed on.

use super::frame::{CONTROL_BYTES, Header, Sequence, check_close};
use super::{Opcode, TEXT};
use crate::flow::{Reason, Side};
use crate::protocol::Malformed;

/// Follows the frames of a server.
#[derive(Debug, Default)]
pub struct Follower {
    /// A header that is not whole yet, or a whole control frame but for its end: at most 10 + 125 bytes.
    held: Vec<u8>,
    /// Bytes of a data frame that are still to come.
    left: u64,
    sequence: Sequence,
    /// Whether nothing of the message that is passing has been shown.
    fresh: bool,
    /// Whether the frame that is passing is text, and the last of its message.
    text: Option<bool>,
    utf8: Utf8,
}

impl Follower {
    /// Takes bytes as they came, and appends to `out` those that may go on. `show` is shown the contents of messages before
    /// they do, and whether they begin one; what it objects to does not go on.
    ///
    /// # Errors
    /// The rule that is broken, or the objection; nothing can be read after it.
    pub fn pass(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        mut show: impl FnMut(&[u8], bool) -> Result<(), Reason>,
    ) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            bytes = self.step(bytes, out, &mut show).map_err(|why| Malformed::new(0, why).by_upstream())?;
        }
        Ok(())
    }

    /// Whether the next byte begins a frame, so that one of ours may come before it.
    pub fn is_between_frames(&self) -> bool {
        self.left == 0
    }

    /// What was taken and is held, as it came.
    pub fn rest(&self) -> &[u8] {
        &self.held
    }

    fn step<'b>(
        &mut self,
        bytes: &'b [u8],
        out: &mut Vec<u8>,
        show: &mut impl FnMut(&[u8], bool) -> Result<(), Reason>,
    ) -> Result<&'b [u8], Reason> {
        if self.left > 0 {
            let now = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (content, rest) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
            self.left -= content.len() as u64;
            self.check_text(content)?;
            show(content, std::mem::take(&mut self.fresh))?;
            out.extend_from_slice(content);
            return Ok(rest);
        }
        // Byte by byte, as headers are short, and so that nothing behind a frame is taken for a part of it.
        let Some((first, rest)) = bytes.split_first() else { return Ok(bytes) };
        self.held.push(*first);
        let Some(header) = Header::read(&self.held, Side::Server)? else { return Ok(rest) };
        let control = header.opcode.filter(|opcode| opcode.is_control());
        let Some(control) = control else {
            self.begin(&header)?;
            out.append(&mut self.held);
            return Ok(rest);
        };
        if self.held.len() < header.start + usize::try_from(header.length).unwrap_or(CONTROL_BYTES) {
            return Ok(rest);
        }
        self.sequence.take(&header)?;
        if control == Opcode::Close {
            check_close(self.held.get(header.start..).unwrap_or_default())?;
        }
        out.append(&mut self.held);
        Ok(rest)
    }

    fn begin(&mut self, header: &Header) -> Result<(), Reason> {
        let opcode = self.sequence.take(header)?;
        // A message that begins with an empty fragment begins with the next.
        self.fresh |= header.opcode.is_some_and(|opcode| matches!(opcode, Opcode::Text | Opcode::Binary));
        self.left = header.length;
        self.text = (opcode == Opcode::Text).then_some(header.fin);
        if self.left == 0 { self.check_text(&[]) } else { Ok(()) }
    }

    fn check_text(&mut self, content: &[u8]) -> Result<(), Reason> {
        let Some(last) = self.text else { return Ok(()) };
        let whole = self.utf8.push(content);
        match whole && !(last && self.left == 0 && self.utf8.is_open()) {
            true => Ok(()),
            false => Err(TEXT),
        }
    }
}

/// UTF-8 in pieces.
#[derive(Debug, Default)]
struct Utf8 {
    /// The start of a character whose end is to come: at most three bytes.
    tail: Vec<u8>,
}

impl Utf8 {
    fn is_open(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Whether it is UTF-8 so far.
    fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.is_open()
            && let Some((first, rest)) = bytes.split_first()
        {
            self.tail.push(*first);
            bytes = rest;
            match std::str::from_utf8(&self.tail) {
                Ok(_) => self.tail.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) => {
                self.tail.extend_from_slice(bytes.get(error.valid_up_to()..).unwrap_or_default());
                error.error_len().is_none()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::tests::{client, frame};
    use crate::protocol::websocket::{AFTER_CLOSE, CLOSE, CONTROL, FRAGMENT, LENGTH, MASK, RESERVED};
    use proptest::prelude::*;

    fn server(first: u8, payload: &[u8]) -> Vec<u8> {
        frame(first, payload, None)
    }

    fn passed(pieces: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let (mut follower, mut out) = (Follower::default(), Vec::new());
        for piece in pieces {
            follower.pass(piece, &mut out, |_, _| Ok(())).map_err(|malformed| malformed.why.name)?;
        }
        Ok(out)
    }

    #[test]
    fn every_rule_has_its_name() {
        for (wire, why) in [
            (client(0x81, b"x"), MASK),
            (server(0xc1, b"x"), RESERVED),
            (server(0x83, b"x"), RESERVED),
            (server(0x09, b"x"), CONTROL),
            (server(0x89, &[b'x'; 126]), CONTROL),
            (server(0x80, b"x"), FRAGMENT),
            ([server(0x01, b"x"), server(0x81, b"y")].concat(), FRAGMENT),
            (vec![0x82, 126, 0, 125], LENGTH),
            (server(0x81, b"\xff"), TEXT),
            (server(0x81, b"\xc3"), TEXT),
            ([server(0x01, b"\xc3"), server(0x80, b"")].concat(), TEXT),
            (server(0x88, b"\x03"), CLOSE),
            (server(0x88, b"\x03\xed"), CLOSE),
            (server(0x88, b"\x03\xe8\xff"), TEXT),
            ([server(0x88, b""), server(0x81, b"x")].concat(), AFTER_CLOSE),
        ] {
            assert_eq!(passed(&[&wire]), Err(why.name), "{wire:?}");
        }
    }

    #[test]
    fn character_may_be_spread_over_fragments() {
        let wire =
            [server(0x01, b"\xe2"), server(0x89, b"ping"), server(0x00, b"\x82"), server(0x80, b"\xac")].concat();
        assert_eq!(passed(&[&wire]), Ok(wire));
    }

    #[test]
    fn nothing_of_a_broken_frame_goes_on() {
        let (mut follower, mut out) = (Follower::default(), Vec::new());
        let wire = [server(0x81, b"good"), server(0x88, b"\x03")].concat();
        assert!(follower.pass(&wire, &mut out, |_, _| Ok(())).is_err());
        assert_eq!(out, server(0x81, b"good"));
    }

    #[test]
    fn each_message_is_shown_from_its_beginning() {
        let wire = [server(0x02, b"ab"), server(0x89, b"ping"), server(0x80, b"c"), server(0x82, b"d")].concat();
        let (mut follower, mut out, mut shown) = (Follower::default(), Vec::new(), Vec::new());
        let show = |bytes: &[u8], first| {
            shown.push((bytes.to_vec(), first));
            if bytes == b"d" { Err(TEXT) } else { Ok(()) }
        };
        assert!(follower.pass(&wire, &mut out, show).is_err());
        assert_eq!(shown, [(b"ab".to_vec(), true), (b"c".to_vec(), false), (b"d".to_vec(), true)]);
        assert_eq!(out, wire[..wire.len() - 1]);
    }

    proptest! {
        #[test]
        fn any_split_passes_the_same(lengths in prop::collection::vec(0usize..70_000, 1..4), step in 1usize..5000) {
            let wire: Vec<u8> = lengths.iter().flat_map(|length| server(0x81, &vec![b'x'; *length])).collect();
            let pieces: Vec<_> = wire.chunks(step).collect();
            prop_assert_eq!(passed(&pieces), Ok(wire.clone()));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (mut follower, mut out) = (Follower::default(), Vec::new());
            let _ = follower.pass(&bytes, &mut out, |_, _| Ok(()));
            prop_assert!(bytes.starts_with(&out) && follower.rest().len() <= 14 + CONTROL_BYTES);
        }
    }
}
