//! Ceilings on requests per time and at once, per caller and for all callers together.
//!
//! Paces are kept by the generic cell rate algorithm: one time per counter, no timer. Under a common ceiling that is
//! being reached, no caller gets more than its share of it, so that one flood does not use up what others are granted;
//! while it is not being reached, anyone may use what is free.

use crate::flow::{Allowance, Kind, Pace, Rate, Reason, RuleName};
use dashmap::DashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// More requests per time than a rate of the allowlist grants.
pub const PACE: Reason = Reason::new("rate-exceeded", Kind::TooMany, "more requests per time than its rate grants");
/// More requests at once than a rate of the allowlist grants.
pub const CONCURRENT: Reason =
    Reason::new("rate-concurrency", Kind::TooMany, "more requests at once than its rate grants");

/// Callers are counted over windows of this length, to know what a fair share is.
const WINDOW: Duration = Duration::from_secs(1);
/// Ceilings remembered, those of policies long replaced included.
const MOST_TOTALS: usize = 4096;

/// All counters of the process. `K` tells callers apart.
#[derive(Debug)]
pub struct Rates<K: Eq + Hash> {
    /// By ceiling and caller; `None` stands for all callers that come when there is no more room.
    callers: DashMap<(RuleName, Option<K>), OfCaller>,
    totals: DashMap<RuleName, OfAll>,
    most: usize,
    swept: AtomicU64,
}

/// A request that was let through, as long as it lasts.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash> {
    rates: Arc<Rates<K>>,
    held: Vec<(RuleName, Option<K>)>,
}

/// A request that must wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The ceiling that was reached.
    pub rate: RuleName,
    /// [`PACE`] or [`CONCURRENT`].
    pub reason: Reason,
    /// After which asking again may succeed.
    pub wait: Duration,
}

/// Times are nanoseconds since the process began.
#[derive(Debug, Default)]
struct OfCaller {
    bucket: Bucket,
    share: Bucket,
    in_flight: u32,
    window: u64,
}

#[derive(Debug, Default)]
struct OfAll {
    bucket: Bucket,
    in_flight: u32,
    /// The window of the last refusal, counted from 1.
    refused: u64,
    /// The present window, with the callers seen in it and in the one before.
    window: u64,
    callers: u32,
    callers_before: u32,
}

/// When the next request would be on time (the "theoretical arrival time").
#[derive(Clone, Copy, Debug, Default)]
struct Bucket(u64);

impl Bucket {
    /// How long until a request is allowed; nothing if it is now.
    fn wait(self, tolerance: u64, now: u64) -> Option<u64> {
        let ready = self.0.saturating_sub(tolerance);
        (ready > now).then(|| ready - now)
    }

    fn take(&mut self, interval: u64, now: u64) {
        self.0 = self.0.max(now).saturating_add(interval);
    }

