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
    /// By their address: a few statements run most often, and are counted here first.
    recent: [Option<Recent>; RECENT],
}

/// A statement's counts that are not yet with those of all others.
#[derive(Debug)]
struct Recent {
    statement: Arc<Statement>,
    carried: Traffic,
    ran: Ran,
}

/// Statements that are counted at once.
const RECENT: usize = 16;

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
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = counts.recent.iter().flatten().find(|recent| recent.statement == statement);
        match recent {
            Some(recent) => Arc::clone(&recent.statement),
            None => counts.statements.known(statement),
        }
    }

    /// Counts an SQL statement of so many bytes that goes on, as what its rule granted to its caller.
    pub fn goes_on(&self, statement: &Arc<Statement>, bytes: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(statement, |recent| recent.carried.add(Traffic::exchange(bytes, 0)));
    }

    /// Counts an SQL statement that ran.
    pub fn ran(&self, statement: &Arc<Statement>, ran: Ran) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count(statement, |recent| recent.ran.add(ran));
    }

    /// Takes the counts out.
    pub(super) fn take(&self) -> Counts {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for at in 0..RECENT {
            counts.settle(at);
        }
        std::mem::take(&mut *counts)
    }
}

impl Counts {
    fn count(&mut self, statement: &Arc<Statement>, add: impl FnOnce(&mut Recent)) {
        // Allocations are aligned: the last bits tell nothing.
        let at = (Arc::as_ptr(statement).addr() >> 5) % RECENT;
        let is_other =
            |slot: &Option<Recent>| !slot.as_ref().is_some_and(|known| Arc::ptr_eq(&known.statement, statement));
        if self.recent.get(at).is_some_and(is_other) {
            self.settle(at);
        }
        let fresh = || Recent { statement: Arc::clone(statement), carried: Traffic::default(), ran: Ran::default() };
        if let Some(slot) = self.recent.get_mut(at) {
            add(slot.get_or_insert_with(fresh));
        }
    }

    /// Adds what was counted at a place to the counts of all.
    fn settle(&mut self, at: usize) {
        let Some(Recent { statement, carried, ran }) = self.recent.get_mut(at).and_then(Option::take) else { return };
        let what = statement.what();
        if let Some(rule) = what.rule.as_ref().filter(|_| carried.requests > 0) {
            self.note(&what.caller, rule, carried);
        }
        if ran.times > 0 {
            self.statements.note(&statement, ran);
        }
    }

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
    use crate::record::statements::tests::statement;
    use std::net::Ipv4Addr;
    use std::time::Duration;

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
    fn statements_at_hand_are_counted_with_all_others() {
        let worker = Aggregate::default();
        let all: Vec<_> = (0..3 * RECENT).map(|number| worker.known(statement(number))).collect();
        for _ in 0..2 {
            for statement in &all {
                worker.goes_on(statement, 5);
                worker.ran(statement, Ran::once(1, false, Duration::from_millis(1)));
            }
        }
        assert!((0..all.len()).all(|number| worker.known(statement(number)) == all[number]));
        let counts = worker.take();
        let ran = statements::lines([counts.statements].into_iter(), noon(), noon());
        assert_eq!((ran.len(), ran.iter().all(|line| line.ran.times == 2)), (3 * RECENT, true));
        let (_, rules) = counts.callers.iter().next().unwrap();
        // Each has a rule of its own: more than are told apart.
        let told: u64 = rules.iter().map(|(_, traffic)| traffic.requests).sum();
        assert_eq!((rules.len(), told + counts.beyond.requests), (MAX_RULES, 6 * RECENT as u64));
        assert!(counts.callers.len() == 1 && worker.take().callers.is_empty());
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
