//! How many handshakes a worker takes on: so many at once, so many per second. What is over is refused by name, so that
//! a flood of handshakes cannot starve the connections that are served.

use super::Limits;
use crate::flow::{Kind, Reason};
use crate::identity::Refusal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// More handshakes at once than allowed.
pub const TOO_MANY: Reason = Reason::new("tls-too-many-handshakes", Kind::TooMany, "too many handshakes at once");
/// More handshakes per second than allowed.
pub const TOO_OFTEN: Reason = Reason::new("tls-handshake-rate", Kind::TooMany, "too many handshakes per second");

/// Counts handshakes of one worker; its lock is never contended there.
#[derive(Debug)]
pub(super) struct Gate {
    at_once: usize,
    under_way: AtomicUsize,
    /// The time one handshake is worth.
    interval: Duration,
    /// How far ahead of the clock a burst may run.
    ahead: Duration,
    /// When the rate would be met again if no more came.
    settled: Mutex<Option<Instant>>,
}

/// A handshake that is under way.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a AtomicUsize);

impl Gate {
    /// `per_second` and `burst` of 0 are taken as 1.
    pub(super) fn new(limits: &Limits) -> Self {
        let interval = Duration::from_secs(1) / limits.per_second.max(1);
        Self {
            at_once: limits.at_once,
            under_way: AtomicUsize::new(0),
            interval,
            ahead: interval * limits.burst.max(1).saturating_sub(1),
            settled: Mutex::new(None),
        }
    }

    /// Begins a handshake; it ends when the permit is dropped.
    ///
    /// # Errors
    /// Which limit is reached.
    pub(super) fn enter(&self, now: Instant) -> Result<Permit<'_>, Refusal> {
        let permit = Permit::new(&self.under_way);
        if self.under_way() > self.at_once {
            return Err(Refusal::new(TOO_MANY, format!("{} are under way", self.at_once)));
        }
        self.pace(now)?;
        Ok(permit)
    }

    /// Handshakes under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// The generic cell rate algorithm: a token bucket kept as one instant.
    fn pace(&self, now: Instant) -> Result<(), Refusal> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let from = settled.map_or(now, |settled| settled.max(now));
        if from.duration_since(now) > self.ahead {
            return Err(Refusal::new(TOO_OFTEN, format!("more than one per {:?}", self.interval)));
        }
        *settled = Some(from + self.interval);
        Ok(())
    }
}

impl<'a> Permit<'a> {
    fn new(under_way: &'a AtomicUsize) -> Self {
        under_way.fetch_add(1, Ordering::Relaxed);
        Self(under_way)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(at_once: usize, per_second: u32, burst: u32) -> Gate {
        Gate::new(&Limits { at_once, per_second, burst, ..Limits::default() })
    }

    #[test]
    fn at_once_is_limited_at_n() {
        let gate = gate(2, 1000, 1000);
        let now = Instant::now();
        let first = gate.enter(now).unwrap();
        let second = gate.enter(now).unwrap();
        assert_eq!(gate.enter(now).unwrap_err().reason, TOO_MANY);
        assert_eq!(gate.under_way(), 2);
        drop(first);
        let third = gate.enter(now).unwrap();
        drop((second, third));
        assert_eq!(gate.under_way(), 0);
    }

    #[test]
    fn burst_is_limited_at_n() {
        let gate = gate(100, 10, 3);
        let now = Instant::now();
        for _ in 0..3 {
            gate.enter(now).unwrap();
        }
        assert_eq!(gate.enter(now).unwrap_err().reason, TOO_OFTEN);
        assert_eq!(gate.enter(now + Duration::from_millis(99)).unwrap_err().reason, TOO_OFTEN);
        gate.enter(now + Duration::from_millis(100)).unwrap();
        assert_eq!(gate.enter(now + Duration::from_millis(100)).unwrap_err().reason, TOO_OFTEN);
    }

    #[test]
    fn idle_time_saves_up_one_burst_only() {
        let gate = gate(100, 10, 2);
        let later = Instant::now() + Duration::from_secs(60);
        gate.enter(later - Duration::from_secs(60)).unwrap();
        gate.enter(later).unwrap();
        gate.enter(later).unwrap();
        assert_eq!(gate.enter(later).unwrap_err().reason, TOO_OFTEN);
    }
}
