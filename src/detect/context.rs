//! What sort of text a finding stands in. The same bytes are an attack when they are the whole of a value and a mere
//! mention in a long document, so every detector of a language weighs what it finds by its surroundings.

use crate::flow::{Extent, Part, Place, Weight};

/// How clear a finding is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Needs company anywhere.
    Weak,
    /// Suffices in a value, not in prose.
    Strong,
    /// Suffices in a value and in prose; in a document it needs company.
    Certain,
}

/// What the bytes around a finding are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A short value: what is found in it is what it is.
    Value,
    /// A sentence or two.
    Prose,
    /// A longer text, source code, a log, markup: it may speak of anything.
    Document,
}

impl Context {
    /// Bytes looked at; a longer text is a document anyway.
    const LOOKED_AT: usize = 2048;
    /// More words between blanks than this are prose.
    const VALUE_WORDS: usize = 7;
    /// More words than this are a document.
    const PROSE_WORDS: usize = 40;
    /// More lines than this are a document.
    const LINES: usize = 8;

    /// What sort of text a part is. Where documents do not stand, in a query, a cookie or a path, nothing is one. At
    /// most [`Self::LOOKED_AT`] steps.
    pub(crate) fn of(part: &Part<'_>) -> Self {
        // Blanks around a value make no document of it.
        let bytes = part.canonical.trim_ascii();
        if part.extent != Extent::Whole
            || bytes.len() > Self::LOOKED_AT
            || part.place == Place::FileContent
            || part.place.is_binary()
        {
            return Self::Document;
        }
        match (Self::of_bytes(bytes), part.place) {
            (Self::Document, Place::QueryValue | Place::CookieValue | Place::PathSegment) => Self::Prose,
            (context, _) => context,
        }
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        let words = prose_words(bytes);
        if lines > Self::LINES || words > Self::PROSE_WORDS {
            Self::Document
        } else if words > Self::VALUE_WORDS {
            Self::Prose
        } else {
            Self::Value
        }
    }

    /// How much a finding weighs here.
    pub(crate) fn weigh(self, strength: Strength) -> Weight {
        Weight(match (self, strength) {
            (Self::Value, Strength::Weak) => 40,
            (Self::Value, _) | (Self::Prose, Strength::Certain) => 100,
            (Self::Prose, Strength::Strong) | (Self::Document, Strength::Certain) => 50,
            (Self::Prose, Strength::Weak) | (Self::Document, Strength::Strong) => 20,
            (Self::Document, Strength::Weak) => 0,
        })
    }
}

/// Words of three letters or more that stand between blanks, with at most one mark of punctuation behind them.
fn prose_words(bytes: &[u8]) -> usize {
    bytes.split(|b| b.is_ascii_whitespace()).filter(|word| is_prose_word(word)).count()
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
        let lines = |count| context(&("a\n".repeat(count) + "a"));
        assert_eq!((lines(8), lines(9)), (Context::Value, Context::Document));
    }

    #[test]
    fn blanks_around_a_value_make_no_document_of_it() {
        for blank in [" ", "\n", "\t"] {
            let padded = blank.repeat(5000) + "; cat /etc/passwd" + &blank.repeat(5000);
            assert_eq!(context(&padded), Context::Value);
        }
    }
}
