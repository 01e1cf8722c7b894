//! What observers remember things by: hashes of what was seen lately, and scores that fade. Bounded; told the time.

use std::time::Duration;

/// Hashes of what was seen lately, at most so many; the oldest is forgotten first.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    hashes: Vec<u32>,
    next: usize,
}

impl Seen {
    /// Whether it was seen; that is not remembered.
    pub(super) fn has(&self, hash: u32) -> bool {
        self.hashes.contains(&hash)
    }

    /// Whether it was seen before; it is from now on.
    pub(super) fn again(&mut self, hash: u32, capacity: usize) -> bool {
        if self.hashes.contains(&hash) {
            return true;
        }
        if self.hashes.len() < capacity {
            self.hashes.push(hash);
        } else if let Some(oldest) = self.hashes.get_mut(self.next) {
            *oldest = hash;
            self.next = (self.next + 1) % capacity;
        }
        false
    }
}

/// What is left of a score after a time, given the time in which half of it goes.
pub(super) fn faded(score: f32, passed: Duration, half: Duration) -> f32 {
    score * (-passed.as_secs_f32() / half.as_secs_f32()).exp2()
}

/// A score in which less and less is left of what was added, the longer ago.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    value: f32,
    at: Duration,
}

impl Score {
    /// What is left of it.
    pub(super) fn now(&self, now: Duration, half: Duration) -> f32 {
        faded(self.value, now.saturating_sub(self.at), half)
    }

    /// Adds to what is left of it, up to `most`.
    pub(super) fn add(&mut self, more: f32, most: f32, now: Duration, half: Duration) -> f32 {
        *self = Self { value: (self.now(now, half) + more).min(most), at: now };
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_fades_by_half() {
        let (mut score, half) = (Score::default(), Duration::from_secs(10));
        assert_eq!(score.add(4.0, 9.0, Duration::ZERO, half), 4.0);
        assert_eq!(score.now(half, half), 2.0);
        assert_eq!(score.add(100.0, 9.0, half, half), 9.0);
    }

    #[test]
    fn oldest_is_forgotten_first() {
        let mut seen = Seen::default();
        assert!(!seen.again(1, 2) && !seen.again(2, 2) && seen.again(1, 2) && !seen.again(3, 2));
        assert_eq!([1, 2, 3].map(|hash| seen.has(hash)), [false, true, true]);
    }
}
