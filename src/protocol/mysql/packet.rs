//! Packets: three bytes of length, one that counts, and the payload (MySQL, "MySQL Packets"). A payload of 2^24 - 1 bytes
//! or more goes on in the next packet.

use nom::number::complete::{le_u8, le_u24};
use nom::sequence::pair;
use nom::{IResult, Parser};

/// The length and the count.
pub const HEADER: usize = 4;
/// A payload of so many bytes goes on in the next packet.
pub const FULL: usize = 0xff_ffff;

/// A packet whose header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Bytes of its payload. `len <= FULL`.
    pub len: usize,
    /// Its number in its exchange.
    pub number: u8,
}

impl Packet {
    /// The packet that begins here, once its header has come.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let header: IResult<&[u8], (u32, u8)> = pair(le_u24, le_u8).parse(bytes);
        let (_, (len, number)) = header.ok()?;
        Some(Self { len: usize::try_from(len).unwrap_or(FULL), number })
    }

    /// Its bytes, header and payload.
    pub fn whole(&self) -> usize {
        HEADER + self.len
    }

    /// Whether the payload goes on in the next packet.
    pub fn goes_on(&self) -> bool {
        self.len == FULL
    }

    /// The payload, as far as it has come.
    pub fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(HEADER..bytes.len().min(self.whole())).unwrap_or_default()
    }
}

/// Writes a packet. `payload.len() < FULL`: ours are short.
pub fn put(out: &mut Vec<u8>, number: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(length.get(..3).unwrap_or_default());
    out.push(number);
    out.extend_from_slice(payload);
}

/// An integer of variable length; nothing for NULL, an error, or too few bytes (MySQL, "Protocol::LengthEncodedInteger").
pub fn length_encoded(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let width = match first {
        0..=0xfa => return Some((u64::from(*first), rest)),
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => return None,
    };
    let (digits, rest) = rest.split_at_checked(width)?;
    Some((digits.iter().rev().fold(0, |sum, digit| sum << 8 | u64::from(*digit)), rest))
}

/// A string whose length stands before it.
pub fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = length_encoded(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        assert_eq!(Packet::of(&[5, 0, 0, 3, 9]), Some(Packet { len: 5, number: 3 }));
        assert_eq!(Packet::of(&[0xff, 0xff, 0xff, 0]).map(|packet| packet.goes_on()), Some(true));
        assert_eq!(Packet::of(&[0xff, 0xff, 0xff]), None);
        let mut out = Vec::new();
        put(&mut out, 2, b"abc");
        let packet = Packet::of(&out).unwrap();
        assert_eq!((packet.whole(), packet.payload(&out)), (7, &b"abc"[..]));
    }

    #[test]
    fn integers_of_any_length_are_read() {
        assert_eq!(length_encoded(&[0xfa, 1]), Some((250, &[1][..])));
        assert_eq!(length_encoded(&[0xfc, 1, 2]), Some((0x0201, &[][..])));
        assert_eq!(length_encoded(&[0xfd, 1, 2, 3]), Some((0x03_0201, &[][..])));
        assert_eq!(length_encoded(&[0xfe, 1, 0, 0, 0, 0, 0, 0, 1]), Some((0x0100_0000_0000_0001, &[][..])));
        for short in [&[][..], &[0xfb], &[0xff], &[0xfc, 1], &[0xfe, 1]] {
            assert_eq!(length_encoded(short), None);
        }
        assert_eq!(length_prefixed(&[2, 1, 2, 3]), Some((&[1, 2][..], &[3][..])));
        assert_eq!(length_prefixed(&[2, 1]), None);
    }
}
