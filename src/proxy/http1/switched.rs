//! What goes on once the upstream has switched to what was asked for: a WebSocket, or a tunnel.

use super::client::{Client, READ_SLOW};
use super::exchange::Request;
use super::frames::{Court, FromClient, FromServer};
use super::report::Told;
use super::{Conversation, Next, Tunnel};
use crate::engine::Case;
use crate::flow::{Past, Scene, Side};
use crate::protocol::websocket::close;
use crate::proxy::tunnel::{self, Ended, Lane, Shut};
use crate::proxy::upstream::Upstream;
use crate::proxy::wire::Wire;
use std::cell::RefCell;
use std::time::Duration;

/// For a WebSocket's close to be taken.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Conversation<'_> {
    /// What goes on once the upstream has switched: a WebSocket is carried to its end, message by message. Inside of a
    /// tunnel nothing is exempt: what follows is HTTP/1.1 again, to be judged like any other, or it is refused.
    pub(super) async fn switch(
        &mut self,
        told: &mut Told,
        case: &mut Case<'_>,
        request: &Request,
        upstream: Upstream,
    ) -> Next {
        if request.head.websocket {
            return self.carry(told, case, request, upstream).await;
        }
        self.tunnel = if upstream.inbox.is_empty() { Tunnel::Open(Box::new(upstream)) } else { Tunnel::Over };
        Next::Request
    }

    async fn carry(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request, mut upstream: Upstream) -> Next {
        let limits = self.worker.limits();
        let past = Past::default();
        let scene =
            Scene { connection: &self.guest.connection, session: &self.session, past: &past, now: self.worker.now() };
        let Client { stream, inbox, share, deadline, .. } = &mut self.client;
        let (worker, revision, screen) = (self.worker, &told.revision, case.screen());
        let beginning = case.beginning();
        let court = Court { worker, case, scene, request, revision, share, held: [0; 2], sent: 0, event: None };
        let court = RefCell::new(court);
        let mut from_client = FromClient::new(&court, limits.inspect_bytes);
        let mut from_server = FromServer::new(&court, (screen, beginning), limits.inspect_bytes);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        let early = up.begin(&inbox.take(inbox.len()), &mut from_client);
        let early = early.and_then(|()| down.begin(upstream.inbox.unread(), &mut from_server));
        let mut ended = early.map_err(|Shut| Ended::Shut);
        let socket = &mut upstream.socket;
        if ended.is_ok() {
            let (upward, downward) = ((&mut up, &mut from_client), (&mut down, &mut from_server));
            let carried = tunnel::carry(stream, socket, upward, downward, &worker.scratch, limits.upgraded_idle);
            ended = Box::pin(carried).await;
        }
        let whole = from_server.is_between_frames();
        match ended {
            Ok(()) => from_server.tell(),
            Err(Ended::Idle(reason)) => worker.metrics.limited(self.guest.connection.direction, reason),
            Err(Ended::Shut) => {
                let event = court.into_inner().event.map(|id| id.to_string()).unwrap_or_default();
                up.waiting.buffer().extend(close(Side::Client, &event));
                // Inside of a frame it would be taken for content.
                down.waiting.buffer().extend(if whole { close(Side::Server, &event) } else { Vec::new() });
                deadline.set(LAST_WORDS, READ_SLOW);
                // Whether they listen changes nothing for us.
                let _ = deadline.within(down.waiting.send(stream)).await;
                let _ = deadline.within(up.waiting.send(socket)).await;
            }
        }
        if matches!(socket, Wire::Stream(_)) {
            deadline.set(LAST_WORDS, READ_SLOW);
            // Whether it listens changes nothing for us.
            let _ = deadline.within(tunnel::end(socket, &worker.scratch)).await;
        }
        told.sent += up.carried;
        told.seen.released += down.carried;
        Next::Close
    }
}
