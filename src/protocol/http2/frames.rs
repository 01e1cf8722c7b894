//! What a peer's frames cost us, without looking into them: the nine bytes before each (RFC 9113 §4.1) say its type, flags
//! and length. Memory: a few words.

/// Bytes before each frame's payload.
const HEADER: usize = 9;
/// Bytes of a payload that are told.
const FIRST: usize = 8;
/// Where in the stream of bytes one direction is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    header: [u8; HEADER],
    have: usize,
    payload: usize,
    /// The first bytes of the payload, which hold the codes of RST_STREAM and GOAWAY.
    first: [u8; FIRST],
    seen: usize,
}

/// One frame, as soon as its header and the first bytes of its payload are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// RFC 9113 §6.
    pub kind: u8,
    /// RFC 9113 §6.
    pub flags: u8,
    /// RFC 9113 §5.1.1; 0 for the connection.
    pub stream: u32,
    /// Bytes of its payload.
    pub length: usize,
    /// The first eight bytes of its payload, big-endian.
    pub first: u64,
}

#[allow(missing_docs)] // the words of RFC 9113 §6
impl Frame {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const ACK: u8 = 1;
    #[cfg(test)]
    pub(super) const END_HEADERS: u8 = 4;
}

impl Frame {
    /// The error code that it tells, if it is one that does.
    pub fn code(&self) -> Option<u32> {
        match self.kind {
            Self::RST_STREAM => u32::try_from(self.first >> 32).ok(),
            Self::GOAWAY => u32::try_from(self.first & 0xffff_ffff).ok(),
            _ => None,
        }
    }
}

impl Frames {
    /// Frames behind a preface of so many bytes.
    pub fn after(preface: usize) -> Self {
        Self { payload: preface, seen: FIRST, ..Self::default() }
    }

    /// Looks at the next bytes; hands over each frame whose first bytes are complete with them.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            let used = if self.have == HEADER || self.payload > 0 {
                self.skip(bytes, &mut each)
            } else {
                self.read(bytes, &mut each)
            };
            bytes = bytes.get(used.max(1)..).unwrap_or_default();
        }
    }

    fn read(&mut self, bytes: &[u8], each: &mut impl FnMut(Frame)) -> usize {
        let wanted = self.header.get_mut(self.have..).unwrap_or_default();
        let count = wanted.len().min(bytes.len());
        for (to, from) in wanted.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.have += count;
        if self.have == HEADER {
            let [a, b, c, ..] = self.header;
            self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            (self.first, self.seen) = ([0; FIRST], 0);
            if self.payload == 0 {
                self.told(each);
            }
        }
        count
    }

    fn skip(&mut self, bytes: &[u8], each: &mut impl FnMut(Frame)) -> usize {
        let count = self.payload.min(bytes.len());
        let telling = self.have == HEADER && self.seen < self.first.len();
        for (to, from) in self.first.iter_mut().skip(self.seen).zip(bytes.iter().take(count)) {
            *to = *from;
            self.seen += 1;
        }
        self.payload -= count;
        if telling && (self.seen == self.first.len() || self.payload == 0) {
            self.seen = self.first.len();
            self.tell(each);
        }
        if self.payload == 0 {
            self.have = 0;
        }
        count
    }

    fn told(&mut self, each: &mut impl FnMut(Frame)) {
        self.tell(each);
        self.have = 0;
    }

    fn tell(&self, each: &mut impl FnMut(Frame)) {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        each(Frame { kind, flags, stream, length, first: u64::from_be_bytes(self.first) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http2::PREFACE;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn found(pieces: &[&[u8]]) -> Vec<Frame> {
        let (mut frames, mut found) = (Frames::after(PREFACE.len()), Vec::new());
        pieces.iter().for_each(|piece| frames.feed(piece, |frame| found.push(frame)));
        found
    }

    fn wire() -> Vec<u8> {
        [
            PREFACE.to_vec(),
            frame(Frame::SETTINGS, 0, &[]),
            frame(Frame::HEADERS, 4, b"abcdefghi"),
            frame(Frame::RST_STREAM, 0, &8u32.to_be_bytes()),
            frame(Frame::DATA, 1, b"xy"),
        ]
        .concat()
    }

    #[test]
    fn frames_are_found_behind_the_preface() {
        let kinds: Vec<_> = found(&[&wire()]).iter().map(|frame| (frame.kind, frame.length, frame.first)).collect();
        let bytes = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        assert_eq!(kinds, [(4, 0, 0), (1, 9, bytes(b"abcdefgh")), (3, 4, 8 << 32), (0, 2, bytes(b"xy\0\0\0\0\0\0"))]);
    }

    #[test]
    fn codes_are_told() {
        let goaway = frame(Frame::GOAWAY, 0, &[0, 0, 0, 9, 0, 0, 0, 11]);
        let wire = [PREFACE.to_vec(), frame(Frame::RST_STREAM, 0, &8u32.to_be_bytes()), goaway].concat();
        assert_eq!(found(&[&wire]).iter().map(Frame::code).collect::<Vec<_>>(), [Some(8), Some(11)]);
    }

    proptest! {
        #[test]
        fn any_split_finds_the_same(cuts in prop::collection::vec(1usize..9, 1..40)) {
            let wire = wire();
            let (mut rest, mut pieces) = (&wire[..], Vec::new());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(found(&pieces), found(&[&wire]));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            found(&[&bytes]);
        }
    }
}
