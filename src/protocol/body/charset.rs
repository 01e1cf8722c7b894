//! Charsets: which are known by which names, and their way to UTF-8.
//!
//! Known: UTF-8, US-ASCII, ISO 8859-1 and -15 with Windows-1252 (read as the last, as browsers do), UTF-16 and UTF-32 in
//! either order. All others are refused by name: text that we cannot read is text that we cannot judge. A declared
//! charset is not believed either: bytes that plainly are in another one are read in both.

use super::collect::then;
use crate::flow::{Chain, Kind, Layer, Reason};
use crate::protocol::Malformed;

/// A charset of which we know nothing.
pub(super) const UNKNOWN: Reason =
    Reason::new("body-charset-unknown", Kind::Unsupported, "the declared charset is not one that can be inspected");
/// UTF-7 writes `<` as `+ADw-`.
pub(super) const UTF7: Reason =
    Reason::new("body-charset-utf-7", Kind::Attack, "the declared charset is UTF-7, which only hides what is meant");
/// EBCDIC shares no letter with ASCII.
pub(super) const EBCDIC: Reason =
    Reason::new("body-charset-ebcdic", Kind::Attack, "the declared charset is EBCDIC, which only hides what is meant");

/// A charset that can be turned into UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8 and US-ASCII: nothing to turn.
    Utf8,
    /// Windows-1252.
    Latin,
    /// UTF-16; without a byte order mark big-endian (RFC 2781 §4.3), or what the bytes look like.
    Utf16(Option<Order>),
    /// UTF-32, likewise.
    Utf32(Option<Order>),
}

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The most significant.
    Big,
    /// The least significant.
    Little,
}

impl Charset {
    /// The charset of a declared name, in any case.
    pub(super) fn parse(name: &[u8]) -> Result<Self, Malformed> {
        let mut short = [0; 20];
        let Some(room) = short.get_mut(..name.len()) else { return refuse(UNKNOWN) };
        room.copy_from_slice(name);
        room.make_ascii_lowercase();
        Ok(match &*room {
            b"utf-8" | b"utf8" | b"us-ascii" | b"ascii" | b"" => Self::Utf8,
            b"iso-8859-1" | b"iso8859-1" | b"iso_8859-1" | b"latin1" | b"latin-1" | b"iso-8859-15"
            | b"windows-1252" | b"cp1252" => Self::Latin,
            b"utf-16" | b"utf16" => Self::Utf16(None),
            b"utf-16le" | b"utf16le" => Self::Utf16(Some(Order::Little)),
            b"utf-16be" | b"utf16be" => Self::Utf16(Some(Order::Big)),
            b"utf-32" | b"utf32" => Self::Utf32(None),
            b"utf-32le" => Self::Utf32(Some(Order::Little)),
            b"utf-32be" => Self::Utf32(Some(Order::Big)),
            b"utf-7" | b"utf7" | b"x-utf-7" | b"unicode-1-1-utf-7" | b"csunicode11utf7" => return refuse(UTF7),
            other if is_ebcdic(other) => return refuse(EBCDIC),
            _ => return refuse(UNKNOWN),
        })
    }

    /// What the first bytes show: a byte order mark, or the zeros that ASCII leaves in wider units (RFC 4627 §3).
    pub(super) fn sniff(bytes: &[u8]) -> Option<Self> {
        match *bytes.first_chunk::<4>()? {
            [0xff, 0xfe, 0, 0] | [1..=255, 0, 0, 0] => Some(Self::Utf32(Some(Order::Little))),
            [0, 0, 0xfe, 0xff] | [0, 0, 0, 1..=255] => Some(Self::Utf32(Some(Order::Big))),
            [0xff, 0xfe, ..] | [1..=255, 0, 1..=255, 0] => Some(Self::Utf16(Some(Order::Little))),
            [0xfe, 0xff, ..] | [0, 1..=255, 0, 1..=255] => Some(Self::Utf16(Some(Order::Big))),
            _ => None,
        }
    }
}

fn is_ebcdic(name: &[u8]) -> bool {
    const PAGES: [&[u8]; 7] = [b"cp037", b"cp273", b"cp500", b"cp875", b"cp1026", b"cp1047", b"cp1140"];
    name.starts_with(b"ibm") || name.starts_with(b"x-ibm") || name.starts_with(b"ebcdic") || PAGES.contains(&name)
}

/// The texts that `bytes` may be meant as besides themselves: what is declared, and what the bytes look like.
pub(super) fn texts(bytes: &[u8], declared: Option<Charset>) -> Vec<(Vec<u8>, Chain)> {
    let sniffed = Charset::sniff(bytes);
    let declared = match (declared, sniffed) {
        (Some(Charset::Utf16(None)), other) => other.or(Some(Charset::Utf16(Some(Order::Big)))),
        (Some(Charset::Utf32(None)), other) => other.or(Some(Charset::Utf32(Some(Order::Big)))),
        (declared, _) => declared,
    };
    let mut found = Vec::new();
    if let Some(text) = declared.and_then(|charset| transcode(bytes, charset)) {
        found.push(text.0);
    }
    if let (Some(charset), true) = (sniffed, sniffed != declared) {
        found.extend(transcode(bytes, charset).filter(|(_, sound)| *sound).map(|(text, _)| text));
    }
    found
}

