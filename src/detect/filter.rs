//! One pass over a part's bytes that tells which of thousands of literals occur in it, in either letter case.
//!
//! Each literal is entered under those four of its bytes that are rarest in ordinary traffic. At every position of the text the four bytes there, letter case
//! folded, are looked up in a table that stays in the first-level cache: three of them choose a byte, the fourth a bit of
//! it. What passes is compared in full. There is no dependency between positions, so the processor looks at several at
//! once; time is linear in the text.

use super::ordinary::SAMPLE;
use std::collections::HashMap;

/// The literals' own numbers: as they were given to [`Filter::new`].
pub type LiteralId = u32;

/// A literal found in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Which.
    pub literal: LiteralId,
    /// Where it starts.
    pub start: usize,
    /// How long it is.
    pub len: usize,
}

/// A compiled set of literals.
#[derive(Debug)]
pub struct Filter {
    /// For each hash of three bytes, a bit for each of 32 classes of the byte that follows them.
    table: Box<[u32; 1 << TABLE_LOG]>,
    /// The entries of each slot: `entries[slots[h]..slots[h + 1]]`.
    slots: Box<[u32]>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    /// Four bytes of the literal, folded; the three of a literal of three, with a zero after them.
    bytes: u32,
    /// Bytes of the literal before them.
    before: u16,
    literal: LiteralId,
    text: Box<[u8]>,
}

/// log2 of the words in the table: 16 KiB.
const TABLE_LOG: u32 = 12;
/// log2 of the slots of the entry list.
const SLOTS_LOG: u32 = 13;
/// Letters in either case, and some marks with some others, fold onto one another.
const FOLD: u32 = 0x2020_2020;
const FOLD_EIGHT: u64 = 0x2020_2020_2020_2020;
const THREE: u32 = 0x00ff_ffff;

impl Filter {
    /// The shortest literal that can be looked for.
    pub const MIN_LITERAL_BYTES: usize = 3;

