//! A constant table of literals, compiled once, looked for in one pass in either letter case. For detectors whose
//! language has idioms that no grammar gives away.

use super::context::Strength;
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// One literal of a table: what it is, how clear it is, and the name it is reported under.
pub(crate) type Idiom = (&'static str, Strength, &'static str);

/// A table of idioms, compiled at its first use.
pub(crate) struct Idioms {
    table: &'static [Idiom],
    compiled: LazyLock<Option<AhoCorasick>, fn() -> Option<AhoCorasick>>,
}

/// An idiom found in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Where it starts.
    pub(crate) at: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// How clear it is.
    pub(crate) strength: Strength,
    /// The name it is reported under.
    pub(crate) name: &'static str,
}

impl Idioms {
    /// A table and the function that compiles it: `Idioms::new(TABLE, || compile(TABLE))`.
    pub(crate) const fn new(table: &'static [Idiom], compile: fn() -> Option<AhoCorasick>) -> Self {
        Self { table, compiled: LazyLock::new(compile) }
    }

    /// The idioms in `bytes`, leftmost and longest first, none overlapping. One step for each byte.
    pub(crate) fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Found> + 'a {
        self.compiled.iter().flat_map(move |automaton| automaton.find_iter(bytes)).filter_map(|hit| {
            let (_, strength, name) = *self.table.get(hit.pattern().as_usize())?;
            Some(Found { at: hit.start(), end: hit.end(), strength, name })
        })
    }
}

/// Compiles a table.
pub(crate) fn compile(table: &[Idiom]) -> Option<AhoCorasick> {
    let literals = table.iter().map(|(literal, ..)| literal);
    AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).build(literals).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Idiom] = &[("eval(", Strength::Weak, "a"), ("eval(x", Strength::Certain, "b")];
    static IDIOMS: Idioms = Idioms::new(TABLE, || compile(TABLE));

    #[test]
    fn longest_idiom_is_found_in_either_case() {
        let all: Vec<_> = IDIOMS.find(b"EVAL(X) eval(y)").map(|found| (found.name, found.at, found.end)).collect();
        assert_eq!(all, [("b", 0, 6), ("a", 8, 13)]);
    }
}
