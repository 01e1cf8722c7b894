//! Who talks to whom. Made once when a connection is accepted and its TLS handshake is over; never changed afterwards.

use super::{Names, Peer};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

/// One accepted connection. Everything in it is known before the first byte of the application protocol is read.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Unique within this process.
    pub id: ConnectionId,
    /// Whether the pod is called or calls.
    pub direction: Direction,
    /// Where the connection came from, as the kernel says.
    pub from: ClientAddr,
    /// Where its sender wanted it to go: the kernel's original destination, or the listener's own address.
    pub to: OriginalDestination,
    /// The declared port it is judged under (for a redirected connection the original destination's port).
    pub port: u16,
    /// Of an outbound connection: the names that led to its address.
    pub names: Names,
    /// What TLS proved about the other side.
    pub peer: Peer,
    /// The declared or identified protocol, by its registered name.
    pub protocol: &'static str,
    /// When it was accepted.
    pub opened: SystemTime,
}

/// Whether the pod is being called or is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Someone calls this pod.
    Inbound,
    /// This pod calls someone.
    Outbound,
}

impl Direction {
    /// The word used in records and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The address of the connecting socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

/// The address that the sender dialled, before any redirection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginalDestination(pub SocketAddr);

/// A number for a connection, unique within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

impl OriginalDestination {
    /// The address as hosts are written: `192.0.2.7`, `[2001:db8::7]`.
    pub fn host(&self) -> String {
        match self.0.ip().to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for OriginalDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
