//! Character references and the five predefined entities (XML 1.0 §4.1, §4.6). What is none of them means itself.

use crate::flow::{Chain, Layer};
use crate::protocol::body::collect::Value;
use std::borrow::Cow;

/// Longest reference that is looked for: `&#x0000010FFFF;`.
const MAX_REFERENCE: usize = 16;

/// A text with its references undone; borrowed when it has none.
pub(super) fn undo(raw: &[u8]) -> Value<'_> {
    let Some(first) = memchr::memchr(b'&', raw) else { return Value::plain(raw) };
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(raw.get(..first).unwrap_or_default());
    let mut rest = raw.get(first..).unwrap_or_default();
    let mut undone = false;
    while let Some((byte, after)) = rest.split_first() {
        match (*byte == b'&').then(|| reference(after)).flatten() {
            Some((c, behind)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                undone = true;
                rest = behind;
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    if !undone {
        return Value::plain(raw);
    }
    Value { raw, canonical: Cow::Owned(out), chain: Chain::of(Layer::Html) }
}

/// The character that a reference behind `&` stands for, and what follows it.
fn reference(text: &[u8]) -> Option<(char, &[u8])> {
    let end = text.iter().take(MAX_REFERENCE).position(|b| *b == b';')?;
    let (name, rest) = text.split_at_checked(end)?;
    let c = match name {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((c, rest.get(1..).unwrap_or_default()))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    char::from_u32(u32::from_str_radix(text, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(raw: &str) -> String {
        String::from_utf8(undo(raw.as_bytes()).canonical.into_owned()).unwrap()
    }

    #[test]
    fn references_become_characters() {
        assert_eq!(undone("a&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#x0000041;"), "a<>&\"'A\u{1F600}A");
    }

    #[test]
    fn other_ampersands_stay() {
        for text in ["&", "&;", "&x;", "a & b;", "&#;", "&#x;", "&#xD800;", "&#+65;", "&#x00000000000041;"] {
            assert_eq!(undone(text), text);
        }
    }
}
