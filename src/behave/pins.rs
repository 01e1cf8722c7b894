//! Which names led to which addresses: what the pod's resolver answered, for as long as it was to be believed and a grace
//! beyond, since programs keep addresses longer than they are told to. An outbound connection is judged by them.
//!
//! Nothing is kept over a restart: until a name is looked up again, its address is a raw one, and denied.

use super::store::Store;
use crate::flow::{Name, Names};
use std::net::IpAddr;
use std::time::Duration;

/// Addresses remembered at once, at some hundred bytes each.
const ADDRESSES: usize = 16_384;
/// Names remembered of one address: a shared front has many.
const NAMES: usize = 64;

/// Names by address, for the whole process.
#[derive(Debug)]
pub struct Pins {
    addresses: Store<IpAddr, Vec<Pin>>,
    grace: Duration,
}

/// One name that led to an address.
#[derive(Debug)]
struct Pin {
    name: Name,
    until: Duration,
}

impl Pins {
    /// Remembers each name for its TTL and `grace`.
    pub fn new(grace: Duration) -> Self {
        Self { addresses: Store::new(ADDRESSES), grace }
    }

    /// A name was answered with addresses.
    pub fn answered(&self, name: &Name, addresses: impl Iterator<Item = IpAddr>, ttl: Duration, now: Duration) {
        let until = now + ttl + self.grace;
        for address in addresses {
            self.addresses.with(&address.to_canonical(), now, |pins| pin(pins, name, until, now));
        }
    }

    /// The names that led to an address; the one that was answered last comes first.
    pub fn names(&self, address: IpAddr, now: Duration) -> Names {
        let alive = |pins: &Vec<Pin>| {
            let alive = pins.iter().filter(|pin| now < pin.until);
            alive.rev().map(|pin| pin.name.clone()).collect()
        };
        Names::new(self.addresses.find(&address.to_canonical(), alive).unwrap_or_default())
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The last one is the newest.
fn pin(pins: &mut Vec<Pin>, name: &Name, until: Duration, now: Duration) {
    // A shorter TTL of a later answer does not take back what was promised before.
    let before = pins.iter().find(|pin| pin.name == *name).map_or(Duration::ZERO, |pin| pin.until);
    pins.retain(|pin| pin.name != *name && now < pin.until);
    if pins.len() >= NAMES {
        let first = pins.iter().enumerate().min_by_key(|(_, pin)| pin.until).map(|(at, _)| at);
        first.into_iter().for_each(|at| drop(pins.remove(at)));
    }
    pins.push(Pin { name: name.clone(), until: until.max(before) });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pins: &Pins, address: &str, now: u64) -> Vec<String> {
        let names = pins.names(address.parse().unwrap(), Duration::from_secs(now));
        names.iter().map(|name| name.asked.to_string()).collect()
    }

    fn answered(pins: &Pins, name: &str, address: &str, ttl: u64, now: u64) {
        let (ttl, now) = (Duration::from_secs(ttl), Duration::from_secs(now));
        pins.answered(&Name::plain(name), std::iter::once(address.parse().unwrap()), ttl, now);
    }

    #[test]
    fn name_leads_to_its_address_for_its_ttl_with_the_grace() {
        let pins = Pins::new(Duration::from_secs(100));
        answered(&pins, "a.example", "192.0.2.1", 10, 5);
        assert_eq!(names(&pins, "192.0.2.1", 114), ["a.example"]);
        assert!(names(&pins, "192.0.2.1", 115).is_empty());
        assert!(names(&pins, "192.0.2.2", 6).is_empty());
        assert_eq!(pins.len(), 1, "asking remembers nothing");
    }

    #[test]
    fn shorter_answer_takes_nothing_back() {
        let pins = Pins::new(Duration::ZERO);
        answered(&pins, "a.example", "192.0.2.1", 100, 0);
        answered(&pins, "a.example", "::ffff:192.0.2.1", 1, 1);
        assert_eq!(names(&pins, "192.0.2.1", 99), ["a.example"]);
    }

    #[test]
    fn newest_name_comes_first() {
        let pins = Pins::new(Duration::ZERO);
        for (name, now) in [("a", 0), ("b", 1), ("a", 2)] {
            answered(&pins, name, "2001:db8::1", 100, now);
        }
        assert_eq!(names(&pins, "2001:db8::1", 3), ["a", "b"]);
    }

    #[test]
    fn names_of_an_address_are_capped() {
        let pins = Pins::new(Duration::ZERO);
        (0..NAMES).for_each(|n| answered(&pins, &format!("n{n}"), "192.0.2.1", 100 + n as u64, 0));
        assert_eq!(names(&pins, "192.0.2.1", 1).len(), NAMES);
        answered(&pins, "more", "192.0.2.1", 500, 1);
        let left = names(&pins, "192.0.2.1", 1);
        assert_eq!((left.len(), left.contains(&"n0".to_owned())), (NAMES, false));
    }

    #[test]
    fn addresses_are_capped() {
        let pins = Pins::new(Duration::ZERO);
        for n in 0..2 * ADDRESSES as u32 {
            let address = std::net::Ipv4Addr::from_bits(n).to_string();
            answered(&pins, "a", &address, 100, u64::from(n) / 1000);
        }
        assert!(pins.len() <= ADDRESSES && pins.len() > ADDRESSES / 2);
    }
}
