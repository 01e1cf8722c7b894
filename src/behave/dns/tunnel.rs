//! Data carried out, and commands brought in, inside of names: many different names under one registered domain, made
//! of labels that look encoded, or asked for with types that can carry anything.
//!
//! Each name that was not seen before adds the bytes that it could carry out to the domain's score; half of it fades in
//! half an hour. At `LIMIT` the domain is a tunnel, and stays one until enough has faded: about 140 bytes leave.

use super::letters;
use super::registered::{Registered, Suffix};
use crate::behave::Sign;
use crate::behave::seen::{Seen, faded};
use crate::flow::Weight;
use std::time::Duration;

/// Bytes carried at which a domain is a tunnel.
const LIMIT: f32 = 140.0;
/// What is over it fades before the domain is believed again: at most one half-life.
const MOST: f32 = 2.0 * LIMIT;
const HALF_LIFE: Duration = Duration::from_secs(1800);
/// Fewer different names are no tunnel, whatever they look like: keys and hashes are names too.
const LEAST_NAMES: u32 = 3;
/// Names remembered of one domain: 2 KiB.
const NAMES: usize = 512;
/// [`letters::strangeness`] above which a label looks encoded.
const ENCODED: f32 = 6.0;
/// Shorter labels carry next to nothing.
const SHORTEST: usize = 6;
/// Bytes of answers, of records that can carry anything, that count as one byte carried out.
const ANSWERED: f32 = 32.0;

/// What is remembered of one registered domain.
#[derive(Clone, Debug, Default)]
pub struct Past {
    score: f32,
    at: Duration,
    began: Duration,
    names: u32,
    bytes: u64,
    encoded: u64,
    answered: u64,
    seen: Seen,
}

/// What a type can carry: how much more its questions weigh, and what each new name weighs for the type alone.
#[derive(Clone, Copy)]
struct Carries {
    factor: f32,
    name: f32,
}

impl Past {
    /// A name under the domain is asked for; `hash` stands for the whole of it.
    pub(super) fn asked(&mut self, name: &Registered<'_>, of: u16, hash: u32, now: Duration) -> Option<Sign> {
        if name.suffix == Suffix::Platform {
            return None;
        }
        self.score = faded(self.score, now.saturating_sub(self.at), HALF_LIFE);
        self.at = now;
        if !self.seen.again(hash, NAMES) {
            self.carry(name, of, now);
        }
        (self.score >= LIMIT && self.names >= LEAST_NAMES).then(|| self.sign(now))
    }

    /// A name under the domain was answered, with so many bytes that can be anything.
    pub(super) fn answered(&mut self, name: &Registered<'_>, bytes: usize, now: Duration) {
        if name.suffix != Suffix::Platform {
            self.score = faded(self.score, now.saturating_sub(self.at), HALF_LIFE) + bytes as f32 / ANSWERED;
            self.score = self.score.min(MOST);
            self.at = now;
            self.answered += bytes as u64;
        }
    }

    fn carry(&mut self, name: &Registered<'_>, of: u16, now: Duration) {
        if self.names == 0 {
            self.began = now;
        }
        let bytes: usize = name.below.iter().map(|label| label.len()).sum();
        let encoded: usize = match is_address(name) {
            true => 0,
            false => name.below.iter().filter(|label| is_encoded(label)).map(|label| label.len()).sum(),
        };
        let plain = if is_address(name) { 0 } else { bytes - encoded };
        let carries = carries(name, of);
        self.names += 1;
        self.bytes += bytes as u64;
        self.encoded += encoded as u64;
        self.score += encoded as f32 * carries.factor + plain as f32 / 4.0 + carries.name;
        self.score = self.score.min(MOST);
    }

    fn sign(&self, now: Duration) -> Sign {
        let seconds = now.saturating_sub(self.began).as_secs();
        let Self { names, bytes, encoded, answered, score, .. } = self;
        Sign {
            observer: "dns-tunnel",
            name: "dns-tunnel-names",
            weight: Weight::CERTAIN,
            figures: format!(
                "{names} names in {seconds} s, {bytes} bytes, {encoded} of them encoded; {answered} bytes answered; \
                 score {score:.0} of {LIMIT}"
            ),
        }
    }
}

/// Whether it can be text in another alphabet: bytes that no name of a host has, or letters that no word has.
fn is_encoded(label: &[u8]) -> bool {
    let strange = label.iter().any(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    label.len() >= SHORTEST && (strange || letters::strangeness(label) > ENCODED)
}

/// Whether it is an address turned around, and so carries nothing that was not asked for.
fn is_address(name: &Registered<'_>) -> bool {
    let number = |label: &&[u8]| label.len() <= 3 && label.iter().all(u8::is_ascii_hexdigit);
    name.suffix == Suffix::Reverse && name.below.iter().all(number)
}

/// Hosts ask for addresses and services. Text, aliases and mail exchangers are asked for by few programs and about few
/// names; what NULL, KEY and types without a name are for, no program of a pod knows.
fn carries(name: &Registered<'_>, of: u16) -> Carries {
    let underscored = name.below.first().is_some_and(|label| label.starts_with(b"_"));
    match of {
        1 | 2 | 6 | 12 | 28 | 33 | 43 | 46..=52 | 64 | 65 | 257 => Carries { factor: 1.0, name: 0.0 },
        // Challenges, policies and keys of mail: `_acme-challenge`, `_dmarc`.
        5 | 16 if underscored => Carries { factor: 1.0, name: 0.0 },
        5 => Carries { factor: 1.5, name: 30.0 },
        15 => Carries { factor: 1.5, name: 4.0 },
        16 | 35 | 99 | 256 => Carries { factor: 1.5, name: 6.0 },
        _ => Carries { factor: 2.0, name: 35.0 },
    }
}
