//! What a pod looks up, over time: names that carry data out (`tunnel`), bursts of names that no one would think of
//! (`burst`), questions that only a scout asks (`abuse`). Names inside of the cluster are not looked at: they never leave.
//!
//! Every sign has its figures. Rules are about classes: how names are built (`letters`, `registered`), never which.

pub mod abuse;
pub mod burst;
pub mod letters;
pub mod registered;
pub mod tunnel;

use super::Sign;
use super::store::Store;
use registered::Registered;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A question, as observers see it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The labels of the name, first label first, in the client's letter case.
    pub labels: &'a [&'a [u8]],
    /// The number of the type asked for.
    pub of: u16,
}

/// What is remembered of all lookups of a pod.
#[derive(Debug)]
pub struct Watch {
    domains: Store<Box<[u8]>, tunnel::Past>,
    burst: Mutex<burst::Past>,
    abuse: Mutex<abuse::Past>,
    /// Names are remembered as hashes whose key nobody outside knows: no sender can make two names look like one.
    hashes: RandomState,
    inside: Vec<Vec<Box<[u8]>>>,
}

/// What the observers are called, and what they call what they see: what exceptions may name.
pub static SIGNS: &[&str] = &[
    "dns-tunnel",
    "dns-tunnel-names",
    "dns-burst",
    "dns-generated-names",
    "dns-abuse",
    "dns-zone-transfer",
    "dns-any",
];

/// Registered domains remembered at once. Each takes 2 KiB at most: 4 MiB altogether.
const DOMAINS: usize = 2048;

/// Domains that no resolver outside of the cluster is asked about.
const INSIDE: &[&str] = &["local", "internal", "localhost", "localdomain", "home.arpa", "test", "invalid"];

impl Default for Watch {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Watch {
    /// Remembers nothing yet. `inside` are the cluster's own domains, besides the usual ones.
    pub fn new(inside: &[String]) -> Self {
        let labels = |name: &str| name.split('.').map(|label| label.to_ascii_lowercase().into_bytes().into()).collect();
        let inside = INSIDE.iter().copied().chain(inside.iter().map(String::as_str)).map(labels).collect();
        Self {
            domains: Store::new(DOMAINS),
            burst: Mutex::default(),
            abuse: Mutex::default(),
            hashes: RandomState::new(),
            inside,
        }
    }

    /// A question is asked: what its asking shows, given all that was asked before. It is remembered, denied or not.
    pub fn asked(&self, asked: &Asked<'_>, now: Duration) -> Vec<Sign> {
        let mut signs = Vec::new();
        let mut abuse = self.abuse.lock().unwrap_or_else(PoisonError::into_inner);
        signs.extend(abuse.asked(asked.of, now));
        drop(abuse);
        let Some(name) = self.outside(asked) else { return signs };
        let whole = self.hash(asked.labels);
        signs.extend(self.domains.with(&name.key(), now, |past| past.asked(&name, asked.of, whole, now)));
        let domain = self.hash(name.registered);
        let mut burst = self.burst.lock().unwrap_or_else(PoisonError::into_inner);
        signs.extend(burst.asked(&name, domain, now));
        signs
    }

    /// A question was answered, with so many bytes of records that can carry anything.
    pub fn answered(&self, asked: &Asked<'_>, bytes: usize, now: Duration) {
        if let Some(name) = self.outside(asked).filter(|name| !name.below.is_empty() && bytes > 0) {
            self.domains.with(&name.key(), now, |past| past.answered(&name, bytes, now));
        }
    }

    /// Whether it is a name of the cluster's own.
    pub fn is_inside(&self, labels: &[&[u8]]) -> bool {
        self.inside.iter().any(|domain| {
            let end = labels.len().checked_sub(domain.len()).and_then(|at| labels.get(at..));
            end.is_some_and(|end| end.iter().zip(domain).all(|(label, own)| label.eq_ignore_ascii_case(own)))
        })
    }

    /// How many registered domains are remembered.
    pub fn domains(&self) -> usize {
        self.domains.len()
    }

    fn outside<'a>(&self, asked: &Asked<'a>) -> Option<Registered<'a>> {
        if self.is_inside(asked.labels) { None } else { Registered::of(asked.labels) }
    }

    /// Letter case is nothing: resolvers scramble it.
    fn hash(&self, labels: &[&[u8]]) -> u32 {
        let mut hasher = self.hashes.build_hasher();
        for label in labels {
            std::hash::Hasher::write(&mut hasher, &label.to_ascii_lowercase());
            std::hash::Hasher::write_u8(&mut hasher, 0);
        }
        std::hash::Hasher::finish(&hasher) as u32
    }
}

#[cfg(test)]
mod tests;
