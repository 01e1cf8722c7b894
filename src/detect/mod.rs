//! Floor 1: parts in, evidence out. Detectors see parts only: no policy, no protocol, no clock.
//!
//! ## The funnel
//!
//! Most of what passes is ordinary, so most of the work is finding that out cheaply. For each part:
//!
//! 1. [`Classes`]: which bytes occur? Nothing but letters and digits needs no further look (unless it may be an encoding).
//! 2. [`Filter`]: one pass finds every literal that any detector or signature asked for ([`Detector::wakes`]).
//! 3. peel: a further encoding inside the value gives a derived part, which goes through the same funnel.
//! 4. Only detectors whose bytes or literals occur are run; they parse.
//!
//! To add a detector: one file with a type that implements [`Detector`], and one line in [`DETECTORS`].

pub mod classes;
pub mod filter;
mod peel;
mod scan;

pub use classes::Classes;
pub use filter::Filter;

use crate::flow::{Found, Fuel, Hit, Part, Weight};
use std::fmt;

/// Looks for one kind of attack in one part. Stateless; linear in the part's length; spends fuel for what it reads.
pub trait Detector: Sync {
    /// The word used in records, exceptions and documentation: `sql`.
    fn name(&self) -> &'static str;

    /// What must occur in a part for this detector to be run on it.
    fn wakes(&self) -> Wake;

    /// Looks at one part that has what [`Self::wakes`] asks for. When the fuel runs out it returns at once: the judgement
    /// ends there.
    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel);
}

/// What makes a detector worth running: any one of the literals, or all bytes of any one entry of `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    /// Literals of at least [`Filter::MIN_LITERAL_BYTES`] bytes; letter case does not matter.
    pub literals: &'static [&'static str],
    /// Sets of bytes: `&["'", "${"]` wakes on a quote, or on a dollar sign and an opening brace anywhere in the part. A
    /// letter stands for any letter, a digit for any digit, a space also for a tab, `\u{80}` for anything not ASCII, `\x01`
    /// for any control character but NUL, CR and LF.
    pub bytes: &'static [&'static str],
}

/// Every detector. One file and one line each.
pub static DETECTORS: &[&dyn Detector] = &[&scan::SCAN];

/// The detectors compiled for use: immutable, shared by all workers.
pub struct Detectors {
    filter: Filter,
    /// The detectors (as bits) that each literal of the filter wakes.
    wakes: Vec<u64>,
    /// The sets of bytes of each detector.
    bytes: Vec<(usize, Classes)>,
}

impl Default for Detectors {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Detectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detectors({} literals)", self.wakes.len())
    }
}

impl Detectors {
    /// Compiles the registered detectors.
    pub fn new() -> Self {
        let all = || DETECTORS.iter().enumerate().map(|(index, detector)| (index, detector.wakes()));
        let literals: Vec<(&str, u64)> =
            all().flat_map(|(index, wake)| wake.literals.iter().map(move |text| (*text, 1 << index))).collect();
        let bytes =
            all().flat_map(|(index, wake)| wake.bytes.iter().map(move |set| (index, Classes::of(set)))).collect();
        let filter = Filter::new(literals.iter().map(|(text, _)| text.as_bytes()));
        Self { filter, wakes: literals.into_iter().map(|(_, bit)| bit).collect(), bytes }
    }

    /// Looks at every part and puts what it finds into `found`. When `fuel` is empty afterwards, not everything was looked at.
    pub fn inspect(&self, parts: &[Part<'_>], found: &mut Found, fuel: &mut Fuel) {
        for part in parts {
            if fuel.is_empty() {
                return;
            }
            self.inspect_part(part, found, fuel);
        }
    }

    /// Looks at a part, then at what is encoded in it, and so on to the depth of [`crate::flow::Chain::MAX`].
    fn inspect_part(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let mut derived = Vec::new();
        self.inspect_layer(part, &mut derived, found, fuel);
        while let Some(part) = derived.pop() {
            if fuel.is_empty() {
                return;
            }
            self.inspect_layer(&part, &mut derived, found, fuel);
        }
    }

    /// Looks at a part as it is, and puts what is encoded in it onto `derived`.
    fn inspect_layer<'a>(&self, part: &Part<'a>, derived: &mut Vec<Part<'a>>, found: &mut Found, fuel: &mut Fuel) {
        let classes = Classes::in_bytes(&part.canonical);
        let plain = classes.only(Classes::PLAIN);
        if plain && !peel::may_be_encoded(part) || fuel.spend(part.canonical.len()).is_err() {
            return;
        }
        if peel::peel(part, classes, derived).is_err() {
            found.add(part, too_deep(part));
        }
        if !plain {
            self.wake(part, classes, found, fuel);
        }
    }

    fn wake(&self, part: &Part<'_>, classes: Classes, found: &mut Found, fuel: &mut Fuel) {
        let awake = self.awake(part, classes);
        for (index, detector) in DETECTORS.iter().enumerate() {
            if awake & (1 << index) != 0 {
                detector.inspect(part, found, fuel);
            }
        }
    }

    /// The detectors to run, as bits.
    fn awake(&self, part: &Part<'_>, classes: Classes) -> u64 {
        let mut awake = 0;
        for (index, set) in &self.bytes {
            if classes.has(*set) {
                awake |= 1 << index;
            }
        }
        self.filter.find(&part.canonical, |occurrence| {
            awake |= self.wakes.get(occurrence.literal as usize).copied().unwrap_or_default();
        });
        awake
    }
}

/// Encoded so often that nobody honest can have meant it.
fn too_deep(part: &Part<'_>) -> Hit {
    let range = 0..part.canonical.len();
    Hit { detector: "peel", signature: "nested-too-deep".into(), range, weight: Weight::CERTAIN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Chain, Place};

    fn total(value: &str) -> u32 {
        let mut found = Found::default();
        let part = Part::plain(Place::QueryValue, b"q", value.as_bytes());
        Detectors::new().inspect(&[part], &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn plain_value_is_nothing() {
        assert_eq!(total("order-17"), 0);
    }

    #[test]
    fn nested_encodings_are_followed() {
        for value in [
            "%252fetc%252fpasswd",
            "&#47;etc&#x2f;passwd",
            r"\x2fetc\x2fpasswd",
            "L2V0Yy9wYXNzd2Q=",
            "2f6574632f706173737764",
            r#"{"file": "\/etc\/passwd"}"#,
            r#"{"file": "L2V0Yy9wYXNzd2Q="}"#,
            "data:text/plain;base64,L2V0Yy9wYXNzd2Q=",
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIvZXRjL3Bhc3N3ZCJ9.",
        ] {
            assert_eq!(total(value), 100, "{value}");
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_a_finding() {
        let nested = |depth: usize| format!("%{}41", "25".repeat(depth));
        assert_eq!(total(&nested(Chain::MAX - 1)), 0);
        assert_eq!(total(&nested(Chain::MAX)), 100);
    }

    #[test]
    fn names_of_detectors_are_unique() {
        let mut names: Vec<_> = DETECTORS.iter().map(|detector| detector.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DETECTORS.len());
    }

    #[test]
    fn detectors_fit_into_the_bits() {
        assert!(DETECTORS.len() <= 64);
    }

    #[test]
    fn literals_are_long_enough() {
        for detector in DETECTORS {
            for literal in detector.wakes().literals {
                assert!(literal.len() >= Filter::MIN_LITERAL_BYTES, "{}: {literal}", detector.name());
            }
        }
    }
}
