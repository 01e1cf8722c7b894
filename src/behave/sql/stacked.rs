//! Further statements in one text where there never were any: an application that has sent hundreds of texts of one statement does
//! not begin to write two behind each other.

use crate::behave::Sign;
use crate::flow::Weight;

/// Texts of one statement after which a text of more is a sign.
const LEAST: u32 = 200;

#[derive(Debug, Default)]
pub(super) struct Past {
    single: u32,
    /// It has run texts of several statements before it was known for not doing so.
    stacks: bool,
}

impl Past {
    pub(super) fn asked(&mut self, statements: usize, own: bool) -> Option<Sign> {
        if statements < 2 {
            self.single = self.single.saturating_add(1);
            return None;
        }
        if self.single < LEAST {
            self.stacks = true;
        }
        (!self.stacks && !own).then(|| Sign {
            observer: "sql-stacked",
            name: "sql-first-stacked",
            weight: Weight::CERTAIN,
            figures: format!("{statements} statements in one text after {} texts of one", self.single),
        })
    }
}
