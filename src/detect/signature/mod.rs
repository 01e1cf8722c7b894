//! Signatures: attacks that are known by what they literally contain. Written in YAML, one file per family; every entry
//! carries its own hits and misses. `signatures/README.md` is the page for authors.

mod compile;
mod load;
mod shipped;
mod written;

pub use compile::{Problems, check_unique, parse, self_test};
pub use load::load;
pub use shipped::shipped;
pub use written::{Family, References, Severity};

use crate::flow::{Part, Place, Weight};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::Arc;

/// A compiled signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Unique among all families: `log4shell-jndi`.
    pub id: Arc<str>,
    /// The family's name: `log4j`.
    pub family: Arc<str>,
    /// What it recognises, for people.
    pub title: String,
    /// How bad it is if it gets through.
    pub severity: Severity,
    /// Groups of places ([`Place::group`]) or exact places ([`Place::name`]); empty for all.
    pub places: Vec<String>,
    /// Names of the parts it looks at, lower case; empty for all.
    pub named: Vec<String>,
    /// One of these must occur.
    pub any: Vec<String>,
    /// Each of these must occur as well.
    pub with: Vec<String>,
    /// None of these may occur.
    pub without: Vec<String>,
    /// And this must match around the literal.
    pub regex: Option<Regex>,
    /// How much it speaks for an attack.
    pub weight: Weight,
    /// Where to read more.
    pub references: References,
    /// Values that it must find.
    pub hits: Vec<String>,
    /// Values like the hits that it must not find.
    pub misses: Vec<String>,
}

impl Signature {
    /// Bytes around its literals that its expression may look at.
    pub const WINDOW_BYTES: usize = 256;
    /// Steps that an expression takes for each byte.
    const STEPS_PER_BYTE: usize = 8;

    /// Whether it looks at this place and name.
    pub fn looks_at(&self, place: Place, name: &[u8]) -> bool {
        let here = |wanted: &String| wanted == place.group() || wanted == place.name();
        (self.places.is_empty() && !place.is_binary() && !place.is_anything() || self.places.iter().any(here))
            && (self.named.is_empty() || self.named.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name)))
    }

    /// Where it matches, given that its literals stand within `span`.
    pub(super) fn matches(&self, part: &Part<'_>, span: &Range<usize>) -> Option<Range<usize>> {
        let text: &[u8] = &part.canonical;
        let there = |literal: &String| contains(text, literal.as_bytes());
        if !self.with.iter().all(there) || self.without.iter().any(there) {
            return None;
        }
        let Some(regex) = &self.regex else { return Some(span.clone()) };
        let start = span.start.saturating_sub(Self::WINDOW_BYTES);
        let window = text.get(start..text.len().min(span.end + Self::WINDOW_BYTES))?;
        let found = regex.find(window)?;
        Some(start + found.start()..start + found.end())
    }

    /// Steps that [`Self::matches`] takes at most for a text of `len` bytes.
    pub(super) fn cost(&self, span: &Range<usize>, len: usize) -> usize {
        let company = (self.with.len() + self.without.len()) * len;
        match self.regex {
            Some(_) => company + (span.len() + 2 * Self::WINDOW_BYTES) * Self::STEPS_PER_BYTE,
            None => company,
        }
    }
}

/// Whether `literal` occurs, in either letter case.
fn contains(text: &[u8], literal: &[u8]) -> bool {
    let Some((first, _)) = literal.split_first() else { return true };
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text)
        .any(|at| text.get(at..at + literal.len()).is_some_and(|there| there.eq_ignore_ascii_case(literal)))
}