    /// Compiles `literals`; those shorter than [`Self::MIN_LITERAL_BYTES`] are never found.
    pub fn new<'a>(literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let frequency = Frequency::new();
        let mut entries: Vec<Entry> =
            literals.into_iter().zip(0..).filter_map(|(text, literal)| Entry::new(text, literal, &frequency)).collect();
        entries.sort_by_key(|entry| slot(entry.bytes));
        let mut table = Box::new([0; 1 << TABLE_LOG]);
        for entry in &entries {
            if let Some(bits) = table.get_mut(index(entry.bytes)) {
                *bits |= if entry.bytes <= THREE { u32::MAX } else { 1_u32.wrapping_shl(entry.bytes >> 24) };
            }
        }
        let starts = |h: usize| entries.partition_point(|entry| slot(entry.bytes) < h) as u32;
        let slots = (0..=1 << SLOTS_LOG).map(starts).collect();
        Self { table, slots, entries: entries.into() }
    }

    /// Calls `report` for each literal at each place where it stands, in the order of the text. Gives the number of places
    /// that had to be compared.
    pub fn find(&self, text: &[u8], mut report: impl FnMut(Occurrence)) -> usize {
        let (mut at, mut compared) = (0, 0);
        while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
            compared += self.look_at_eight(text, at, eleven(chunk), &mut report);
            at += 8;
        }
        let (start, (front, back)) = tail(text);
        let skipped = at - start;
        if skipped < 8 {
            let positions = (text.len() - start).saturating_sub(Self::MIN_LITERAL_BYTES - 1);
            let wanted = ((1_u32 << positions) - 1) & (u32::MAX << skipped);
            let mut known = self.known_of_eight((front | FOLD_EIGHT, back | FOLD_EIGHT)) & wanted;
            while known != 0 {
                compared += 1;
                self.look(text, start + known.trailing_zeros() as usize, &mut report);
                known &= known - 1;
            }
        }
        compared
    }

    /// One bit for each of eight positions: whether the table has what stands there. Takes no branch, as where a text ends
    /// cannot be foretold.
    #[inline]
    fn known_of_eight(&self, (front, back): (u64, u64)) -> u32 {
        let fours = [front, front >> 8, front >> 16, front >> 24, front >> 32, back >> 16, back >> 24, back >> 32];
        fours.iter().zip(0..).fold(0, |known, (four, by)| known | u32::from(self.knows(*four as u32)) << by)
    }

    /// Looks at eight positions. The words are the bytes from the first of them on and from the fourth on.
    #[inline(always)] // called for every eight bytes of everything
    fn look_at_eight(
        &self,
        text: &[u8],
        at: usize,
        (front, back): (u64, u64),
        report: &mut impl FnMut(Occurrence),
    ) -> usize {
        let mut compared = 0;
        let (front, back) = (front | FOLD_EIGHT, back | FOLD_EIGHT);
        let mut step = |four: u64, by: usize| {
            if self.knows(four as u32) {
                compared += 1;
                self.look(text, at + by, report);
            }
        };
        step(front, 0);
        step(front >> 8, 1);
        step(front >> 16, 2);
        step(front >> 24, 3);
        step(front >> 32, 4);
        step(back >> 16, 5);
        step(back >> 24, 6);
        step(back >> 32, 7);
        compared
    }

    /// Whether the table has these four folded bytes.
    #[inline(always)] // called for every byte of everything
    fn knows(&self, four: u32) -> bool {
        let word = self.table.get(index(four)).copied().unwrap_or_default();
        word.wrapping_shr(four >> 24) & 1 != 0
    }

    /// Compares what is entered under the bytes at `at`.
    #[cold]
    fn look(&self, text: &[u8], at: usize, report: &mut impl FnMut(Occurrence)) {
        match text.get(at..) {
            Some([a, b, c, d, ..]) => {
                let four = u32::from_le_bytes([*a, *b, *c, *d]) | FOLD;
                self.compare(text, at, four, report);
                self.compare(text, at, four & THREE, report);
            }
            Some([a, b, c]) => self.compare(text, at, (u32::from_le_bytes([*a, *b, *c, 0]) | FOLD) & THREE, report),
            _ => {}
        }
    }

    fn compare(&self, text: &[u8], at: usize, bytes: u32, report: &mut impl FnMut(Occurrence)) {
        let slot = slot(bytes);
        let bounds = (self.slots.get(slot), self.slots.get(slot + 1));
        let (Some(from), Some(to)) = bounds else { return };
        let entries = self.entries.get(*from as usize..*to as usize).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.bytes == bytes) {
            let Some(start) = at.checked_sub(usize::from(entry.before)) else { continue };
            let there = text.get(start..start + entry.text.len());
            if there.is_some_and(|there| there.eq_ignore_ascii_case(&entry.text)) {
                report(Occurrence { literal: entry.literal, start, len: entry.text.len() });
            }
        }
    }
}

impl Entry {
    fn new(text: &[u8], literal: LiteralId, frequency: &Frequency) -> Option<Self> {
        let window = |(window, before): (&[u8], u16)| match *window {
            [a, b, c, d] => Some((frequency.of(&[a, b, c, d]), before, u32::from_le_bytes([a, b, c, d]) | FOLD)),
            [a, b, c] => Some((0, before, (u32::from_le_bytes([a, b, c, 0]) | FOLD) & THREE)),
            _ => None,
        };
        let windows = text.windows(text.len().min(4)).zip(0_u16..);
        let (_, before, bytes) = windows.filter_map(window).min_by_key(|(frequency, ..)| *frequency)?;
        Some(Self { bytes, before, literal, text: text.into() })
    }
}

/// How often two bytes stand next to each other in ordinary traffic.
struct Frequency {
    pairs: HashMap<[u8; 2], u64>,
}

impl Frequency {
    fn new() -> Self {
        let mut pairs = HashMap::new();
        for (left, right) in SAMPLE.bytes().zip(SAMPLE.bytes().skip(1)) {
            *pairs.entry([left.to_ascii_lowercase(), right.to_ascii_lowercase()]).or_default() += 1;
        }
        Self { pairs }
    }

