//! What a detector found: which part, where in it, how much it weighs. Owned, so that it outlives the buffer; bounded,
//! so that hostile input cannot fill memory with findings.

use super::{Chain, Exception, Part, Place, RuleName, Sensitivity};
use std::ops::Range;
use std::sync::Arc;

/// How much a finding speaks for an attack. [`Weight::CERTAIN`] denies alone at the default sensitivity; smaller ones
/// need company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Weight(pub u16);

impl Weight {
    /// One clear structural finding.
    pub const CERTAIN: Self = Self(100);
}

/// What a detector reports about one part.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The detector's registered name: `sql`, `shell`, `scan`.
    pub detector: &'static str,
    /// The signature's id, or the detector's name for what it recognised: `sql-tautology`.
    pub signature: Arc<str>,
    /// Bytes of the part's canonical form. `start <= end <= canonical.len()`.
    pub range: Range<usize>,
    /// How much it speaks for an attack.
    pub weight: Weight,
}

/// One finding, with enough of its surroundings to stand as evidence.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was reported.
    pub hit: Hit,
    /// Where the part stands.
    pub place: Place,
    /// The part's name there, at most [`Evidence::MAX_NAME_BYTES`].
    pub name: Vec<u8>,
    /// The layers between the wire and the bytes of `excerpt`.
    pub chain: Chain,
    /// Whether it stands in a text, longer than [`Sensitivity::SHORT_BYTES`].
    pub in_text: bool,
    /// The match with what stands around it.
    pub excerpt: Excerpt,
}

/// Canonical bytes around a match: at most [`Excerpt::AROUND`] on either side, at most [`Excerpt::MATCH`] of the match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What stands before the match.
    pub before: Vec<u8>,
    /// The match, its first bytes if it is long.
    pub matched: Vec<u8>,
    /// What stands after the match.
    pub after: Vec<u8>,
}

impl Excerpt {
    /// Bytes kept on either side of a match.
    pub const AROUND: usize = 50;
    /// Bytes kept of a match.
    pub const MATCH: usize = 200;

    /// Cuts out `range` of `bytes` with its surroundings; a range beyond the end is cut to it.
    pub fn cut(bytes: &[u8], range: &Range<usize>) -> Self {
        let end = range.end.min(bytes.len());
        let start = range.start.min(end);
        let piece = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default().to_vec();
        Self {
            before: piece(start.saturating_sub(Self::AROUND), start),
            matched: piece(start, end.min(start + Self::MATCH)),
            after: piece(end, bytes.len().min(end + Self::AROUND)),
        }
    }
}

impl Evidence {
    /// Bytes kept of a part's name.
    pub const MAX_NAME_BYTES: usize = 100;

    /// The hit with a copy of its surroundings.
    pub fn of(part: &Part<'_>, hit: Hit) -> Self {
        let excerpt = Excerpt::cut(&part.canonical, &hit.range);
        let name = part.name.get(..part.name.len().min(Self::MAX_NAME_BYTES)).unwrap_or_default().to_vec();
        Self { hit, place: part.place, name, chain: part.chain, in_text: is_text(part), excerpt }
    }
}

/// Whether a part is longer than a value. Blanks around one make no text of it.
fn is_text(part: &Part<'_>) -> bool {
    part.canonical.trim_ascii().len() > Sensitivity::SHORT_BYTES
}

/// Where detectors put what they find. `evidence.len() <= Found::MAX`; what is over is counted, its weight included. The
/// same sign seen again is one sign: it weighs once, with the larger weight, wherever in the exchange it stands.
#[derive(Debug, Default)]
pub struct Found {
    evidence: Vec<Evidence>,
    total: u32,
    /// The same at the lowest sensitivity.
    lowest: u32,
    beyond: u32,
    exceptions: Vec<Arc<Exception>>,
    excused: Vec<RuleName>,
}

impl Found {
    /// Findings kept of one exchange.
    pub const MAX: usize = 16;

    /// What does not count from now on, in the place of what did not before.
    pub fn except(&mut self, exceptions: Vec<Arc<Exception>>) {
        self.exceptions = exceptions;
    }

