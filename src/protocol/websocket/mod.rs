//! WebSocket frames (RFC 6455 §5), sans-io. Both directions are read; what breaks the rules ends the connection by name.
//! A [`Reader`] puts messages together, with control frames between their fragments standing by themselves; a
//! [`Follower`] checks a server's frames as they pass. Extensions are not spoken: the offer is taken out of the handshake,
//! so a reserved bit is a fault.

mod follow;
mod frame;

pub use follow::Follower;
pub use frame::{close, of_server};

use super::Malformed;
use crate::flow::{Kind, Reason, Side};
use frame::{Header, Sequence, check_close, unmask};

/// A bit or code that is reserved.
pub const RESERVED: Reason = Reason::new("websocket-reserved", Kind::Malformed, "a frame with a reserved bit or code");
/// A client's frame that is not masked, or a server's that is.
pub const MASK: Reason = Reason::new("websocket-mask", Kind::Malformed, "a client masks its frames, a server does not");
/// A control frame that is fragmented, or over 125 bytes.
pub const CONTROL: Reason = Reason::new("websocket-control", Kind::Malformed, "a control frame in pieces, or too long");
/// A continuation of nothing, or a new message inside another.
pub const FRAGMENT: Reason =
    Reason::new("websocket-fragment", Kind::Malformed, "a continuation of nothing, or a message inside a message");
/// A close with a code that nobody may send (RFC 6455 §7.4), or half of one.
pub const CLOSE: Reason =
    Reason::new("websocket-close", Kind::Malformed, "a close with a code that nobody may send, or half of one");
/// A frame behind the sender's own close.
pub const AFTER_CLOSE: Reason =
    Reason::new("websocket-after-close", Kind::Malformed, "a frame behind the sender's own close");
/// A length in more bytes than it needs, or over 63 bits.
pub const LENGTH: Reason = Reason::new("websocket-length", Kind::Malformed, "a length in more bytes than it needs");
/// A message larger than may be held.
pub const TOO_LARGE: Reason =
    Reason::new("websocket-message-too-large", Kind::TooLarge, "a WebSocket message is larger than may be held");
/// Text that is no UTF-8.
pub const TEXT: Reason = Reason::new("websocket-text", Kind::Malformed, "a text message is no UTF-8");

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
    /// The end, with a code and a reason.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping, or nothing.
    Pong,
}

impl Opcode {
    /// Whether it may come between the fragments of a message (RFC 6455 §5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A whole message or control frame. `wire` is how many bytes of the input it took, as they came, with what came before it
/// of the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What it is.
    pub opcode: Opcode,
    /// Its content, the mask undone.
    pub payload: Vec<u8>,
    /// Bytes on the wire.
    pub wire: Vec<u8>,
}

/// Reads the frames of one side.
#[derive(Debug)]
pub struct Reader {
    side: Side,
    most: usize,
    /// Bytes that are no whole frame yet, behind `at`.
    bytes: Vec<u8>,
    at: usize,
    /// The message that is being put together.
    open: Option<Unit>,
    sequence: Sequence,
}

impl Reader {
    /// Reads what this side sends; messages of more than `most` bytes are refused.
    pub fn new(side: Side, most: usize) -> Self {
        Self { side, most, bytes: Vec::new(), at: 0, open: None, sequence: Sequence::default() }
    }

