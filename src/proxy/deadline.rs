//! Every wait has a deadline. One timer per connection serves all of its phases: setting a deadline writes a field, and
//! the timer is moved only when it goes off too early. Most deadlines are never reached, so most never touch the timer.

use crate::flow::Reason;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The connection's present deadline, and what it is called when it passes.
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    at: Instant,
    reason: Reason,
}

impl Deadline {
    pub(super) fn after(wait: Duration, reason: Reason) -> Self {
        let at = Instant::now() + wait;
        Self { timer: Box::pin(sleep_until(at)), at, reason }
    }

    /// Replaces the deadline.
    pub(super) fn set(&mut self, wait: Duration, reason: Reason) {
        self.at = Instant::now() + wait;
        self.reason = reason;
        if self.timer.deadline() > self.at + SLACK {
            self.timer.as_mut().reset(self.at);
        }
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.at {
                return Poll::Ready(self.reason);
            }
            self.timer.as_mut().reset(self.at);
        }
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
}
