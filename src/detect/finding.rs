//! What a detector of a language found in a part: the clearest sign there is, where, and under which name. One shape for
//! all of them, and one way to report it.

use super::context::{Context, Strength};
use crate::flow::{Found, Hit, Part, Weight};

/// A sign found at a place, and how clear it is; the clearest is the greatest. `at <= end`, in the bytes looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// How clear it is.
    pub(crate) strength: Strength,
    /// The name it is reported under.
    pub(crate) name: &'static str,
    /// Where it starts.
    pub(crate) at: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

impl Finding {
    /// The clearest of some, the last of those that are alike.
    pub(crate) fn clearest(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().max_by_key(|finding| finding.strength)
    }

    /// Reports it with the weight that it has in its surroundings, if it has any.
    pub(crate) fn report(self, detector: &'static str, part: &Part<'_>, found: &mut Found) {
        self.report_weighing(Context::of(part).weigh(self.strength), detector, part, found);
    }

    /// Reports it with this weight, unless that is nothing.
    pub(crate) fn report_weighing(self, weight: Weight, detector: &'static str, part: &Part<'_>, found: &mut Found) {
        if weight.0 > 0 {
            found.add(part, Hit { detector, signature: self.name.into(), range: self.at..self.end, weight });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Place;

    const STRONG: Finding = Finding { strength: Strength::Strong, name: "a", at: 0, end: 1 };

    #[test]
    fn clearest_is_told_by_strength_alone() {
        let weak = Finding { strength: Strength::Weak, name: "z", at: 5, end: 9 };
        assert_eq!(Finding::clearest([STRONG, weak]), Some(STRONG));
        assert_eq!(Finding::clearest([]), None);
    }

    #[test]
    fn what_weighs_nothing_is_not_reported() {
        let part = Part::plain(Place::QueryValue, b"q", b"value");
        let mut found = Found::default();
        STRONG.report_weighing(Weight(0), "test", &part, &mut found);
        assert!(found.is_clean());
        STRONG.report("test", &part, &mut found);
        assert_eq!(found.total(), 100);
    }
}
