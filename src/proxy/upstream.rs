//! Connections to upstreams: one pool per worker, so that nothing is shared and nothing is locked. The one used last is
//! used first, so that surplus ones grow old and are closed.

use super::http2::Asking;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::wire::{UpstreamWire, Wire};
use crate::flow::{Kind, Reason};
use crate::record::Handles;
use socket2::SockRef;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The upstream refused the connection, or the network did.
pub(super) const CONNECT: Reason =
    Reason::new("upstream-connect", Kind::Upstream, "the upstream did not take a connection");
/// The upstream did not take the connection in time.
pub(super) const CONNECT_SLOW: Reason =
    Reason::new("upstream-connect-timeout", Kind::Upstream, "the upstream did not take a connection in time");

/// One connection to an upstream, with what was read from it and not yet used.
pub(super) struct Upstream {
    pub(super) socket: UpstreamWire,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) to: SocketAddr,
    /// Whether it has carried an exchange before; then it may turn out to be stale.
    pub(super) reused: bool,
    /// Whether it ends with its exchange.
    pub(super) alone: bool,
    _open: Option<Open>,
}

/// A connection of its own, counted while it is open.
struct Open(Rc<Handles>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.upstream_closed();
    }
}

impl Upstream {
    /// Makes the close that follows a reset, so that the upstream cannot take what it got for a whole.
    pub(super) fn abort(&mut self) {
        match &mut self.socket {
            // When the option cannot be set the connection is closed all the same, inside the message.
            Wire::Own(socket) => drop(SockRef::from(&*socket).set_linger(Some(Duration::ZERO))),
            Wire::Stream(stream) => stream.abort(),
        }
    }

    /// A stream of a connection that exchanges share.
    pub(super) fn stream(asking: Asking, to: SocketAddr, reused: bool) -> Self {
        let (inbox, outbox) = (Inbox::default(), Outbox::default());
        Self { socket: Wire::Stream(Box::new(asking)), inbox, outbox, to, reused, alone: false, _open: None }
    }
}

/// One worker's idle upstream connections.
pub(super) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>>>,
    keep: Duration,
    most: usize,
}

struct Idle {
    upstream: Upstream,
    since: Instant,
}

impl Pool {
    /// Keeps at most `most` idle connections per address, each for at most `keep`.
    pub(super) fn new(most: usize, keep: Duration) -> Self {
        Self { idle: RefCell::default(), keep, most }
    }

    /// An idle connection that is still whole, if there is one.
    pub(super) fn take(&self, to: SocketAddr) -> Option<Upstream> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&to)?;
        while let Some(candidate) = waiting.pop() {
            if candidate.since.elapsed() < self.keep && is_whole(&candidate.upstream) {
                return Some(candidate.upstream);
            }
        }
        None
    }

    /// Puts a connection back after a complete exchange.
    pub(super) fn put(&self, mut upstream: Upstream) {
        if matches!(upstream.socket, Wire::Stream(_)) {
            return;
        }
        upstream.reused = true;
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.entry(upstream.to).or_default();
        if waiting.len() < self.most {
            waiting.push(Idle { upstream, since: Instant::now() });
        }
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self) {
        self.idle.borrow_mut().retain(|_, waiting| {
            waiting.retain(|idle| idle.since.elapsed() < self.keep);
            !waiting.is_empty()
        });
    }
}

/// Opens a connection, in no more than `wait`.
pub(super) async fn connect(to: SocketAddr, wait: Duration, metrics: &Rc<Handles>) -> Result<Upstream, Reason> {
    match tokio::time::timeout(wait, TcpStream::connect(to)).await {
        Ok(Ok(socket)) => {
            // Without it small requests wait for acknowledgements; the connection works all the same.
            let _ = socket.set_nodelay(true);
            metrics.upstream_opened();
            let (inbox, outbox, open) = (Inbox::default(), Outbox::default(), Some(Open(metrics.clone())));
            Ok(Upstream { socket: Wire::Own(socket), inbox, outbox, to, reused: false, alone: false, _open: open })
        }
        Ok(Err(_)) => Err(CONNECT),
        Err(_) => Err(CONNECT_SLOW),
    }
}

/// An idle connection has nothing to read: bytes or an end mean that the upstream has given it up.
fn is_whole(upstream: &Upstream) -> bool {
    let Wire::Own(socket) = &upstream.socket else { return false };
    matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
