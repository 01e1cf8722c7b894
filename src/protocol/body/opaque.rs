//! Bytes of no known structure: images, archives, CBOR, MessagePack, unknown formats. What such a format carries as text
//! stands in it as runs of text between other bytes; the runs are what is scanned, the rest cannot be read as a command
//! by anything.
//!
//! Text is printable ASCII, tab, line breaks and what is shaped like UTF-8. A run counts when it has [`MIN_RUN`] bytes
//! and some printable ones in a row. How many depends on what the bytes are:
//!
//! | bytes | printable in a row | the runs are |
//! |---|---|---|
//! | a form's field; mostly text, as in CBOR, MessagePack or protobuf | [`SEED`] | values |
//! | few, and like noise | [`SMALL_SEED`]: random bytes hold so many once in 500 MB | values |
//! | [`BINARY_BYTES`] and like noise, or a window of a stream: images, archives, programs | [`SPARSE_SEED`]: once in 150 KB | text in a binary |
//!
//! Text in a binary is no value, so that only code is looked for in it: in so much noise every short sign of an
//! injection occurs, and programs speak of everything. Seeds are looked for eight bytes at a time, so that binary
//! uploads cost little.

use super::collect::Parts;
use super::{swar, urlencoded};
use crate::flow::{Fuel, Place};
use crate::protocol::Malformed;

/// The shortest run of text that is looked at.
pub(super) const MIN_RUN: usize = 6;

/// Printable bytes in a row that a run has in bytes that are mostly printable.
const SEED: usize = 4;

/// Printable bytes in a row that a run has in a binary.
const SPARSE_SEED: usize = 12;

/// Printable bytes in a row that a run has in a few bytes that are like noise.
const SMALL_SEED: usize = 20;

/// So many bytes that are like noise are a binary, and no value.
const BINARY_BYTES: usize = 2048;

/// Adds every run of text in `bytes` as a part.
pub(super) fn runs<'a>(bytes: &'a [u8], place: Place, name: &'a [u8], parts: &mut Parts<'a>) -> Result<(), Malformed> {
    if place == Place::FormValue || like_text(bytes) {
        seeded(bytes, place, name, SEED, parts)
    } else if is_noise(bytes) {
        seeded(bytes, in_binary(place), name, SPARSE_SEED, parts)
    } else {
        seeded(bytes, place, name, SMALL_SEED, parts)
    }
}

/// Adds every run of text in a window of a stream.
pub(super) fn runs_of_stream<'a>(bytes: &'a [u8], place: Place, parts: &mut Parts<'a>) -> Result<(), Malformed> {
    if place == Place::FormValue || bytes.len() < BINARY_BYTES {
        return runs(bytes, place, b"", parts);
    }
    seeded(bytes, in_binary(place), b"", SPARSE_SEED, parts)
}

/// Adds the text that stands as it is in compressed bytes (the name or comment of gzip, what is stored): a server that
/// does not undo the coding reads it. Random bytes hold none.
pub(super) fn runs_of_packed<'a>(bytes: &'a [u8], parts: &mut Parts<'a>, fuel: &mut Fuel) -> Result<(), Malformed> {
    each_run(bytes, SMALL_SEED, |run| {
        urlencoded::read(run, parts, fuel)?;
        parts.plain(Place::BodyText, b"", run)
    })
}

/// Whether the bytes are a binary: enough of them, and like noise. Of a stream that was one, no later window is a value.
pub(super) fn is_noise(bytes: &[u8]) -> bool {
    bytes.len() >= BINARY_BYTES && !like_text(bytes)
}

fn in_binary(place: Place) -> Place {
    match place {
        Place::FileContent => Place::FileBinary,
        Place::BodyOpaque => Place::BodyBinary,
        value => value,
    }
}

fn seeded<'a>(
    bytes: &'a [u8],
    place: Place,
    name: &'a [u8],
    wanted: usize,
    parts: &mut Parts<'a>,
) -> Result<(), Malformed> {
    each_run(bytes, wanted, |run| parts.plain(place, name, run))
}

/// Hands over every run of text that has `wanted` printable bytes in a row.
fn each_run<'a>(
    bytes: &'a [u8],
    wanted: usize,
    mut take: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut behind = 0;
    while let Some(at) = seed(bytes, behind, wanted) {
        let start = run_start(bytes, behind, at);
        behind = run_end(bytes, at);
        if let Some(run) = bytes.get(start..behind).filter(|run| run.len() >= MIN_RUN) {
            take(run)?;
        }
    }
    Ok(())
}

/// Whether more than half of the bytes are printable (of random bytes 37 % are), or all of them are UTF-8.
fn like_text(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let rest = rest.iter().filter(|b| matches!(b, b' '..=b'~')).count();
    let printable = chunks.iter().map(|chunk| swar::printable(*chunk).count_ones() as usize).sum::<usize>() + rest;
    printable * 2 > bytes.len() || std::str::from_utf8(bytes).is_ok()
}

