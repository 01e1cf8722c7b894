//! A list of words, each with something else, that is asked for words of hostile text: one hash of a few bytes, and one or
//! two comparisons, whatever is asked. ASCII case does not matter.

/// Words in lower case, found by their hash. Made once, at compile time. `entries.len() < SLOTS / 2`.
#[derive(Debug)]
pub struct Lexicon<T: 'static, const SLOTS: usize> {
    entries: &'static [(&'static [u8], T)],
    /// One more than the index of an entry; zero where there is none.
    slots: [u16; SLOTS],
}

impl<T, const SLOTS: usize> Lexicon<T, SLOTS> {
    /// A lexicon of these words, each of which stands once. `SLOTS` is a power of two, more than twice their number.
    pub const fn of(entries: &'static [(&'static [u8], T)]) -> Self {
        assert!(SLOTS.is_power_of_two() && SLOTS <= 1 << 15 && entries.len() * 2 < SLOTS);
        let mut slots = [0; SLOTS];
        let mut index = 0;
        let mut rest = entries;
        while let [(word, _), tail @ ..] = rest {
            let mut slot = hash(word) & (SLOTS - 1);
            index += 1;
            #[expect(clippy::indexing_slicing, reason = "slot < SLOTS, at compile time")]
            {
                while slots[slot] != 0 {
                    assert!(!is_same(entries[slots[slot] as usize - 1].0, word));
                    slot = (slot + 1) & (SLOTS - 1);
                }
                slots[slot] = index;
            }
            rest = tail;
        }
        Self { entries, slots }
    }

    /// What the word is entered with, in any letter case.
    #[inline]
    pub fn get(&self, word: &[u8]) -> Option<&'static T> {
        self.entry(word).map(|(_, with)| with)
    }

    /// The word as it is entered, if it is.
    pub fn word(&self, word: &[u8]) -> Option<&'static [u8]> {
        self.entry(word).map(|(entry, _)| *entry)
    }

    #[inline]
    fn entry(&self, word: &[u8]) -> Option<&'static (&'static [u8], T)> {
        let mut slot = hash(word);
        loop {
            let index = *self.slots.get(slot & (SLOTS - 1))?;
            let entry = self.entries.get(usize::from(index).checked_sub(1)?)?;
            if entry.0.eq_ignore_ascii_case(word) {
                return Some(entry);
            }
            slot += 1;
        }
    }
}

const fn is_same(mut left: &[u8], mut right: &[u8]) -> bool {
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.is_empty() && right.is_empty()
}

/// Of the length and at most eight bytes at each end, letters in either case alike.
#[inline]
const fn hash(word: &[u8]) -> usize {
    const FOLD: u64 = 0x2020_2020_2020_2020;
    let (first, last) = match (word.first_chunk::<8>(), word.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64),
            _ => match *word {
                [a] => (a as u64, 0),
                [a, b] => (a as u64, b as u64),
                [a, b, c] => (a as u64, (b as u64) << 8 | c as u64),
                _ => (0, 0),
            },
        },
    };
    let mixed = (first | FOLD).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (last | FOLD).rotate_left(29) ^ word.len() as u64;
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    static WORDS: Lexicon<u8, 16> = Lexicon::of(&[
        (b"a", 1),
        (b"or", 2),
        (b"and", 3),
        (b"like", 4),
        (b"select", 5),
        (b"benchmark", 6),
        (b"xp_cmdshell_or_longer", 7),
    ]);

    #[test]
    fn words_are_found_in_any_case() {
        for (word, with) in WORDS.entries {
            assert_eq!(WORDS.get(word), Some(with));
            assert_eq!(WORDS.get(&word.to_ascii_uppercase()), Some(with));
        }
    }

    #[test]
    fn other_words_are_not_found() {
        for word in
            [&b""[..], b"b", b"orr", b"selec", b"selects", b"xp_cmdshell_0r_longer", b"x\x10_cmdshell_or_longer"]
        {
            assert_eq!(WORDS.get(word), None);
        }
    }
}
