//! WebSocket frames (RFC 6455 §5), sans-io: bytes in, whole messages out. Both directions are read; what breaks the rules
//! ends the connection by name. A message that comes in fragments is put together; control frames between them stand by
//! themselves. Extensions are not spoken: the offer is taken out of the handshake, so a reserved bit is a fault.

use super::Malformed;
use crate::flow::{Kind, Reason, Side};

/// A bit or code that is reserved.
pub const RESERVED: Reason = Reason::new("websocket-reserved", Kind::Malformed, "a frame with a reserved bit or code");
/// A client's frame that is not masked, or a server's that is.
pub const MASK: Reason = Reason::new("websocket-mask", Kind::Malformed, "a client masks its frames, a server does not");
/// A control frame that is fragmented, or over 125 bytes.
pub const CONTROL: Reason = Reason::new("websocket-control", Kind::Malformed, "a control frame in pieces, or too long");
/// A continuation of nothing, or a new message inside another.
pub const FRAGMENT: Reason =
    Reason::new("websocket-fragment", Kind::Malformed, "a continuation of nothing, or a message inside a message");
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
}

/// The start of a frame.
struct Header {
    fin: bool,
    code: u8,
    mask: Option<[u8; 4]>,
    start: usize,
    length: usize,
}

impl Reader {
    /// Reads what this side sends; messages of more than `most` bytes are refused.
    pub fn new(side: Side, most: usize) -> Self {
        Self { side, most, bytes: Vec::new(), at: 0, open: None }
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
            let Some(header) = self.header().map_err(fault)? else { return Ok(None) };
            let Some(wire) = self.unread().get(..header.start + header.length).map(<[u8]>::to_vec) else {
                return Ok(None);
            };
            let mut payload = wire.get(header.start..).unwrap_or_default().to_vec();
            unmask(&mut payload, header.mask);
            self.at += wire.len();
            if let Some(unit) = self.take(&header, payload, wire).map_err(fault)? {
                return Ok(Some(unit));
            }
        }
    }

    fn take(&mut self, header: &Header, payload: Vec<u8>, wire: Vec<u8>) -> Result<Option<Unit>, Reason> {
        let opcode = match header.code {
            0 => None,
            1 => Some(Opcode::Text),
            2 => Some(Opcode::Binary),
            8 => return Ok(Some(Unit { opcode: Opcode::Close, payload, wire })),
            9 => return Ok(Some(Unit { opcode: Opcode::Ping, payload, wire })),
            _ => return Ok(Some(Unit { opcode: Opcode::Pong, payload, wire })),
        };
        match (opcode, &mut self.open) {
            (Some(opcode), None) => self.open = Some(Unit { opcode, payload, wire }),
            (None, Some(open)) => {
                open.payload.extend_from_slice(&payload);
                open.wire.extend_from_slice(&wire);
            }
            _ => return Err(FRAGMENT),
        }
        let whole = self.open.take_if(|_| header.fin);
        match whole {
            Some(unit) if unit.opcode == Opcode::Text && std::str::from_utf8(&unit.payload).is_err() => Err(TEXT),
            whole => Ok(whole),
        }
    }

    fn header(&self) -> Result<Option<Header>, Reason> {
        let [first, second, rest @ ..] = self.unread() else { return Ok(None) };
        let (fin, code) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 || !matches!(code, 0..=2 | 8..=10) {
            return Err(RESERVED);
        }
        let masked = second & 0x80 != 0;
        if masked != (self.side == Side::Client) {
            return Err(MASK);
        }
        let short = second & 0x7f;
        if code >= 8 && (!fin || short > 125) {
            return Err(CONTROL);
        }
        let (length, bytes) = match short {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let least = match bytes {
            2 => 126,
            8 => 1 << 16,
            _ => 0,
        };
        if length < least || length >> 63 != 0 {
            return Err(LENGTH);
        }
        let before = self.open.as_ref().map_or(0, |open| open.payload.len());
        let length = usize::try_from(length).map_err(|_| TOO_LARGE)?;
        // Fragments of nothing cost their headers, so these count too.
        let pieces = self.open.as_ref().map_or(0, |open| open.wire.len().saturating_sub(open.payload.len()));
        if length > self.most.saturating_sub(before) || code < 8 && pieces > PIECES_BYTES {
            return Err(TOO_LARGE);
        }
        let mut start = 2 + bytes;
        let mut mask = None;
        if masked {
            let Some(key) = self.unread().get(start..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            mask = Some(*key);
            start += key.len();
        }
        Ok(Some(Header { fin, code, mask, start, length }))
    }
}

/// Bytes of all the frame headers of one message.
const PIECES_BYTES: usize = 64 * 1024;

fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    let Some(mask) = mask else { return };
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

/// Close with code 1008 (policy violation), as this side sends it.
pub fn close(side: Side, reason: &str) -> Vec<u8> {
    const POLICY_VIOLATION: u16 = 1008;
    /// What a control frame has room for, besides the code.
    const MOST: usize = 123;
    let reason = reason.bytes().filter(u8::is_ascii_graphic).take(MOST);
    let payload: Vec<u8> = POLICY_VIOLATION.to_be_bytes().into_iter().chain(reason).collect();
    let length = payload.len() as u8;
    match side {
        Side::Server => [&[0x88, length], &payload[..]].concat(),
        // A mask of zeros masks nothing and is one all the same.
        Side::Client => [&[0x88, 0x80 | length, 0, 0, 0, 0], &payload[..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
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

    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
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
            let units = read(side, 10, &[&close(side, "event-1")]).unwrap();
            assert_eq!((units[0].opcode, &units[0].payload[..]), (Opcode::Close, &b"\x03\xf0event-1"[..]));
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