    fn give_back(&mut self, interval: u64) {
        self.0 = self.0.saturating_sub(interval);
    }
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// Counters for at most `most` pairs of ceiling and caller; callers beyond share one counter per ceiling.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { callers: DashMap::new(), totals: DashMap::new(), most, swept: AtomicU64::new(0) })
    }

    /// Lets a request through under all of the ceilings, or under none. `now` is the time since the process began.
    ///
    /// # Errors
    /// The first ceiling that is reached.
    pub fn admit(self: &Arc<Self>, rates: &[Arc<Rate>], caller: &K, now: Duration) -> Result<Permit<K>, Busy> {
        let mut permit = Permit { rates: Arc::clone(self), held: Vec::with_capacity(rates.len()) };
        for (at, rate) in rates.iter().enumerate() {
            let key = self.key(rate, caller, now);
            if let Err(busy) = self.take(rate, &key, now) {
                permit.undo(rates.get(..at).unwrap_or_default());
                return Err(busy);
            }
            permit.held.push(key);
        }
        Ok(permit)
    }

    /// How many pairs of ceiling and caller are remembered.
    pub fn len(&self) -> usize {
        self.callers.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Where a caller is counted.
    fn key(&self, rate: &Rate, caller: &K, now: Duration) -> (RuleName, Option<K>) {
        let key = (Arc::clone(&rate.name), Some(caller.clone()));
        if self.callers.contains_key(&key) {
            return key;
        }
        if self.callers.len() >= self.most {
            self.sweep(now);
        }
        if self.callers.len() < self.most { key } else { (key.0, None) }
    }

    /// Forgets what makes no difference any more; at most once per window, since it looks at everything.
    fn sweep(&self, now: Duration) {
        let (window, now) = (window_of(now), nanos(now));
        if self.swept.swap(window, Ordering::Relaxed) == window {
            return;
        }
        self.callers.retain(|_, of| of.in_flight > 0 || of.bucket.0 > now || of.share.0 > now || of.window >= window);
        if self.totals.len() > MOST_TOTALS {
            self.totals.retain(|_, of| of.in_flight > 0 || of.bucket.0 > now || of.window >= window);
        }
    }

    fn take(&self, rate: &Rate, key: &(RuleName, Option<K>), now: Duration) -> Result<(), Busy> {
        let window = window_of(now);
        let mut caller = self.callers.entry(key.clone()).or_default();
        let mut all = self.totals.entry(Arc::clone(&rate.name)).or_default();
        all.see(&mut caller, window);
        let verdict = caller.may(rate.per_caller, now).and_then(|()| match rate.total {
            Some(total) => all.may(&caller, &total, now),
            None => Ok(()),
        });
        match verdict {
            Ok(()) => {
                caller.count(rate, now);
                all.count(&mut caller, rate, now);
                Ok(())
            }
            Err((reason, wait)) => {
                all.refused = window;
                Err(Busy { rate: Arc::clone(&rate.name), reason, wait: Duration::from_nanos(wait) })
            }
        }
    }
}

/// Why a request must wait, and how long, in nanoseconds.
type Wait = (Reason, u64);

const A_SECOND: u64 = 1_000_000_000;

impl OfCaller {
    fn may(&self, allowed: Option<Allowance>, now: Duration) -> Result<(), Wait> {
        let Some(allowed) = allowed else { return Ok(()) };
        at_once(self.in_flight, allowed.concurrent)?;
        on_time(self.bucket, allowed.pace.map(|pace| (nanos(pace.tolerance()), pace)), now)
    }

    fn count(&mut self, rate: &Rate, now: Duration) {
        self.in_flight = self.in_flight.saturating_add(1);
        if let Some(pace) = rate.per_caller.and_then(|allowed| allowed.pace) {
            self.bucket.take(nanos(pace.interval), nanos(now));
        }
    }
}

impl OfAll {
    /// Counts the callers of a window.
    fn see(&mut self, caller: &mut OfCaller, window: u64) {
        if self.window != window {
            self.callers_before = if self.window + 1 == window { self.callers } else { 0 };
            (self.window, self.callers) = (window, 0);
        }
        if caller.window != window {
            caller.window = window;
            self.callers = self.callers.saturating_add(1);
        }
    }

    fn active(&self) -> u32 {
        self.callers.max(self.callers_before).max(1)
    }

    /// Whether the ceiling has room, and, where room is short, whether the caller has not yet had its share.
    fn may(&self, caller: &OfCaller, total: &Allowance, now: Duration) -> Result<(), Wait> {
        at_once(self.in_flight, total.concurrent)?;
        let crowded = total.concurrent.filter(|most| self.in_flight.saturating_mul(2) >= *most);
        at_once(caller.in_flight, crowded.map(|most| (most / self.active()).max(1)))?;
        on_time(self.bucket, total.pace.map(|pace| (nanos(pace.tolerance()), pace)), now)?;
        let short = total.pace.filter(|pace| self.is_short(pace, now));
        on_time(caller.share, short.map(|pace| (nanos(pace.tolerance()) / 2, pace)), now)
    }

