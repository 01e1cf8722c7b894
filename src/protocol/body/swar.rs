//! Eight bytes at a time in a plain register: for texts so short that calling a vector routine costs more than it saves.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Chunks of eight that are looked at here before a vector routine takes over.
const SHORT: usize = 4;

/// Where `a` or `b` first stands in `text`.
#[inline]
pub(super) fn find2(a: u8, b: u8, text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for _ in 0..SHORT {
        let Some((chunk, after)) = rest.split_first_chunk::<8>() else {
            return rest.iter().position(|byte| *byte == a || *byte == b).map(|at| text.len() - rest.len() + at);
        };
        let word = u64::from_le_bytes(*chunk);
        let hits = zeros(word ^ spread(a)) | zeros(word ^ spread(b));
        if hits != 0 {
            return Some(text.len() - rest.len() + first(hits));
        }
        rest = after;
    }
    memchr::memchr2(a, b, rest).map(|at| text.len() - rest.len() + at)
}

/// Copies `text` to `out` up to the first `stop`; what is left, beginning with it.
#[inline]
pub(super) fn copy_until<'a>(stop: u8, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let hits = zeros(u64::from_le_bytes(*chunk) ^ spread(stop));
        out.extend_from_slice(chunk);
        if hits != 0 {
            out.truncate(out.len() - 8 + first(hits));
            return rest.get(first(hits)..).unwrap_or_default();
        }
        rest = after;
    }
    while let Some((byte, after)) = rest.split_first().filter(|(byte, _)| **byte != stop) {
        out.push(*byte);
        rest = after;
    }
    rest
}

/// The byte in each of eight places.
#[inline]
fn spread(byte: u8) -> u64 {
    ONES * u64::from(byte)
}

/// The high bit of each zero byte. The lowest hit is exact; a borrow may add false ones above it.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Which byte, in little-endian order, the lowest hit is.
#[inline]
fn first(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(text in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'!'), Just(b'#'), any::<u8>()], 0..80)) {
            let expected = text.iter().position(|b| matches!(b, b'"' | b'\\'));
            prop_assert_eq!(find2(b'"', b'\\', &text), expected);
        }

        #[test]
        fn copies_what_stands_before(text in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b']'), any::<u8>()], 0..80)) {
            let mut out = b"x".to_vec();
            let rest = copy_until(b'\\', &text, &mut out);
            let at = text.iter().position(|b| *b == b'\\').unwrap_or(text.len());
            prop_assert_eq!(&out[1..], &text[..at]);
            prop_assert_eq!(rest, &text[at..]);
        }
    }
}
