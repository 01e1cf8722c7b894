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
    /// What both clocks said at one moment; the steady one counts from the start.
    read: Cell<(Duration, SystemTime)>,
}

impl Clock {
    /// Counts from `started`.
    pub(super) fn new(started: Instant) -> Self {
        Self { started, read: Cell::new((started.elapsed(), SystemTime::now())) }
    }

    /// The moment so long after the start.
    pub(super) fn moment(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }

    /// The time now.
    pub(super) fn now(&self) -> Now {
        let since_start = self.started.elapsed();
        Now { wall: self.wall(since_start), since_start }
    }

    fn wall(&self, since_start: Duration) -> SystemTime {
        let (then, wall) = self.read.get();
        let passed = since_start.saturating_sub(then);
        if passed < KEPT {
            return wall + passed;
        }
        let wall = SystemTime::now();
        self.read.set((since_start, wall));
        wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_is_looked_up_again() {
        let (clock, then) = (Clock::new(Instant::now()), Duration::from_secs(7));
        clock.read.set((then, SystemTime::UNIX_EPOCH));
        assert_eq!(clock.wall(then + KEPT / 2), SystemTime::UNIX_EPOCH + KEPT / 2);
        assert!(clock.wall(then + KEPT) > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
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
