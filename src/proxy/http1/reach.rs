//! A connection to the upstream, or a stream of one: one that is kept, or a new one.

use super::answer::{Answered, Broken, NO_ANSWER};
use super::exchange::Request;
use super::{Conversation, Tunnel};
use crate::flow::{Direction, Kind, Reason};
use crate::identity::Alpn;
use crate::protocol::head::Form;
use crate::proxy::settings::Speaks;
use crate::proxy::upstream::{self, Attempt, Target, Tls, Unreached, Upstream};
use crate::proxy::wire::Wire;
use crate::proxy::worker::Worker;
use std::sync::Arc;
use std::time::Duration;

/// The upstream is to prove who it is, and the request is inside of a tunnel.
const UNPROVED: Reason = Reason::new(
    "upstream-unproved-in-tunnel",
    Kind::Upstream,
    "the upstream is to prove who it is, and cannot through a tunnel",
);

impl<'w> Conversation<'w> {
    /// Whether the upstream may be asked; what the pod serves itself is never left alone.
    pub(super) fn attempt(&self, to: &Arc<Target>) -> Result<Option<Attempt<'w>>, Duration> {
        match self.guest.connection.direction {
            Direction::Inbound => Ok(None),
            Direction::Outbound => self.worker.circuits.attempt(to).map(Some),
        }
    }

    /// Keeps a connection for the next exchange.
    pub(super) fn keep(&mut self, mut upstream: Upstream) {
        match self.tunnel {
            Tunnel::None => self.worker.pool.put(upstream, self.now),
            Tunnel::Open(_) | Tunnel::Over => {
                upstream.reused = true;
                self.tunnel = Tunnel::Open(Box::new(upstream));
            }
        }
    }

    /// A connection to the upstream, or a stream of one. `stale` says that one which was kept has turned out to be no good.
    /// An upstream that takes no WebSockets on streams is asked for one in HTTP/1.1.
    pub(super) async fn reach(
        &mut self,
        request: &Request,
        to: &Arc<Target>,
        stale: bool,
    ) -> Result<Upstream, Unreached> {
        match std::mem::replace(&mut self.tunnel, Tunnel::Over) {
            Tunnel::None => self.tunnel = Tunnel::None,
            Tunnel::Open(_) if to.tls != Tls::Off => return Err(UNPROVED.into()),
            Tunnel::Open(upstream) if !stale => return Ok(*upstream),
            Tunnel::Open(_) | Tunnel::Over => return Err(NO_ANSWER.into()),
        }
        let (http2, websocket) = (self.is_asked_in_http2(request), request.head.websocket);
        let upstream = self.reach_in(http2, websocket, to, stale).await?;
        match &upstream.socket {
            Wire::Stream(asking) if websocket && !asking.takes_websockets() => {
                self.reach_in(false, false, to, stale).await
            }
            _ => Ok(upstream),
        }
    }

    /// The same, in HTTP/2 or not. `settled` says that what the upstream has set must be known.
    async fn reach_in(&self, http2: bool, settled: bool, to: &Arc<Target>, stale: bool) -> Result<Upstream, Unreached> {
        let Worker { connections, pool, metrics, .. } = self.worker;
        if http2 {
            if stale {
                // A connection that has ended is known to have once its own task has run.
                tokio::task::yield_now().await;
            }
            if let Some(asking) = connections.take(self.worker, to) {
                return Ok(Upstream::stream(asking, Arc::clone(to), !stale));
            }
        }
        // With TLS, the upstream may choose HTTP/1.1 where HTTP/2 is not demanded.
        let either = to.tls != Tls::Off && self.guest.port.speaks == Speaks::Auto;
        if !stale
            && (!http2 || either)
            && let Some(upstream) = pool.take(self.worker, to, http2, self.now)
        {
            return Ok(upstream);
        }
        let alpn = match (http2, either) {
            (false, _) => Alpn::Http1,
            (true, true) => Alpn::Http2,
            (true, false) => Alpn::OnlyHttp2,
        };
        let connected = upstream::connect(self.worker, to, alpn).await?;
        if http2 && (connected.http2 || to.tls == Tls::Off) {
            let asking = connections.begin(self.worker, connected, to, settled).await?;
            return Ok(Upstream::stream(asking, Arc::clone(to), false));
        }
        Ok(Upstream::own(connected, Arc::clone(to), metrics))
    }

    /// Whether the upstream is asked in HTTP/2. What is to become a tunnel has a connection of its own.
    fn is_asked_in_http2(&self, request: &Request) -> bool {
        let own = request.view().form() == Form::Authority;
        !own && match self.guest.port.speaks {
            Speaks::Http1 => false,
            Speaks::Http2 => true,
            Speaks::Auto => matches!(self.client.stream, Wire::Stream(_)),
        }
    }
}

/// What came of asking an upstream.
pub(super) fn settle(attempt: Attempt<'_>, answered: Result<Answered, Broken>, status: Option<u16>) {
    match (answered, status) {
        (Err(Broken::Client(_)), _) => drop(attempt),
        (Err(Broken::Upstream(_)), _) | (Ok(_), Some(502..=504)) => attempt.failed(),
        (Ok(_), _) => attempt.succeeded(),
    }
}
