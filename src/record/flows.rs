//! What left the pod, counted per destination: a name, an address, a protocol. Each worker has counts of its own; the record
//! thread collects them every interval.

use super::line::Flow;
use crate::flow::RuleName;
use foldhash::quality::RandomState;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// Where something went, as what, and who let it go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The address that called: the pod, as one of its own.
    pub from: IpAddr,
    /// The name it was for; nothing for a raw address.
    pub name: Option<Box<str>>,
    /// The address that was dialled.
    pub address: SocketAddr,
    /// What was spoken; `tcp` where nobody knows it.
    pub protocol: &'static str,
    /// The rule that granted it; nothing where it went although it was denied.
    pub rule: Option<RuleName>,
}

/// How much went. Requests of HTTP and statements of databases count each for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// How often.
    pub times: u64,
    /// Bytes that left the pod.
    pub bytes_out: u64,
    /// Bytes that came back.
    pub bytes_in: u64,
    /// How long they took, added up.
    pub lasted: Duration,
    /// The longest of them.
    pub longest: Duration,
}

/// What one worker saw in one interval. `seen.len() <= MAX_SEEN`.
#[derive(Debug, Default)]
pub(super) struct Seen {
    seen: HashMap<Destination, Carried, RandomState>,
    beyond: Carried,
}

/// Destinations told apart by one worker in one interval; what is over is counted together.
const MAX_SEEN: usize = 1024;

impl Carried {
    /// Once, so many bytes, so long.
    pub fn once(bytes_out: u64, bytes_in: u64, lasted: Duration) -> Self {
        Self { times: 1, bytes_out, bytes_in, lasted, longest: lasted }
    }

    fn add(&mut self, other: Self) {
        self.times += other.times;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.lasted += other.lasted;
        self.longest = self.longest.max(other.longest);
    }
}

impl Seen {
    pub(super) fn note(&mut self, destination: &Destination, carried: Carried) {
        if let Some(known) = self.seen.get_mut(destination) {
            return known.add(carried);
        }
        if self.seen.len() >= MAX_SEEN {
            return self.beyond.add(carried);
        }
        self.seen.insert(destination.clone(), carried);
    }
}

/// The lines of an interval, workers added up; those that carried most bytes out come first.
pub(super) fn lines(workers: impl Iterator<Item = Seen>, since: SystemTime, until: SystemTime) -> Vec<Flow> {
    let mut sums: HashMap<Destination, Carried> = HashMap::new();
    let mut beyond = Carried::default();
    for worker in workers {
        beyond.add(worker.beyond);
        worker.seen.into_iter().for_each(|(to, carried)| sums.entry(to).or_default().add(carried));
    }
    let mut known: Vec<_> = sums.into_iter().collect();
    known.sort_by_key(|(to, carried)| (std::cmp::Reverse(carried.bytes_out), to.address));
    let known = known.into_iter().map(|(to, carried)| (Some(to), carried));
    let beyond = (beyond != Carried::default()).then_some((None, beyond));
    known.chain(beyond).map(|(to, carried)| Flow { since, until, to, carried }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::tests::noon;

    fn to(port: u16) -> Destination {
        let address = SocketAddr::from(([192, 0, 2, 1], port));
        Destination { from: address.ip(), name: Some("a.example".into()), address, protocol: "tls", rule: None }
    }

    #[test]
    fn workers_are_added_up() {
        let worker = |bytes| {
            let mut seen = Seen::default();
            seen.note(&to(443), Carried::once(bytes, 1, Duration::from_secs(bytes)));
            seen
        };
        let lines = lines([worker(2), worker(5)].into_iter(), noon(), noon());
        let carried = Carried {
            times: 2,
            bytes_out: 7,
            bytes_in: 2,
            lasted: Duration::from_secs(7),
            longest: Duration::from_secs(5),
        };
        assert_eq!((lines.len(), lines[0].carried), (1, carried));
    }

    #[test]
    fn destinations_beyond_the_limit_are_counted_together() {
        let mut seen = Seen::default();
        (0..=MAX_SEEN as u16).for_each(|port| seen.note(&to(port), Carried::once(1, 1, Duration::ZERO)));
        let lines = lines([seen].into_iter(), noon(), noon());
        assert_eq!((lines.len(), lines[MAX_SEEN].to.is_none()), (MAX_SEEN + 1, true));
        assert_eq!(lines.iter().map(|line| line.carried.times).sum::<u64>(), MAX_SEEN as u64 + 1);
    }
}
