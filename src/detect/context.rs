//! What sort of text a finding stands in. The same bytes are an attack when they are the whole of a value and a mere
//! mention in a long document, so every detector of a language weighs what it finds by its surroundings.

use crate::flow::{Extent, Part, Place, Weight};

/// How clear a finding is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Needs company anywhere.
    Weak,
    /// Suffices in a value; in a text it needs company.
    Strong,
    /// Suffices in a value and in any text, however long; in a file it needs company.
    Certain,
}

/// What the bytes around a finding are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A short value, or one that is long by filler alone: what is found in it is what it is.
    Value,
    /// Sentences, few or many.
    Prose,
    /// A longer text that is no prose: source code, a log, markup. It may speak of anything.
    Document,
    /// A file, which may be anything.
    File,
}

impl Context {
    /// Bytes looked at, one half of them at each end of the text.
    const LOOKED_AT: usize = 2048;
    /// More words than this are prose.
    const VALUE_WORDS: usize = 7;
    /// More words than this are a document, unless nearly all it has are words.
    const MANY_WORDS: usize = 40;
    /// More different lines than this are a document.
    const LINES: usize = 9;
    /// No more different words than this are no document, however long: filler is the same again and again.
    const DIFFERENT_WORDS: usize = 30;

    /// What sort of text a part is. Where texts do not stand, in a query, a cookie or a path, nothing is one. At most
    /// twice [`Self::LOOKED_AT`] steps.
    pub(crate) fn of(part: &Part<'_>) -> Self {
        match part.place {
            Place::QueryValue | Place::CookieValue | Place::PathSegment => Self::Value,
            place if place == Place::FileContent || place.is_binary() => Self::File,
            _ if part.extent != Extent::Whole => Self::Document,
            // Blanks around a value make no document of it.
            _ => Self::of_bytes(part.canonical.trim_ascii()),
        }
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let half = Self::LOOKED_AT / 2;
        let long = bytes.len() > Self::LOOKED_AT;
        let (start, end) = if long { bytes.split_at(half) } else { (bytes, &[][..]) };
        let ends = [start, end.get(end.len().saturating_sub(half)..).unwrap_or_default()];
        let words = Words::of(ends);
        let many_lines = || different(ends, |b| *b == b'\n') > Self::LINES;
        let filled = || different(ends, |b| !b.is_ascii_alphanumeric() && *b < 0x80) <= Self::DIFFERENT_WORDS;
        match words {
            _ if words.of_prose > Self::VALUE_WORDS && words.are_prose() => Self::Prose,
            _ if many_lines() || words.of_prose > Self::MANY_WORDS || long && !filled() => Self::Document,
            _ if words.of_prose > Self::VALUE_WORDS => Self::Prose,
            _ => Self::Value,
        }
    }

    /// How much a finding weighs here.
    pub(crate) fn weigh(self, strength: Strength) -> Weight {
        Weight(match (self, strength) {
            (Self::Value, Strength::Weak) => 40,
            (Self::Value, _) | (Self::Prose | Self::Document, Strength::Certain) => 100,
            (Self::Prose, Strength::Strong) | (Self::File, Strength::Certain) => 50,
            (Self::Prose, Strength::Weak) | (Self::Document | Self::File, Strength::Strong) => 20,
            (Self::Document | Self::File, Strength::Weak) => 0,
        })
    }
}

/// What stands between the blanks of a text.
#[derive(Clone, Copy, Default)]
struct Words {
    all: usize,
    /// Different words as sentences have them.
    of_prose: usize,
    /// Words as sentences have them, as often as they occur.
    plain: usize,
}

impl Words {
    fn of(ends: [&[u8]; 2]) -> Self {
        let (mut words, mut seen) = (Self::default(), Seen::default());
        for word in ends.iter().flat_map(|end| end.split(u8::is_ascii_whitespace)).filter(|word| !word.is_empty()) {
            let plain = is_prose_word(word);
            words.all += 1;
            words.plain += usize::from(plain);
            words.of_prose += usize::from(plain && seen.is_new(word));
        }
        words
    }

    /// Whether nearly all are words of sentences.
    fn are_prose(self) -> bool {
        5 * self.plain > 4 * self.all
    }
}

/// How many different runs there are between such bytes, counted up to 1,024.
fn different(ends: [&[u8]; 2], parts: impl Fn(&u8) -> bool) -> usize {
    let mut seen = Seen::default();
    ends.iter().flat_map(|end| end.split(&parts)).filter(|run| !run.is_empty() && seen.is_new(run)).count()
}

/// Words that were seen, as bits by their hash: of many, some are taken for others.
#[derive(Default)]
struct Seen([u64; 16]);

impl Seen {
    fn is_new(&mut self, word: &[u8]) -> bool {
        // FNV-1a of the start of the word, its low bits spread to the top.
        let hash = word.iter().take(16).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (bit, of) = (1 << (hash >> 54 & 63), (hash >> 60) as usize);
        let Some(bits) = self.0.get_mut(of) else { return false };
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }
}

fn is_prose_word(word: &[u8]) -> bool {
    let word = match word.split_last() {
        Some((b'.' | b',' | b';' | b':' | b'!' | b'?' | b')', rest)) => rest,
        _ => word,
    };
    word.len() >= 3 && word.iter().all(|b| b.is_ascii_alphabetic() || *b == b'\'' || *b == b'-' || *b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(text: &str) -> Context {
        Context::of(&Part::plain(Place::JsonValue, b"", text.as_bytes()))
    }

    #[test]
    fn short_text_is_a_value() {
        assert_eq!(context("; cat /etc/passwd"), Context::Value);
        assert_eq!(context(""), Context::Value);
    }

    #[test]
    fn eight_words_are_prose() {
        assert_eq!(context("one two three four five six seven"), Context::Value);
        assert_eq!(context("one two three four five six seven, eight."), Context::Prose);
    }

    #[test]
    fn many_lines_are_a_document() {
        let lines = |count| context(&(0..count).map(|n| format!("a{n}\n")).collect::<String>());
        assert_eq!((lines(9), lines(10)), (Context::Value, Context::Document));
        assert_eq!(context(&("a\n".repeat(50) + "a")), Context::Value, "the same line is filler");
    }

    #[test]
    fn filler_makes_no_document_and_words_make_prose() {
        let attack = "'; cat /etc/passwd";
        assert_eq!(context(&("a".repeat(5000) + attack)), Context::Value);
        assert_eq!(context(&("tea and ".repeat(1000) + attack)), Context::Value);
        let words: String =
            (0..900).map(|n| format!("word{} ", ["a", "b", "c"].map(|c| c.repeat(n % 60)).concat())).collect();
        assert_eq!(context(&(words + attack)), Context::Prose);
        let numbers: String = (0..900).map(|n| format!("{n},")).collect();
        assert_eq!(context(&(numbers + attack)), Context::Document);
    }

    #[test]
    fn where_no_text_stands_everything_is_a_value_and_a_file_is_a_file() {
        let long: String = (0..900).map(|n| format!("{n},\n")).collect();
        let at = |place| Context::of(&Part::plain(place, b"", long.as_bytes()));
        assert_eq!(at(Place::QueryValue), Context::Value);
        assert_eq!(at(Place::JsonValue), Context::Document);
        assert_eq!(at(Place::FileContent), Context::File);
    }

    #[test]
    fn blanks_around_a_value_make_no_document_of_it() {
        for blank in [" ", "\n", "\t"] {
            let padded = blank.repeat(5000) + "; cat /etc/passwd" + &blank.repeat(5000);
            assert_eq!(context(&padded), Context::Value);
        }
    }
}
