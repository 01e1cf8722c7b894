//! One pass over a part's bytes that tells which of thousands of literals occur in it, in either letter case.
//!
//! Each literal is entered under its rarest four bytes. At every position of the text the four bytes there, letter case
//! folded, are looked up in a table that stays in the first-level cache: three of them choose a byte, the fourth a bit of
//! it. What passes is compared in full. There is no dependency between positions, so the processor looks at several at
//! once; time is linear in the text.

use std::ops::Range;

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
    /// For each hash of three bytes, a bit for each class of the byte that follows them.
    table: Box<[u8; 1 << TABLE_LOG]>,
    /// The entries of each slot: `entries[slots[h]..slots[h + 1]]`.
    slots: Box<[u32]>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    /// Four bytes of the literal, folded; those of a literal of three under a mask.
    four: u32,
    mask: u32,
    /// Bytes of the literal before them.
    before: u16,
    literal: LiteralId,
    text: Box<[u8]>,
}

/// log2 of the bytes in the table: 16 KiB.
const TABLE_LOG: u32 = 14;
/// log2 of the slots of the entry list.
const SLOTS_LOG: u32 = 12;
/// Letters in either case, and some marks with some others, fold onto one another.
const FOLD: u32 = 0x2020_2020;
const FOLD_EIGHT: u64 = 0x2020_2020_2020_2020;
const THREE: u32 = 0x00ff_ffff;

impl Filter {
    /// The shortest literal that can be looked for.
    pub const MIN_LITERAL_BYTES: usize = 3;

    /// Compiles `literals`; those shorter than [`Self::MIN_LITERAL_BYTES`] are never found.
    pub fn new<'a>(literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut entries: Vec<Entry> =
            literals.into_iter().zip(0..).filter_map(|(text, literal)| Entry::new(text, literal)).collect();
        entries.sort_by_key(|entry| slot(entry.four & THREE));
        let mut table = Box::new([0; 1 << TABLE_LOG]);
        for entry in &entries {
            if let Some(bits) = table.get_mut(index(entry.four & THREE)) {
                *bits |= if entry.mask == THREE { u8::MAX } else { bit((entry.four >> 24) as u8) };
            }
        }
        let starts = |h: usize| entries.partition_point(|entry| slot(entry.four & THREE) < h) as u32;
        let slots = (0..=1 << SLOTS_LOG).map(starts).collect();
        Self { table, slots, entries: entries.into() }
    }

    /// Calls `report` for each literal at each place where it stands, in the order of the text. Gives the number of
    /// comparisons made.
    pub fn find(&self, text: &[u8], mut report: impl FnMut(Occurrence)) -> usize {
        let mut compared = 0;
        let mut at = 0;
        while let Some(twelve) = text.get(at..).and_then(<[u8]>::first_chunk) {
            if self.any_of_eight(twelve) {
                compared += self.look(text, at..at + 8, &mut report);
            }
            at += 8;
        }
        compared + self.look(text, at..text.len(), &mut report)
    }

    /// Whether the table knows any of the four bytes at the first eight positions of these twelve.
    #[inline]
    fn any_of_eight(&self, &[a, b, c, d, e, f, g, h, i, j, k, l]: &[u8; 12]) -> bool {
        let front = u64::from_le_bytes([a, b, c, d, e, f, g, h]) | FOLD_EIGHT;
        let back = u64::from_le_bytes([e, f, g, h, i, j, k, l]) | FOLD_EIGHT;
        let known = |eight: u64| {
            let four = |by: u32| self.bits((eight >> by) as u32);
            four(0) | four(8) | four(16) | four(24)
        };
        known(front) | known(back) != 0
    }

    /// The bit of these four folded bytes, if the table has it.
    #[inline]
    fn bits(&self, four: u32) -> u8 {
        self.table.get(index(four & THREE)).copied().unwrap_or_default() & bit((four >> 24) as u8)
    }

    /// Compares what the table knows of the positions `range` of `text`.
    #[cold]
    fn look(&self, text: &[u8], range: Range<usize>, report: &mut impl FnMut(Occurrence)) -> usize {
        let mut compared = 0;
        for at in range {
            let four = match text.get(at..) {
                Some([a, b, c, d, ..]) => u32::from_le_bytes([*a, *b, *c, *d]) | FOLD,
                Some([a, b, c]) => (u32::from_le_bytes([*a, *b, *c, 0]) | FOLD) & THREE,
                _ => break,
            };
            if self.bits(four) != 0 || four <= THREE {
                compared += self.compare(text, at, four, report);
            }
        }
        compared
    }

    fn compare(&self, text: &[u8], at: usize, four: u32, report: &mut impl FnMut(Occurrence)) -> usize {
        let slot = slot(four & THREE);
        let bounds = (self.slots.get(slot), self.slots.get(slot + 1));
        let (Some(from), Some(to)) = bounds else { return 0 };
        let entries = self.entries.get(*from as usize..*to as usize).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.four == four & entry.mask) {
            let Some(start) = at.checked_sub(usize::from(entry.before)) else { continue };
            let there = text.get(start..start + entry.text.len());
            if there.is_some_and(|there| there.eq_ignore_ascii_case(&entry.text)) {
                report(Occurrence { literal: entry.literal, start, len: entry.text.len() });
            }
        }
        entries.len()
    }
}

impl Entry {
    fn new(text: &[u8], literal: LiteralId) -> Option<Self> {
        let entry = |(window, before): (&[u8], u16)| match *window {
            [a, b, c, d] => Some((rarity(a) + rarity(b) + rarity(c) + rarity(d), before, [a, b, c, d], u32::MAX)),
            [a, b, c] => Some((0, before, [a, b, c, 0], THREE)),
            _ => None,
        };
        let (_, before, four, mask) = text
            .windows(text.len().min(4))
            .zip(0_u16..)
            .filter_map(entry)
            .max_by_key(|(rarity, before, ..)| (*rarity, u16::MAX - before))?;
        let four = (u32::from_le_bytes(four) | FOLD) & mask;
        Some(Self { four, mask, before, literal, text: text.into() })
    }
}

/// How seldom a byte stands in ordinary traffic: a rough order is enough.
fn rarity(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 1,
        b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'h' | b'0'..=b'9' | b'.' | b'-' => 2,
        b'g' | b'f' | b'y' | b'w' | b'b' | b'v' | b'/' | b'_' | b':' | b',' | b'=' => 3,
        b'k' | b'x' | b'j' | b'q' | b'z' | b'"' | b'(' | b')' | b'&' => 5,
        _ => 7,
    }
}

#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1)
}

#[inline]
fn index(gram: u32) -> usize {
    (hash(gram) >> (32 - TABLE_LOG)) as usize
}

/// The class of a byte that follows three others; the same for both letter cases.
#[inline]
fn bit(byte: u8) -> u8 {
    1 << (byte & 7)
}

#[inline]
fn slot(gram: u32) -> usize {
    (hash(gram) >> (32 - SLOTS_LOG)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn folded_marks_are_no_match() {
        assert_eq!(found(&["${x"], "$[x ${x"), [(0, 4)]);
    }

    #[test]
    fn overlapping_literals_are_all_found() {
        assert_eq!(found(&["<script", "script", "<scr"], "<script>"), [(0, 0), (1, 1), (2, 0)]);
    }
}
