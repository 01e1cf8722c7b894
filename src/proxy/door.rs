//! Who may come in: how many connections are open, of the whole process and of each address. One entry per address that
//! has any, so its memory is bounded by the number of connections.

use super::settings::Limits;
use crate::flow::{ClientAddr, Kind, Reason};
use dashmap::DashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many connections are open as may be.
pub(super) const CONNECTIONS: Reason =
    Reason::new("limit-connections", Kind::TooMany, "as many connections are open as may be");
/// As many connections are open from this address as may be.
pub(super) const CONNECTIONS_PER_ADDRESS: Reason = Reason::new(
    "limit-connections-per-address",
    Kind::TooMany,
    "as many connections are open from this address as may be",
);

/// Counts open connections, for all workers.
#[derive(Debug, Default)]
pub(super) struct Door {
    open: AtomicUsize,
    from: DashMap<IpAddr, u32>,
}

/// One connection that came in; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    door: Arc<Door>,
    address: IpAddr,
    /// Why it may not stay.
    pub(super) refused: Option<Reason>,
}

impl Door {
    /// Open connections.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a connection, and says whether it may stay.
    pub(super) fn enter(self: &Arc<Self>, from: ClientAddr, limits: &Limits) -> Inside {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        let address = from.0.ip();
        let of_address = {
            let mut count = self.from.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        let refused = match (open > limits.connections, of_address > limits.connections_per_address) {
            (true, _) => Some(CONNECTIONS),
            (false, true) => Some(CONNECTIONS_PER_ADDRESS),
            (false, false) => None,
        };
        Inside { door: self.clone(), address, refused }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.door.open.fetch_sub(1, Ordering::Relaxed);
        self.door.from.remove_if_mut(&self.address, |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::settings::tests::limits;

    fn from(last: u8) -> ClientAddr {
        ClientAddr(([10, 0, 0, last], 1).into())
    }

    #[test]
    fn connections_end_at_their_limit() {
        let door = Arc::new(Door::default());
        let limits = Limits { connections: 2, connections_per_address: 9, ..limits() };
        let inside: Vec<_> = (0..3).map(|last| door.enter(from(last), &limits)).collect();
        assert_eq!(inside.iter().map(|one| one.refused).collect::<Vec<_>>(), [None, None, Some(CONNECTIONS)]);
    }

    #[test]
    fn connections_of_one_address_end_at_their_limit() {
        let door = Arc::new(Door::default());
        let limits = Limits { connections: 9, connections_per_address: 1, ..limits() };
        let first = door.enter(from(1), &limits);
        assert_eq!(door.enter(from(1), &limits).refused, Some(CONNECTIONS_PER_ADDRESS));
        assert_eq!(door.enter(from(2), &limits).refused, None);
        drop(first);
        assert_eq!(door.enter(from(1), &limits).refused, None);
        assert_eq!((door.open(), door.from.len()), (0, 0));
    }
}
