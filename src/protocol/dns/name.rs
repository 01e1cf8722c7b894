//! Domain names (RFC 1035 §3.1, §4.1.4): labels in their original letter case and any bytes, compared without case.

use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// The name ends inside of a label, or has no end.
pub const SHORT: Reason = Reason::new("dns-name-short", Kind::Malformed, "a name ends inside of a label");
/// A pointer leads forwards, to itself or into the header.
pub const POINTER: Reason =
    Reason::new("dns-name-pointer", Kind::Malformed, "a compression pointer does not lead backwards to a name");
/// A label begins with 01 or 10 (RFC 2671's extended labels and nothing at all).
pub const LABEL_TYPE: Reason = Reason::new("dns-label-type", Kind::Malformed, "a label of a type that does not exist");
/// The name is over 255 octets.
pub const LENGTH: Reason = Reason::new("dns-name-too-long", Kind::Malformed, "a name of more than 255 octets");

/// RFC 1035 §2.3.4.
pub const MAX_LABEL: usize = 63;
/// RFC 1035 §2.3.4, length octets and root included.
pub const MAX_NAME: usize = 255;
/// Bytes of a header; no name begins before its end.
const HEADER: usize = 12;

/// A name, fully qualified. `1 <= wire.len() <= 255`; the last octet is the root's 0.
#[derive(Clone, Debug)]
pub struct Name {
    wire: Box<[u8]>,
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self { wire: Box::new([0]) }
    }

    /// From text with dots between labels, with or without a last dot; `\.`, `\\` and `\DDD` escape.
    ///
    /// Nothing when a label is empty or too long, the name is, or an escape is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut wire = vec![0];
        let mut start = 0;
        let mut bytes = text.as_bytes().iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => start = Self::close(&mut wire, start)?,
                b'\\' => wire.push(escaped(&mut bytes)?),
                byte => wire.push(byte),
            }
        }
        let closed = wire.len() == start + 1;
        if !closed {
            Self::close(&mut wire, start)?;
        }
        (wire.len() <= MAX_NAME).then(|| Self { wire: wire.into() })
    }

    /// Ends the label that began at `start`, and begins the next.
    fn close(wire: &mut Vec<u8>, start: usize) -> Option<usize> {
        let length = wire.len() - start - 1;
        if length == 0 || length > MAX_LABEL {
            return None;
        }
        *wire.get_mut(start)? = u8::try_from(length).ok()?;
        wire.push(0);
        Some(wire.len() - 1)
    }

    /// As on the wire, without compression.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The labels, the root's apart, first label first.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        self.spans().map(|span| self.wire.get(span).unwrap_or_default())
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// Whether it is `other` or below it.
    pub fn is_within(&self, other: &Name) -> bool {
        let Some(skip) = self.wire.len().checked_sub(other.wire.len()) else { return false };
        let at_label = skip == 0 || other.is_root() || self.spans().any(|span| span.start == skip + 1);
        at_label && self.wire.get(skip..).is_some_and(|end| end.eq_ignore_ascii_case(&other.wire))
    }

    /// The labels before `end`, as a name of their own; nothing when it does not end in it.
    pub fn without(&self, end: &Name) -> Option<Self> {
        let count = self.wire.len().checked_sub(end.wire.len()).filter(|_| self.is_within(end))?;
        let mut wire = self.wire.get(..count)?.to_vec();
        wire.push(0);
        Some(Self { wire: wire.into() })
    }

    /// In lower case, without a last dot, what is no letter, digit, `-` or `_` escaped: the spelling that policies,
    /// caches and records know it by. The root is `.`.
    pub fn canonical(&self) -> String {
        self.spelled(true)
    }

    /// The same bytes in another letter case have the same key.
    pub fn key(&self) -> Box<[u8]> {
        self.wire.to_ascii_lowercase().into()
    }

    fn spelled(&self, lower: bool) -> String {
        if self.is_root() {
            return ".".to_owned();
        }
        let mut text = String::with_capacity(self.wire.len());
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            label.iter().for_each(|byte| spell(&mut text, if lower { byte.to_ascii_lowercase() } else { *byte }));
        }
        text
    }

    fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let length = usize::from(*self.wire.get(at)?);
            let span = at + 1..at + 1 + length;
            at = span.end;
            (length > 0).then_some(span)
        })
    }
}

/// The byte that an escape stands for.
fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

fn spell(text: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
        text.push(char::from(byte));
    } else {
        text.push_str(&format!("\\{byte:03}"));
    }
}

