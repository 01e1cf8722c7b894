//! A hole that is felt out. Whoever writes statements through a hole fails in many ways first: errors of syntax, of names, of
//! types, each with another text; an application's own mistake is one text. And who can see no data asks for it character by
//! character: `ascii(substr((select …` again and again.

use crate::behave::Sign;
use crate::behave::seen::{Score, Seen};
use crate::flow::Weight;
use std::time::Duration;

/// Different texts that failed, fading, from which on no text is taken that was never run before.
const FAILING: f32 = 7.5;
/// Texts that ask for a piece of a value, fading.
const EXTRACTING: f32 = 11.5;
/// No score rises further.
const MOST: f32 = 24.0;
const HALF_LIFE: Duration = Duration::from_secs(60);
/// Texts that failed and are told apart.
const MOST_FAILED: usize = 64;
/// Functions that give a piece of a value, or its size.
const PIECES: &[&str] = &[
    "ascii",
    "bit_length",
    "char_length",
    "get_byte",
    "instr",
    "left",
    "length",
    "locate",
    "lpad",
    "mid",
    "octet_length",
    "ord",
    "overlay",
    "position",
    "regexp_match",
    "regexp_substr",
    "right",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substring",
];

#[derive(Debug, Default)]
pub(super) struct Past {
    failing: Score,
    failed: Seen,
    extracting: Score,
}

impl Past {
    pub(super) fn failed(&mut self, text: u32, code: [u8; 5], now: Duration) {
        // Data exceptions, and errors of syntax and names; not being allowed (42501) is an owner's mistake.
        let telling = matches!(&code, [b'2', b'2', ..] | [b'4', b'2', ..]) && &code != b"42501";
        if telling && !self.failed.again(text, MOST_FAILED) {
            self.failing.add(1.0, MOST, now, HALF_LIFE);
        }
    }

    pub(super) fn asked(&mut self, normalised: &str, own: bool, now: Duration) -> Option<Sign> {
        let certain = |observer, name, figures| Sign { observer, name, weight: Weight::CERTAIN, figures };
        if is_extracting(normalised) {
            let score = self.extracting.add(1.0, MOST, now, HALF_LIFE);
            let figures = || format!("score {score:.1} of {EXTRACTING} for texts that ask for one piece of a value");
            return (score >= EXTRACTING).then(|| certain("sql-blind", "sql-blind-extraction", figures()));
        }
        let score = self.failing.now(now, HALF_LIFE);
        let figures = || format!("score {score:.1} of {FAILING} for different texts that failed");
        (!own && score >= FAILING).then(|| certain("sql-probing", "sql-failing-variants", figures()))
    }
}

/// Whether a piece of any value is asked for.
pub fn asks_for_a_piece(normalised: &str) -> bool {
    let called = |pair: (&str, &str)| pair.1 == "(" && PIECES.binary_search(&pair.0).is_ok();
    normalised.split(' ').zip(normalised.split(' ').skip(1)).any(called)
}

/// Whether a piece of what a subquery finds is asked for: `substr ( ( select …`, or `( select ascii ( …`.
pub fn is_extracting(normalised: &str) -> bool {
    let before = |at: usize| normalised.get(..at).unwrap_or_default();
    normalised.match_indices("( select ").any(|(at, found)| {
        let inner = normalised.get(at + found.len()..).unwrap_or_default();
        let outer = before(at).trim_end_matches(['(', ' ']);
        let is_piece = |word: &str| PIECES.binary_search(&word).is_ok();
        let called = outer.len() + 2 < at && is_piece(outer.rsplit(' ').next().unwrap_or_default());
        let first = inner.split_once(' ').is_some_and(|(word, rest)| is_piece(word) && rest.starts_with('('));
        called || first
    })
}
