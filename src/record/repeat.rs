//! Which events say the same as the ones before: of one caller, reason and rule, so many are written per window and the
//! others are counted exactly. Also remembers who was seen at all, so that the first of each is never lost.

use super::line::Repeat;
use super::{Caller, EventId};
use crate::flow::{Reason, RuleName};
use std::collections::{HashMap, HashSet};
use std::mem;
use std::time::{Duration, SystemTime};

/// What makes two events say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Same {
    pub(super) caller: Caller,
    pub(super) reason: Reason,
    pub(super) rule: Option<RuleName>,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The first of this caller and reason: it must not be lost.
    First,
    /// Write it.
    Write,
    /// It was counted; do not write it.
    Counted,
}

/// Counts of what was seen lately. `counts.len() <= MAX_KEYS`, `seen` and `seen_before` likewise.
#[derive(Debug)]
pub(super) struct Repeats {
    counts: HashMap<Same, Count>,
    /// Two generations: when one is full the older is forgotten, and a caller forgotten is a first one again.
    seen: HashSet<(Caller, Reason)>,
    seen_before: HashSet<(Caller, Reason)>,
    per_window: u64,
    window: Duration,
}

#[derive(Debug)]
struct Count {
    began: Duration,
    events: u64,
    suppressed: Option<Suppressed>,
}

#[derive(Debug)]
struct Suppressed {
    count: u64,
    first: EventId,
    last: EventId,
}

/// Callers, reasons and rules told apart at once. What is over is written like any other event.
const MAX_KEYS: usize = 4096;

impl Repeats {
    /// Writes `per_window` events of a kind in each `window`.
    pub(super) fn new(per_window: u64, window: Duration) -> Self {
        Self { counts: HashMap::new(), seen: HashSet::new(), seen_before: HashSet::new(), per_window, window }
    }

    /// Counts an event that comes `at` this time since the process began.
    pub(super) fn note(&mut self, same: Same, id: EventId, at: Duration) -> Answer {
        let first = self.is_first(&same);
        if !self.counts.contains_key(&same) && self.counts.len() >= MAX_KEYS {
            return if first { Answer::First } else { Answer::Write };
        }
        let count = self.counts.entry(same).or_insert(Count { began: at, events: 0, suppressed: None });
        count.events += 1;
        if first {
            return Answer::First;
        }
        if count.events <= self.per_window {
            return Answer::Write;
        }
        let suppressed = count.suppressed.get_or_insert(Suppressed { count: 0, first: id, last: id });
        suppressed.count += 1;
        suppressed.last = id;
        Answer::Counted
    }

    /// What was counted in windows that have ended (`at`), or in all of them when there is no later.
    pub(super) fn ended(&mut self, at: Option<Duration>, time: SystemTime) -> Vec<Repeat> {
        let window = self.window;
        let is_over = |count: &Count| at.is_none_or(|at| at.saturating_sub(count.began) >= window);
        self.counts
            .extract_if(|_, count| is_over(count))
            .filter_map(|(same, count)| {
                let Suppressed { count, first, last } = count.suppressed?;
                Some(Repeat { time, caller: same.caller, reason: same.reason, rule: same.rule, count, first, last })
            })
            .collect()
    }

    /// Whether a window is open, so that `ended` must be asked again.
    pub(super) fn is_counting(&self) -> bool {
        !self.counts.is_empty()
    }

    fn is_first(&mut self, same: &Same) -> bool {
        let who = (same.caller.clone(), same.reason);
        if self.seen.contains(&who) || self.seen_before.contains(&who) {
            return false;
        }
        if self.seen.len() >= MAX_KEYS {
            self.seen_before = mem::take(&mut self.seen);
        }
        self.seen.insert(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::tests::{NO_RULE, denied, noon};

    fn same() -> Same {
        Same { caller: denied("/").caller(), reason: NO_RULE, rule: None }
    }

    fn caller(number: u32) -> Same {
        let address = std::net::Ipv4Addr::from_bits(number).into();
        let caller = Caller::new(&crate::flow::Peer::Unverified, address, crate::flow::Direction::Inbound);
        Same { caller, reason: NO_RULE, rule: None }
    }

    fn repeats() -> Repeats {
        Repeats::new(2, Duration::from_secs(60))
    }

    #[test]
    fn repeats_are_written_up_to_their_limit() {
        let mut repeats = repeats();
        let answers = [(); 4].map(|()| repeats.note(same(), denied("/").id, Duration::ZERO));
        assert_eq!(answers, [Answer::First, Answer::Write, Answer::Counted, Answer::Counted]);
    }

    #[test]
    fn count_is_exact_when_its_window_ends() {
        let mut repeats = repeats();
        let ids: Vec<_> = (0..7).map(|_| denied("/").id).collect();
        for id in &ids {
            repeats.note(same(), *id, Duration::ZERO);
        }
        assert!(repeats.ended(Some(Duration::from_secs(59)), noon()).is_empty());
        let ended = repeats.ended(Some(Duration::from_secs(60)), noon());
        assert_eq!((ended[0].count, ended[0].first, ended[0].last), (5, ids[2], ids[6]));
        assert!(!repeats.is_counting());
        assert_eq!(repeats.note(same(), ids[0], Duration::from_secs(61)), Answer::Write);
    }

    #[test]
    fn callers_are_told_apart_up_to_the_limit() {
        let mut repeats = repeats();
        for number in 0..MAX_KEYS as u32 {
            assert_eq!(repeats.note(caller(number), denied("/").id, Duration::ZERO), Answer::First);
        }
        let beyond = [(); 4].map(|()| repeats.note(caller(u32::MAX), denied("/").id, Duration::ZERO));
        assert_eq!(beyond, [Answer::First, Answer::Write, Answer::Write, Answer::Write]);
        assert_eq!(repeats.counts.len(), MAX_KEYS);
    }
}
