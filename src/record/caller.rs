//! Who called, as records group it: a proved identity, else an address. Hashed once per connection, so that counting a
//! request costs no second look at the name.

use crate::flow::{Connection, Direction, Peer, SpiffeId};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

/// Who called (inbound), or who was called (outbound).
#[derive(Clone, Debug)]
pub struct Caller {
    who: Who,
    direction: Direction,
    hash: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Proved(SpiffeId),
    Address(IpAddr),
}

/// One key for the process: a caller must not be able to choose names that collide.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Caller {
    /// The other side of a connection.
    pub fn of(connection: &Connection) -> Self {
        let address = match connection.direction {
            Direction::Inbound => connection.from.0.ip(),
            Direction::Outbound => connection.to.0.ip(),
        };
        Self::new(&connection.peer, address, connection.direction)
    }

    /// A peer at an address.
    pub fn new(peer: &Peer, address: IpAddr, direction: Direction) -> Self {
        let who = match peer.identity() {
            Some(identity) => Who::Proved(identity.id.clone()),
            None => Who::Address(network(address)),
        };
        let hash = KEY.hash_one((&who, direction));
        Self { who, direction, hash }
    }

    /// Whether the pod is called or calls.
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

/// One host may own every address of its IPv6 /64: they count as one caller.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        other => other,
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.direction == other.direction && self.who == other.who
    }
}

impl Eq for Caller {}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Proved(id) => f.write_str(id.as_str()),
            Who::Address(IpAddr::V6(v6)) if !v6.is_loopback() => write!(f, "{v6}/64"),
            Who::Address(address) => address.fmt(f),
        }
    }
}

/// For maps keyed by [`Caller`], which brings a keyed hash along: it is taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsHashed;

/// The hasher of [`AsHashed`].
#[derive(Debug, Default)]
pub struct TakeHash(u64);

impl BuildHasher for AsHashed {
    type Hasher = TakeHash;

    fn build_hasher(&self) -> TakeHash {
        TakeHash::default()
    }
}

impl Hasher for TakeHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unverified(address: &str) -> Caller {
        Caller::new(&Peer::Unverified, address.parse().unwrap(), Direction::Inbound)
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        assert_eq!(unverified("2001:db8::1"), unverified("2001:db8::2"));
        assert_ne!(unverified("2001:db8::1"), unverified("2001:db8:0:1::1"));
        assert_eq!(unverified("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn mapped_address_is_its_ipv4_address() {
        assert_eq!(unverified("::ffff:10.0.0.1"), unverified("10.0.0.1"));
        assert_ne!(unverified("10.0.0.1"), unverified("10.0.0.2"));
        assert_eq!(unverified("::1").to_string(), "::1");
    }
}
