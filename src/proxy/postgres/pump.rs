//! Both directions of a session, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has.

use super::judge::Fate;
use super::{CLIENT_SLOW, IDLE_LONG, MESSAGE_SLOW, SERVER_SLOW, Wire, report};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::postgres::ROWS;
use crate::protocol::postgres::back::{self, Back};
use crate::protocol::postgres::emit;
use crate::protocol::postgres::frame::{self, HEADER, Unit};
use crate::protocol::postgres::front::{self, Front};
use crate::protocol::postgres::session::Answered;
use crate::proxy::database::{End, Gone, HIGH_BYTES, IDLE, Rest, SERVER_GONE, pass};
use crate::proxy::tls::Stream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::SystemTime;

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
            let event = reason.map(|reason| self.subject.note_end(reason).to_string()).unwrap_or_default();
            let says = if reason.is_some() { "the session is ended" } else { "the sidecar stops" };
            // In the middle of a message nothing can be said.
            if self.sides.server_rest.bytes == 0 {
                emit::fatal(self.sides.to_client.buffer(), code, says, &event);
            }
        }
        self.sides.farewell().await;
    }

    /// Deals with the client's messages as far as they have come, and as the server takes them.
    fn client_messages(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.sides.from_client);
        let dealt = loop {
            self.sides.client_rest = pass(&mut inbox, &mut self.sides.to_server, self.sides.client_rest);
            if self.sides.client_rest.bytes > 0 || self.sides.to_server.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            match self.client_message(inbox.unread()) {
                Ok(Some((unit, dropped))) => {
                    self.sides.client_rest = Rest { bytes: unit.len, dropped };
                }
                Ok(None) => break Ok(()),
                Err(end) => break Err(end),
            }
        };
        self.sides.from_client = inbox;
        let held = self.sides.from_client.len() + self.texts.get();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    /// Deals with the client's next message: its length, and whether it is dropped.
    fn client_message(&mut self, bytes: &[u8]) -> Result<Option<(Unit, bool)>, End> {
        let refused = |malformed: Malformed| End::Refused(malformed.why);
        let Some(unit) = frame::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(None) };
        let front = front::read(&unit, bytes).map_err(refused)?;
        let fate = self.ask(&front)?;
        if front == Front::Terminate {
            self.sides.to_server.buffer().extend_from_slice(bytes.get(..unit.len).unwrap_or_default());
            return Err(End::Over);
        }
        Ok(Some((unit, fate == Fate::Replaced)))
    }

    /// Deals with the server's messages as far as they have come, and as the client takes them.
    fn server_messages(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.sides.from_server);
        let dealt = loop {
            self.sides.server_rest = pass(&mut inbox, &mut self.sides.to_client, self.sides.server_rest);
            if self.sides.server_rest.bytes > 0 || self.sides.to_client.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            match self.server_message(inbox.unread()) {
                Ok(Some(rest)) => self.sides.server_rest = rest,
                Ok(None) => break Ok(()),
                Err(why) if why == ROWS => break Err(End::Refused(ROWS)),
                Err(why) => break Err(End::Broken(Reason { kind: Kind::Upstream, ..why })),
            }
        };
        self.sides.from_server = inbox;
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
        if back == Back::Challenge && matches!(self.sides.client, Stream::Plain(_)) {
            let body = bytes.get(HEADER..unit.held).unwrap_or_default();
            if emit::sasl_without_binding(self.sides.to_client.buffer(), body) {
                self.session.answered(&back)?;
                return Ok(Some(Rest { bytes: unit.len, dropped: true }));
            }
        }
        if matches!(&back, Back::Error { code: [b'2', b'8', ..], .. }) && !self.session.has_begun() {
            let (sessions, now) = (&self.subject.worker.shared.sessions, self.subject.worker.now().since_start);
            sessions.login_failed(sessions.kind(&self.subject.caller), now);
        }
        let dropped = match self.session.answered(&back)? {
            Answered::Denied(denied) => {
                emit::denial(self.sides.to_client.buffer(), denied.code, &denied.event);
                true
            }
            Answered::Pass | Answered::Begun => false,
        };
        while let Some(ran) = self.session.ran() {
            self.subject.tell(ran.run, ran.rows, ran.failed);
        }
        if let Back::Key(key) = back {
            self.key = self.subject.worker.shared.cancel.register(key, &self.subject.connection);
        }
        Ok(Some(Rest { bytes: unit.len, dropped }))
    }

    /// What is waited for, and how long.
    fn set_deadline(&mut self) {
        let limits = self.subject.worker.limits();
        let (wait, reason) = if !self.session.has_begun() {
            // One deadline from the first byte to the first statement: it is not put off.
            return;
        } else if !self.sides.to_client.is_empty() {
            (limits.write_progress, CLIENT_SLOW)
        } else if !self.sides.to_server.is_empty() {
            (limits.response, SERVER_SLOW)
        } else if !self.sides.from_client.is_empty() || self.sides.client_rest.bytes > 0 {
            (limits.body_progress, MESSAGE_SLOW)
        } else {
            (IDLE.min(self.subject.connection.peer.lasts(SystemTime::now())), IDLE_LONG)
        };
        self.deadline.set(wait, reason);
    }

    /// Ready when something has moved. The deadline is set when it is first waited for, and not put off by waiting on.
    fn poll_step(&mut self, cx: &mut Context<'_>, has_deadline: &mut bool) -> Poll<Result<(), End>> {
        let sent = match self.sides.send(cx) {
            Ok(sent) => sent,
            Err(Gone::Server) => return Poll::Ready(Err(End::Broken(SERVER_GONE))),
            Err(Gone::Client) => return Poll::Ready(Err(End::Over)),
        };
        let filled = match self.sides.fill(cx, &self.subject.worker.scratch, true) {
            Ok(filled) => filled,
            Err(Gone::Server) => return Poll::Ready(Err(self.server_gone())),
            Err(Gone::Client) => return Poll::Ready(Err(End::Over)),
        };
        if sent || filled {
            return Poll::Ready(Ok(()));
        }
        if self.session.is_quiet() && self.sides.is_stopped(self.subject.worker, cx) {
            return Poll::Ready(Err(End::Stopped));
        }
        if !std::mem::replace(has_deadline, true) {
            self.set_deadline();
        }
        self.deadline.poll_passed(cx).map(|reason| Err(End::Refused(reason)))
    }

    /// A server that has ended the session has said why; one that breaks off has not.
    fn server_gone(&self) -> End {
        if self.session.is_over() { End::Over } else { End::Broken(SERVER_GONE) }
    }
}
