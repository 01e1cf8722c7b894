//! Floor 1: parts in, evidence out. Detectors see parts only: no policy, no protocol, no clock.
//!
//! ## The funnel
//!
//! Most of what passes is ordinary, so most of the work is finding that out cheaply. For each part:
//!
//! 1. [`Classes`]: which bytes occur? A value of letters and digits needs no further look (unless it may be an encoding), and
//!    neither does a UUID or a time.
//! 2. [`Filter`]: one pass finds every literal that any detector or signature asked for ([`Detector::wakes`]).
//! 3. peel: a further encoding inside the value gives a derived part, which goes through the same funnel.
//! 4. Only detectors whose bytes or literals occur are run; they parse. One that was woken by bytes alone is asked first
//!    whether they mean anything where they stand ([`Detector::is_worth`]).
//!
//! To add a detector: one file with a type that implements [`Detector`], and one line in [`DETECTORS`].

pub mod classes;
mod code;
mod context;
mod crlf;
pub mod filter;
mod finding;
mod html;
mod identifier;
mod ldap;
pub mod leak;
mod literals;
mod lookup;
mod marks;
mod memo;
mod nosql;
mod ordinary;
mod path;
mod peel;
mod shell;
pub mod signature;
mod sql;
mod template;
mod url;
mod xml;
mod xpath;

pub use classes::Classes;
pub use filter::Filter;
pub use signature::Signature;

use crate::flow::{Found, Fuel, Hit, Layer, Part, Place, Weight};
use filter::Occurrence;
use marks::Marks;
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Looks for one kind of attack in one part. Stateless; linear in the part's length; spends fuel for what it reads.
pub trait Detector: Sync {
    /// The word used in records, exceptions and documentation: `sql`.
    fn name(&self) -> &'static str;

    /// What must occur in a part for this detector to be run on it.
    fn wakes(&self) -> Wake;

    /// Whether the bytes that woke it can mean anything where they stand. Asked of a part with none of the literals, so that
    /// a semicolon or a bracket of ordinary text costs a search for its neighbours and no more. `classes` are the part's.
    fn is_worth(&self, part: &Part<'_>, classes: Classes) -> bool {
        let _ = (part, classes); // by default, every byte may mean something
        true
    }

    /// Whether what it looks for is dangerous in a picture, an archive or a program too: code that a server might run from
    /// a file. A value that breaks out of a statement is none, since nobody splices a binary into one; and in much noise
    /// everything that is short occurs.
    fn reads_binaries(&self) -> bool {
        false
    }

    /// Looks at one part that has none of the literals: what begins with one of them need not be looked for.
    /// `classes` are the part's.
    fn inspect_marks(&self, part: &Part<'_>, classes: Classes, found: &mut Found, fuel: &mut Fuel) {
        let _ = classes;
        self.inspect(part, found, fuel);
    }

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
pub static DETECTORS: &[&dyn Detector] = &[
    &code::CODE,
    &crlf::CRLF,
    &html::HTML,
    &ldap::LDAP,
    &lookup::LOOKUP,
    &nosql::NOSQL,
    &path::PATH,
    &shell::SHELL,
    &sql::SQL,
    &template::TEMPLATE,
    &url::URL,
    &xml::XML,
    &xpath::XPATH,
];

/// The detectors and signatures compiled for use: immutable, shared by all workers.
pub struct Detectors {
    /// Unlike that of any other set in this process: what was found clean under one is not under another.
    id: u64,
    detectors: &'static [&'static dyn Detector],
    signatures: Vec<Signature>,
    filter: Filter,
    /// What each literal of the filter wakes.
    wakes: Vec<Woken>,
    /// The sets of bytes of each detector.
    marks: Marks,
}

/// What a part costs before any detector reads it: its classes, the filter, and the search for further layers.
const STEPS_PER_LAYER: usize = 180;
/// The same, for each byte.
const LAYER_STEPS_PER_BYTE: usize = 6;
/// What it costs to wake a detector, besides what it then spends itself.
const STEPS_PER_DETECTOR: usize = 140;
/// What it costs to compare a place with the literals that may stand there.
const STEPS_PER_COMPARISON: usize = 16;

/// What a literal wakes: a detector (as its bit), or a signature (by its index).
#[derive(Clone, Copy)]
enum Woken {
    Detector(u64),
    Signature(usize),
}

/// With the shipped signatures; tests hold that they all load.
impl Default for Detectors {
    fn default() -> Self {
        Self::new(signature::shipped().unwrap_or_default())
    }
}

impl fmt::Debug for Detectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detectors({} and {} signatures)", self.detectors.len(), self.signatures.len())
    }
}

impl Detectors {
    /// Compiles the registered detectors and these signatures.
    pub fn new(signatures: Vec<Signature>) -> Self {
        Self::compile(DETECTORS, signatures)
    }