    /// A measure of how often these bytes stand together; only the order counts.
    fn of(&self, bytes: &[u8]) -> u64 {
        let pair = |(left, right): (&u8, &u8)| {
            1 + self.pairs.get(&[left.to_ascii_lowercase(), right.to_ascii_lowercase()]).copied().unwrap_or_default()
        };
        bytes.iter().zip(bytes.iter().skip(1)).map(pair).product()
    }
}

/// Eleven bytes as two words: from the first on, and from the fourth on.
#[inline(always)] // called for every eight bytes of everything
fn eleven(bytes: &[u8; 11]) -> (u64, u64) {
    let word = |eight: Option<&[u8; 8]>| eight.map_or(0, |eight| u64::from_le_bytes(*eight));
    (word(bytes.first_chunk()), word(bytes.last_chunk()))
}

/// The last ten bytes, or as many as there are, as [`eleven`] would give them with zeros behind, and where they start.
#[inline]
fn tail(text: &[u8]) -> (usize, (u64, u64)) {
    let end = text.last_chunk::<10>().map_or(text, |last| last);
    let eights = end.first_chunk().zip(end.last_chunk());
    let fours = end.first_chunk().zip(end.last_chunk());
    let words = match (eights, fours, end) {
        (Some((first, last)), ..) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last) >> (8 * (11 - end.len()))),
        (_, Some((first, last)), _) => {
            let last = u64::from(u32::from_le_bytes(*last)) << (8 * (end.len() - 4));
            let word = u64::from(u32::from_le_bytes(*first)) | last;
            (word, word >> 24)
        }
        (_, _, [a, b, c]) => (u64::from(u32::from_le_bytes([*a, *b, *c, 0])), 0),
        _ => (0, 0),
    };
    (text.len() - end.len(), words)
}

#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1)
}

/// Where the first three of four bytes are in the table.
#[inline(always)] // called for every byte of everything
fn index(four: u32) -> usize {
    (hash(four << 8) >> (32 - TABLE_LOG)) as usize
}

#[inline]
fn slot(gram: u32) -> usize {
    (hash(gram) >> (32 - SLOTS_LOG)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(literals: &[&str], text: &str) -> Vec<(u32, usize)> {
        let filter = Filter::new(literals.iter().map(|literal| literal.as_bytes()));
        let mut all = Vec::new();
        filter.find(text.as_bytes(), |o| all.push((o.literal, o.start)));
        all.sort_unstable();
        all
    }

    #[test]
    fn literals_are_found_in_either_case() {
        assert_eq!(found(&["union", "select"], "1 UNION all sElEcT 2"), [(0, 2), (1, 12)]);
    }

    #[test]
    fn literals_are_found_at_both_ends() {
        assert_eq!(found(&["abc", "cde"], "abcde"), [(0, 0), (1, 2)]);
    }

    #[test]
    fn shortest_literal_has_three_bytes() {
        assert_eq!(found(&["ab", "abc"], "abc ab"), [(1, 0)]);
    }

    proptest! {
        #[test]
        fn finds_what_a_search_finds(text in "[abAB]{0,40}") {
            let literals = ["aba", "abab", "bbbbb", "aabbaa", "babababab"];
            let lower = text.to_ascii_lowercase();
            let here = |at: usize, literal: &str| lower.get(at..).is_some_and(|rest| rest.starts_with(literal));
            let mut wanted: Vec<_> = (0..lower.len())
                .flat_map(|at| literals.iter().zip(0..).filter(move |(l, _)| here(at, l)).map(move |(_, n)| (n, at)))
                .collect();
            wanted.sort_unstable();
            prop_assert_eq!(found(&literals, &text), wanted);
        }
    }

    #[test]
    fn folded_marks_are_no_match() {
        assert_eq!(found(&["${x"], "$[x ${x"), [(0, 4)]);
    }

    #[test]
    fn overlapping_literals_are_all_found() {
        assert_eq!(found(&["<script", "script", "<scr"], "<script>"), [(0, 0), (1, 1), (2, 0)]);
    }
}
