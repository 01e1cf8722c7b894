//! Values by key, shared by all workers and bounded: when a shard is full, the one of some that was touched longest ago
//! makes room. Whoever floods the store with keys pushes out his own first, and never makes it grow.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SHARDS: usize = 16;
/// Entries looked at to find one that may go.
const CANDIDATES: usize = 8;

/// A bounded map with a lock for each of its shards. A lock is held for one observation: some microseconds, no waiting,
/// no call out.
#[derive(Debug)]
pub struct Store<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    capacity: usize,
    keys: RandomState,
}

type Shard<K, V> = HashMap<K, Entry<V>>;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    touched: Duration,
}

impl<K: Hash + Eq + Clone, V: Default> Store<K, V> {
    /// A store of at most `capacity` values, at least 16.
    pub fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect();
        Self { shards, capacity: capacity.div_ceil(SHARDS).max(1), keys: RandomState::new() }
    }

    /// Lets `look` read and change the value of a key, a default one if there is none.
    pub fn with<T>(&self, key: &K, now: Duration, look: impl FnOnce(&mut V) -> T) -> T {
        let mut shard = self.shard(key);
        if let Some(entry) = shard.get_mut(key) {
            entry.touched = now;
            return look(&mut entry.value);
        }
        if shard.len() >= self.capacity {
            make_room(&mut shard);
        }
        let mut value = V::default();
        let seen = look(&mut value);
        shard.insert(key.clone(), Entry { value, touched: now });
        seen
    }

    /// Lets `look` read the value of a key, if there is one.
    pub fn find<T>(&self, key: &K, look: impl FnOnce(&V) -> T) -> Option<T> {
        self.shard(key).get(key).map(|entry| look(&entry.value))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| locked(shard).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, V>> {
        let at = self.keys.hash_one(key) as usize % SHARDS;
        // There are SHARDS of them.
        let shard = self.shards.get(at).or_else(|| self.shards.first());
        locked(shard.unwrap_or_else(|| unreachable!("a store has shards")))
    }
}

fn make_room<K: Hash + Eq + Clone, V>(shard: &mut Shard<K, V>) {
    let oldest = shard.iter().take(CANDIDATES).min_by_key(|(_, entry)| entry.touched);
    if let Some(key) = oldest.map(|(key, _)| key.clone()) {
        shard.remove(&key);
    }
}

/// What a panicking observer left behind is counters: still good enough to count on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_holds_its_capacity() {
        let store: Store<u32, u32> = Store::new(32);
        for key in 0..10_000 {
            store.with(&key, Duration::from_secs(u64::from(key)), |value| *value += 1);
            assert!(store.len() <= 32);
        }
        assert!(store.len() > 16);
    }

    #[test]
    fn value_is_kept_between_looks() {
        let store: Store<u32, u32> = Store::new(16);
        for count in 1..4 {
            assert_eq!(store.with(&7, Duration::ZERO, |value| std::mem::replace(value, count)), count - 1);
        }
    }
}
