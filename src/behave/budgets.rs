//! How much has left under each rule that has a budget: bytes within its time, counted anew after it. Shared by all workers;
//! as many counts as there are rules with budgets, capped; told the time.

use crate::flow::{Budget, RuleName};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Rules that are counted at once. A policy with more budgets counts those that it meets first; the others let nothing out.
const RULES: usize = 4096;

/// What becomes of bytes that are to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// They are within the budget, and counted.
    Within,
    /// With them it would be used up, for the first time; with how many bytes it would be.
    First(u64),
    /// It is used up.
    Beyond,
}

/// What was spent under each rule.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<HashMap<RuleName, Count>>);

#[derive(Clone, Copy, Debug)]
struct Count {
    bytes: u64,
    since: Duration,
    told: bool,
}

impl Budgets {
    /// Bytes are to leave under a rule. What is beyond the budget is not counted, so that less may still leave.
    pub fn spend(&self, rule: &RuleName, budget: Budget, bytes: u64, now: Duration) -> Spent {
        // What a panicking worker left behind is counters: still good enough to count on.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= RULES && !counts.contains_key(rule) {
            return Spent::Beyond;
        }
        let fresh = Count { bytes: 0, since: now, told: false };
        let count = counts.entry(rule.clone()).or_insert(fresh);
        if now.saturating_sub(count.since) >= budget.per {
            *count = fresh;
        }
        let sum = count.bytes.saturating_add(bytes);
        if sum <= budget.bytes {
            count.bytes = sum;
            return Spent::Within;
        }
        if std::mem::replace(&mut count.told, true) { Spent::Beyond } else { Spent::First(sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { bytes: 100, per: Duration::from_secs(60) };

    fn spend(budgets: &Budgets, rule: &str, bytes: u64, second: u64) -> Spent {
        budgets.spend(&RuleName::from(rule), BUDGET, bytes, Duration::from_secs(second))
    }

    #[test]
    fn budget_ends_at_its_last_byte() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 100, 0), Spent::Within);
        assert_eq!(spend(&budgets, "a", 1, 1), Spent::First(101));
        assert_eq!(spend(&budgets, "a", 1, 2), Spent::Beyond);
        assert_eq!(spend(&budgets, "b", 100, 2), Spent::Within);
    }

    #[test]
    fn what_is_too_much_at_once_is_not_counted() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 101, 0), Spent::First(101));
        assert_eq!(spend(&budgets, "a", 100, 0), Spent::Within);
    }

    #[test]
    fn budget_is_full_again_after_its_time() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 100, 5), Spent::Within);
        assert_eq!(spend(&budgets, "a", 1, 64), Spent::First(101));
        assert_eq!(spend(&budgets, "a", 100, 65), Spent::Within);
    }

    #[test]
    fn counts_are_capped() {
        let budgets = Budgets::default();
        (0..RULES).for_each(|n| assert_eq!(spend(&budgets, &n.to_string(), 1, 0), Spent::Within));
        assert_eq!(spend(&budgets, "one more", 1, 0), Spent::Beyond);
    }
}