/// The text in UTF-8 and whether every unit of it was sound; nothing when it is UTF-8 already.
fn transcode(bytes: &[u8], charset: Charset) -> Option<((Vec<u8>, Chain), bool)> {
    let (text, sound, layer) = match charset {
        Charset::Utf8 => return None,
        Charset::Latin => (latin(bytes)?, true, Layer::Latin),
        Charset::Utf16(order) => utf16(bytes, order.unwrap_or(Order::Big)),
        Charset::Utf32(order) => utf32(bytes, order.unwrap_or(Order::Big)),
    };
    Some(((text, then(Chain::EMPTY, layer)), sound))
}

/// Windows-1252 as UTF-8. Nothing when the bytes are sound UTF-8, which real Windows-1252 text with letters beyond ASCII
/// never is: then the declaration is wrong.
fn latin(bytes: &[u8]) -> Option<Vec<u8>> {
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    Some(bytes.iter().map(|b| windows_1252(*b)).collect::<String>().into_bytes())
}

fn windows_1252(b: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match b {
        0x80..=0x9f => HIGH.get(usize::from(b - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(b),
    }
}

fn utf16(bytes: &[u8], order: Order) -> (Vec<u8>, bool, Layer) {
    let (units, rest) = bytes.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| match order {
        Order::Big => u16::from_be_bytes(*pair),
        Order::Little => u16::from_le_bytes(*pair),
    };
    let mut sound = rest.is_empty();
    let text: String = char::decode_utf16(units.iter().map(unit))
        .map(|c| {
            c.unwrap_or_else(|_| {
                sound = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    (text.into_bytes(), sound, Layer::Utf16)
}

fn utf32(bytes: &[u8], order: Order) -> (Vec<u8>, bool, Layer) {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut sound = rest.is_empty();
    let text: String = units
        .iter()
        .map(|quad| {
            let unit = match order {
                Order::Big => u32::from_be_bytes(*quad),
                Order::Little => u32::from_le_bytes(*quad),
            };
            char::from_u32(unit).unwrap_or_else(|| {
                sound = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    (text.into_bytes(), sound, Layer::Utf16)
}

fn refuse<T>(why: Reason) -> Result<T, Malformed> {
    Err(Malformed { at: 0, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(Charset::parse(b"UTF-8"), Ok(Charset::Utf8));
        assert_eq!(Charset::parse(b"Windows-1252"), Ok(Charset::Latin));
        assert_eq!(Charset::parse(b"utf-16LE"), Ok(Charset::Utf16(Some(Order::Little))));
    }

    #[test]
    fn other_names_are_refused() {
        assert_eq!(Charset::parse(b"UTF-7").unwrap_err().why, UTF7);
        assert_eq!(Charset::parse(b"ibm037").unwrap_err().why, EBCDIC);
        assert_eq!(Charset::parse(b"shift_jis").unwrap_err().why, UNKNOWN);
        assert_eq!(Charset::parse(&[b'a'; 21]).unwrap_err().why, UNKNOWN);
    }

    #[test]
    fn utf16_is_seen_without_being_declared() {
        let texts = texts(&wide("{\"a\":1}"), None);
        assert_eq!(texts.first().map(|(text, _)| &**text), Some(&b"{\"a\":1}"[..]));
    }

    #[test]
    fn utf32_is_seen_without_being_declared() {
        let bytes: Vec<u8> = "{\"a\"}".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        assert_eq!(texts(&bytes, None).first().map(|(text, _)| &**text), Some(&b"{\"a\"}"[..]));
    }

    #[test]
    fn broken_wide_text_counts_only_when_declared() {
        let odd = [wide("{\"a\":1}"), vec![b'x']].concat();
        assert_eq!(texts(&odd, None), []);
        assert_eq!(texts(&odd, Some(Charset::Utf16(Some(Order::Little)))).len(), 1);
    }

    #[test]
    fn ascii_under_wide_name_is_read_as_declared_too() {
        assert_eq!(texts(b"{\"a\":1}", Some(Charset::Utf16(None))).len(), 1);
    }

    #[test]
    fn latin_becomes_utf8() {
        let texts = texts(b"caf\xe9 \x80", Some(Charset::Latin));
        assert_eq!(texts.first().map(|(text, _)| &**text), Some("café €".as_bytes()));
    }

    #[test]
    fn utf8_under_latin_name_stays() {
        assert_eq!(texts("café".as_bytes(), Some(Charset::Latin)), []);
    }
}