/// Reads the name at `at` of a message: the name, and how many bytes of it stand there.
///
/// Every pointer must lead to before the place where the labels that it ends began, so that the places only go down.
pub(super) fn read(message: &[u8], at: usize) -> Result<(Name, usize), Malformed> {
    let mut wire = Vec::with_capacity(32);
    let (mut here, mut floor, mut used) = (at, at, None);
    loop {
        let first = *message.get(here).ok_or(Malformed::new(here, SHORT))?;
        match first {
            0 => {
                wire.push(0);
                let used = used.unwrap_or_else(|| here + 1 - at);
                return Ok((Name { wire: wire.into() }, used));
            }
            1..=63 => {
                let end = here + 1 + usize::from(first);
                let label = message.get(here..end).ok_or(Malformed::new(here, SHORT))?;
                if wire.len() + label.len() >= MAX_NAME {
                    return Err(Malformed::new(here, LENGTH));
                }
                wire.extend_from_slice(label);
                here = end;
            }
            0xC0.. => {
                let low = *message.get(here + 1).ok_or(Malformed::new(here, SHORT))?;
                let target = usize::from(u16::from_be_bytes([first & 0x3F, low]));
                if !(HEADER..floor).contains(&target) {
                    return Err(Malformed::new(here, POINTER));
                }
                used.get_or_insert_with(|| here + 2 - at);
                (here, floor) = (target, target);
            }
            _ => return Err(Malformed::new(here, LABEL_TYPE)),
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wire.iter().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
    }
}

impl fmt::Display for Name {
    /// In its own letter case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of a header's length, then `bytes`.
    fn name_at(bytes: &[u8], at: usize) -> Result<(String, usize), Reason> {
        let message = [&[0; HEADER], bytes].concat();
        read(&message, HEADER + at).map(|(name, used)| (name.to_string(), used)).map_err(|fault| fault.why)
    }

    #[test]
    fn labels_end_with_the_root() {
        assert_eq!(name_at(b"\x01a\x02Bc\0", 0), Ok(("a.Bc".into(), 6)));
        assert_eq!(name_at(b"\0", 0), Ok((".".into(), 1)));
        assert_eq!(name_at(b"\x01a", 0), Err(SHORT));
        assert_eq!(name_at(b"\x02a", 0), Err(SHORT));
        assert_eq!(name_at(b"", 0), Err(SHORT));
        assert_eq!(name_at(b"\x40a\0", 0), Err(LABEL_TYPE));
        assert_eq!(name_at(b"\x80a\0", 0), Err(LABEL_TYPE));
    }

    #[test]
    fn pointer_leads_backwards() {
        assert_eq!(name_at(b"\x01a\0\x01b\xC0\x0C", 3), Ok(("b.a".into(), 4)));
        assert_eq!(name_at(b"\x01a\0\x01b\xC0\x0C\xC0\x0F", 7), Ok(("b.a".into(), 2)));
    }

    #[test]
    fn pointer_that_does_not_is_malformed() {
        for (bytes, at) in [
            (&b"\xC0\x0C"[..], 0),              // to itself
            (b"\x01a\xC0\x0C", 0),              // to its own name
            (b"\xC0\x0E\x01a\0", 0),            // forwards
            (b"\xC0\x00", 0),                   // into the header
            (b"\x01a\xC0\x10\x01b\xC0\x0C", 4), // round and round
        ] {
            assert_eq!(name_at(bytes, at), Err(POINTER), "{bytes:?}");
        }
        assert_eq!(name_at(b"\x01a\xC0", 0), Err(SHORT));
    }

    #[test]
    fn name_is_taken_up_to_255_octets() {
        let longest = [vec![63; 64], vec![63; 64], vec![63; 64], vec![61; 62], vec![0]].concat();
        assert_eq!(longest.len(), MAX_NAME);
        assert!(name_at(&longest, 0).is_ok());
        let longer = [vec![63; 64], vec![63; 64], vec![63; 64], vec![62; 63], vec![0]].concat();
        assert_eq!(name_at(&longer, 0), Err(LENGTH));
    }

    #[test]
    fn text_is_wire_is_text() {
        for text in ["a.Bc", "_http._tcp.x", "a\\.b.c".replace("\\.", "\\046").as_str(), "\\255\\000.x", "."] {
            let name = Name::parse(if text == "." { "" } else { text }).unwrap();
            assert_eq!(name.to_string(), text);
        }
        assert_eq!(Name::parse("a.b.").unwrap().to_string(), "a.b");
        assert!(Name::parse("a..b").is_none());
        assert!(Name::parse(&"a".repeat(64)).is_none());
        assert!(Name::parse(&"a".repeat(63)).is_some());
        assert!(Name::parse(&"a.".repeat(127)).is_some());
        assert!(Name::parse(&"a.".repeat(128)).is_none());
        assert!(Name::parse("\\25").is_none());
        assert!(Name::parse("\\256").is_none());
    }

    #[test]
    fn within_is_by_label() {
        let name = |text: &str| Name::parse(text).unwrap();
        assert!(name("a.EXAMPLE.org").is_within(&name("example.org")));
        assert!(name("example.org").is_within(&name("example.org")));
        assert!(!name("badexample.org").is_within(&name("example.org")));
        assert!(name("a.b").is_within(&Name::root()));
        assert!(!name("org").is_within(&name("example.org")));
    }
}