/// Where the first `wanted` printable bytes in a row stand, at `from` or behind. `wanted` is one of the three seeds.
fn seed(bytes: &[u8], from: usize, wanted: usize) -> Option<usize> {
    const BEFORE: usize = SMALL_SEED - 1;
    let mut at = from;
    let mut before = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let bits = before | u32::from(swar::printable(*chunk)) << BEFORE;
        let two = bits & bits >> 1;
        let four = two & two >> 2;
        let twelve = four & four >> 4 & four >> 8;
        let seeds = match wanted {
            SEED => four,
            SPARSE_SEED => twelve,
            _ => twelve & four >> 12 & four >> 16,
        };
        if seeds != 0 {
            return Some(at + seeds.trailing_zeros() as usize - BEFORE);
        }
        before = bits >> 8;
        at += 8;
    }
    let from = at.saturating_sub(wanted - 1).max(from);
    let printable = |window: &[u8]| window.iter().all(|b| matches!(b, b' '..=b'~'));
    bytes.get(from..)?.windows(wanted).position(printable).map(|found| from + found)
}

/// Where the run begins that holds the byte at `at`, not before `floor`.
fn run_start(bytes: &[u8], floor: usize, at: usize) -> usize {
    let mut start = at;
    while start > floor {
        // A character of one to four bytes that ends where the run begins.
        let length = (1..=4.min(start - floor)).find(|length| character(bytes, start - length) == *length);
        match length {
            Some(length) => start -= length,
            None => break,
        }
    }
    start
}

/// Where the run ends that holds the byte at `at`.
fn run_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        match character(bytes, end) {
            0 => return end,
            length => end += length,
        }
    }
}

/// The length of the character of text at `at`, zero when there is none.
#[inline]
fn character(bytes: &[u8], at: usize) -> usize {
    let Some(first) = bytes.get(at) else { return 0 };
    let length = match CLASS.get(usize::from(*first)).copied().unwrap_or_default() {
        class @ (0 | 1) => return usize::from(class),
        class => usize::from(class),
    };
    let follows = bytes.get(at + 1..at + length).is_some_and(|rest| rest.iter().all(|b| matches!(b, 0x80..=0xbf)));
    if follows { length } else { 0 }
}

/// Of a byte that begins a character of text the character's length, else zero.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        #[expect(clippy::indexing_slicing, reason = "b < 256, at compile time")]
        {
            table[b] = match b {
                0x20..=0x7e | 0x09 | 0x0a | 0x0d => 1,
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 0,
            };
        }
        b += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::body::Limits;
    use proptest::prelude::*;

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
    fn run_needs_four_printable_in_a_row() {
        assert_eq!(found("\0éabcé\0éabcdé\0".as_bytes()), ["éabcdé"]);
        assert_eq!(found("abc\nd\r\n\0abcd\n\n".as_bytes()), ["abcd\n\n"]);
    }

    #[test]
    fn run_in_binary_needs_twelve() {
        run_needs("abcdefghijkl", &[0xff; BINARY_BYTES]);
    }

    #[test]
    fn run_in_a_little_noise_needs_twenty() {
        run_needs("abcdefghijklmnopqrst", &[0xff; 64]);
    }

    fn run_needs(run: &str, noise: &[u8]) {
        let text = run.as_bytes();
        for (run, expected) in [(text, 1), (&text[1..], 0)] {
            for shift in 0..9 {
                let bytes = [&noise[..shift], run, noise].concat();
                assert_eq!(found(&bytes).len(), expected, "{shift}");
            }
        }
    }

    #[test]
    fn noise_of_2048_bytes_is_a_binary() {
        let place = |noise: usize| {
            let bytes = [&b"text of more than twenty bytes"[..], &vec![0xff; noise]].concat();
            let mut parts = Parts::new(&Limits::default(), 0);
            runs(&bytes, Place::FileContent, b"", &mut parts).unwrap();
            parts.list[0].place
        };
        assert_eq!([2047, 2048].map(|bytes| place(bytes - 30)), [Place::FileContent, Place::FileBinary]);
    }

    #[test]
    fn run_in_a_field_needs_four() {
        let mut parts = Parts::new(&Limits::default(), 0);
        let bytes = [&b"' or 1=1-- "[..], &[0xff; 64]].concat();
        runs(&bytes, Place::FormValue, b"", &mut parts).unwrap();
        assert_eq!(parts.list.len(), 1);
    }

    proptest! {
        #[test]
        fn runs_are_what_a_loop_finds(bytes in prop::collection::vec(prop_oneof![any::<u8>(), b' '..=b'~'], 0..200)) {
            let text = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r');
            let wanted = if like_text(&bytes) { SEED } else { SMALL_SEED };
            let printable = |window: &[u8]| window.iter().all(|b| matches!(b, b' '..=b'~'));
            let seeded = |run: &&[u8]| run.len() >= MIN_RUN && run.windows(wanted).any(printable);
            for run in bytes.split(|b| !text(b)).filter(seeded) {
                let run = String::from_utf8_lossy(run).into_owned();
                prop_assert!(found(&bytes).iter().any(|found| found.contains(&run)));
            }
        }
    }

    #[test]
    fn utf8_does_not_end_a_run() {
        assert_eq!(found("\0'é or 1=1€\u{1F600}x\0".as_bytes()), ["'é or 1=1€\u{1F600}x"]);
        assert_eq!(found(b"abcdef\xc3\xc3ghijkl"), ["abcdef", "ghijkl"]);
    }
}
