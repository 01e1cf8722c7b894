//! Bursts of names that a machine made up (domain generation algorithms): one registered domain after the other that no
//! one would think of, with hardly an ordinary one between them.
//!
//! Each registered domain that was not seen before is rated: strange letters, kinship with others seen lately (the same
//! label under many suffixes, labels that differ in a few places, words joined anew), sheer length. Ratings add up;
//! ordinary names take off more than strange ones add, so that a strange name among others is nothing. At `LIMIT`
//! strange names are denied; ordinary ones never are.

use super::letters;
use super::registered::{Registered, Suffix};
use crate::behave::Sign;
use crate::behave::seen::{Seen, faded};
use crate::flow::Weight;
use std::collections::VecDeque;
use std::time::Duration;

/// About five strange names in a row.
const LIMIT: f32 = 4.5;
/// What is over it must be taken off again: at most by one ordinary name and some time.
const MOST: f32 = LIMIT + 2.0;
const HALF_LIFE: Duration = Duration::from_secs(1800);
/// [`letters::strangeness`] of a label that says nothing either way, and what lies between it and a strange one.
const NEUTRAL: f32 = 2.0;
const SPREAD: f32 = 3.0;
/// The most that an ordinary name takes off, and the most that strange letters add.
const ORDINARY: f32 = -2.0;
const STRANGE: f32 = 1.0;
/// Labels of this length are rarely bought.
const LONG: usize = 22;
/// Labels that kinship is sought among, and domains that are remembered as seen.
const KIN: usize = 16;
const DOMAINS: usize = 1024;
/// Shorter labels are too short to say anything.
const SHORTEST: usize = 4;

/// What is remembered of the registered domains that were looked up.
#[derive(Clone, Debug, Default)]
pub struct Past {
    score: f32,
    at: Duration,
    names: u32,
    strange: u32,
    recent: VecDeque<Recent>,
    seen: Seen,
}

#[derive(Clone, Debug)]
struct Recent {
    label: Box<[u8]>,
    suffix: Box<[u8]>,
}

impl Past {
    /// A name under a registered domain is asked for; `hash` stands for the domain.
    pub(super) fn asked(&mut self, name: &Registered<'_>, hash: u32, now: Duration) -> Option<Sign> {
        let label = name.label();
        let foreign = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
        let rated = matches!(name.suffix, Suffix::Registry | Suffix::Hosting) && label.len() >= SHORTEST && !foreign;
        if !rated || self.seen.again(hash, DOMAINS) {
            return None;
        }
        let rating = self.rate(name);
        self.score = faded(self.score, now.saturating_sub(self.at), HALF_LIFE);
        self.score = (self.score + rating).clamp(0.0, MOST);
        self.at = now;
        self.names += 1;
        self.strange += u32::from(rating > 0.0);
        if self.score == 0.0 {
            (self.names, self.strange) = (0, 0);
        }
        (rating > 0.0 && self.score >= LIMIT).then(|| self.sign())
    }

    fn rate(&mut self, name: &Registered<'_>) -> f32 {
        let label: Box<[u8]> = name.label().to_ascii_lowercase().into();
        let suffix = name.registered.get(1..).unwrap_or_default().join(&b'.').to_ascii_lowercase().into();
        let letters = ((letters::strangeness(&label) - NEUTRAL) / SPREAD).clamp(ORDINARY, STRANGE);
        let long = if label.len() >= LONG { 1.0 } else { ORDINARY };
        let own = Recent { label, suffix };
        let kin = self.recent.iter().filter(|other| own.is_kin(other)).count();
        let kin = if kin > 0 { (kin as f32).min(2.0) } else { ORDINARY };
        let joined = if self.recent.iter().any(|other| own.shares_word(other)) { 0.5 } else { ORDINARY };
        if self.recent.len() == KIN {
            self.recent.pop_front();
        }
        self.recent.push_back(own);
        letters.max(long).max(kin).max(joined)
    }

    fn sign(&self) -> Sign {
        let Self { names, strange, score, .. } = self;
        Sign {
            observer: "dns-burst",
            name: "dns-generated-names",
            weight: Weight::CERTAIN,
            figures: format!("{strange} of {names} domains look made by a machine; score {score:.1} of {LIMIT}"),
        }
    }
}

impl Recent {
    /// The same label elsewhere, or one as long that differs in at most a third of its places.
    fn is_kin(&self, other: &Self) -> bool {
        if self.label == other.label {
            return self.suffix != other.suffix;
        }
        let differ = self.label.iter().zip(&other.label).filter(|(a, b)| a != b).count();
        self.label.len() == other.label.len() && self.label.len() >= 8 && differ <= self.label.len() / 3
    }

    /// Another label that begins or ends with the same four letters.
    fn shares_word(&self, other: &Self) -> bool {
        let (own, other) = (&self.label, &other.label);
        let same = |pair: (&u8, &u8)| pair.0 == pair.1;
        let start = own.iter().zip(other).map(same).take_while(|same| *same).count();
        let end = own.iter().rev().zip(other.iter().rev()).map(same).take_while(|same| *same).count();
        own != other && start.max(end) >= 4
    }
}
