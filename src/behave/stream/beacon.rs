//! Signals of life: small messages of one size at even intervals, and next to nothing else.
//!
//! Many honest programs do so too: keep-alives, health checks, heartbeats of pools, pushes of metrics. So evenness alone
//! is told and never denies, unless the owner of the rule says that nothing there beats. What those programs send can be
//! read, or is the same each time, or nearly; an implant that calls home sends the same number of encrypted bytes, never twice
//! the same ones. That denies, where nobody knows the protocol. TLS, whose heartbeats look so too, is not among it.

use super::{Chunk, Observer, Way};
use crate::behave::Sign;
use crate::flow::Weight;
use std::time::Duration;

/// What signs of this observer are called.
pub const OBSERVER: &str = "beacon";
/// Even, and no more.
pub const REGULAR: &str = "beacon-regular";
/// Even, and sealed.
pub const SEALED: &str = "beacon-sealed";

/// Signals in a row, all of one size.
const LEAST: u32 = 8;
/// Sizes that differ by no more are one.
const SPREAD: usize = 8;
/// Larger messages are no signals.
pub const LARGEST: usize = 1024;
/// Bytes that leave after a shorter pause belong to the signal before.
const PAUSE: Duration = Duration::from_millis(200);
/// Nobody signals more often.
const SHORTEST: Duration = Duration::from_millis(500);
/// Nobody is remembered for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The longest interval is at most so many times the shortest: implants vary theirs by up to a third.
const JITTER: u32 = 2;
/// Bytes of a signal that are compared with the one before.
const SAMPLE: usize = 64;
/// Fewer say nothing.
const LEAST_SAMPLE: usize = 16;

/// What begins what is compressed, or encrypted by TLS: it looks sealed, and is not.
const OPEN: [&[u8]; 8] =
    [b"\x16\x03", b"\x17\x03", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"];

/// The signals of one sender to one destination. `sample.len() <= SAMPLE` of both.
#[derive(Debug, Default)]
pub struct Pace {
    /// The last signal that is over.
    before: Option<Signal>,
    /// The one that may still go on.
    open: Option<Signal>,
    /// When its last bytes left.
    last: Duration,
    /// Signals in a row, alike and at even intervals.
    count: u32,
    /// Those of them that are sealed.
    sealed: u32,
    shortest: Duration,
    longest: Duration,
    since: Duration,
}

#[derive(Debug, Default)]
struct Signal {
    began: Duration,
    bytes: usize,
    sample: Vec<u8>,
}

/// So many signals of a size at a pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// How many, the one that begins not counted.
    pub count: u32,
    /// Bytes of the last.
    pub bytes: usize,
    /// From the beginning of the first to the beginning of this one.
    pub lasts: Duration,
    /// The shortest and the longest interval.
    pub intervals: (Duration, Duration),
    /// Whether all of them were sealed: of one exact size, unreadable, never alike.
    pub sealed: bool,
}

impl Pace {
    /// Bytes leave. What they go on with, when they begin another signal of so many in a row.
    pub fn leave(&mut self, bytes: &[u8], now: Duration) -> Option<Rhythm> {
        let pause = now.saturating_sub(std::mem::replace(&mut self.last, now));
        let begins = match &mut self.open {
            Some(open) if pause < PAUSE => {
                open.add(bytes);
                return None;
            }
            open => open.replace(Signal::new(bytes, now)),
        };
        self.take(begins?, now);
        (self.count >= LEAST).then(|| Rhythm {
            count: self.count,
            bytes: self.before.as_ref().map_or(0, |signal| signal.bytes),
            lasts: now.saturating_sub(self.since),
            intervals: (self.shortest, self.longest),
            sealed: self.sealed == self.count,
        })
    }

