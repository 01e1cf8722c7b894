//! Which words of a list have which length, by first letter: tells most words that are not in the list without a search.

/// For each first letter, a bit for each length. Words of 32 bytes and more are in no list.
#[derive(Clone, Copy, Debug)]
pub struct Lengths([u32; 32]);

impl Lengths {
    /// The lengths of a list of words with something else each; for constants.
    pub const fn of_pairs<T>(mut list: &[(&[u8], T)]) -> Self {
        let mut lengths = [0; 32];
        while let [(word, _), rest @ ..] = list {
            if let [first, ..] = word {
                lengths = with(lengths, letter(*first), word.len());
            }
            list = rest;
        }
        Self(lengths)
    }

    /// Whether the list has a word of this length and first letter.
    pub fn fits(&self, word: &[u8]) -> bool {
        let Some(first) = word.first() else { return false };
        let lengths = self.0.get(letter(*first)).copied().unwrap_or_default();
        word.len() < 32 && lengths >> word.len() & 1 == 1
    }
}

/// Letters in either case fall together; so do some other bytes, which only costs a search.
const fn letter(byte: u8) -> usize {
    (byte & 31) as usize
}

/// `lengths` with one more bit. Rebuilt slot by slot: constants may not index.
const fn with(lengths: [u32; 32], slot: usize, length: usize) -> [u32; 32] {
    let mut lengths = lengths;
    let mut rest: &mut [u32] = &mut lengths;
    let mut at = 0;
    while let [first, tail @ ..] = rest {
        if at == slot {
            *first |= 1 << length;
        }
        rest = tail;
        at += 1;
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    static LIST: &[(&[u8], u8)] = &[(b"and", 0), (b"benchmark", 1)];

    #[test]
    fn words_of_the_list_fit_in_any_case() {
        let lengths = Lengths::of_pairs(LIST);
        assert!(lengths.fits(b"AND") && lengths.fits(b"Benchmark") && lengths.fits(b"any"));
    }

    #[test]
    fn other_lengths_and_letters_do_not_fit() {
        let lengths = Lengths::of_pairs(LIST);
        assert!(!lengths.fits(b"an") && !lengths.fits(b"cat") && !lengths.fits(b"") && !lengths.fits(&[b'a'; 35]));
    }
}
