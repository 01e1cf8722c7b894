//! Ceilings on requests: whether one more may pass now, and what it is told if not.

use super::worker::Worker;
use crate::behave::Permit;
use crate::engine::Case;
use crate::flow::{Judgement, Now};
use crate::record::Caller;

/// What counts a request as long as it lasts; nothing where no rate holds for it.
pub(super) type Counted = Option<Permit<Caller>>;

/// A request that must wait.
pub(super) struct Postponed {
    pub(super) judgement: Judgement,
    /// Whole seconds, rounded up, after which asking again may succeed.
    pub(super) retry_after: u64,
}

impl Worker {
    /// Counts a granted request. What it gives back must be kept until the exchange has ended.
    pub(super) fn count(&self, case: &mut Case<'_>, caller: &Caller, now: &Now) -> Result<Counted, Box<Postponed>> {
        if case.rates().is_empty() {
            return Ok(None);
        }
        match self.shared.rates.admit(case.rates(), caller, now.since_start) {
            Ok(permit) => Ok(Some(permit)),
            Err(busy) => {
                let retry_after = busy.wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX);
                Err(Box::new(Postponed { judgement: case.postpone(busy.reason, busy.rate), retry_after }))
            }
        }
    }
}