    /// What was sent is none of it: counting begins anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// A signal is over, and the next begins.
    fn take(&mut self, over: Signal, now: Duration) {
        let interval = now.saturating_sub(over.began);
        let (shortest, longest) = match self.count {
            0 => (interval, interval),
            _ => (self.shortest.min(interval), self.longest.max(interval)),
        };
        let even = shortest >= SHORTEST && longest <= LONGEST && longest <= shortest * JITTER;
        let before = self.before.as_ref().filter(|_| self.count > 0);
        let alike = over.bytes <= LARGEST && before.is_none_or(|before| before.bytes.abs_diff(over.bytes) <= SPREAD);
        if even && alike {
            self.since = if self.count == 0 { over.began } else { self.since };
            self.count += 1;
            self.sealed += u32::from(over.is_sealed(before));
            (self.shortest, self.longest) = (shortest, longest);
        } else {
            // This one may be the first of others.
            let fits = over.bytes <= LARGEST && (SHORTEST..=LONGEST).contains(&interval);
            self.count = u32::from(fits);
            self.sealed = u32::from(fits && over.is_sealed(None));
            (self.shortest, self.longest, self.since) = (interval, interval, over.began);
        }
        self.before = Some(over);
    }
}

impl Signal {
    fn new(bytes: &[u8], now: Duration) -> Self {
        let mut signal = Self { began: now, ..Self::default() };
        signal.add(bytes);
        signal
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = SAMPLE - self.sample.len();
        self.sample.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(bytes.len());
    }

    /// Whether nobody can read it, and it has nothing of the one before but its size: no more than one byte in eight stands
    /// where it stood.
    fn is_sealed(&self, before: Option<&Self>) -> bool {
        let sample = &*self.sample;
        let high = sample.iter().filter(|byte| **byte >= 0x80).count();
        let unreadable = sample.len() >= LEAST_SAMPLE && high * 8 >= sample.len();
        unreadable
            && !OPEN.iter().any(|magic| sample.starts_with(magic))
            && before.is_none_or(|before| {
                let same = sample.iter().zip(&before.sample).filter(|(a, b)| a == b).count();
                before.bytes == self.bytes && same * 8 <= sample.len()
            })
    }
}

impl Rhythm {
    /// The sign of it. `over` says over what: one connection, or many.
    pub fn sign(&self, over: &str) -> Sign {
        let (name, weight) = if self.sealed { (SEALED, Weight::CERTAIN) } else { (REGULAR, Weight(30)) };
        let (shortest, longest) = (self.intervals.0.as_secs_f32(), self.intervals.1.as_secs_f32());
        let mean = self.lasts.as_secs_f32() / self.count as f32;
        let sealed = if self.sealed { ", unreadable and never alike" } else { "" };
        let figures = format!(
            "{} signals of {} bytes, every {mean:.1} s ({shortest:.1} to {longest:.1}), over {over}{sealed}",
            self.count, self.bytes
        );
        Sign { observer: OBSERVER, name, weight, figures }
    }
}

/// What is remembered of a connection.
#[derive(Debug, Default)]
pub struct Beacon {
    pace: Pace,
    told: bool,
}

