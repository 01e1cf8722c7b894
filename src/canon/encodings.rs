//! Encodings of a whole value: base64, hex, UTF-7, UTF-16 without its mark, UTF-8 that is longer than it need be. Each
//! function answers only when the value really is one: what comes out is text. Linear; never longer than the input.

use crate::flow::Layer;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Shorter values are words, not encodings.
pub const MIN_ENCODED_BYTES: usize = 12;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Base64 or base64url that decodes to text.
pub fn base64(value: &[u8]) -> Option<(Layer, Vec<u8>)> {
    if value.len() < MIN_ENCODED_BYTES || value.trim_ascii_end().len() % 4 == 1 {
        return None;
    }
    // A word or a random token fails here, at its first eight characters, nearly always.
    let (one, rest) = value.split_first_chunk()?;
    let ([a, b, c], [d, e, f]) = (three(one)?, three(rest.first_chunk()?)?);
    let start = [a, b, c, d, e, f];
    let broken = || std::str::from_utf8(&start).is_err_and(|error| error.error_len().is_some());
    if !start.iter().all(|byte| is_text(*byte)) || broken() {
        return None;
    }
    let url = value.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let (engine, layer) = if url { (&URL_SAFE, Layer::Base64Url) } else { (&STANDARD, Layer::Base64) };
    let decoded = engine.decode(value.trim_ascii_end()).ok()?;
    is_all_text(&decoded).then_some((layer, decoded))
}

/// The three bytes that four characters stand for, in either alphabet.
fn three(quad: &[u8; 4]) -> Option<[u8; 3]> {
    let value = |byte: &u8| SIXTIES.get(usize::from(*byte)).copied().unwrap_or(NONE);
    let joined = quad.iter().fold(0, |joined, byte| joined << 8 | u32::from(value(byte)));
    let bytes = (joined & 0x3f) | (joined & 0x3f00) >> 2 | (joined & 0x3f_0000) >> 4 | (joined & 0x3f00_0000) >> 6;
    let [_, bytes @ ..] = bytes.to_be_bytes();
    (joined & u32::from_be_bytes([NONE; 4]) == 0).then_some(bytes)
}

/// What a character that is none of base64 stands for.
const NONE: u8 = 0x80;

/// What the characters of both alphabets stand for.
static SIXTIES: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut byte: u8 = 0;
    let mut rest: &mut [u8] = &mut table;
    while let [first, tail @ ..] = rest {
        *first = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => NONE,
        };
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
};

/// One segment of a JSON Web Token.
pub fn base64url_json(segment: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE.decode(segment).ok().filter(|decoded| decoded.first() == Some(&b'{') && is_all_text(decoded))
}

/// An even number of hex digits, with or without `0x`, that decodes to text.
pub fn hex(value: &[u8]) -> Option<Vec<u8>> {
    let digits = value.strip_prefix(b"0x").unwrap_or(value);
    if digits.len() < MIN_ENCODED_BYTES || !digits.len().is_multiple_of(2) {
        return None;
    }
    let (pairs, _) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(*high)? << 4 | digit(*low)?).ok().filter(|byte| is_text(*byte))
    };
    // A word or a random token fails here, before there is anything to keep.
    pairs.iter().take(MIN_ENCODED_BYTES / 2).try_for_each(|pair| byte(pair).map(|_| ()))?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let decoded: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    is_all_text(&decoded).then_some(decoded)
}

/// Text with at least three bytes spelled as numbers: `0x2e0x2e0x2f`.
pub fn hex_bytes(value: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    // Identifiers and dates are told here, before there is anything to keep.
    memchr::memchr_iter(b'x', value).find(|at| at.checked_sub(1).and_then(|at| value.get(at)) == Some(&b'0'))?;
    let mut out = Vec::with_capacity(value.len());
    let (mut rest, mut count) = (value, 0);
    while let [first, tail @ ..] = rest {
        let spelled = match rest {
            [b'0', b'x', high, low, ..] => digit(high).zip(digit(low)).and_then(|(h, l)| u8::try_from(h << 4 | l).ok()),
            _ => None,
        };
        count += usize::from(spelled.is_some());
        out.push(spelled.unwrap_or(*first));
        rest = if spelled.is_some() { rest.get(4..).unwrap_or_default() } else { tail };
    }
    (count >= 3 && is_all_text(&out)).then_some(out)
}

