//! Eight bytes at a time in a plain register: for texts so short that calling a vector routine costs more than it saves.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Chunks of eight that are looked at here before a vector routine takes over.
const SHORT: usize = 8;

/// Where `a` or `b` first stands in `text`.
#[inline(always)] // called for every string
pub(super) fn find2(a: u8, b: u8, text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for _ in 0..SHORT {
        let Some((chunk, after)) = rest.split_first_chunk::<8>() else { break };
        let word = u64::from_le_bytes(*chunk);
        let hits = zeros(word ^ spread(a)) | zeros(word ^ spread(b));
        if hits != 0 {
            return Some(text.len() - rest.len() + first(hits));
        }
        rest = after;
    }
    far2(a, b, rest).map(|at| text.len() - rest.len() + at)
}

/// The same for a text that is long, or too short for a chunk.
#[cold]
fn far2(a: u8, b: u8, text: &[u8]) -> Option<usize> {
    memchr::memchr2(a, b, text)
}

/// Whether two texts are the same.
#[inline(always)] // called for every key
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let fours = |text: &[u8]| Some((u32::from_le_bytes(*text.first_chunk()?), u32::from_le_bytes(*text.last_chunk()?)));
    let eights =
        |text: &[u8]| Some((u64::from_le_bytes(*text.first_chunk()?), u64::from_le_bytes(*text.last_chunk()?)));
    one.len() == other.len()
        && match one.len() {
            4..=8 => fours(one) == fours(other),
            9..=16 => eights(one) == eights(other),
            _ => one == other,
        }
}

/// Copies `text` to `out` up to the first `a` or `b`; what is left, beginning with it.
#[inline]
pub(super) fn copy_until<'a>(a: u8, b: u8, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let hits = zeros(word ^ spread(a)) | zeros(word ^ spread(b));
        out.extend_from_slice(chunk);
        if hits != 0 {
            out.truncate(out.len() - 8 + first(hits));
            return rest.get(first(hits)..).unwrap_or_default();
        }
        rest = after;
    }
    while let Some((byte, after)) = rest.split_first().filter(|(byte, _)| **byte != a && **byte != b) {
        out.push(*byte);
        rest = after;
    }
    rest
}

/// One bit for each of eight bytes, the first one lowest: whether it is printable ASCII.
#[inline]
pub(super) fn printable(bytes: [u8; 8]) -> u8 {
    let word = u64::from_le_bytes(bytes);
    let low = word & !HIGHS;
    let from_space = low + spread(0x80 - b' ');
    let is_delete = low + spread(1);
    let flags = (from_space & !is_delete & !word & HIGHS) >> 7;
    // Each flag stands at the foot of its byte; the product gathers them in the topmost one.
    (flags.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
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
        fn printable_is_ascii_without_controls(bytes in any::<[u8; 8]>()) {
            let expected = bytes.iter().enumerate().fold(0, |mask, (at, b)| mask | u8::from(matches!(b, b' '..=b'~')) << at);
            prop_assert_eq!(printable(bytes), expected);
        }

        #[test]
        fn finds_what_a_loop_finds(text in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'!'), Just(b'#'), any::<u8>()], 0..80)) {
            let expected = text.iter().position(|b| matches!(b, b'"' | b'\\'));
            prop_assert_eq!(find2(b'"', b'\\', &text), expected);
        }

        #[test]
        fn same_is_equal(text in prop::collection::vec(0..2_u8, 0..40), other in prop::collection::vec(0..2_u8, 0..6), at in 0..40_usize) {
            let mut changed = text.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            prop_assert!(same(&text, &text.clone()));
            prop_assert_eq!(same(&text, &changed), text == changed);
            prop_assert_eq!(same(&text, &other), text == other);
        }

        #[test]
        fn copies_what_stands_before(text in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b']'), Just(b'+'), any::<u8>()], 0..80)) {
            let mut out = b"x".to_vec();
            let rest = copy_until(b'\\', b'+', &text, &mut out);
            let at = text.iter().position(|b| matches!(b, b'\\' | b'+')).unwrap_or(text.len());
            prop_assert_eq!(&out[1..], &text[..at]);
            prop_assert_eq!(rest, &text[at..]);
        }
    }
}
