//! Connections to upstreams: one pool per worker, so that nothing is shared and nothing is locked. The one used last is
//! used first, so that surplus ones grow old and are closed.

mod circuit;
mod connect;
mod target;

pub use circuit::Circuit;
pub(super) use circuit::{Attempt, Circuits, OPEN};
pub(super) use connect::{CONNECT, CONNECT_SLOW, Connected, TLS, TLS_SLOW, Unreached, connect, dial, secure};
pub(super) use target::{Target, Tls};

use super::http2::Asking;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::tls::Stream;
use super::wire::{UpstreamWire, Wire};
use super::worker::Worker;
use crate::flow::{Now, Peer};
use crate::record::Handles;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};

/// One connection to an upstream, with what was read from it and not yet used.
pub(super) struct Upstream {
    pub(super) socket: UpstreamWire,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) to: Arc<Target>,
    /// Whether it has carried an exchange before; then it may turn out to be stale.
    pub(super) reused: bool,
    /// Whether it ends with its exchange.
    pub(super) alone: bool,
    /// Whether it was chosen over HTTP/2, so that what could go either way goes here.
    declined_http2: bool,
    proof: Proof,
    _open: Option<Open>,
}

/// What the other side has proved, and under which generation of trust.
struct Proof {
    peer: Peer,
    generation: u64,
}

/// A connection of its own, counted while it is open.
struct Open(Rc<Handles>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.upstream_closed();
    }
}

impl Upstream {
    /// A connection of its own.
    pub(super) fn own(connected: Connected, to: Arc<Target>, metrics: &Rc<Handles>) -> Self {
        metrics.upstream_opened();
        let (inbox, outbox, open) = (Inbox::default(), Outbox::default(), Some(Open(metrics.clone())));
        let Connected { stream, peer, generation, declined_http2, .. } = connected;
        let proof = Proof { peer, generation };
        Self {
            socket: Wire::Own(stream),
            inbox,
            outbox,
            to,
            reused: false,
            alone: false,
            declined_http2,
            proof,
            _open: open,
        }
    }

    /// Makes the close that follows a reset, so that the upstream cannot take what it got for a whole.
    pub(super) fn abort(&mut self) {
        match &mut self.socket {
            Wire::Own(stream) => stream.resets_when_dropped(true),
            Wire::Stream(stream) => stream.abort(),
        }
    }

    /// Whether the upstream is known not to have acted on what it was sent.
    pub(super) fn is_untaken(&self) -> bool {
        matches!(&self.socket, Wire::Stream(stream) if stream.is_untaken())
    }

    /// A stream of a connection that exchanges share.
    pub(super) fn stream(asking: Asking, to: Arc<Target>, reused: bool) -> Self {
        let (inbox, outbox) = (Inbox::default(), Outbox::default());
        let proof = Proof { peer: Peer::Unverified, generation: 0 };
        Self {
            socket: Wire::Stream(Box::new(asking)),
            inbox,
            outbox,
            to,
            reused,
            alone: false,
            declined_http2: false,
            proof,
            _open: None,
        }
    }
}

/// Idle connections to all upstreams together that one worker keeps: an application may call any number of them.
const MOST_IDLE: usize = 1024;

/// One worker's idle upstream connections.
pub(super) struct Pool {
    idle: RefCell<HashMap<Arc<Target>, Vec<Idle>>>,
    keep: Duration,
    most: usize,
}

struct Idle {
    upstream: Upstream,
    /// Since the start of the process.
    since: Duration,
}

impl Pool {
    /// Keeps at most `most` idle connections per address, each for at most `keep`.
    pub(super) fn new(most: usize, keep: Duration) -> Self {
        Self { idle: RefCell::default(), keep, most }
    }

    /// An idle connection that is still whole, if there is one. `instead_of_http2` asks for one that its upstream has
    /// chosen over HTTP/2.
    pub(super) fn take(&self, worker: &Worker, to: &Target, instead_of_http2: bool, now: Now) -> Option<Upstream> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(to)?;
        let fits = |idle: &Idle| !instead_of_http2 || idle.upstream.declined_http2;
        while let Some(last) = waiting.iter().rposition(fits) {
            let Idle { mut upstream, since } = waiting.remove(last);
            let Proof { peer, generation } = &upstream.proof;
            let trusted = Connected::is_trusted(worker, &to.tls, peer, *generation);
            if trusted && now.since_start.saturating_sub(since) < self.keep && is_whole(&mut upstream) {
                return Some(upstream);
            }
        }
        None
    }

    /// Puts a connection back after a complete exchange.
    pub(super) fn put(&self, mut upstream: Upstream, now: Now) {
        if matches!(upstream.socket, Wire::Stream(_)) {
            return;
        }
        upstream.reused = true;
        let mut idle = self.idle.borrow_mut();
        if idle.values().map(Vec::len).sum::<usize>() >= MOST_IDLE {
            return;
        }
        let waiting = idle.entry(Arc::clone(&upstream.to)).or_default();
        if waiting.len() < self.most {
            waiting.push(Idle { upstream, since: now.since_start });
        }
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self, now: Now) {
        self.idle.borrow_mut().retain(|_, waiting| {
            waiting.retain(|idle| now.since_start.saturating_sub(idle.since) < self.keep);
            !waiting.is_empty()
        });
    }
}

/// An idle connection has nothing to read: bytes or an end mean that the upstream has given it up.
fn is_whole(upstream: &mut Upstream) -> bool {
    match &mut upstream.socket {
        Wire::Own(Stream::Plain(socket)) => {
            matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        }
        // TLS has words of its own to say, such as tickets, which are taken here.
        Wire::Own(tls) => {
            let (mut bytes, mut cx) = ([0], Context::from_waker(Waker::noop()));
            let read = Pin::new(tls).poll_read(&mut cx, &mut ReadBuf::new(&mut bytes));
            matches!(read, Poll::Pending)
        }
        Wire::Stream(_) => false,
    }
}
