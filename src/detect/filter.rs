//! One pass over a part's bytes that tells which of thousands of literals occur in it, in either letter case.
//!
//! Each literal is entered under its rarest three bytes. At every position of the text the three bytes there, letter
//! case folded, are looked up in a bitmap that stays in the first-level cache; what passes is compared in full. There is
//! no dependency between positions, so the processor looks at several at once; time is linear in the text, and the
//! comparisons are limited by the caller's fuel.

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
    /// One bit for each hash of a trigram under which a literal is entered.
    bitmap: Box<[u64]>,
    /// The entries of each slot: `entries[slots[h]..slots[h + 1]]`.
    slots: Box<[u32]>,
    entries: Box<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    gram: u32,
    /// Bytes of the literal before the trigram.
    before: u16,
    literal: LiteralId,
    text: Box<[u8]>,
}

/// log2 of the bits in the bitmap: 64 Kibit, 8 KiB.
const BITMAP_LOG: u32 = 16;
/// log2 of the slots of the entry table.
const SLOTS_LOG: u32 = 12;
/// Letters in either case, and some marks with some others, fold onto one another.
const FOLD: u32 = 0x0020_2020;

impl Filter {
    /// The shortest literal that can be looked for.
    pub const MIN_LITERAL_BYTES: usize = 3;

    /// Compiles `literals`; those shorter than [`Self::MIN_LITERAL_BYTES`] are never found.
    pub fn new<'a>(literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut entries: Vec<Entry> =
            literals.into_iter().zip(0..).filter_map(|(text, literal)| Entry::new(text, literal)).collect();
        entries.sort_by_key(|entry| slot(entry.gram));
        let mut bitmap = vec![0_u64; 1 << (BITMAP_LOG - 6)];
        for entry in &entries {
            if let Some(word) = bitmap.get_mut(word(entry.gram)) {
                *word |= bit(entry.gram);
            }
        }
        let starts = |h: usize| entries.partition_point(|entry| slot(entry.gram) < h) as u32;
        let slots = (0..=1 << SLOTS_LOG).map(starts).collect();
        Self { bitmap: bitmap.into(), slots, entries: entries.into() }
    }

    /// Calls `report` for each literal at each place where it stands, in the order of the text's trigrams. Gives the
    /// number of comparisons made.
    pub fn find(&self, text: &[u8], mut report: impl FnMut(Occurrence)) -> usize {
        let mut compared = 0;
        for (at, window) in text.windows(3).enumerate() {
            let &[a, b, c] = window else { continue };
            let gram = gram(a, b, c);
            if self.bitmap.get(word(gram)).is_some_and(|word| word & bit(gram) != 0) {
                compared += self.compare(text, at, gram, &mut report);
            }
        }
        compared
    }

    #[cold]
    fn compare(&self, text: &[u8], at: usize, gram: u32, report: &mut impl FnMut(Occurrence)) -> usize {
        let slot = slot(gram);
        let bounds = (self.slots.get(slot), self.slots.get(slot + 1));
        let (Some(from), Some(to)) = bounds else { return 0 };
        let entries = self.entries.get(*from as usize..*to as usize).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.gram == gram) {
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
        let grams = text.windows(3).zip(0_u16..).filter_map(|(window, before)| match window {
            &[a, b, c] => Some((rarity(a) + rarity(b) + rarity(c), before, gram(a, b, c))),
            _ => None,
        });
        let (_, before, gram) = grams.max_by_key(|(rarity, before, _)| (*rarity, u16::MAX - before))?;
        Some(Self { gram, before, literal, text: text.into() })
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

fn gram(a: u8, b: u8, c: u8) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) | FOLD
}

fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1)
}

fn word(gram: u32) -> usize {
    (hash(gram) >> (32 - BITMAP_LOG + 6)) as usize
}

fn bit(gram: u32) -> u64 {
    1 << ((hash(gram) >> (32 - BITMAP_LOG)) & 63)
}

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
