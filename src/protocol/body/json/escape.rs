//! The escapes in JSON strings (RFC 8259 §7). An unknown escape means itself with its backslash; half a surrogate pair
//! becomes U+FFFD, as it stands for no character.

use crate::flow::{Chain, Layer};
use crate::protocol::body::collect::Value;
use crate::protocol::body::swar;
use crate::protocol::body::urlencoded::hex;
use std::borrow::Cow;

/// A string's content with its escapes undone.
pub(in crate::protocol::body) fn undo(raw: &[u8]) -> Value<'_> {
    // Copying goes by eights, and an escape is never shorter than what it stands for.
    let mut out = Vec::with_capacity(raw.len() + 8);
    let mut rest = swar::copy_until(b'\\', b'\\', raw, &mut out);
    while let Some(escape) = rest.get(1..) {
        rest = swar::copy_until(b'\\', b'\\', one(escape, &mut out), &mut out);
    }
    Value { raw, canonical: Cow::Owned(out), chain: Chain::of(Layer::JsonEscape) }
}

/// Undoes the escape whose backslash was taken; what follows it.
fn one<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((kind, after)) = text.split_first() else {
        out.push(b'\\');
        return text;
    };
    let byte = MEANT.get(usize::from(*kind)).copied().unwrap_or_default();
    if byte != 0 {
        out.push(byte);
        return after;
    }
    if *kind == b'u' && unit(after).is_some() {
        return unicode(after, out);
    }
    out.extend_from_slice(&[b'\\', *kind]);
    after
}

/// What the letter behind a backslash stands for; zero when it is none of RFC 8259's one-letter escapes.
static MEANT: [u8; 128] = {
    let known = *b"\"\"\\\\//''n\nt\tr\rb\x08f\x0c";
    let mut table = [0; 128];
    let mut at = 0;
    while at < known.len() {
        #[expect(clippy::indexing_slicing, reason = "checked at compile time")]
        {
            table[known[at] as usize] = known[at + 1];
        }
        at += 2;
    }
    table
};

/// Undoes `0041` or `d83d\ude00`; what follows it.
fn unicode<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((high, after)) = unit(text) else { return text };
    let pair = after.strip_prefix(b"\\u").and_then(unit).filter(|(low, _)| (0xdc00..=0xdfff).contains(low));
    let (code, after) = match pair {
        Some((low, behind)) if (0xd800..=0xdbff).contains(&high) => {
            (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), behind)
        }
        _ => (high, after),
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    after
}

/// Four hex digits.
fn unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, after) = text.split_first_chunk::<4>()?;
    let mut code = 0;
    for digit in digits {
        code = code << 4 | u32::from(hex(*digit)?);
    }
    Some((code, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(raw: &str) -> String {
        String::from_utf8(undo(raw.as_bytes()).canonical.into_owned()).unwrap()
    }

    #[test]
    fn every_escape_is_undone() {
        assert_eq!(undone(r#"\"\\\/\b\f\n\r\t\u0041"#), "\"\\/\u{8}\u{c}\n\r\tA");
    }

    #[test]
    fn surrogates_become_one_character() {
        assert_eq!(undone(r"\ud83d\ude00"), "\u{1F600}");
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(undone(r"\ud83dx"), "\u{fffd}x");
        assert_eq!(undone(r"\ude00\ud83d"), "\u{fffd}\u{fffd}");
        assert_eq!(undone(r"\ud83d\u0041"), "\u{fffd}A");
    }

    #[test]
    fn unknown_escape_stays() {
        assert_eq!(undone(r"\x41\u12\q\"), r"\x41\u12\q\");
    }
}