    /// Whether the common pace is being reached: half its burst is used up, or someone was just refused.
    fn is_short(&self, pace: &Pace, now: Duration) -> bool {
        let ahead = self.bucket.0.saturating_sub(nanos(now));
        ahead > nanos(pace.tolerance()) / 2 || self.refused != 0 && self.refused + 1 >= window_of(now)
    }

    fn count(&mut self, caller: &mut OfCaller, rate: &Rate, now: Duration) {
        self.in_flight = self.in_flight.saturating_add(1);
        let Some(pace) = rate.total.and_then(|total| total.pace) else { return };
        self.bucket.take(nanos(pace.interval), nanos(now));
        caller.share.take(nanos(pace.interval).saturating_mul(u64::from(self.active())), nanos(now));
        // What was used while there was room for all is not held against a caller for long.
        let furthest = nanos(now).saturating_add(nanos(pace.tolerance())).saturating_add(nanos(WINDOW));
        caller.share.0 = caller.share.0.min(furthest);
    }
}

fn at_once(in_flight: u32, most: Option<u32>) -> Result<(), Wait> {
    match most {
        Some(most) if in_flight >= most => Err((CONCURRENT, A_SECOND)),
        _ => Ok(()),
    }
}

fn on_time(bucket: Bucket, pace: Option<(u64, Pace)>, now: Duration) -> Result<(), Wait> {
    let wait = pace.and_then(|(tolerance, _)| bucket.wait(tolerance, nanos(now)));
    wait.map_or(Ok(()), |wait| Err((PACE, wait)))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Counted from 1.
fn window_of(now: Duration) -> u64 {
    1 + now.as_secs() / WINDOW.as_secs()
}

impl<K: Eq + Hash> Permit<K> {
    /// Gives back what was taken for a request that is not let through after all.
    fn undo(&self, rates: &[Arc<Rate>]) {
        for (rate, key) in rates.iter().zip(&self.held) {
            let interval = |allowed: Option<Allowance>| {
                allowed.and_then(|allowed| allowed.pace).map_or(0, |pace| nanos(pace.interval))
            };
            if let Some(mut caller) = self.rates.callers.get_mut(key) {
                caller.bucket.give_back(interval(rate.per_caller));
                caller.share.give_back(interval(rate.total));
            }
            if let Some(mut all) = self.rates.totals.get_mut(&rate.name) {
                all.bucket.give_back(interval(rate.total));
            }
        }
    }
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        for key in &self.held {
            if let Some(mut caller) = self.rates.callers.get_mut(key) {
                caller.in_flight = caller.in_flight.saturating_sub(1);
            }
            if let Some(mut all) = self.rates.totals.get_mut(&key.0) {
                all.in_flight = all.in_flight.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(per_second: u32, burst: u32) -> Option<Allowance> {
        let interval = Duration::from_secs(1) / per_second;
        Some(Allowance { pace: Some(Pace { interval, burst }), concurrent: None })
    }

    fn at_once(concurrent: u32) -> Option<Allowance> {
        Some(Allowance { pace: None, concurrent: Some(concurrent) })
    }

    fn rate(per_caller: Option<Allowance>, total: Option<Allowance>) -> Arc<Rate> {
        Arc::new(Rate { name: "orders".into(), per_caller, total })
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(10_000 + millis)
    }

    /// How many of a caller's requests pass, sent every `every` milliseconds of a second.
    fn passed(rates: &Arc<Rates<u32>>, rate: &Arc<Rate>, caller: u32, times: impl Iterator<Item = u64>) -> usize {
        times.filter(|millis| rates.admit(std::slice::from_ref(rate), &caller, at(*millis)).is_ok()).count()
    }

    #[test]
    fn burst_passes_and_one_more_does_not() {
        let rates = Rates::new(100);
        let rate = rate(pace(10, 5), None);
        assert_eq!(passed(&rates, &rate, 1, std::iter::repeat_n(0, 20)), 5);
        assert_eq!(passed(&rates, &rate, 1, [99, 100, 100].into_iter()), 1);
        assert_eq!(passed(&rates, &rate, 2, std::iter::repeat_n(0, 20)), 5, "another caller has its own");
    }

    #[test]
    fn refusal_says_when_to_come_back() {
        let rates = Rates::new(100);
        let rate = [rate(pace(2, 1), None)];
        assert!(rates.admit(&rate, &1, at(0)).is_ok());
        let busy = rates.admit(&rate, &1, at(100)).unwrap_err();
        assert_eq!((busy.reason, busy.wait), (PACE, Duration::from_millis(400)));
        assert!(rates.admit(&rate, &1, at(500)).is_ok());
    }

    #[test]
    fn as_many_at_once_as_granted() {
        let rates = Rates::new(100);
        let rate = [rate(at_once(2), None)];
        let first = rates.admit(&rate, &1, at(0)).unwrap();
        let _second = rates.admit(&rate, &1, at(0)).unwrap();
        assert_eq!(rates.admit(&rate, &1, at(0)).unwrap_err().reason, CONCURRENT);
        drop(first);
        assert!(rates.admit(&rate, &1, at(0)).is_ok());
    }

    #[test]
    fn common_ceiling_holds_for_all_together() {
        let rates = Rates::new(100);
        let rate = rate(None, pace(10, 10));
        let passed: usize = (0..50).map(|caller| passed(&rates, &rate, caller, std::iter::once(0))).sum();
        assert_eq!(passed, 10);
    }

    #[test]
    fn flood_leaves_others_their_share() {
        let rates = Rates::new(100);
        let rate = [rate(None, pace(100, 20))];
        let (mut flood, mut polite) = (0, 0);
        for millis in 0..5000 {
            flood += u32::from(rates.admit(&rate, &1, at(millis)).is_ok());
            if millis % 50 == 0 {
                polite += u32::from(rates.admit(&rate, &2, at(millis)).is_ok());
            }
        }
        assert!(polite >= 98, "{polite} of 100");
        assert!(flood >= 240, "{flood}");
        assert!(flood + polite <= 521, "{flood} + {polite}");
    }

    #[test]
    fn alone_one_may_use_all() {
        let rates = Rates::new(100);
        let rate = rate(None, pace(100, 20));
        let passed = passed(&rates, &rate, 1, 0..5000);
        assert!((500..=521).contains(&passed), "{passed}");
    }

    #[test]
    fn what_one_rate_refuses_is_not_counted_by_another() {
        let rates = Rates::new(100);
        let wide = Arc::new(Rate { name: "wide".into(), per_caller: pace(1, 2), total: None });
        let narrow = Arc::new(Rate { name: "narrow".into(), per_caller: pace(1, 1), total: None });
        let both = [Arc::clone(&wide), narrow];
        assert!(rates.admit(&both, &1, at(0)).is_ok());
        assert_eq!(&*rates.admit(&both, &1, at(0)).unwrap_err().rate, "narrow");
        assert_eq!(passed(&rates, &wide, 1, std::iter::repeat_n(0, 5)), 1);
    }

    #[test]
    fn memory_is_capped_and_freed() {
        let rates = Rates::new(10);
        let rate = rate(pace(1, 1), None);
        for caller in 0..10 {
            assert_eq!(passed(&rates, &rate, caller, std::iter::once(0)), 1);
        }
        assert_eq!(passed(&rates, &rate, 10, std::iter::once(0)), 1, "the first beyond has the common counter");
        assert_eq!(passed(&rates, &rate, 11, std::iter::once(0)), 0, "the second shares it");
        assert_eq!(rates.len(), 11);
        assert_eq!(passed(&rates, &rate, 12, std::iter::once(3000)), 1);
        assert_eq!(rates.len(), 1);
    }
}
