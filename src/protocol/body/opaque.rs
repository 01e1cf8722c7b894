//! Bytes of no known structure: images, archives, CBOR, MessagePack, unknown formats. What such a format carries as text
//! stands in it as runs of text between other bytes; the runs are what is scanned, the rest cannot be read as a command
//! by anything.
//!
//! Text is printable ASCII, tab, line breaks and sound UTF-8. Runs under [`MIN_RUN`] bytes are left out: they are noise
//! (random bytes hold one of six every 300 bytes), and no attack is so short.

use super::collect::Parts;
use crate::flow::Place;
use crate::protocol::Malformed;

/// The shortest run of text that is looked at.
pub(super) const MIN_RUN: usize = 6;

/// Adds every run of text in `bytes` as a part.
pub(super) fn runs<'a>(bytes: &'a [u8], place: Place, name: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = rest.iter().position(|b| is_text(*b)).unwrap_or(rest.len());
        rest = rest.get(start..).unwrap_or_default();
        let (run, after) = rest.split_at_checked(run_length(rest)).unwrap_or((rest, b""));
        if run.len() >= MIN_RUN {
            parts.plain(place, name, run)?;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(())
}

/// Bytes of text at the start.
fn run_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = bytes.get(length..).filter(|rest| !rest.is_empty()) {
        let ascii = rest.iter().position(|b| !is_text(*b)).unwrap_or(rest.len());
        let wide = if ascii == 0 { wide_length(rest) } else { 0 };
        if ascii + wide == 0 {
            break;
        }
        length += ascii + wide;
    }
    length
}

/// Bytes of the one UTF-8 sequence at the start, zero when there is none.
fn wide_length(bytes: &[u8]) -> usize {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return 0,
    };
    bytes.get(..length).filter(|sequence| std::str::from_utf8(sequence).is_ok()).map_or(0, <[u8]>::len)
}

fn is_text(b: u8) -> bool {
    matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::body::Limits;

    fn found(bytes: &[u8]) -> Vec<String> {
        let mut parts = Parts::new(&Limits::default(), 0);
        runs(bytes, Place::BodyOpaque, b"", &mut parts).unwrap();
        parts.list.iter().map(|part| String::from_utf8_lossy(&part.canonical).into_owned()).collect()
    }

    #[test]
    fn runs_of_six_are_found() {
        assert_eq!(found(b"\x00abcdef\x01abcde\x02"), ["abcdef"]);
        assert_eq!(found(b"abcdef"), ["abcdef"]);
        assert!(found(b"").is_empty());
    }

    #[test]
    fn utf8_does_not_end_a_run() {
        assert_eq!(found("\0'é or 1=1€\u{1F600}x\0".as_bytes()), ["'é or 1=1€\u{1F600}x"]);
        assert_eq!(found(b"abcdef\xc3\xc3ghijkl"), ["abcdef", "ghijkl"]);
    }
}