    /// Compiles signatures alone, to try them.
    pub fn of_signatures(signatures: Vec<Signature>) -> Self {
        Self::compile(&[], signatures)
    }

    /// Compiles these detectors and signatures, registered or not.
    pub fn compile(detectors: &'static [&'static dyn Detector], signatures: Vec<Signature>) -> Self {
        let all = || detectors.iter().enumerate().map(|(index, detector)| (index, detector.wakes()));
        let of_detectors =
            all().flat_map(|(index, wake)| wake.literals.iter().map(move |text| (*text, Woken::Detector(1 << index))));
        let of_signatures = signatures.iter().enumerate().flat_map(|(index, signature)| {
            signature.any.iter().map(move |text| (text.as_str(), Woken::Signature(index)))
        });
        let literals: Vec<(&str, Woken)> = of_detectors.chain(of_signatures).collect();
        let filter = Filter::new(literals.iter().map(|(text, _)| text.as_bytes()));
        let wakes = literals.into_iter().map(|(_, woken)| woken).collect();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, detectors, signatures, filter, wakes, marks: Marks::of(detectors) }
    }

    /// The signatures, in the order they were given.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// A hash of what is looked for: the detectors of this build and the signatures.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for detector in self.detectors {
            hash.update(detector.name());
        }
        for signature in &self.signatures {
            hash.update(format!("{signature:?}"));
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Looks at every part and puts what it finds into `found`. When `fuel` is empty afterwards, not everything was looked at.
    pub fn inspect(&self, parts: &[Part<'_>], found: &mut Found, fuel: &mut Fuel) {
        for part in parts {
            if fuel.is_empty() {
                return;
            }
            if part.place == Place::SqlText {
                sql::inspect_statement(part, found, fuel);
                continue;
            }
            if part.place.is_anything() {
                self.inspect_anything(part, found, fuel);
                continue;
            }
            let classes = Classes::in_bytes(&part.canonical);
            if is_plain(part, classes) && !peel::may_be_encoded(part) || identifier::is_one(&part.canonical, classes) {
                continue;
            }
            if memo::is_clean(self.id, part) {
                continue;
            }
            self.inspect_part(part, classes, found, fuel);
            if found.is_clean() && !fuel.is_empty() {
                memo::remember(self.id, part);
            }
        }
    }

    /// Looks only for what signatures look for there by name: any language may rightly stand there.
    fn inspect_anything(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        if part.canonical.len() < Filter::MIN_LITERAL_BYTES || fuel.spend(part.canonical.len()).is_err() {
            return;
        }
        let mut spans = Vec::new();
        self.filter.find(&part.canonical, |occurrence| match self.wakes.get(occurrence.literal as usize) {
            Some(Woken::Signature(index)) => self.widen(&mut spans, *index, occurrence),
            Some(Woken::Detector(_)) | None => {}
        });
        self.confirm(part, &spans, found, fuel);
    }

    /// Looks at a part, then at what is encoded in it, and so on to the depth of [`crate::flow::Chain::MAX`].
    fn inspect_part(&self, part: &Part<'_>, classes: Classes, found: &mut Found, fuel: &mut Fuel) {
        let mut derived = Vec::new();
        self.inspect_layer(part, classes, &mut derived, found, fuel);
        while let Some(part) = derived.pop() {
            if fuel.is_empty() {
                return;
            }
            self.inspect_layer(&part, Classes::in_bytes(&part.canonical), &mut derived, found, fuel);
        }
    }

    /// Looks at a part as it is, and puts what is encoded in it onto `derived`.
    fn inspect_layer<'a>(
        &self,
        part: &Part<'a>,
        classes: Classes,
        derived: &mut Vec<Part<'a>>,
        found: &mut Found,
        fuel: &mut Fuel,
    ) {
        if fuel.spend(STEPS_PER_LAYER + LAYER_STEPS_PER_BYTE * part.canonical.len()).is_err() {
            return;
        }
        if peel::peel(part, classes, derived).is_err() {
            found.add(part, too_deep(part));
        }
        if !is_plain(part, classes) || is_hidden(part) {
            self.wake(part, classes, found, fuel);
        }
    }

    fn wake(&self, part: &Part<'_>, classes: Classes, found: &mut Found, fuel: &mut Fuel) {
        let doubtful = self.marks.wake(classes);
        let mut awake = 0_u64;
        let mut spans = Vec::new();
        let compared =
            self.filter.find(&part.canonical, |occurrence| match self.wakes.get(occurrence.literal as usize) {
                Some(Woken::Detector(bit)) => awake |= bit,
                Some(Woken::Signature(index)) => self.widen(&mut spans, *index, occurrence),
                None => {}
            });
        if fuel.spend(STEPS_PER_COMPARISON * compared).is_err() {
            return;
        }
        if !spans.is_empty() {
            if fuel.spend(spans.len()).is_err() {
                return;
            }
            self.confirm(part, &spans, found, fuel);
        }
        let mut left = awake | doubtful;
        while left != 0 && fuel.spend(STEPS_PER_DETECTOR).is_ok() {
            let bit = left & left.wrapping_neg();
            match self.detectors.get(bit.trailing_zeros() as usize) {
                Some(detector) if part.place.is_binary() && !detector.reads_binaries() => {}
                Some(detector) if awake & bit != 0 => detector.inspect(part, found, fuel),
                Some(detector) if fuel.spend(part.canonical.len() / 2).is_ok() && detector.is_worth(part, classes) => {
                    detector.inspect_marks(part, classes, found, fuel);
                }
                _ => {}
            }
            left ^= bit;
        }
    }

    /// Notes for a signature from where to where its literals stand. `spans` is empty, or has one span per signature.
    fn widen(&self, spans: &mut Vec<Range<usize>>, index: usize, occurrence: Occurrence) {
        if spans.is_empty() {
            spans.resize(self.signatures.len(), 0..0);
        }
        let there = occurrence.start..occurrence.start + occurrence.len;
        if let Some(span) = spans.get_mut(index) {
            let first = if span.end == 0 { there.start } else { span.start.min(there.start) };
            *span = first..span.end.max(there.end);
        }
    }

    /// Holds each signature whose literal occurred against the part.
    fn confirm(&self, part: &Part<'_>, spans: &[Range<usize>], found: &mut Found, fuel: &mut Fuel) {
        for (signature, span) in self.signatures.iter().zip(spans).filter(|(_, span)| span.end > 0) {
            if !signature.looks_at(part.place, &part.name) {
                continue;
            }
            if fuel.spend(signature.cost(span, part.canonical.len())).is_err() {
                return;
            }
            if let Some(range) = signature.matches(part, span) {
                let (id, weight) = (Arc::clone(&signature.id), signature.weight);
                found.add(part, Hit { detector: "signature", signature: id, range, weight });
            }
        }
    }
}

