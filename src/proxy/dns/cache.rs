//! Answers that are known already, for each worker: as long as their TTLs say and the settings allow, in so many bytes.

use super::Settings;
use crate::protocol::dns::header::Flags;
use crate::protocol::dns::{Answer, Data, Query, Rcode, Record, Type};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// An answer that is larger is not kept: a few of them would push everything else out.
const LARGEST: usize = 8 * 1024;
/// Entries looked at to find one that may go.
const CANDIDATES: usize = 8;
/// What an entry costs besides its answer.
const OVERHEAD: usize = 128;

/// What was asked, under which policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    name: Box<[u8]>,
    of: Type,
    /// DO and CD: they change what an answer holds.
    flags: u16,
    generation: u64,
}

/// A bounded cache. `0 <= bytes <= capacity`.
pub(super) struct Cache {
    capacity: usize,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    bytes: usize,
}

struct Entry {
    answer: Rc<Answer>,
    kept: Duration,
    until: Duration,
    bytes: usize,
}

impl Key {
    pub(super) fn of(query: &Query, generation: u64) -> Self {
        let flags = query.flags.0 & Flags::CD | u16::from(query.dnssec());
        Self { name: query.name.key(), of: query.of, flags, generation }
    }
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, inner: RefCell::default() }
    }

    /// The answer, and how many seconds old it is.
    pub(super) fn find(&self, key: &Key, now: Duration) -> Option<(Rc<Answer>, u32)> {
        let inner = self.inner.borrow();
        let entry = inner.entries.get(key).filter(|entry| now < entry.until)?;
        let age = now.saturating_sub(entry.kept).as_secs();
        Some((entry.answer.clone(), u32::try_from(age).unwrap_or(u32::MAX)))
    }

    /// Keeps an answer, if it may be kept.
    pub(super) fn keep(&self, key: Key, answer: Rc<Answer>, settings: &Settings, now: Duration) {
        let bytes = answer.bytes() + key.name.len() + OVERHEAD;
        let Some(ttl) = ttl(&answer, settings).filter(|ttl| !ttl.is_zero() && bytes <= LARGEST.min(self.capacity))
        else {
            return;
        };
        let mut inner = self.inner.borrow_mut();
        inner.remove(&key);
        while inner.bytes + bytes > self.capacity && inner.make_room(now) {}
        inner.bytes += bytes;
        inner.entries.insert(key, Entry { answer, kept: now, until: now + ttl, bytes });
    }
}

impl Inner {
    fn remove(&mut self, key: &Key) -> bool {
        let removed = self.entries.remove(key);
        self.bytes -= removed.as_ref().map_or(0, |entry| entry.bytes);
        removed.is_some()
    }

    /// Of some entries, the one that ends first goes.
    fn make_room(&mut self, now: Duration) -> bool {
        let some = self.entries.iter().take(CANDIDATES);
        let first = some.min_by_key(|(_, entry)| entry.until.saturating_sub(now)).map(|(key, _)| key.clone());
        first.is_some_and(|key| self.remove(&key))
    }
}

/// How long an answer may be kept: the least of its TTLs; that there is nothing, as long as the zone says (RFC 2308 §5).
fn ttl(answer: &Answer, settings: &Settings) -> Option<Duration> {
    if answer.flags.has(Flags::TC) || !matches!(answer.code, Rcode::NOERROR | Rcode::NXDOMAIN) {
        return None;
    }
    let seconds = |ttl: u32| Duration::from_secs(u64::from(ttl));
    if answer.code == Rcode::NXDOMAIN || answer.answers.is_empty() {
        let zone = answer.authorities.iter().find(|record| record.of == Type::SOA)?;
        return Some(seconds(zone.ttl.min(minimum(zone)?)).min(settings.negative_ttl_most));
    }
    let least = answer.records().map(|record| record.ttl).min()?;
    Some(seconds(least).min(settings.ttl_most))
}

/// The last field of a SOA record (RFC 2308 §4).
fn minimum(zone: &Record) -> Option<u32> {
    match &zone.data {
        Data::Names { after, .. } => after.last_chunk().map(|bytes| u32::from_be_bytes(*bytes)),
        _ => None,
    }
}

/// No TTL that the pod sees is longer than what is kept here.
pub(super) fn clamp(answer: &mut Answer, settings: &Settings) {
    let most = u32::try_from(settings.ttl_most.as_secs()).unwrap_or(u32::MAX);
    answer.records_mut().for_each(|record| record.ttl = record.ttl.min(most));
}