    /// Bytes that are held: parts of frames and of messages.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.open.as_ref().map_or(0, |open| open.payload.len() + open.wire.len())
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// What was taken and has not been handed over, as it came.
    pub fn rest(&self) -> Vec<u8> {
        [self.open.as_ref().map(|open| open.wire.as_slice()).unwrap_or_default(), self.unread()].concat()
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next whole message or control frame.
    ///
    /// # Errors
    /// The rule that is broken; nothing can be read after it.
    pub fn read(&mut self) -> Result<Option<Unit>, Malformed> {
        loop {
            let fault = |why| Malformed::new(0, why);
            let Some((header, length)) = self.header().map_err(fault)? else { return Ok(None) };
            let Some(wire) = self.unread().get(..header.start + length).map(<[u8]>::to_vec) else {
                return Ok(None);
            };
            let mut payload = wire.get(header.start..).unwrap_or_default().to_vec();
            unmask(&mut payload, header.mask);
            if let Some(unit) = self.take(&header, payload, wire).map_err(fault)? {
                return Ok(Some(unit));
            }
        }
    }

    fn take(&mut self, header: &Header, payload: Vec<u8>, wire: Vec<u8>) -> Result<Option<Unit>, Reason> {
        let opcode = self.sequence.take(header)?;
        if opcode == Opcode::Close {
            check_close(&payload)?;
        }
        // Before this, what is wrong is still among the unread; after it, it is in a unit.
        self.at += wire.len();
        if opcode.is_control() {
            return Ok(Some(Unit { opcode, payload, wire }));
        }
        let open = self.open.get_or_insert_with(|| Unit { opcode, payload: Vec::new(), wire: Vec::new() });
        open.payload.extend_from_slice(&payload);
        open.wire.extend_from_slice(&wire);
        if header.fin && opcode == Opcode::Text && std::str::from_utf8(&open.payload).is_err() {
            return Err(TEXT);
        }
        Ok(self.open.take_if(|_| header.fin))
    }

    /// The next header with the bytes behind it; nothing when either is not whole yet.
    fn header(&self) -> Result<Option<(Header, usize)>, Reason> {
        let Some(header) = Header::read(self.unread(), self.side)? else { return Ok(None) };
        let before = self.open.as_ref().map_or(0, |open| open.payload.len());
        let length = usize::try_from(header.length).map_err(|_| TOO_LARGE)?;
        // Fragments of nothing cost their headers, so these count too.
        let pieces = self.open.as_ref().map_or(0, |open| open.wire.len().saturating_sub(open.payload.len()));
        let control = header.opcode.is_some_and(Opcode::is_control);
        let fits = control || length <= self.most.saturating_sub(before) && pieces <= PIECES_BYTES;
        if fits { Ok(Some((header, length))) } else { Err(TOO_LARGE) }
    }
}

/// Bytes of all the frame headers of one message.
const PIECES_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut out = vec![first];
        match payload.len() {
            short @ 0..=125 => out.push(masked | short as u8),
            middle @ 126..=0xffff => {
                out.push(masked | 126);
                out.extend((middle as u16).to_be_bytes());
            }
            long => {
                out.push(masked | 127);
                out.extend((long as u64).to_be_bytes());
            }
        }
        out.extend(mask.into_iter().flatten());
        let mut payload = payload.to_vec();
        unmask(&mut payload, mask);
        [out, payload].concat()
    }

    pub(super) fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        frame(first, payload, Some([1, 2, 3, 4]))
    }

    fn read(side: Side, most: usize, pieces: &[&[u8]]) -> Result<Vec<Unit>, Reason> {
        let (mut reader, mut units) = (Reader::new(side, most), Vec::new());
        for piece in pieces {
            reader.push(piece);
            while let Some(unit) = reader.read().map_err(|malformed| malformed.why)? {
                units.push(unit);
            }
        }
        Ok(units)
    }

    #[test]
    fn fragments_are_one_message_and_keep_their_wire() {
        let wire =
            [client(0x01, b"one "), client(0x89, b"ping"), client(0x00, b"two "), client(0x80, b"three")].concat();
        let units = read(Side::Client, 100, &[&wire]).unwrap();
        let found: Vec<_> = units.iter().map(|unit| (unit.opcode, &unit.payload[..])).collect();
        assert_eq!(found, [(Opcode::Ping, &b"ping"[..]), (Opcode::Text, b"one two three")]);
        assert_eq!(units[1].wire, [client(0x01, b"one "), client(0x00, b"two "), client(0x80, b"three")].concat());
    }

    #[test]
    fn every_rule_has_its_name() {
        for (wire, why) in [
            (client(0xc1, b"x"), RESERVED),
            (client(0x83, b"x"), RESERVED),
            (client(0x8b, b"x"), RESERVED),
            (frame(0x81, b"x", None), MASK),
            (client(0x09, b"x"), CONTROL),
            (client(0x89, &[b'x'; 126]), CONTROL),
            (client(0x80, b"x"), FRAGMENT),
            ([client(0x01, b"x"), client(0x81, b"y")].concat(), FRAGMENT),
            (vec![0x82, 0xfe, 0, 125, 0, 0, 0, 0], LENGTH),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], LENGTH),
            (vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], LENGTH),
            (client(0x81, b"\xff"), TEXT),
            (client(0x88, b"\x03"), CLOSE),
            (client(0x88, b"\x03\xed"), CLOSE),
            (client(0x88, b"\x03\xe8\xff"), TEXT),
            ([client(0x88, b"\x03\xe8"), client(0x81, b"x")].concat(), AFTER_CLOSE),
        ] {
            assert_eq!(read(Side::Client, 1 << 20, &[&wire]), Err(why), "{wire:?}");
        }
        assert_eq!(read(Side::Server, 100, &[&client(0x81, b"x")]), Err(MASK));
        assert_eq!(read(Side::Server, 100, &[&frame(0x81, b"x", None)]).unwrap().len(), 1);
    }

    #[test]
    fn messages_end_at_their_limit() {
        let of = |length| read(Side::Client, 300, &[&client(0x82, &vec![0; length])]).map(|units| units.len());
        assert_eq!((of(300), of(301)), (Ok(1), Err(TOO_LARGE)));
        let pieces = |last| read(Side::Client, 300, &[&client(0x02, &[0; 200]), &client(0x80, &vec![0; last])]);
        assert_eq!(pieces(100).map(|units| units.len()), Ok(1));
        assert_eq!(pieces(101), Err(TOO_LARGE));
        let empty = [client(0x02, b""), client(0x00, b"").repeat(PIECES_BYTES / 6 + 2)].concat();
        assert_eq!(read(Side::Client, 300, &[&empty]), Err(TOO_LARGE));
    }

    #[test]
    fn our_close_is_read_by_either_side() {
        for side in [Side::Client, Side::Server] {
            let units = read(side, 20, &[&close(side, "event-1")]).unwrap();
            assert_eq!((units[0].opcode, &units[0].payload[..]), (Opcode::Close, &b"\x03\xf0event-1"[..]));
        }
    }

    #[test]
    fn what_breaks_a_rule_is_among_the_rest() {
        let (fragment, text) = (client(0x80, b"x"), client(0x81, b"\xff"));
        for wire in [fragment, text, client(0x88, b"x"), client(0xc1, b"x")] {
            let mut reader = Reader::new(Side::Client, 100);
            reader.push(&[&client(0x82, b"good"), &wire[..]].concat());
            assert!(reader.read().is_ok_and(|unit| unit.is_some()) && reader.read().is_err());
            assert_eq!(reader.rest(), wire);
        }
    }

    proptest! {
        #[test]
        fn any_split_reads_the_same(lengths in prop::collection::vec(0usize..300, 1..5), step in 1usize..50) {
            let wire: Vec<u8> = lengths.iter().flat_map(|length| client(0x82, &vec![7; *length])).collect();
            let pieces: Vec<_> = wire.chunks(step).collect();
            prop_assert_eq!(read(Side::Client, 1000, &pieces), read(Side::Client, 1000, &[&wire]));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(Side::Client, 1000, &[&bytes]);
            let _ = read(Side::Server, 1000, &[&bytes]);
        }

        #[test]
        fn what_is_released_is_what_came(lengths in prop::collection::vec(0usize..200, 1..6)) {
            let wire: Vec<u8> = lengths.iter().flat_map(|length| client(0x82, &vec![7; *length])).collect();
            let units = read(Side::Client, 1000, &[&wire]).unwrap();
            prop_assert_eq!(units.into_iter().flat_map(|unit| unit.wire).collect::<Vec<_>>(), wire);
        }
    }
}
