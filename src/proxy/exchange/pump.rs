//! Both directions of a connection, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has.

use super::{CLIENT_SLOW, End, HIGH_BYTES, IDLE, IDLE_LONG, MESSAGE_SLOW, SERVER_SLOW, Wire};
use crate::flow::{Kind, Reason};
use crate::identity::Alpn;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::settings::Port;
use crate::proxy::upstream;
use crate::proxy::worker::Worker;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncRead;

/// For our last words to be taken.
const FAREWELL: Duration = Duration::from_secs(2);

impl Wire<'_> {
    /// Carries the connection to its end.
    pub(super) async fn carry(&mut self, port: &Port) -> End {
        loop {
            if let Err(end) = self.client_messages().and_then(|()| self.server_messages()) {
                return end;
            }
            if self.server.is_none() && !self.to_server.is_empty() {
                match connect(self.worker, port, self).await {
                    Ok(server) => self.server = Some(server),
                    Err(reason) => return End::Refused(reason),
                }
            }
            self.set_deadline();
            if let Err(end) = poll_fn(|cx| self.poll_step(cx)).await {
                return end;
            }
        }
    }

    /// Tells the client why the connection ends, if we end it, and lets go of both sides.
    pub(super) async fn close(mut self, end: End) {
        if let End::Refused(reason) = end {
            let event = self.note_end(reason).to_string();
            self.decoder.farewell(reason.kind, &event, self.to_client.buffer());
        }
        let Self { client, server, to_client, to_server, .. } = &mut self;
        let farewell = async {
            // Whoever has gone does not hear it.
            let _ = to_client.send(client).await;
            if let Some(server) = server {
                let _ = to_server.send(server).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// Deals with the server's answers as far as they have come, and as the client takes them.
    fn server_messages(&mut self) -> Result<(), End> {
        if self.from_server.is_empty() || self.to_client.len() > HIGH_BYTES {
            return Ok(());
        }
        let answered = self.decoder.answer(self.from_server.unread(), self.to_client.buffer());
        let used = answered.map_err(|malformed| End::Refused(malformed.by_upstream().why))?;
        self.from_server.consume(used);
        self.asked &= used == 0;
        Ok(())
    }

    /// What is waited for, and how long.
    fn set_deadline(&mut self) {
        let limits = self.worker.limits();
        let (wait, reason) = if self.server.is_none() {
            // One deadline up to the first message: it is not put off.
            return;
        } else if !self.to_client.is_empty() {
            (limits.write_progress, CLIENT_SLOW)
        } else if !self.to_server.is_empty() {
            (limits.response, SERVER_SLOW)
        } else if !self.from_client.is_empty() {
            (limits.body_progress, MESSAGE_SLOW)
        } else {
            (IDLE.min(self.connection.peer.lasts(SystemTime::now())), IDLE_LONG)
        };
        self.deadline.set(wait, reason);
    }

    /// Ready when something has moved.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let scratch = &self.worker.scratch;
        let mut moved = false;
        if let Some(server) = &mut self.server {
            match self.to_server.poll_send_any(cx, server) {
                Poll::Ready(Ok(sent)) => moved |= sent,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Over)),
                Poll::Pending => {}
            }
            match poll_read(cx, &self.to_client, &mut self.from_server, scratch, server) {
                Poll::Ready(true) => moved = true,
                Poll::Ready(false) => return Poll::Ready(Err(End::Over)),
                Poll::Pending => {}
            }
        }
        match self.to_client.poll_send_any(cx, &mut self.client) {
            Poll::Ready(Ok(sent)) => moved |= sent,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Over)),
            Poll::Pending => {}
        }
        match poll_read(cx, &self.to_server, &mut self.from_client, scratch, &mut self.client) {
            Poll::Ready(true) => moved = true,
            Poll::Ready(false) => return Poll::Ready(Err(End::Over)),
            Poll::Pending => {}
        }
        if moved {
            return Poll::Ready(Ok(()));
        }
        if !self.asked && self.from_client.is_empty() && self.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(End::Stopped));
        }
        self.deadline.poll_passed(cx).map(|reason| Err(End::Refused(reason)))
    }
}

async fn connect(worker: &Worker, port: &Port, wire: &Wire<'_>) -> Result<crate::proxy::tls::Stream, Reason> {
    const NO_NAME: Reason =
        Reason::new("upstream-no-name", Kind::Ours, "the upstream is to prove a name, and none is configured");
    let target = port.target(wire.connection.to, || None, &wire.proof, &worker.shared.settings.roots).ok_or(NO_NAME)?;
    let connected = upstream::connect(worker, &target, Alpn::default()).await;
    connected.map(|connected| connected.stream).map_err(|unreached| unreached.reason)
}

/// Whether anything came; nothing is read while `ahead`, what came before, is not yet taken by the other side. No more when
/// the sender is done.
fn poll_read(
    cx: &mut Context<'_>,
    ahead: &Outbox,
    inbox: &mut Inbox,
    scratch: &Scratch,
    from: &mut (impl AsyncRead + Unpin),
) -> Poll<bool> {
    if !ahead.is_empty() {
        return Poll::Pending;
    }
    inbox.poll_fill(cx, scratch, from, Scratch::BYTES).map(|count| matches!(count, Ok(1..)))
}
