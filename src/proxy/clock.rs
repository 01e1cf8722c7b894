//! The time, as judgements are told it. A clock costs as much as a small judgement, so it is read where time can have passed,
//! and told on from there; the wall clock follows from the steady one, and is looked up anew a few times a second.

use crate::flow::Now;
use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

/// How long the wall clock follows from the steady one: it may be set meanwhile.
const KEPT: Duration = Duration::from_millis(100);

/// One worker's clock.
pub(super) struct Clock {
    started: Instant,
    /// What both clocks said at one moment.
    read: Cell<(Instant, SystemTime)>,
}

impl Clock {
    /// Counts from `started`.
    pub(super) fn new(started: Instant) -> Self {
        Self { started, read: Cell::new((Instant::now(), SystemTime::now())) }
    }

    /// The moment so long after the start.
    pub(super) fn moment(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }

    /// The time now.
    pub(super) fn now(&self) -> Now {
        let steady = Instant::now();
        Now { wall: self.wall(steady), since_start: steady.saturating_duration_since(self.started) }
    }

    fn wall(&self, steady: Instant) -> SystemTime {
        let (then, wall) = self.read.get();
        let passed = steady.saturating_duration_since(then);
        if passed < KEPT {
            return wall + passed;
        }
        let wall = SystemTime::now();
        self.read.set((steady, wall));
        wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_is_looked_up_again() {
        let now = Instant::now();
        let clock = Clock::new(now);
        clock.read.set((now, SystemTime::UNIX_EPOCH));
        assert_eq!(clock.wall(now + KEPT / 2), SystemTime::UNIX_EPOCH + KEPT / 2);
        assert!(clock.wall(now + KEPT) > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert!(clock.now().wall > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    }

    #[test]
    fn time_since_the_start_never_goes_back() {
        let clock = Clock::new(Instant::now());
        let before = clock.now().since_start;
        assert!(clock.now().since_start >= before);
        let early = Clock::new(Instant::now() + Duration::from_secs(60));
        assert_eq!(early.now().since_start, Duration::ZERO);
    }
}
