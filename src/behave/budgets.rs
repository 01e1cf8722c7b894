//! How much has left under each rule that has a budget: bytes within its time, counted anew after it, for each destination
//! and caller. Shared by all workers; capped; told the time.
//!
//! ```text
//! rule → (destination, caller) → bytes    the first DESTINATIONS pairs have a count each
//!      → all other pairs      → bytes    one count for all of them
//! ```
//!
//! So whoever can make names under a granted wildcard, or addresses in a granted network, gets no more by it than
//! [`DESTINATIONS`] + 1 budgets.

use crate::flow::{Budget, RuleName};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Rules that are counted at once. A policy with more budgets counts those that it meets first; the others let nothing out.
const RULES: usize = 1024;
/// Pairs of a destination and a caller that are told apart under one rule.
pub const DESTINATIONS: usize = 64;

/// Who sends, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// A name, or an address where none led there.
    pub destination: &'a str,
    /// The address that it comes from.
    pub caller: IpAddr,
}

/// What becomes of bytes that are to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// They are within the budget, and counted.
    Within,
    /// With them it would be used up, for the first time.
    First {
        /// With how many bytes it would be.
        sum: u64,
        /// Whether the count is the one of all destinations that have none of their own.
        shared: bool,
    },
    /// It is used up.
    Beyond,
}

/// What was spent under each rule.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<HashMap<RuleName, Counts>>);

/// The counts of one rule. `own.len() <= DESTINATIONS`.
#[derive(Debug, Default)]
struct Counts {
    own: Vec<(Box<str>, IpAddr, Count)>,
    others: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    bytes: u64,
    since: Duration,
    per: Duration,
    told: bool,
}

impl Budgets {
    /// Bytes are to leave under a rule. What is beyond the budget is not counted, so that less may still leave.
    pub fn spend(&self, rule: &RuleName, pair: Pair<'_>, budget: Budget, bytes: u64, now: Duration) -> Spent {
        // What a panicking worker left behind is counters: still good enough to count on.
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.len() >= RULES && !rules.contains_key(rule) {
            rules.retain(|_, counts| counts.are_running(now));
            if rules.len() >= RULES {
                return Spent::Beyond;
            }
        }
        let (count, shared) = rules.entry(rule.clone()).or_default().of(pair, budget, now);
        count.spend(budget, bytes, shared)
    }
}

impl Counts {
    /// The count for a pair, and whether it is the one of all others.
    fn of(&mut self, pair: Pair<'_>, budget: Budget, now: Duration) -> (&mut Count, bool) {
        let fresh = Count { bytes: 0, since: now, per: budget.per, told: false };
        let is_of = |(to, from, _): &(Box<str>, IpAddr, Count)| **to == *pair.destination && *from == pair.caller;
        let mut at = self.own.iter().position(is_of);
        if at.is_none() {
            if self.own.len() >= DESTINATIONS {
                self.own.retain(|(_, _, count)| count.is_running(now));
            }
            if self.own.len() < DESTINATIONS {
                at = Some(self.own.len());
                self.own.push((pair.destination.into(), pair.caller, fresh));
            }
        }
        let (count, shared) = match at.and_then(|at| self.own.get_mut(at)) {
            Some((_, _, count)) => (count, false),
            None => (self.others.get_or_insert(fresh), true),
        };
        if now.saturating_sub(count.since) >= budget.per {
            *count = fresh;
        }
        (count, shared)
    }

    fn are_running(&self, now: Duration) -> bool {
        self.own.iter().map(|(_, _, count)| count).chain(&self.others).any(|count| count.is_running(now))
    }
}

impl Count {
    fn spend(&mut self, budget: Budget, bytes: u64, shared: bool) -> Spent {
        let sum = self.bytes.saturating_add(bytes);
        if sum <= budget.bytes {
            self.bytes = sum;
            return Spent::Within;
        }
        if std::mem::replace(&mut self.told, true) { Spent::Beyond } else { Spent::First { sum, shared } }
    }

    fn is_running(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) < self.per
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const BUDGET: Budget = Budget { bytes: 100, per: Duration::from_secs(60) };
    const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn spend_to(budgets: &Budgets, (rule, destination): (&str, &str), bytes: u64, second: u64) -> Spent {
        let pair = Pair { destination, caller: CALLER };
        budgets.spend(&RuleName::from(rule), pair, BUDGET, bytes, Duration::from_secs(second))
    }

    fn spend(budgets: &Budgets, rule: &str, bytes: u64, second: u64) -> Spent {
        spend_to(budgets, (rule, "a.example"), bytes, second)
    }

    fn first(sum: u64) -> Spent {
        Spent::First { sum, shared: false }
    }

    #[test]
    fn budget_ends_at_its_last_byte() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 100, 0), Spent::Within);
        assert_eq!(spend(&budgets, "a", 1, 1), first(101));
        assert_eq!(spend(&budgets, "a", 1, 2), Spent::Beyond);
        assert_eq!(spend(&budgets, "b", 100, 2), Spent::Within);
    }

    #[test]
    fn what_is_too_much_at_once_is_not_counted() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 101, 0), first(101));
        assert_eq!(spend(&budgets, "a", 100, 0), Spent::Within);
    }

    #[test]
    fn budget_is_full_again_after_its_time() {
        let budgets = Budgets::default();
        assert_eq!(spend(&budgets, "a", 100, 5), Spent::Within);
        assert_eq!(spend(&budgets, "a", 1, 64), first(101));
        assert_eq!(spend(&budgets, "a", 100, 65), Spent::Within);
    }

    #[test]
    fn each_destination_has_its_own() {
        let budgets = Budgets::default();
        for to in ["a.example", "b.example"] {
            assert_eq!(spend_to(&budgets, ("a", to), 100, 0), Spent::Within);
            assert_eq!(spend_to(&budgets, ("a", to), 1, 0), first(101));
        }
    }

    #[test]
    fn each_caller_has_its_own() {
        let budgets = Budgets::default();
        for caller in [CALLER, Ipv4Addr::new(10, 0, 0, 7).into()] {
            let pair = Pair { destination: "a.example", caller };
            assert_eq!(budgets.spend(&"a".into(), pair, BUDGET, 100, Duration::ZERO), Spent::Within);
        }
    }

    #[test]
    fn destinations_beyond_the_limit_share_one() {
        let budgets = Budgets::default();
        for n in 0..DESTINATIONS {
            assert_eq!(spend_to(&budgets, ("a", &format!("{n}.example")), 100, 0), Spent::Within);
        }
        assert_eq!(spend_to(&budgets, ("a", "more.example"), 60, 1), Spent::Within);
        assert_eq!(spend_to(&budgets, ("a", "most.example"), 60, 1), Spent::First { sum: 120, shared: true });
        assert_eq!(spend_to(&budgets, ("a", "most.example"), 40, 1), Spent::Within);
        // Once their time is over, the first make room.
        assert_eq!(spend_to(&budgets, ("a", "most.example"), 100, 60), Spent::Within);
        assert_eq!(spend_to(&budgets, ("a", "more.example"), 100, 60), Spent::Within);
    }

    #[test]
    fn rules_beyond_the_limit_let_nothing_out() {
        let budgets = Budgets::default();
        (0..RULES).for_each(|n| assert_eq!(spend(&budgets, &n.to_string(), 1, 0), Spent::Within));
        assert_eq!(spend(&budgets, "one more", 1, 59), Spent::Beyond);
        assert_eq!(spend(&budgets, "one more", 1, 60), Spent::Within);
    }
}
