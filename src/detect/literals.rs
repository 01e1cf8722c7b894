//! A constant table of literals, compiled once, looked for in one pass in either letter case. For detectors whose
//! language has idioms that no grammar gives away.

use super::context::Strength;
use super::filter::Filter;
use super::finding::Finding;
use std::sync::LazyLock;

/// One literal of a table: what it is, how clear it is, and the name it is reported under.
pub(crate) type Idiom = (&'static str, Strength, &'static str);

/// A table of idioms, compiled at its first use.
pub(crate) struct Idioms {
    table: &'static [Idiom],
    compiled: LazyLock<Filter, fn() -> Filter>,
}

impl Idioms {
    /// A table and the function that compiles it: `Idioms::new(TABLE, || compile(TABLE))`.
    pub(crate) const fn new(table: &'static [Idiom], compile: fn() -> Filter) -> Self {
        Self { table, compiled: LazyLock::new(compile) }
    }

    /// The idioms in `bytes` by where they start; overlapping ones too. One step for each byte.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<Finding> {
        let mut all = Vec::new();
        self.compiled.find(bytes, |occurrence| {
            if let Some((_, strength, name)) = self.table.get(occurrence.literal as usize) {
                let end = occurrence.start + occurrence.len;
                all.push(Finding { at: occurrence.start, end, strength: *strength, name });
            }
        });
        all.sort_unstable_by_key(|found| found.at);
        all
    }
}

/// Compiles a table.
pub(crate) fn compile(table: &[Idiom]) -> Filter {
    Filter::new(table.iter().map(|(literal, ..)| literal.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Idiom] = &[("eval(", Strength::Weak, "a"), ("eval(x", Strength::Certain, "b")];
    static IDIOMS: Idioms = Idioms::new(TABLE, || compile(TABLE));

    #[test]
    fn idioms_are_found_in_either_case() {
        let mut all: Vec<_> =
            IDIOMS.find(b"EVAL(X) eval(y)").iter().map(|found| (found.name, found.at, found.end)).collect();
        all.sort_unstable_by_key(|found| (found.1, found.2));
        assert_eq!(all, [("a", 0, 5), ("b", 0, 6), ("a", 8, 13)]);
    }
}
