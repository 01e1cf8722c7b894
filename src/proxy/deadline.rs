//! Every wait has a deadline. One timer per connection serves all of its phases: setting a deadline writes a field, and
//! the timer is moved only when it goes off too early. Most deadlines are never reached, so most never touch the timer,
//! and one that is not used any more serves the next connection or stream as it is.

use crate::flow::Reason;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

/// The connection's present deadline, and what it is called when it passes.
pub(super) struct Deadline {
    /// Made, or taken over, when it is first waited for.
    timer: Option<Timer>,
    /// Whom the timer wakes when it goes off; nobody after it was moved.
    wakes: Option<Waker>,
    due: Due,
    reason: Reason,
    timers: Timers,
}

/// When a deadline passes. Most are set for what is done at once, and the clock need not be read for these.
#[derive(Clone, Copy)]
enum Due {
    /// So long after it is first waited for.
    After(Duration),
    At(Instant),
}

type Timer = Pin<Box<Sleep>>;

/// Timers of one worker that nobody waits for. They go off when they will, and wake nobody, or somebody for nothing.
#[derive(Clone, Default)]
pub(super) struct Timers(Rc<RefCell<Vec<Timer>>>);

impl Timers {
    /// So many are kept.
    const KEPT: usize = 64;

    /// A deadline that uses one of them.
    pub(super) fn deadline(&self, wait: Duration, reason: Reason) -> Deadline {
        Deadline { timer: None, wakes: None, due: Due::After(wait), reason, timers: self.clone() }
    }

    fn take(&self, at: Instant) -> Timer {
        match self.0.borrow_mut().pop() {
            Some(mut timer) => {
                if timer.deadline() > at + SLACK {
                    timer.as_mut().reset(at);
                }
                timer
            }
            None => Box::pin(sleep_until(at)),
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut kept = self.timers.0.borrow_mut();
        if let Some(timer) = self.timer.take().filter(|_| kept.len() < Timers::KEPT) {
            kept.push(timer);
        }
    }
}

impl Deadline {
    pub(super) fn after(wait: Duration, reason: Reason) -> Self {
        Timers::default().deadline(wait, reason)
    }

    /// Replaces the deadline. It is then to be waited for before anything else is: it counts from there.
    pub(super) fn set(&mut self, wait: Duration, reason: Reason) {
        self.due = Due::After(wait);
        self.reason = reason;
    }

    /// Replaces the deadline by one that passes at a moment.
    pub(super) fn set_at(&mut self, at: std::time::Instant, reason: Reason) {
        self.fix(Instant::from_std(at));
        self.reason = reason;
    }

    fn fix(&mut self, at: Instant) {
        self.due = Due::At(at);
        if let Some(timer) = self.timer.as_mut().filter(|timer| timer.deadline() > at + SLACK) {
            timer.as_mut().reset(at);
            self.wakes = None;
        }
    }

    /// When the deadline passes.
    pub(super) fn due(&mut self) -> std::time::Instant {
        self.at().into_std()
    }

    fn at(&mut self) -> Instant {
        match self.due {
            Due::At(at) => at,
            Due::After(wait) => {
                let at = Instant::now() + wait;
                self.fix(at);
                at
            }
        }
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        let at = self.at();
        let timer = self.timer.get_or_insert_with(|| self.timers.take(at));
        let is_known = self.wakes.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
        if is_known && !timer.is_elapsed() {
            return Poll::Pending;
        }
        self.wakes = None;
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(self.reason);
            }
            timer.as_mut().reset(at);
        }
        // It was not the end of a turn that kept the timer from being looked at.
        self.wakes = coop::has_budget_remaining().then(|| cx.waker().clone());
        Poll::Pending
    }

    /// Waits for `work`, no longer than the deadline.
    pub(super) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Reason> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => self.poll_passed(cx).map(Err),
        })
        .await
    }
}

/// A deadline that is brought forward by less than this does not move the timer: cut-offs may be this late.
const SLACK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Kind;

    const SLOW: Reason = Reason::new("test-slow", Kind::TooSlow, "a test");

    #[tokio::test(start_paused = true)]
    async fn deadline_that_passes_is_called_by_its_name() {
        let mut deadline = Deadline::after(Duration::from_secs(1), SLOW);
        assert_eq!(deadline.within(std::future::pending::<()>()).await, Err(SLOW));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_put_off_is_kept() {
        let start = Instant::now();
        let mut deadline = Deadline::after(Duration::from_secs(1), SLOW);
        deadline.set(Duration::from_secs(5), SLOW);
        assert_eq!(deadline.within(std::future::pending::<()>()).await, Err(SLOW));
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_brought_forward_is_kept() {
        let start = Instant::now();
        let mut deadline = Deadline::after(Duration::from_secs(9), SLOW);
        deadline.set(Duration::from_secs(2), SLOW);
        assert_eq!(deadline.within(std::future::pending::<()>()).await, Err(SLOW));
        assert_eq!(start.elapsed().as_secs(), 2);
    }
    #[tokio::test(start_paused = true)]
    async fn timer_serves_the_next_deadline() {
        let timers = Timers::default();
        for (first, second) in [(5, 2), (2, 5)] {
            let mut deadline = timers.deadline(Duration::from_secs(first), SLOW);
            assert_eq!(deadline.within(async { 7 }).await, Ok(7));
            assert!(deadline.timer.is_none());
            let both = poll_fn(|cx| Poll::Ready(deadline.poll_passed(cx)));
            assert!(both.await.is_pending());
            drop(deadline);
            let start = Instant::now();
            let mut deadline = timers.deadline(Duration::from_secs(second), SLOW);
            assert_eq!(deadline.within(std::future::pending::<()>()).await, Err(SLOW));
            assert_eq!(start.elapsed().as_secs(), second);
            drop(deadline);
            assert_eq!(timers.0.borrow().len(), 1);
        }
    }
}