impl Observer for Beacon {
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        if chunk.way == Way::In {
            return None;
        }
        let rhythm = self.pace.leave(chunk.bytes, chunk.now)?;
        // Once for each connection; what was even may turn out to be sealed.
        let rhythm = Rhythm { sealed: rhythm.sealed && !chunk.known, ..rhythm };
        (!std::mem::replace(&mut self.told, true)).then(|| rhythm.sign("one connection"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cipher for tests: bytes that look random, other ones for each number.
    pub(crate) fn sealed(number: u64, bytes: usize) -> Vec<u8> {
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    /// What is told of signals that leave at these times, in tenths of a second.
    fn rhythm(at: impl Iterator<Item = u64>, signal: impl Fn(u64) -> Vec<u8>) -> Option<Rhythm> {
        let mut pace = Pace::default();
        at.enumerate().filter_map(|(n, at)| pace.leave(&signal(n as u64), Duration::from_millis(at * 100))).next()
    }

    #[test]
    fn sealed_signals_are_told() {
        let told = rhythm((0..9).map(|n| n * 600), |n| sealed(n, 64)).unwrap();
        assert_eq!((told.count, told.bytes, told.sealed), (LEAST, 64, true));
        assert_eq!(
            told.sign("one connection").figures,
            "8 signals of 64 bytes, every 60.0 s (60.0 to 60.0), over one connection, unreadable and never alike"
        );
        assert_eq!(rhythm((0..8).map(|n| n * 600), |n| sealed(n, 64)), None);
    }

    #[test]
    fn interval_may_vary_by_a_third() {
        let jitter = [600, 780, 650, 900, 610, 840, 700, 600, 720, 660];
        let at = |stretch: u64| {
            jitter.iter().scan(0, move |at, step| {
                *at += step + (step - 600) * stretch;
                Some(*at)
            })
        };
        assert!(rhythm(at(0), |n| sealed(n, 64)).is_some());
        assert_eq!(rhythm(at(3), |n| sealed(n, 64)), None);
    }

    #[test]
    fn heartbeats_are_even_and_not_sealed() {
        let text = |n: u64| format!("app.web-1.cpu 0.{n} {}\n", 1_764_378_000 + n * 10).into_bytes();
        let binary = |n: u64| [&[0, 0, 0, 40, 0xC0, 0xFF, 0xEE, 0x90].repeat(4)[..], &n.to_be_bytes()].concat();
        let tls = |n: u64| [b"\x17\x03\x03\0\x2a".as_slice(), &sealed(n, 42)].concat();
        let zipped = |n: u64| [b"\x1f\x8b\x08".as_slice(), &sealed(n, 61)].concat();
        let kinds: [&dyn Fn(u64) -> Vec<u8>; 6] =
            [&|_| b"PING\r\n".to_vec(), &text, &binary, &tls, &zipped, &|n| sealed(n, LEAST_SAMPLE - 1)];
        for signal in kinds {
            let told = rhythm((0..20).map(|n| n * 100), signal).map(|told| told.sealed);
            assert_eq!(told, Some(false), "{}", signal(1).escape_ascii());
        }
        // Sizes that differ a little are one, but not of what is sealed.
        let told = rhythm((0..20).map(|n| n * 100), |n| sealed(n, 60 + n as usize % 3));
        assert_eq!(told.map(|told| told.sealed), Some(false));
    }

    #[test]
    fn what_is_no_signal_is_not_told() {
        let even = |tenths: u64, signal: &dyn Fn(u64) -> Vec<u8>| rhythm((0..40).map(|n| n * tenths), signal);
        assert_eq!(even(100, &|n| sealed(n, 40 * (1 + n as usize % 2))), None);
        assert_eq!(even(100, &|n| sealed(n, LARGEST + 1)), None);
        assert_eq!(even(4, &|n| sealed(n, 64)), None);
    }

    #[test]
    fn pieces_without_a_pause_are_one_signal() {
        let mut pace = Pace::default();
        let told = (0..9).find_map(|n| {
            let at = Duration::from_secs(n * 60);
            let whole = sealed(n, 40);
            let (head, rest) = whole.split_at(8);
            pace.leave(head, at).or_else(|| pace.leave(rest, at + Duration::from_millis(50)))
        });
        assert_eq!(told.map(|told| (told.bytes, told.sealed)), Some((40, true)));
    }

    #[test]
    fn signals_after_other_traffic_count_from_there() {
        let signal = |n: u64| if n < 5 { sealed(n, 300 + 20 * n as usize) } else { sealed(n, 64) };
        assert_eq!(rhythm((0..14).map(|n| n * 600), signal).map(|told| told.count), Some(LEAST));
        assert_eq!(rhythm((0..13).map(|n| n * 600), signal), None);
    }
}