/// How a shifted ASCII mark begins.
static SHIFT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("+A"));

/// Text in which `+ADw-` stands for `<` (RFC 2152).
pub fn utf7(text: &[u8]) -> Option<Vec<u8>> {
    SHIFT.find(text)?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut any = false;
    while let Some(at) = memchr::memchr(b'+', rest) {
        let (plain, tail) = rest.split_at_checked(at)?;
        out.extend_from_slice(plain);
        if let Some(len) = shifted(tail, &mut out) {
            any = true;
            rest = tail.get(len..)?;
        } else {
            out.push(b'+');
            rest = tail.get(1..)?;
        }
    }
    out.extend_from_slice(rest);
    any.then_some(out)
}

/// Digits of one shifted run that are read.
const SHIFTED_DIGITS: usize = 64;

/// `+ADw-` at the start of `text`: adds what it means, and gives its length. Only what hides ASCII marks is taken for
/// UTF-7.
fn shifted(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let digits = text.get(1..)?;
    let of_base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'/';
    let len = digits.iter().take(SHIFTED_DIGITS).take_while(of_base64).count();
    if len < 3 || digits.get(len) != Some(&b'-') || !digits.starts_with(b"A") {
        return None;
    }
    let mut units = [0; SHIFTED_DIGITS];
    let count = STANDARD.decode_slice(digits.get(..len)?, &mut units).ok()?;
    let (pairs, _) = units.get(..count)?.as_chunks::<2>();
    let start = out.len();
    for character in char::decode_utf16(pairs.iter().map(|pair| u16::from_be_bytes(*pair))) {
        let Ok(character) = character else {
            out.truncate(start);
            return None;
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    if !out.get(start..)?.iter().any(u8::is_ascii_punctuation) {
        out.truncate(start);
        return None;
    }
    Some(len + 2)
}

/// ASCII text in UTF-16, with or without its mark: every other byte is NUL.
pub fn utf16_ascii(bytes: &[u8]) -> Option<Vec<u8>> {
    let unmarked = bytes.strip_prefix(b"\xfe\xff").or(bytes.strip_prefix(b"\xff\xfe")).unwrap_or(bytes);
    let (pairs, _) = unmarked.as_chunks::<2>();
    let all = |is: fn(&[u8; 2]) -> bool| pairs.len() >= 4 && pairs.iter().all(is);
    if all(|[_, low]| *low == 0) {
        Some(pairs.iter().map(|[high, _]| *high).collect())
    } else if all(|[high, _]| *high == 0) {
        Some(pairs.iter().map(|[_, low]| *low).collect())
    } else {
        None
    }
}

/// Bytes that a lenient decoder reads as ASCII: UTF-8 sequences that are longer than they need be (`C0 AF` for `/`), and
/// the full-width forms (U+FF01 to U+FF5E), which many frameworks fold. Characters without width that stand behind ASCII
/// letters are dropped: they hide words from those who look for them.
pub fn fold(bytes: &[u8]) -> Option<Vec<u8>> {
    let leads = |byte: &u8| matches!(byte, 0xc0 | 0xc1 | 0xc2 | 0xe0 | 0xe2 | 0xef | 0xf0);
    let hides =
        |at: usize| bytes.get(at..).is_some_and(|rest| ascii_of(rest).is_some() || without_width(rest).is_some());
    // Other marks of typography begin with the same bytes: they are told here, before there is anything to keep.
    bytes.iter().zip(0..).find(|(byte, at)| leads(byte) && hides(*at))?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut any = false;
    while let Some(&first) = rest.first() {
        if let Some(len) = without_width(rest).filter(|_| out.last().is_some_and(u8::is_ascii_alphanumeric)) {
            any = true;
            rest = rest.get(len..)?;
            continue;
        }
        let (len, byte) = match ascii_of(rest) {
            Some((len, byte)) => {
                any = true;
                (len, byte)
            }
            None => (1, first),
        };
        out.push(byte);
        rest = rest.get(len..)?;
    }
    any.then_some(out)
}

/// How long a character without width is: soft hyphen, zero-width space and joiners, direction marks, word joiner, mark
/// of the byte order.
fn without_width(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [0xc2, 0xad, ..] => Some(2),
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

fn ascii_of(bytes: &[u8]) -> Option<(usize, u8)> {
    let low = |byte: u8| byte & 0x3f;
    match *bytes {
        [b @ (0xc0 | 0xc1), c, ..] if c >= 0x80 || c.is_ascii_punctuation() => Some((2, (b & 1) << 6 | low(c))),
        [0xe0, b @ (0x80 | 0x81), c @ 0x80..=0xbf, ..] => Some((3, (b & 1) << 6 | low(c))),
        [0xf0, 0x80, b @ (0x80 | 0x81), c @ 0x80..=0xbf, ..] => Some((4, (b & 1) << 6 | low(c))),
        [0xef, 0xbc, c @ 0x81..=0xbf, ..] => Some((3, low(c) + 0x20)),
        [0xef, 0xbd, c @ 0x80..=0x9e, ..] => Some((3, low(c) + 0x60)),
        _ => None,
    }
}

fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 127 || matches!(byte, b'\t' | b'\r' | b'\n')
}

fn is_all_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_text(*byte)) && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_text_is_decoded() {
        let script = b"<script>alert(1)</script>".to_vec();
        assert_eq!(base64(b"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="), Some((Layer::Base64, script.clone())));
        assert_eq!(base64(b"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg"), Some((Layer::Base64, script)));
        assert_eq!(base64(b"Jz8-Jz8-Jz8-Jz8-"), Some((Layer::Base64Url, b"'?>'?>'?>'?>".to_vec())));
    }

    #[test]
    fn words_and_tokens_are_not_base64() {
        for value in ["administrators", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "AKIAIOSFODNN7EXAMPLE", "YWJj"] {
            assert_eq!(base64(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn hex_of_text_is_decoded() {
        assert_eq!(hex(b"0x3c7363726970743e"), Some(b"<script>".to_vec()));
        assert_eq!(hex(b"d41d8cd98f00b204e9800998ecf8427e"), None);
    }

    #[test]
    fn utf7_hides_marks() {
        assert_eq!(utf7(b"+ADw-script+AD4-"), Some(b"<script>".to_vec()));
        assert_eq!(utf7(b"1+1-2, a+b"), None);
        assert_eq!(utf7(b"+Apple-"), None);
    }

    #[test]
    fn utf16_of_ascii() {
        assert_eq!(utf16_ascii(b"a\0b\0c\0d\0"), Some(b"abcd".to_vec()));
        assert_eq!(utf16_ascii(b"\0a\0b\0c\0d"), Some(b"abcd".to_vec()));
        assert_eq!(utf16_ascii(b"abcdefgh"), None);
        assert_eq!(utf16_ascii(b"\xfe\xff\0a\0b\0c\0d"), Some(b"abcd".to_vec()));
    }

    #[test]
    fn bytes_spelled_one_by_one_are_decoded() {
        assert_eq!(hex_bytes(b"0x2e0x2e0x2fetc0x2fhosts"), Some(b"../etc/hosts".to_vec()));
        assert_eq!(hex_bytes(b"0x2e0x2e"), None);
        assert_eq!(hex_bytes(b"color0x2eand0x0g0x2e"), None);
    }

    #[test]
    fn characters_without_width_are_dropped() {
        assert_eq!(fold("un\u{200b}ion".as_bytes()), Some(b"union".to_vec()));
        assert_eq!(fold("\u{1f468}\u{200d}\u{1f469}".as_bytes()), None);
    }

    #[test]
    fn overlong_and_wide_forms_are_folded() {
        assert_eq!(fold(b"..\xc0\xaf"), Some(b"../".to_vec()));
        assert_eq!(fold(b"\xe0\x80\xaf\xf0\x80\x80\xaf"), Some(b"//".to_vec()));
        assert_eq!(fold("\u{ff1c}script\u{ff1e}\u{ff41}".as_bytes()), Some(b"<script>a".to_vec()));
        assert_eq!(fold("r\u{e9}sum\u{e9} \u{4e2d}".as_bytes()), None);
    }
}
