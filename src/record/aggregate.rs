//! Allowed traffic, counted per caller and rule instead of written line by line. Each worker has counts of its own; the
//! record thread collects them every interval.

use super::Caller;
use super::caller::AsHashed;
use super::flows::{self, Carried, Destination};
use super::learned::{Asked, Seen};
use super::line::Allowed;
use super::statements::{self, Ran, Statement};
use crate::flow::RuleName;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// One worker's counts.
///
/// A lock on the request path: it is the worker's own, and held elsewhere only for the moment once per interval when
/// the record thread swaps the counts out, so taking it is one uncontended exchange.
#[derive(Debug, Default)]
pub struct Aggregate(Mutex<Counts>);

/// Counts per caller and rule. At most [`MAX_CALLERS`] callers with [`MAX_RULES`] rules each.
#[derive(Debug, Default)]
pub(super) struct Counts {
    callers: HashMap<Caller, Vec<(RuleName, Traffic)>, AsHashed>,
    beyond: Traffic,
    pub(super) learned: Seen,
    pub(super) flows: flows::Seen,
    pub(super) statements: statements::Seen,
}

/// What was carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Exchanges.
    pub requests: u64,
    /// Bytes from the caller.
    pub bytes_in: u64,
    /// Bytes to the caller.
    pub bytes_out: u64,
}

/// Callers told apart by one worker in one interval; what is over is counted together.
const MAX_CALLERS: usize = 1024;
/// Rules told apart per caller.
const MAX_RULES: usize = 32;

impl Aggregate {
    /// Counts what `rule` granted to `caller`.
    pub fn note(&self, caller: &Caller, rule: &RuleName, traffic: Traffic) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(caller, rule, traffic);
    }

    /// Counts what no rule granted to `caller`, in learn mode.
    pub fn learn(&self, caller: &Caller, asked: Asked, succeeded: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).learned.note(caller, asked, succeeded);
    }

    /// Counts what left the pod.
    pub fn flow(&self, to: &Destination, carried: Carried) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flows.note(to, carried);
    }

    /// The same statement, as it is known: those that are one in memory are told to be equal at a glance.
    pub fn known(&self, statement: Arc<Statement>) -> Arc<Statement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statements.known(statement)
    }

    /// Counts an SQL statement that ran.
    pub fn ran(&self, statement: &Arc<Statement>, ran: Ran) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statements.note(statement, ran);
    }

    /// Takes the counts out.
    pub(super) fn take(&self) -> Counts {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counts {
    fn note(&mut self, caller: &Caller, rule: &RuleName, traffic: Traffic) {
        if !self.callers.contains_key(caller) && self.callers.len() < MAX_CALLERS {
            self.callers.insert(caller.clone(), Vec::new());
        }
        let slot = self.callers.get_mut(caller).and_then(|rules| slot(rules, rule));
        slot.unwrap_or(&mut self.beyond).add(traffic);
    }
}

fn slot<'a>(rules: &'a mut Vec<(RuleName, Traffic)>, rule: &RuleName) -> Option<&'a mut Traffic> {
    // The same rule is the same allocation until a reload; then it may be counted twice, and is added up when written.
    let at = match rules.iter().position(|(name, _)| Arc::ptr_eq(name, rule)) {
        Some(at) => at,
        None if rules.len() >= MAX_RULES => return None,
        None => {
            rules.push((Arc::clone(rule), Traffic::default()));
            rules.len() - 1
        }
    };
    rules.get_mut(at).map(|(_, traffic)| traffic)
}

/// The lines of an interval, workers added up; sorted by caller, then rule.
pub(super) fn lines(workers: impl Iterator<Item = Counts>, since: SystemTime, until: SystemTime) -> Vec<Allowed> {
    let mut sums: BTreeMap<(String, RuleName), (Caller, Traffic)> = BTreeMap::new();
    let mut beyond = Traffic::default();
    for counts in workers {
        beyond.add(counts.beyond);
        for (caller, rules) in counts.callers {
            for (rule, traffic) in rules {
                let sum = sums.entry((caller.to_string(), rule)).or_insert((caller.clone(), Traffic::default()));
                sum.1.add(traffic);
            }
        }
    }
    let known = sums.into_iter().map(|((_, rule), (caller, traffic))| (Some(caller), Some(rule), traffic));
    known
        .chain((beyond != Traffic::default()).then_some((None, None, beyond)))
        .map(|(caller, rule, traffic)| {
            let Traffic { requests, bytes_in, bytes_out } = traffic;
            Allowed { since, until, caller, rule, requests, bytes_in, bytes_out }
        })
        .collect()
}

impl Traffic {
    /// One exchange of so many bytes.
    pub fn exchange(bytes_in: u64, bytes_out: u64) -> Self {
        Self { requests: 1, bytes_in, bytes_out }
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Direction, Peer};
    use crate::record::event::tests::noon;
    use std::net::Ipv4Addr;

    fn caller(number: usize) -> Caller {
        Caller::new(&Peer::Unverified, Ipv4Addr::from_bits(number as u32).into(), Direction::Inbound)
    }

    fn written(workers: &[Aggregate]) -> Vec<Allowed> {
        lines(workers.iter().map(Aggregate::take), noon(), noon())
    }

    #[test]
    fn workers_are_added_up() {
        let workers = [Aggregate::default(), Aggregate::default()];
        for worker in &workers {
            worker.note(&caller(1), &"read".into(), Traffic::exchange(1, 2));
            worker.note(&caller(1), &"read".into(), Traffic::exchange(1, 2));
        }
        let lines = written(&workers);
        assert_eq!((lines.len(), lines[0].requests, lines[0].bytes_in, lines[0].bytes_out), (1, 4, 4, 8));
        assert!(written(&workers).is_empty());
    }

    #[test]
    fn callers_beyond_the_limit_are_counted_together() {
        let worker = [Aggregate::default()];
        let rule: RuleName = "read".into();
        (0..=MAX_CALLERS).for_each(|number| worker[0].note(&caller(number), &rule, Traffic::exchange(1, 1)));
        let lines = written(&worker);
        assert_eq!(lines.len(), MAX_CALLERS + 1);
        assert!(lines.last().unwrap().caller.is_none());
        assert_eq!(lines.iter().map(|line| line.requests).sum::<u64>(), MAX_CALLERS as u64 + 1);
    }

    #[test]
    fn rules_beyond_the_limit_are_counted_together() {
        let worker = [Aggregate::default()];
        (0..=MAX_RULES)
            .for_each(|number| worker[0].note(&caller(1), &format!("{number}").into(), Traffic::exchange(1, 1)));
        assert_eq!(written(&worker).len(), MAX_RULES + 1);
    }
}