    /// Keeps a finding, unless an exception excuses it.
    pub fn add(&mut self, part: &Part<'_>, hit: Hit) {
        if let Some(exception) = self.exceptions.iter().find(|exception| exception.excuses(part, &hit)) {
            if !self.excused.contains(&exception.name) {
                self.excused.push(Arc::clone(&exception.name));
            }
            return;
        }
        if let Some(known) = self.evidence.iter_mut().find(|known| known.hit.signature == hit.signature) {
            let more = |level: Sensitivity| {
                let before = level.weighs(known.hit.weight, known.in_text);
                level.weighs(hit.weight, is_text(part)).saturating_sub(before)
            };
            let (total, lowest) = (more(Sensitivity::Default), more(Sensitivity::Low));
            if total > 0 || lowest > 0 && hit.weight >= known.hit.weight {
                self.total = self.total.saturating_add(total);
                self.lowest = self.lowest.saturating_add(lowest);
                *known = Evidence::of(part, hit);
            }
            return;
        }
        self.total = self.total.saturating_add(Sensitivity::Default.weighs(hit.weight, is_text(part)));
        self.lowest = self.lowest.saturating_add(Sensitivity::Low.weighs(hit.weight, is_text(part)));
        if self.evidence.len() < Self::MAX {
            self.evidence.push(Evidence::of(part, hit));
        } else {
            self.beyond += 1;
        }
    }

    /// What does not count.
    pub fn exceptions(&self) -> &[Arc<Exception>] {
        &self.exceptions
    }

    /// Whether an exception excuses a finding in a part.
    pub fn excuses(&self, part: &Part<'_>, hit: &Hit) -> bool {
        self.exceptions.iter().any(|exception| exception.excuses(part, hit))
    }

    /// The sum of all weights.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The sum of what all findings weigh at a sensitivity.
    pub fn total_at(&self, sensitivity: Sensitivity) -> u32 {
        if sensitivity == Sensitivity::Low { self.lowest } else { self.total }
    }

    /// Findings that were counted but not kept.
    pub fn beyond(&self) -> u32 {
        self.beyond
    }

    /// Whether nothing at all was found, and nothing would have been overlooked.
    pub fn is_clean(&self) -> bool {
        self.evidence.is_empty() && self.total == 0 && self.exceptions.is_empty()
    }

    /// The exceptions that excused a finding.
    pub fn excused(&self) -> &[RuleName] {
        &self.excused
    }

    /// What was kept, in the order it was found.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty()
    }

    /// Hands over what was kept.
    pub fn take(&mut self) -> Vec<Evidence> {
        std::mem::take(&mut self.evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(signature: &str, weight: u16) -> Hit {
        Hit { detector: "test", signature: signature.into(), range: 0..1, weight: Weight(weight) }
    }

    #[test]
    fn excerpt_is_cut_at_the_ends() {
        let cut = Excerpt::cut(b"abcdef", &(2..4));
        assert_eq!((&*cut.before, &*cut.matched, &*cut.after), (&b"ab"[..], &b"cd"[..], &b"ef"[..]));
        assert_eq!(Excerpt::cut(b"ab", &(5..9)), Excerpt { before: b"ab".to_vec(), ..Excerpt::default() });
    }

    #[test]
    fn findings_beyond_the_limit_still_weigh() {
        let part = Part::plain(Place::QueryValue, b"q", b"value");
        let mut found = Found::default();
        for number in 0..=Found::MAX {
            found.add(&part, hit(&number.to_string(), 10));
        }
        assert_eq!((found.evidence().len(), found.beyond(), found.total()), (Found::MAX, 1, 170));
    }

    #[test]
    fn sign_in_a_value_outweighs_the_same_in_a_text() {
        let text = [b'a'; Sensitivity::SHORT_BYTES + 1];
        let long = Part::plain(Place::JsonValue, b"q", &text);
        let short = Part::plain(Place::JsonValue, b"q", &text[1..]);
        let total = |parts: [&Part<'_>; 2]| {
            let mut found = Found::default();
            parts.iter().for_each(|part| found.add(part, hit("s", 100)));
            (found.total_at(Sensitivity::Low), found.total_at(Sensitivity::Default))
        };
        assert_eq!(total([&long, &long]), (50, 100));
        assert_eq!((total([&long, &short]), total([&short, &long])), ((100, 100), (100, 100)));
    }

    #[test]
    fn lighter_sign_in_a_value_adds_nothing_to_one_in_a_text() {
        let text = [b'a'; Sensitivity::SHORT_BYTES + 1];
        let mut found = Found::default();
        found.add(&Part::plain(Place::JsonValue, b"q", &text), hit("s", 100));
        (0..9).for_each(|_| found.add(&Part::plain(Place::JsonValue, b"q", b"value"), hit("s", 60)));
        assert_eq!(found.total_at(Sensitivity::Low), 50);
    }

    #[test]
    fn same_sign_weighs_once() {
        let part = Part::plain(Place::QueryValue, b"q", b"value");
        let mut found = Found::default();
        for weight in [30, 10, 40] {
            found.add(&part, hit("s", weight));
        }
        assert_eq!((found.evidence().len(), found.total()), (1, 40));
    }
}
