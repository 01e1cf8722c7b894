//! How much is granted per time and at once. What is counted, and how, is for [`crate::behave`] to say.

use super::RuleName;
use std::time::Duration;

/// A ceiling on requests, with the name that records give it. Two are equal when they mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What records call it; its counters live under this name, also across reloads.
    pub name: RuleName,
    /// For each caller by itself.
    pub per_caller: Option<Allowance>,
    /// For all callers together.
    pub total: Option<Allowance>,
}

/// Requests per time and requests at once; at least one of the two is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests per time, if they are limited.
    pub pace: Option<Pace>,
    /// Requests in flight, if they are limited; at least 1.
    pub concurrent: Option<u32>,
}

/// Requests per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two requests, on average.
    pub interval: Duration,
    /// Requests that may come at once after a pause; at least 1.
    pub burst: u32,
}

impl Pace {
    /// How far ahead of its average a caller may run.
    pub fn tolerance(&self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

impl Rate {
    /// Whether this ceiling is nowhere higher than the other.
    pub fn is_as_strict_as(&self, other: &Self) -> bool {
        fn strict(mine: Option<Allowance>, theirs: Option<Allowance>) -> bool {
            let Some(theirs) = theirs else { return true };
            let Some(mine) = mine else { return false };
            let pace = theirs.pace.is_none_or(|their| {
                mine.pace.is_some_and(|my| my.interval >= their.interval && my.burst <= their.burst)
            });
            pace && theirs.concurrent.is_none_or(|their| mine.concurrent.is_some_and(|my| my <= their))
        }
        strict(self.per_caller, other.per_caller) && strict(self.total, other.total)
    }
}