/// What is encoded in a part, and in that, to the depth of [`crate::flow::Chain::MAX`]; at most [`MOST_PEELED`].
pub fn peeled<'a>(part: &Part<'a>) -> Vec<Part<'a>> {
    let mut found: Vec<Part<'a>> = Vec::new();
    let mut next = Vec::new();
    // What is nested deeper than anything honest is a finding of its own.
    let _ = peel::peel(part, Classes::in_bytes(&part.canonical), &mut next);
    while let Some(part) = next.pop().filter(|_| found.len() < MOST_PEELED) {
        let _ = peel::peel(&part, Classes::in_bytes(&part.canonical), &mut next);
        found.push(part);
    }
    found
}

/// Parts that come out of one.
pub const MOST_PEELED: usize = 64;

/// Letters and digits mean nothing to any language, where they are not names.
#[inline]
fn is_plain(part: &Part<'_>, classes: Classes) -> bool {
    classes.only(Classes::PLAIN) && !is_name(part.place)
}

/// Whether a value was undone from an encoding that even a lone word is seldom given: a word that is hidden is worth a look.
fn is_hidden(part: &Part<'_>) -> bool {
    matches!(part.chain.layers().last(), Some(Layer::Base64 | Layer::Base64Url | Layer::Hex))
}

/// Few, and telling as they are: the names of parameters and cookies, and the values of headers.
fn is_name(place: Place) -> bool {
    matches!(place, Place::QueryName | Place::FormName | Place::CookieName | Place::HeaderName | Place::HeaderValue)
}

/// Encoded so often that nobody honest can have meant it.
fn too_deep(part: &Part<'_>) -> Hit {
    let range = 0..part.canonical.len();
    Hit { detector: "peel", signature: "nested-too-deep".into(), range, weight: Weight::CERTAIN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Chain;

    fn total(value: &str) -> u32 {
        let mut found = Found::default();
        let part = Part::plain(Place::QueryValue, b"q", value.as_bytes());
        let text = "family: test\ntitle: t\nsignatures:\n- id: passwd\n  title: t\n  severity: high\n  pattern: {any: [/etc/passwd]}\n  \
                    hits: [/etc/passwd]\n  misses: [/etc/passport]\n";
        let signatures = signature::parse("test.yaml", text).unwrap();
        Detectors::of_signatures(signatures).inspect(&[part], &mut found, &mut Fuel::new(1_000_000));
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
    fn base64_is_read_where_its_plus_became_a_blank() {
        assert_eq!(total("YWJjZGVmZ2hpPn4 L2V0Yy9wYXNzd2Q="), 100);
        assert_eq!(total("short YWJjZGVmZ2hpPn4 L2V0Yy9wYXNzd2Q="), 0);
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
