//! One frame: its header with the rules of RFC 6455 §5, which frames may follow which, and frames of our own.

use super::{AFTER_CLOSE, CLOSE, CONTROL, FRAGMENT, LENGTH, MASK, Opcode, RESERVED, TEXT};
use crate::flow::{Reason, Side};

/// Longest content of a control frame (§5.5).
pub(super) const CONTROL_BYTES: usize = 125;

/// The start of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// Nothing for a continuation.
    pub(super) opcode: Option<Opcode>,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of the header itself, the mask with it.
    pub(super) start: usize,
    /// Bytes behind it.
    pub(super) length: u64,
}

impl Header {
    /// Reads the header at the start of `bytes`; nothing when it is not whole yet.
    ///
    /// # Errors
    /// The rule that is broken, as soon as that is certain.
    pub(super) fn read(bytes: &[u8], side: Side) -> Result<Option<Self>, Reason> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = opcode(*first)?;
        let fin = first & 0x80 != 0;
        let masked = second & 0x80 != 0;
        if masked != (side == Side::Client) {
            return Err(MASK);
        }
        let short = second & 0x7f;
        if opcode.is_some_and(Opcode::is_control) && (!fin || usize::from(short) > CONTROL_BYTES) {
            return Err(CONTROL);
        }
        let Some((length, extended)) = length(short, rest)? else { return Ok(None) };
        let mut start = 2 + extended;
        let mut mask = None;
        if masked {
            let Some(key) = bytes.get(start..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            mask = Some(*key);
            start += key.len();
        }
        Ok(Some(Self { fin, opcode, mask, start, length }))
    }
}

/// The reserved bits belong to extensions, of which none is spoken.
fn opcode(first: u8) -> Result<Option<Opcode>, Reason> {
    match first & 0x7f {
        0 => Ok(None),
        1 => Ok(Some(Opcode::Text)),
        2 => Ok(Some(Opcode::Binary)),
        8 => Ok(Some(Opcode::Close)),
        9 => Ok(Some(Opcode::Ping)),
        10 => Ok(Some(Opcode::Pong)),
        _ => Err(RESERVED),
    }
}

/// A length, and how many bytes it took besides the first seven bits; in as few as it needs.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Reason> {
    let (length, bytes, least) = match short {
        126 => (rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 2, 126),
        127 => (rest.first_chunk().map(|length| u64::from_be_bytes(*length)), 8, 1 << 16),
        short => (Some(u64::from(short)), 0, 0),
    };
    match length {
        Some(length) if length < least || length >> 63 != 0 => Err(LENGTH),
        length => Ok(length.map(|length| (length, bytes))),
    }
}

/// What the frames of one side have said so far, and so which may come next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    open: Option<Opcode>,
    closed: bool,
}

impl Sequence {
    /// Takes the next frame, and gives what the message is that it belongs to.
    ///
    /// # Errors
    /// [`FRAGMENT`], [`AFTER_CLOSE`].
    pub(super) fn take(&mut self, header: &Header) -> Result<Opcode, Reason> {
        if self.closed {
            return Err(AFTER_CLOSE);
        }
        let opcode = match (header.opcode, self.open) {
            (Some(control), _) if control.is_control() => {
                self.closed = control == Opcode::Close;
                return Ok(control);
            }
            (Some(opcode), None) => opcode,
            (None, Some(open)) => open,
            _ => return Err(FRAGMENT),
        };
        self.open = Some(opcode).filter(|_| !header.fin);
        Ok(opcode)
    }
}

/// RFC 6455 §5.5.1 and §7.4: nothing, or a code that may be sent and UTF-8.
pub(super) fn check_close(payload: &[u8]) -> Result<(), Reason> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(()) } else { Err(CLOSE) };
    };
    match u16::from_be_bytes(*code) {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {}
        _ => return Err(CLOSE),
    }
    std::str::from_utf8(reason).map(|_| ()).map_err(|_| TEXT)
}

/// Undoes, or does, a mask from its first byte on.
pub(super) fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    let Some(mask) = mask else { return };
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

/// A whole message or control frame as a server writes it.
pub fn of_server(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let code = match opcode {
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    let mut out = vec![0x80 | code];
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        middle @ 126..=0xffff => {
            out.push(126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// Close with code 1008 (policy violation), as this side sends it.
pub fn close(side: Side, reason: &str) -> Vec<u8> {
    const POLICY_VIOLATION: u16 = 1008;
    /// What a control frame has room for, besides the code.
    const MOST: usize = CONTROL_BYTES - 2;
    let reason = reason.bytes().filter(u8::is_ascii_graphic).take(MOST);
    let payload: Vec<u8> = POLICY_VIOLATION.to_be_bytes().into_iter().chain(reason).collect();
    match side {
        Side::Server => of_server(Opcode::Close, &payload),
        // A mask of zeros masks nothing and is one all the same.
        Side::Client => [&[0x88, 0x80 | payload.len() as u8, 0, 0, 0, 0], &payload[..]].concat(),
    }
}
