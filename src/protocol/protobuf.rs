//! Protocol Buffers without their schema: which bytes of a message are strings. The wire format tells where each field
//! ends and not what it means: a length-delimited field is text, bytes or a message within.
//!
//! What reads as text is text. What does not, and keeps to the wire format to its end, is a message; its fields are looked
//! at in turn. Both guesses can be wrong, so whoever inspects these fields looks at the message's bytes as a whole, too.
//! Linear: each byte is looked at once per level, and levels are limited. No recursion.

/// One string of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The numbers of the fields around it and its own: `3.1`.
    pub path: String,
    /// Its bytes, which are UTF-8.
    pub value: &'a [u8],
}

/// Levels of messages within each other that are followed. A deeper one counts as bytes.
pub const DEPTH: usize = 16;

/// The strings of a message, at most `most`; nothing when it does not keep to the wire format.
pub fn strings(message: &[u8], most: usize) -> Option<Vec<Field<'_>>> {
    is_message(message).then_some(())?;
    let mut found = Vec::new();
    let mut open = vec![(Reader(message), 0)];
    while let Some((reader, number)) = open.last_mut() {
        let Some(field) = reader.next() else {
            open.pop();
            continue;
        };
        *number = field.number;
        let Some(value) = field.bytes.filter(|value| !value.is_empty()) else { continue };
        if is_text(value) {
            if found.len() == most {
                break;
            }
            found.push(Field { path: path(&open), value });
        } else if open.len() < DEPTH && is_message(value) {
            open.push((Reader(value), 0));
        }
    }
    Some(found)
}

/// Levels of messages within each other in which beginnings are looked for.
const BEGINNINGS: usize = 4;

/// The contents of length-delimited fields, at most `most`, each before what is within it. The message may be cut off: of its
/// last field there is then what there is. What is no message has beginnings too, which mean nothing.
pub fn beginnings(message: &[u8], most: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut open = vec![Reader(message)];
    while let Some(reader) = open.last_mut()
        && found.len() < most
    {
        let (value, whole) = match reader.next() {
            Some(field) => (field.bytes, true),
            None => (reader.cut_off(), false),
        };
        if !whole {
            open.pop();
        }
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        found.push(value);
        if open.len() < BEGINNINGS {
            open.push(Reader(value));
        }
    }
    found
}

fn path(open: &[(Reader<'_>, u64)]) -> String {
    open.iter().map(|(_, number)| number.to_string()).collect::<Vec<_>>().join(".")
}

/// Valid UTF-8 without control characters other than those of text.
fn is_text(value: &[u8]) -> bool {
    let control = |b: &u8| matches!(b, 0..=8 | 11 | 12 | 14..=31 | 127);
    !value.iter().any(control) && std::str::from_utf8(value).is_ok()
}

/// Whether all of it is fields.
fn is_message(bytes: &[u8]) -> bool {
    let mut reader = Reader(bytes);
    while reader.next().is_some() {}
    reader.0.is_empty()
}

/// The fields of a message. What is left at the end is what is no field.
struct Reader<'a>(&'a [u8]);

struct Read<'a> {
    number: u64,
    /// Of a length-delimited field.
    bytes: Option<&'a [u8]>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Read<'a>> {
        let (tag, rest) = varint(self.0)?;
        let number = tag >> 3;
        if number == 0 || number > u64::from(u32::MAX >> 3) {
            return None;
        }
        let (bytes, rest) = match tag & 7 {
            0 => (None, varint(rest)?.1),
            1 => (None, rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(bytes), rest)
            }
            // A group's begin and end hold nothing; the fields between them are fields.
            3 | 4 => (None, rest),
            5 => (None, rest.get(4..)?),
            _ => return None,
        };
        self.0 = rest;
        Some(Read { number, bytes })
    }

    /// What there is of a length-delimited field that ends behind the message.
    fn cut_off(&self) -> Option<&'a [u8]> {
        let (tag, rest) = varint(self.0)?;
        let (length, rest) = varint(rest)?;
        (tag >> 3 > 0 && tag & 7 == 2 && length > rest.len() as u64).then_some(rest)
    }
}

/// A number in base 128, least significant first, of at most ten bytes.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or_default();
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        assert!(value.len() < 128);
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    fn found(message: &[u8]) -> Vec<(String, String)> {
        let fields = strings(message, 100).unwrap();
        fields.into_iter().map(|field| (field.path, String::from_utf8(field.value.to_vec()).unwrap())).collect()
    }

    #[test]
    fn strings_are_found_at_every_level() {
        let inner = [field(1, b"deep"), vec![0x10, 0x96, 0x01]].concat();
        let message = [field(1, b"one"), vec![0x15, 1, 2, 3, 4], field(3, &inner), field(4, b"")].concat();
        assert_eq!(found(&message), [("1".into(), "one".into()), ("3.1".into(), "deep".into())]);
        assert_eq!(found(&[0x0b, 0x12, 1, b'x', 0x0c]), [("2".into(), "x".into())]);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for bytes in [&b"\x0a"[..], b"\x0a\x05ab", b"\x07", b"\x00\x01", b"\x08", &[0xff; 11]] {
            assert_eq!(strings(bytes, 100), None, "{bytes:?}");
        }
        assert_eq!(strings(b"", 100), Some(Vec::new()));
    }

    #[test]
    fn levels_and_fields_are_limited() {
        let nested =
            |levels: usize| (1..levels).fold(field(1, b"x"), |inner, _| field(1, &[inner, vec![0x08, 1]].concat()));
        assert_eq!(found(&nested(DEPTH)).len(), 1);
        assert_eq!(found(&nested(DEPTH + 1)).len(), 0);
        let many = field(1, b"x").repeat(5);
        assert_eq!(strings(&many, 4).unwrap().len(), 4);
    }

    #[test]
    fn beginnings_are_found_where_they_end_behind_the_message() {
        let inner = b"\x08\x01\x12\x05hello";
        let message = [&[0x0a, inner.len() as u8], inner.as_slice(), b"\x1a\x40cut"].concat();
        assert_eq!(beginnings(&message, 8), [inner.as_slice(), b"hello", b"cut"]);
        assert_eq!(beginnings(&message, 2), [inner.as_slice(), b"hello"]);
        assert!(beginnings(b"\xff\xff", 8).is_empty());
    }

    proptest! {
        #[test]
        fn beginnings_of_any_bytes_are_bounded(bytes in prop::collection::vec(any::<u8>(), 0..300), most in 0usize..20) {
            prop_assert!(beginnings(&bytes, most).len() <= most);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for field in strings(&bytes, 100).unwrap_or_default() {
                prop_assert!(std::str::from_utf8(field.value).is_ok());
            }
        }

        #[test]
        fn every_string_is_found(texts in prop::collection::vec("[ -~]{1,40}", 1..10)) {
            let message: Vec<u8> = texts.iter().flat_map(|text| field(2, text.as_bytes())).collect();
            let values: Vec<_> = found(&message).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(values, texts);
        }
    }
}
