//! What no honest client sends in a path, in any reading and under any number of encodings. A few passes over the
//! path: as spelled, decoded once, and decoded on where a percent sign is left.

use crate::canon::percent;
use crate::flow::{Kind, Reason};
use std::borrow::Cow;

/// A `%` without two hexadecimal digits.
pub const ESCAPE: Reason = attack("path-escape", "the path has a percent sign that begins no escape");
/// A zero byte, encoded or not.
pub const NUL: Reason = attack("path-nul", "the path has a zero byte");
/// A control byte, encoded or not.
pub const CONTROL: Reason = attack("path-control", "the path has a control byte");
/// UTF-8 longer than it need be.
pub const OVERLONG: Reason = attack("path-overlong", "the path has a character in an overlong UTF-8 form");
/// A `.` or `..` segment, in any reading.
pub const DOT_SEGMENT: Reason = attack("path-dot-segment", "the path has a dot segment");
/// A dot segment, backslash or control byte under more than one encoding.
pub const DOUBLE_ENCODED: Reason =
    attack("path-double-encoded", "the path has a dot segment, backslash or control byte under two encodings");
/// More readings than are followed.
pub const READINGS: Reason = attack("path-readings", "the path can be read in too many ways");

const fn attack(name: &'static str, says: &'static str) -> Reason {
    Reason::new(name, Kind::Attack, says)
}

/// Refuses what no honest client sends; tells how often the path can be decoded after the first time.
pub(super) fn check(path: &[u8]) -> Result<usize, Reason> {
    let decoded = percent::decode(path);
    if !decoded.strict {
        return Err(ESCAPE);
    }
    check_bytes(&decoded.bytes)?;
    if has_dot_segment(&decoded.bytes) {
        return Err(DOT_SEGMENT);
    }
    if decoded.changed() && decoded.bytes.contains(&b'%') { check_nested(&decoded.bytes) } else { Ok(0) }
}

fn check_bytes(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.contains(&0) {
        return Err(NUL);
    }
    if bytes.iter().any(|b| *b < b' ' || *b == 0x7f) {
        return Err(CONTROL);
    }
    if has_overlong(bytes) { Err(OVERLONG) } else { Ok(()) }
}

/// RFC 3629 §3: lead bytes and continuations that spell a character in more bytes than it needs.
fn has_overlong(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| {
        matches!(
            pair,
            [0xc0 | 0xc1, 0x80..=0xbf]
                | [0xe0, 0x80..=0x9f]
                | [0xf0, 0x80..=0x8f]
                | [0xf8, 0x80..=0x87]
                | [0xfc, 0x80..=0x83]
        )
    })
}

/// Whether a segment is `.` or `..`, under any separator, without its parameters, what would be a query or a fragment
/// once it is decoded, and the spaces that Windows drops.
fn has_dot_segment(bytes: &[u8]) -> bool {
    bytes.split(|b| matches!(b, b'/' | b'\\')).any(|segment| {
        let name = segment.split(|b| matches!(b, b';' | b'?' | b'#')).next().unwrap_or_default();
        matches!(name.trim_ascii_end(), b"." | b"..")
    })
}

/// How often a path may be decoded; nothing honest nests deeper.
const MAX_LAYERS: usize = 4;

/// Decodes on, and refuses what only then comes to light. A slash is none of that: names with slashes are often encoded
/// twice; it is a reading.
fn check_nested(once: &[u8]) -> Result<usize, Reason> {
    let backslashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\\').count();
    let mut before = Cow::Borrowed(once);
    for layer in 0..MAX_LAYERS {
        let decoded = percent::decode(&before);
        if !decoded.changed() {
            return Ok(layer);
        }
        let bytes = decoded.bytes.into_owned();
        if backslashes(&bytes) > backslashes(&before) || has_dot_segment(&bytes) || check_bytes(&bytes).is_err() {
            break;
        }
        before = Cow::Owned(bytes);
    }
    Err(DOUBLE_ENCODED)
}
