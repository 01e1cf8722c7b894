//! Event ids: 26 characters that sort by time, are unique within and across processes, and cannot be guessed from one
//! another. They are told to the refused caller, so they must say nothing but the time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The id of one event: 48 bits of milliseconds since 1970, then 80 bits that only this process can foretell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

/// Why a text is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEventId;

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`, so that an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl EventId {
    /// Characters of an id.
    pub const CHARS: usize = 26;

    /// The id as it is written, for headers: ASCII letters and digits.
    pub fn text(self) -> [u8; Self::CHARS] {
        let mut text = [b'0'; Self::CHARS];
        let mut left = self.0;
        for place in text.iter_mut().rev() {
            *place = ALPHABET.get((left & 31) as usize).copied().unwrap_or(b'0');
            left >>= 5;
        }
        text
    }
}

/// Makes ids. No system call per id: the key is drawn once, a counter does the rest.
#[derive(Debug)]
pub struct EventIds {
    key: RandomState,
    made: AtomicU64,
}

impl Default for EventIds {
    /// Keyed by the operating system's random source.
    fn default() -> Self {
        Self { key: RandomState::new(), made: AtomicU64::new(0) }
    }
}

impl EventIds {
    /// An id for something that happens at `now`.
    pub fn next(&self, now: SystemTime) -> EventId {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let milliseconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() & 0xffff_ffff_ffff;
        // The counter's low bits make ids of one millisecond differ; its keyed hash makes them unguessable.
        let low = (u128::from(count & 0xffff) << 64) | u128::from(self.key.hash_one(count));
        EventId((milliseconds << 80) | low)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        if text.len() != Self::CHARS {
            return Err(InvalidEventId);
        }
        let mut value: u128 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|c| *c == byte.to_ascii_lowercase()).ok_or(InvalidEventId)?;
            value = value.checked_mul(32).ok_or(InvalidEventId)? | digit as u128;
        }
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ids_sort_by_time() {
        let ids = EventIds::default();
        let early = ids.next(UNIX_EPOCH + Duration::from_millis(1_700_000_000_000));
        let late = ids.next(UNIX_EPOCH + Duration::from_millis(1_700_000_000_001));
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn ids_of_one_instant_differ() {
        let ids = EventIds::default();
        let made: std::collections::HashSet<_> = (0..100_000).map(|_| ids.next(UNIX_EPOCH)).collect();
        assert_eq!(made.len(), 100_000);
    }

    #[test]
    fn text_reads_back() {
        let id = EventIds::default().next(SystemTime::now());
        let text = id.to_string();
        assert_eq!(text.len(), EventId::CHARS);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!("z".repeat(26).parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("0".repeat(25).parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("u".repeat(26).parse::<EventId>(), Err(InvalidEventId));
    }
}
