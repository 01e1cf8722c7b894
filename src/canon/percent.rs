//! Percent-encoding (RFC 3986 §2.1) and its form variant with `+`. Decodes once, in one pass, borrowing what needs no
//! decoding, and tells whether every escape was a proper one; whoever cares refuses what was not.

use std::borrow::Cow;

/// Text with its escapes undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The bytes. A broken escape stays as it was.
    pub bytes: Cow<'a, [u8]>,
    /// Whether every `%` was followed by two hexadecimal digits.
    pub strict: bool,
}

impl Decoded<'_> {
    /// Whether anything was decoded.
    pub fn changed(&self) -> bool {
        matches!(self.bytes, Cow::Owned(_))
    }
}

/// Undoes `%XX`.
pub fn decode(text: &[u8]) -> Decoded<'_> {
    match memchr::memchr(b'%', text) {
        None => Decoded { bytes: Cow::Borrowed(text), strict: true },
        Some(first) => replace(text, first, false),
    }
}

/// Undoes `%XX` and `+` for a space, as forms and queries are read.
pub fn decode_form(text: &[u8]) -> Decoded<'_> {
    match memchr::memchr2(b'%', b'+', text) {
        None => Decoded { bytes: Cow::Borrowed(text), strict: true },
        Some(first) => replace(text, first, true),
    }
}

/// The byte that two hexadecimal digits after a `%` stand for.
pub fn escape(after: &[u8]) -> Option<u8> {
    let [high, low, ..] = after else { return None };
    let digit = |b: &u8| char::from(*b).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn replace(text: &[u8], first: usize, plus: bool) -> Decoded<'_> {
    let (start, mut rest) = text.split_at_checked(first).unwrap_or((text, &[]));
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend_from_slice(start);
    let (mut strict, mut changed) = (true, false);
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' && !(plus && *byte == b'+') {
            let end = rest.iter().position(|b| *b == b'%' || plus && *b == b'+').unwrap_or(rest.len());
            let (plain, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            bytes.extend_from_slice(plain);
            rest = behind;
            continue;
        }
        let escaped = if *byte == b'%' { escape(after) } else { None };
        strict &= *byte != b'%' || escaped.is_some();
        changed |= escaped.is_some() || (plus && *byte == b'+');
        rest = after.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
        bytes.push(match (escaped, byte) {
            (Some(escaped), _) => escaped,
            (None, b'+') if plus => b' ',
            (None, byte) => *byte,
        });
    }
    Decoded { bytes: if changed { Cow::Owned(bytes) } else { Cow::Borrowed(text) }, strict }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(decoded: Decoded<'_>) -> (String, bool) {
        (String::from_utf8_lossy(&decoded.bytes).into_owned(), decoded.strict)
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(text(decode(b"a%2fb%2Fc+d%252e")), ("a/b/c+d%2e".into(), true));
        assert_eq!(text(decode_form(b"a+b%20c")), ("a b c".into(), true));
    }

    #[test]
    fn broken_escapes_stay() {
        for broken in ["%", "%4", "%zz", "a%4", "100%"] {
            assert_eq!(text(decode(broken.as_bytes())), (broken.into(), false));
        }
        assert_eq!(text(decode(b"%%41")), ("%A".into(), false));
    }

    #[test]
    fn what_needs_no_decoding_is_borrowed() {
        assert!(!decode(b"plain+text").changed());
        assert!(!decode(b"100%").changed());
        assert!(decode_form(b"a+b").changed());
    }
}
