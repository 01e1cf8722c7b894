//! What an answer should not carry: complaints of databases, call stacks, account files, keys, card numbers. One pass
//! for all literals; what stands at a hit is then read. Linear: each finder reads a bounded number of bytes from its hit.

mod credentials;
mod numbers;
mod programs;

use crate::canon::cards;
use crate::flow::{Leak, Watch};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;
use std::sync::LazyLock;

/// Something that was found. A private key is found by its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaked {
    /// What it is.
    pub leak: Leak,
    /// Where it stands.
    pub range: Range<usize>,
    /// Whether it is one of several signs that are needed: a single frame of a call stack.
    pub partial: bool,
}

/// The most bytes that a finding takes.
pub const LONGEST: usize = 256;

/// Reads what stands around a literal's hit: what it is part of, if it is anything.
type Reader = fn(text: &[u8], hit: Range<usize>) -> Option<Range<usize>>;

/// A literal that makes a closer look worthwhile.
struct Sign {
    leak: Leak,
    literal: &'static str,
    read: Reader,
    partial: bool,
}

impl Sign {
    /// The literal says it all.
    const fn plain(leak: Leak, literal: &'static str) -> Self {
        Self { leak, literal, read: |_, hit| Some(hit), partial: false }
    }
}

static SIGNS: LazyLock<(AhoCorasick, Vec<&'static Sign>)> = LazyLock::new(|| {
    let signs: Vec<&'static Sign> = programs::SIGNS.iter().chain(credentials::SIGNS).collect();
    let literals = signs.iter().map(|sign| sign.literal);
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(literals);
    (automaton.expect("a fixed list of short literals is far below the automaton's limits"), signs)
});

/// Adds what is watched for and found, in no order.
pub fn find(text: &[u8], watch: &Watch, found: &mut Vec<Leaked>) {
    let (automaton, signs) = &*SIGNS;
    for hit in automaton.find_iter(text) {
        let Some(sign) = signs.get(hit.pattern().as_usize()) else { continue };
        if watch.reaction(sign.leak).is_none() {
            continue;
        }
        let range = (sign.read)(text, hit.range());
        found.extend(range.map(|range| Leaked { leak: sign.leak, range, partial: sign.partial }));
    }
    let mut ranges = Vec::new();
    if watch.reaction(Leak::CardNumbers).is_some() {
        cards::find(text, &mut ranges);
        found.extend(ranges.drain(..).map(|range| whole(Leak::CardNumbers, range)));
    }
    if watch.reaction(Leak::PersonalData).is_some() {
        numbers::ibans(text, &mut ranges);
        numbers::social_security(text, &mut ranges);
        found.extend(ranges.drain(..).map(|range| whole(Leak::PersonalData, range)));
    }
}

fn whole(leak: Leak, range: Range<usize>) -> Leaked {
    Leaked { leak, range, partial: false }
}

/// How many bytes from `at` on are of a class, at most `most`.
fn run(text: &[u8], at: usize, most: usize, is: fn(u8) -> bool) -> usize {
    text.iter().skip(at).take(most).take_while(|byte| is(**byte)).count()
}

/// Whether a word ends or the text begins before `at`.
fn begins_word(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| text.get(before)).is_none_or(|byte| !is_word(*byte))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Reaction;

    pub(super) fn leaks(text: &str) -> Vec<(Leak, &str)> {
        let mut watch = Watch::default();
        Leak::ALL.into_iter().for_each(|leak| watch.set(leak, Some(Reaction::Record)));
        let mut found = Vec::new();
        find(text.as_bytes(), &watch, &mut found);
        assert!(found.iter().all(|leaked| leaked.range.len() <= LONGEST), "{found:?}");
        found.into_iter().map(|leaked| (leaked.leak, &text[leaked.range])).collect()
    }

    #[test]
    fn what_is_not_watched_for_is_not_found() {
        let mut found = Vec::new();
        find(b"Traceback (most recent call last): 4111111111111111", &Watch::default(), &mut found);
        assert_eq!(found, []);
    }

    #[test]
    fn ordinary_answers_leak_nothing() {
        for text in [
            "{\"id\":4711,\"name\":\"O'Reilly\",\"total\":\"12.50\",\"at\":\"2026-11-22T03:00:00Z\"}",
            "Use the root: account only for repairs. See App.java: it says more.",
            "Our API key rotation: keys begin with AKIA and are 20 characters long",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----",
            "<html><body>an SQL tutorial: syntax errors happen near the end</body></html>",
            "{\"trace\":\"0af7651916cd43dd8448eb211c80319c\",\"phone\":\"+49 30 1234567\",\"zip\":\"123-45-678\"}",
            "the stack trace is in the log; goroutine 7 of the pool",
        ] {
            assert_eq!(leaks(text), [], "{text}");
        }
    }
}
