//! Both directions of a session, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has.

use super::judge::Fate;
use super::{CLIENT_SLOW, IDLE_LONG, MESSAGE_SLOW, SERVER_SLOW, Wire, report};
use crate::flow::{Kind, Reason, Side};
use crate::protocol::Malformed;
use crate::protocol::postgres::ROWS;
use crate::protocol::postgres::back::{self, Back};
use crate::protocol::postgres::emit;
use crate::protocol::postgres::frame::{self, HEADER};
use crate::protocol::postgres::front::{self, Front};
use crate::protocol::postgres::session::Answered;
use crate::protocol::postgres::startup::CancelKey;
use crate::proxy::database::{End, HIGH_BYTES, IDLE, Moved, Passage, Rest, SERVER_GONE};
use crate::proxy::tls::Stream;
use std::future::poll_fn;
use std::task::{Context, Poll};

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
        if self.sides.from_client.is_empty() {
            return Ok(());
        }
        let mut inbox = std::mem::take(&mut self.sides.from_client);
        let mut passage = Passage::of(inbox.unread());
        let dealt = self.client_passage(&mut passage);
        passage.flush(&mut self.sides.to_server);
        let count = passage.dealt();
        inbox.consume(count);
        self.sides.from_client = inbox;
        let held = self.sides.from_client.len() + self.texts.get();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    fn client_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), End> {
        loop {
            self.sides.client_rest = passage.pass(self.sides.client_rest, &mut self.sides.to_server);
            let bytes = passage.unread();
            let full = self.sides.to_server.len() + passage.waiting() > HIGH_BYTES;
            if self.sides.client_rest.bytes > 0 || full || bytes.is_empty() {
                return Ok(());
            }
            let refused = |malformed: Malformed| End::Refused(malformed.why);
            let Some(unit) = frame::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(()) };
            let front = front::read(&unit, bytes).map_err(refused)?;
            let fate = self.ask(&front)?;
            if let Fate::Replaced(by) = fate {
                passage.flush(&mut self.sides.to_server);
                by(self.sides.to_server.buffer());
            }
            self.sides.client_rest = Rest { bytes: unit.len, dropped: matches!(fate, Fate::Replaced(_)) };
            if matches!(front, Front::Terminate) {
                passage.pass(self.sides.client_rest, &mut self.sides.to_server);
                return Err(End::Over);
            }
        }
    }

    /// Deals with the server's messages as far as they have come, and as the client takes them.
    fn server_messages(&mut self) -> Result<(), End> {
        if self.sides.from_server.is_empty() {
            return Ok(());
        }
        let mut inbox = std::mem::take(&mut self.sides.from_server);
        let mut passage = Passage::of(inbox.unread());
        let dealt = self.server_passage(&mut passage);
        passage.flush(&mut self.sides.to_client);
        let count = passage.dealt();
        inbox.consume(count);
        self.sides.from_server = inbox;
        dealt.map_err(|why| {
            if why == ROWS { End::Refused(ROWS) } else { End::Broken(Reason { kind: Kind::Upstream, ..why }) }
        })
    }

    fn server_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), Reason> {
        loop {
            self.sides.server_rest = passage.pass(self.sides.server_rest, &mut self.sides.to_client);
            let bytes = passage.unread();
            let full = self.sides.to_client.len() + passage.waiting() > HIGH_BYTES;
            if self.sides.server_rest.bytes > 0 || full || bytes.is_empty() {
                return Ok(());
            }
            let (rows, rows_bytes) = frame::rows(bytes);
            if rows > 0 {
                self.session.brings(rows)?;
                self.sides.server_rest = Rest { bytes: rows_bytes, dropped: false };
                continue;
            }
            let Some(unit) = frame::from_server(bytes).map_err(|malformed| malformed.why)? else { return Ok(()) };
            let back = back::read(&unit, bytes).map_err(|malformed| malformed.why)?;
            let instead = self.server_message(back, bytes.get(HEADER..unit.held).unwrap_or_default())?;
            if let Some(instead) = &instead {
                passage.flush(&mut self.sides.to_client);
                self.sides.to_client.buffer().extend_from_slice(instead);
            }
            self.sides.server_rest = Rest { bytes: unit.len, dropped: instead.is_some() };
        }
    }

    /// Follows a message of the server: what the client is told instead of it, if it is told something else.
    fn server_message(&mut self, back: Back<'_>, body: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
        let instead = match back {
            Back::Error { code, .. } => self.failed(back, code)?,
            Back::Challenge => {
                self.session.answered(back)?;
                self.offer(body)
            }
            Back::Key(key) => {
                let key = CancelKey(key.into());
                self.key = self.subject.worker.shared.cancel.register(key, &self.subject.connection);
                None
            }
            back => {
                self.session.answered(back)?;
                None
            }
        };
        while let Some(ran) = self.session.ran() {
            self.subject.tell(ran.run, ran.rows, ran.failed);
        }
        Ok(instead)
    }

    /// An error: of a login, of a statement that was denied, or of one that was not.
    fn failed(&mut self, back: Back<'_>, code: [u8; 5]) -> Result<Option<Vec<u8>>, Reason> {
        if code.starts_with(b"28") && !self.session.has_begun() {
            let (sessions, now) = (&self.subject.worker.shared.sessions, self.subject.now().since_start);
            sessions.login_failed(sessions.kind(&self.subject.caller), now);
        }
        let Answered::Denied(denied) = self.session.answered(back)? else { return Ok(None) };
        let mut instead = Vec::new();
        emit::denial(&mut instead, denied.code, &denied.event);
        Ok(Some(instead))
    }

    /// What the server offers for SASL, to a client that cannot take all of it.
    fn offer(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut instead = Vec::new();
        let is_plain = matches!(self.sides.client, Stream::Plain(_));
        (is_plain && emit::sasl_without_binding(&mut instead, body)).then_some(instead)
    }

    /// What is waited for, and how long.
    fn set_deadline(&mut self) {
        let (limits, now) = (self.subject.worker.limits(), self.subject.now());
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
            (IDLE.min(self.subject.connection.peer.lasts(now.wall)), IDLE_LONG)
        };
        self.deadline.set_at(self.subject.worker.moment(now.since_start + wait), reason);
    }

    /// Ready when something has moved. The deadline is set when it is first waited for, and not put off by waiting on.
    fn poll_step(&mut self, cx: &mut Context<'_>, has_deadline: &mut bool) -> Poll<Result<(), End>> {
        match self.sides.step(cx, &self.subject.worker.scratch, true) {
            Ok(Moved::Dealable) => return Poll::Ready(Ok(())),
            Ok(Moved::Written) => *has_deadline = false,
            Ok(Moved::Nothing) => {}
            Err(Side::Server) => return Poll::Ready(Err(self.server_gone())),
            Err(Side::Client) => return Poll::Ready(Err(End::Over)),
        }
        if self.session.is_quiet() && self.sides.is_stopped(self.subject.worker, cx) {
            return Poll::Ready(Err(End::Stopped));
        }
        if !std::mem::replace(has_deadline, true) {
            self.set_deadline();
        }
        self.subject.waits();
        self.deadline.poll_passed(cx).map(|reason| Err(End::Refused(reason)))
    }

    /// A server that has ended the session has said why; one that breaks off has not.
    fn server_gone(&self) -> End {
        if self.session.is_over() { End::Over } else { End::Broken(SERVER_GONE) }
    }
}
