//! Both directions of a session, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has.

use super::judge::Fate;
use super::{
    CLIENT_SLOW, End, HIGH_BYTES, IDLE, IDLE_LONG, MESSAGE_SLOW, Rest, SERVER_GONE, SERVER_SLOW, Wire, report,
};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::postgres::ROWS;
use crate::protocol::postgres::back::{self, Back};
use crate::protocol::postgres::emit;
use crate::protocol::postgres::frame::{self, HEADER, Unit};
use crate::protocol::postgres::front::{self, Front};
use crate::protocol::postgres::session::Answered;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::tls::Stream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;
use std::time::SystemTime;

/// For our last words to be taken.
const FAREWELL: Duration = Duration::from_secs(2);

impl Wire<'_> {
    /// Carries the session to its end.
    pub(super) async fn carry(&mut self) -> End {
        loop {
            let dealt = self.client_messages().and_then(|()| self.server_messages());
            if let Err(end) = dealt {
                return end;
            }
            let mut has_deadline = false;
            if let Err(end) = poll_fn(|cx| self.poll_step(cx, &mut has_deadline)).await {
                return end;
            }
        }
    }

    /// Tells the client why the session ends, if we end it, and lets go of both sides.
    pub(super) async fn close(mut self, end: End) {
        let told = match end {
            End::Over => None,
            End::Refused(reason) | End::Broken(reason) => Some((report::code(&reason), Some(reason))),
            End::Stopped => Some(("57P01", None)),
        };
        if let Some((code, reason)) = told {
            let event = reason.map(|reason| self.note_end(reason).to_string()).unwrap_or_default();
            let says = if reason.is_some() { "the session is ended" } else { "the sidecar stops" };
            // In the middle of a message nothing can be said.
            if self.server_rest.bytes == 0 {
                emit::fatal(self.to_client.buffer(), code, says, &event);
            }
        }
        let Self { client, server, to_client, to_server, .. } = &mut self;
        let farewell = async { (to_client.send(client).await, to_server.send(server).await) };
        // Whoever has gone does not hear it.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// Deals with the client's messages as far as they have come, and as the server takes them.
    fn client_messages(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.from_client);
        let dealt = loop {
            self.client_rest = pass(&mut inbox, &mut self.to_server, self.client_rest);
            if self.client_rest.bytes > 0 || self.to_server.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            match self.client_message(inbox.unread()) {
                Ok(Some((unit, dropped))) => {
                    self.client_rest = Rest { bytes: unit.len, dropped };
                }
                Ok(None) => break Ok(()),
                Err(end) => break Err(end),
            }
        };
        self.from_client = inbox;
        let held = self.from_client.len() + self.texts.get();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    /// Deals with the client's next message: its length, and whether it is dropped.
    fn client_message(&mut self, bytes: &[u8]) -> Result<Option<(Unit, bool)>, End> {
        let refused = |malformed: Malformed| End::Refused(malformed.why);
        let Some(unit) = frame::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(None) };
        let front = front::read(&unit, bytes).map_err(refused)?;
        let fate = self.ask(&front)?;
        if front == Front::Terminate {
            self.to_server.buffer().extend_from_slice(bytes.get(..unit.len).unwrap_or_default());
            return Err(End::Over);
        }
        Ok(Some((unit, fate == Fate::Replaced)))
    }

    /// Deals with the server's messages as far as they have come, and as the client takes them.
    fn server_messages(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.from_server);
        let dealt = loop {
            self.server_rest = pass(&mut inbox, &mut self.to_client, self.server_rest);
            if self.server_rest.bytes > 0 || self.to_client.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            match self.server_message(inbox.unread()) {
                Ok(Some(rest)) => self.server_rest = rest,
                Ok(None) => break Ok(()),
                Err(why) if why == ROWS => break Err(End::Refused(ROWS)),
                Err(why) => break Err(End::Broken(Reason { kind: Kind::Upstream, ..why })),
            }
        };
        self.from_server = inbox;
        dealt
    }

    fn server_message(&mut self, bytes: &[u8]) -> Result<Option<Rest>, Reason> {
        let (rows, rows_bytes) = frame::rows(bytes);
        if rows > 0 {
            self.session.brings(rows)?;
            return Ok(Some(Rest { bytes: rows_bytes, dropped: false }));
        }
        let Some(unit) = frame::from_server(bytes).map_err(|malformed| malformed.why)? else { return Ok(None) };
        let back = back::read(&unit, bytes).map_err(|malformed| malformed.why)?;
        if back == Back::Challenge && matches!(self.client, Stream::Plain(_)) {
            let body = bytes.get(HEADER..unit.held).unwrap_or_default();
            if emit::sasl_without_binding(self.to_client.buffer(), body) {
                self.session.answered(&back)?;
                return Ok(Some(Rest { bytes: unit.len, dropped: true }));
            }
        }
        if matches!(&back, Back::Error { code: [b'2', b'8', ..], .. }) && !self.session.has_begun() {
            let (sessions, now) = (&self.worker.shared.sessions, self.worker.now().since_start);
            sessions.login_failed(sessions.kind(&self.caller), now);
        }
        let dropped = match self.session.answered(&back)? {
            Answered::Denied(denied) => {
                emit::denial(self.to_client.buffer(), denied.code, &denied.event);
                true
            }
            Answered::Pass | Answered::Begun => false,
        };
        while let Some(ran) = self.session.ran() {
            self.tell(ran);
        }
        if let Back::Key(key) = back {
            self.key = self.worker.shared.cancel.register(key, &self.connection);
        }
        Ok(Some(Rest { bytes: unit.len, dropped }))
    }

    /// What is waited for, and how long.
    fn set_deadline(&mut self) {
        let limits = self.worker.limits();
        let (wait, reason) = if !self.session.has_begun() {
            // One deadline from the first byte to the first statement: it is not put off.
            return;
        } else if !self.to_client.is_empty() {
            (limits.write_progress, CLIENT_SLOW)
        } else if !self.to_server.is_empty() {
            (limits.response, SERVER_SLOW)
        } else if !self.from_client.is_empty() || self.client_rest.bytes > 0 {
            (limits.body_progress, MESSAGE_SLOW)
        } else {
            (IDLE.min(self.connection.peer.lasts(SystemTime::now())), IDLE_LONG)
        };
        self.deadline.set(wait, reason);
    }

    /// Ready when something has moved. The deadline is set when it is first waited for, and not put off by waiting on.
    fn poll_step(&mut self, cx: &mut Context<'_>, has_deadline: &mut bool) -> Poll<Result<(), End>> {
        let mut moved = false;
        let writes =
            [self.to_server.poll_send_any(cx, &mut self.server), self.to_client.poll_send_any(cx, &mut self.client)];
        for (at, write) in writes.into_iter().enumerate() {
            match write {
                Poll::Ready(Ok(sent)) => moved |= sent,
                Poll::Ready(Err(_)) if at == 0 => return Poll::Ready(Err(End::Broken(SERVER_GONE))),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Over)),
                Poll::Pending => {}
            }
        }
        let scratch = &self.worker.scratch;
        if self.to_server.is_empty() {
            match self.from_client.poll_fill(cx, scratch, &mut self.client, Scratch::BYTES) {
                Poll::Ready(Ok(1..)) => moved = true,
                Poll::Ready(_) => return Poll::Ready(Err(End::Over)),
                Poll::Pending => {}
            }
        }
        if self.to_client.is_empty() {
            match self.from_server.poll_fill(cx, scratch, &mut self.server, Scratch::BYTES) {
                Poll::Ready(Ok(1..)) => moved = true,
                Poll::Ready(_) => return Poll::Ready(Err(self.server_gone())),
                Poll::Pending => {}
            }
        }
        if moved {
            return Poll::Ready(Ok(()));
        }
        if self.session.is_quiet() && self.is_stopped(cx) {
            return Poll::Ready(Err(End::Stopped));
        }
        if !std::mem::replace(has_deadline, true) {
            self.set_deadline();
        }
        self.deadline.poll_passed(cx).map(|reason| Err(End::Refused(reason)))
    }

    /// Whether the sidecar stops. Who waits for it is woken by it: it is asked once, and looked at from then on.
    fn is_stopped(&mut self, cx: &mut Context<'_>) -> bool {
        if self.awaits_stop {
            return self.worker.stopping();
        }
        self.awaits_stop = true;
        self.stopped.as_mut().poll(cx).is_ready()
    }

    /// A server that has ended the session has said why; one that breaks off has not.
    fn server_gone(&self) -> End {
        if self.session.is_over() { End::Over } else { End::Broken(SERVER_GONE) }
    }
}

/// Moves what has come of the rest of a message, or drops it.
fn pass(inbox: &mut Inbox, outbox: &mut Outbox, rest: Rest) -> Rest {
    let count = rest.bytes.min(inbox.len());
    if count == 0 {
        return rest;
    }
    if !rest.dropped {
        outbox.buffer().extend_from_slice(inbox.unread().get(..count).unwrap_or_default());
    }
    inbox.consume(count);
    Rest { bytes: rest.bytes - count, ..rest }
}
