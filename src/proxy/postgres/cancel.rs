//! Keys that cancel a session's statements. A request to cancel comes on a connection of its own, on any worker; it goes
//! on only if it comes from the same peer as the session that the key belongs to.

use crate::flow::{Connection, Direction, Kind, Reason};
use crate::protocol::postgres::startup::CancelKey;
use dashmap::DashMap;
use std::sync::Arc;

/// A key that no open session has, or one of another peer's session.
pub(super) const CANCEL: Reason =
    Reason::new("postgres-cancel", Kind::Policy, "the key is of no open session of this caller");

/// Sessions whose keys are known; of more, statements cannot be cancelled.
const MOST_KEYS: usize = 65_536;

/// The keys of all open sessions, with the peer of each.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Keys(DashMap<CancelKey, Box<str>>);

/// A key as long as its session lasts.
#[derive(Debug)]
pub(super) struct Registered {
    keys: Arc<Keys>,
    key: CancelKey,
}

impl Keys {
    /// Remembers whose session a key cancels. The keys are made for sharing between workers: a session comes and goes
    /// far less often than a statement.
    pub(super) fn register(self: &Arc<Self>, key: CancelKey, connection: &Connection) -> Option<Registered> {
        if self.0.len() >= MOST_KEYS {
            return None;
        }
        self.0.insert(key.clone(), peer(connection));
        Some(Registered { keys: Arc::clone(self), key })
    }

    /// Whether a key is of an open session of this peer.
    pub(super) fn is_of(&self, key: &CancelKey, connection: &Connection) -> bool {
        self.0.get(key).is_some_and(|owner| **owner == *peer(connection))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.keys.0.remove(&self.key);
    }
}

/// The caller's proved identity, else its address. Outbound, what is proved is the server's.
fn peer(connection: &Connection) -> Box<str> {
    let inbound = connection.direction == Direction::Inbound;
    match connection.peer.identity().filter(|_| inbound) {
        Some(identity) => identity.id.as_str().into(),
        None => connection.from.0.ip().to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{ClientAddr, ConnectionId, Names, OriginalDestination, Peer};
    use std::time::SystemTime;

    fn connection(from: &str) -> Connection {
        Connection {
            id: ConnectionId(1),
            direction: Direction::Inbound,
            from: ClientAddr(from.parse().unwrap()),
            to: OriginalDestination("127.0.0.1:5432".parse().unwrap()),
            port: 5432,
            names: Names::default(),
            peer: Peer::Unverified,
            protocol: "postgres",
            opened: SystemTime::now(),
        }
    }

    #[test]
    fn key_is_of_its_own_peer_while_the_session_lasts() {
        let keys = Arc::new(Keys::default());
        let key = CancelKey(b"12345678".as_slice().into());
        let registered = keys.register(key.clone(), &connection("10.0.0.1:1")).unwrap();
        assert!(keys.is_of(&key, &connection("10.0.0.1:2")));
        assert!(!keys.is_of(&key, &connection("10.0.0.2:1")));
        assert!(!keys.is_of(&CancelKey(b"1234567x".as_slice().into()), &connection("10.0.0.1:2")));
        drop(registered);
        assert!(!keys.is_of(&key, &connection("10.0.0.1:2")));
    }
}
