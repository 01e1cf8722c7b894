//! Transfer encodings of multipart entities (RFC 2045 §6.7, §6.8), undone as tolerantly as decoders do: what does not
//! belong is skipped or means itself.

use super::urlencoded::hex;

/// Base64, either alphabet; other bytes are skipped, padding ends a group.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for b in text {
        if *b == b'=' {
            (bits, count) = (0, 0);
        }
        let Some(six) = sextet(*b) else { continue };
        bits = bits << 6 | six;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

fn sextet(b: u8) -> Option<u32> {
    let value = match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Quoted-printable: `=41`, and `=` at a line's end joins it with the next.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(before);
        rest = match from {
            [_, b'\r', b'\n', after @ ..] | [_, b'\n', after @ ..] => after,
            [_, high, low, after @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    after
                }
                _ => literal(from, &mut out),
            },
            _ => literal(from, &mut out),
        };
    }
    out.extend_from_slice(rest);
    out
}

/// An equals sign that starts nothing.
fn literal<'a>(from: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    out.push(b'=');
    from.get(1..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_undone() {
        assert_eq!(base64(b"aGVs\r\nbG8="), b"hello");
        assert_eq!(base64(b"-_-_"), base64(b"+/+/"));
        assert_eq!(base64(b"YQ==YQ=="), b"aa");
        assert_eq!(base64(b""), b"");
    }

    #[test]
    fn quoted_printable_is_undone() {
        assert_eq!(quoted_printable(b"a=3Db=\r\nc=\nd=zz="), b"a=bcd=zz=");
    }
}
