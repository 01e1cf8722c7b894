//! Accepting: every worker has a listening socket of its own on each address, and the kernel spreads connections over
//! them. What the sender dialled is asked of the kernel; a port that no one declared, or one of our own, ends here.

use super::settings::{Listener, Port};
use crate::flow::{Direction, Kind, OriginalDestination, Reason};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The dialled port is declared by no listener.
pub(super) const UNDECLARED: Reason = Reason::new("port-undeclared", Kind::Policy, "no one declared the dialled port");
/// The dialled port is one that the sidecar itself listens on.
pub(super) const OWN_PORT: Reason =
    Reason::new("port-own", Kind::Policy, "the dialled port is one of the sidecar's own");

/// Connections that the kernel completes before a worker takes them.
const BACKLOG: i32 = 1024;

/// A listening socket that other workers may open too.
///
/// # Errors
/// As the kernel says: the address is taken by someone else, or is not ours to use.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // An IPv6 listener that also took IPv4 would show policies mapped addresses.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Where the sender of a connection wanted it to go.
///
/// # Errors
/// When the socket is gone.
pub(super) fn original_destination(socket: &TcpStream, listener: &Listener) -> io::Result<OriginalDestination> {
    let local = socket.local_addr()?;
    if !listener.redirected {
        return Ok(OriginalDestination(local));
    }
    let asked = SockRef::from(socket);
    let dialled = if local.is_ipv4() { asked.original_dst_v4() } else { asked.original_dst_v6() };
    // No answer means that nothing was redirected: the sender dialled our own port.
    Ok(OriginalDestination(dialled.ok().and_then(|address| address.as_socket()).unwrap_or(local)))
}

/// The declared port that a connection is judged under.
///
/// # Errors
/// [`OWN_PORT`] or [`UNDECLARED`].
pub(super) fn declared<'a>(
    listener: &'a Listener,
    own: &[SocketAddr],
    to: OriginalDestination,
) -> Result<&'a Port, Reason> {
    let is_own = |address: &SocketAddr| address.port() == to.0.port();
    if listener.redirected && listener.direction == Direction::Inbound && own.iter().any(is_own) {
        return Err(OWN_PORT);
    }
    listener.port(to.0).ok_or(UNDECLARED)
}
