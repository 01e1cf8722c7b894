//! What learn mode saw: accesses that no rule grants, of messages without a sign of an attack, counted per caller. Paths
//! are folded into templates when there are many, so that memory and record stay small however many orders there are.

use super::Caller;
use super::line::Learned;
use crate::canon::path::fold;
use std::collections::HashMap;
use std::time::SystemTime;

/// The action of a connection that is granted as a whole; its path is what rules call what was spoken.
pub const CONNECT: &str = "connect";

/// What was asked for, as a rule would have to grant it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Outbound, the host that was asked for; empty when none was.
    pub host: Option<Box<str>>,
    /// The declared port; outbound, the one that was dialled.
    pub port: u16,
    /// `GET`, or [`CONNECT`].
    pub action: Box<str>,
    /// A canonical path, or a template of many.
    pub path: Box<str>,
    /// What a rule must grant besides.
    pub needs: Needs,
}

/// What a rule must grant besides method and path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Needs {
    /// An upgrade to a WebSocket.
    pub websocket: bool,
    /// A target in absolute form.
    pub absolute_form: bool,
    /// A body larger than is held.
    pub stream: bool,
}

/// How often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Requests.
    pub requests: u64,
    /// Of these, how many the application answered with success (status below 400).
    pub succeeded: u64,
}

/// What one worker learned in one interval. `seen.len() <= MAX_SEEN`.
#[derive(Debug, Default)]
pub(super) struct Seen {
    seen: HashMap<(Caller, Asked), Times>,
    /// Folding has not helped: what is not there yet is only counted.
    full: bool,
    beyond: Times,
}

/// Accesses told apart by one worker in one interval.
const MAX_SEEN: usize = 1024;
/// Bytes of a path that is learned; a longer one is no API's.
const MAX_PATH: usize = 512;

impl Seen {
    /// Counts one request.
    pub(super) fn note(&mut self, caller: &Caller, asked: Asked, succeeded: bool) {
        let times = Times { requests: 1, succeeded: u64::from(succeeded) };
        let key = (caller.clone(), asked);
        if let Some(known) = self.seen.get_mut(&key) {
            return known.add(times);
        }
        if self.seen.len() >= MAX_SEEN && !self.full {
            self.fold();
            self.full = self.seen.len() > MAX_SEEN / 2;
        }
        if self.seen.len() >= MAX_SEEN || key.1.path.len() > MAX_PATH {
            return self.beyond.add(times);
        }
        self.seen.insert(key, times);
    }

    /// Adds what another worker learned.
    fn join(&mut self, other: Self) {
        self.beyond.add(other.beyond);
        for (key, times) in other.seen {
            self.seen.entry(key).or_default().add(times);
        }
    }

    fn fold(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        // What is spoken on a connection is no path.
        let (connections, requests): (HashMap<_, _>, HashMap<_, _>) =
            seen.into_iter().partition(|((_, asked), _)| &*asked.action == CONNECT);
        self.seen = connections;
        let (keys, times): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let templates = fold::templates(keys.iter().map(|(_, asked)| &*asked.path));
        for (((caller, asked), times), path) in keys.into_iter().zip(times).zip(templates) {
            match path {
                Some(path) => {
                    let key = (caller, Asked { path: path.into(), ..asked });
                    self.seen.entry(key).or_default().add(times);
                }
                None => self.beyond.add(times),
            }
        }
    }
}

impl Times {
    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.succeeded += other.succeeded;
    }
}

/// The lines of an interval, workers added up; sorted, at most [`MAX_SEEN`] and one.
pub(super) fn lines(workers: impl Iterator<Item = Seen>, since: SystemTime, until: SystemTime) -> Vec<Learned> {
    let mut all = Seen::default();
    workers.for_each(|worker| all.join(worker));
    if all.seen.is_empty() && all.beyond == Times::default() {
        return Vec::new();
    }
    all.fold();
    let mut known: Vec<_> = all.seen.into_iter().collect();
    known.sort_by_cached_key(|((caller, asked), _)| {
        (caller.to_string(), asked.port, asked.path.clone(), asked.action.clone())
    });
    let left_out = known.split_off(known.len().min(MAX_SEEN));
    left_out.iter().for_each(|(_, times)| all.beyond.add(*times));
    let line = |asked, times| Learned { since, until, asked, times };
    let beyond = (all.beyond != Times::default()).then(|| line(None, all.beyond));
    known.into_iter().map(|(asked, times)| line(Some(asked), times)).chain(beyond).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Direction, Peer};
    use crate::record::event::tests::noon;
    use std::net::Ipv4Addr;

    fn caller() -> Caller {
        Caller::new(&Peer::Unverified, Ipv4Addr::LOCALHOST.into(), Direction::Inbound)
    }

    fn asked(path: &str) -> Asked {
        Asked { host: None, port: 80, action: "GET".into(), path: path.into(), needs: Needs::default() }
    }

    fn learned(paths: impl Iterator<Item = String>) -> Vec<(String, u64)> {
        let mut seen = Seen::default();
        paths.for_each(|path| seen.note(&caller(), asked(&path), true));
        let told =
            |line: Learned| (line.asked.map_or_else(String::new, |(_, asked)| asked.path.into()), line.times.requests);
        lines([seen].into_iter(), noon(), noon()).into_iter().map(told).collect()
    }

    #[test]
    fn any_number_of_orders_is_one_line() {
        assert_eq!(learned((0..100_000).map(|n| format!("/orders/{n}"))), [("/orders/{id}".to_owned(), 100_000)]);
    }

    #[test]
    fn what_cannot_be_folded_is_counted() {
        let name = |n: usize| format!("/{}/x", "abcdefghij".repeat(n / 600 + 1) + &"k".repeat(n % 600));
        let all = learned((0..MAX_SEEN + 1).map(|n| format!("/a{}", "/b".repeat(n % 30)) + &name(n % 20)));
        assert_eq!(all.iter().map(|(_, requests)| requests).sum::<u64>(), MAX_SEEN as u64 + 1);
    }

    #[test]
    fn path_is_learned_up_to_its_limit() {
        let path = |bytes: usize| "/".to_owned() + &"a".repeat(bytes - 1);
        assert_eq!(learned([path(MAX_PATH)].into_iter()), [(path(MAX_PATH), 1)]);
        assert_eq!(learned([path(MAX_PATH + 1)].into_iter()), [(String::new(), 1)]);
    }

    #[test]
    fn workers_are_added_up() {
        let worker = |succeeded| {
            let mut seen = Seen::default();
            seen.note(&caller(), asked("/a"), succeeded);
            seen
        };
        let lines = lines([worker(true), worker(false)].into_iter(), noon(), noon());
        assert_eq!(lines[0].times, Times { requests: 2, succeeded: 1 });
    }
}
