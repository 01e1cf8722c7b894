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
use crate::protocol::postgres::front;
use crate::protocol::postgres::session::Answered;
use crate::protocol::postgres::startup::CancelKey;
use crate::proxy::database::{End, HIGH_BYTES, Passage, Sides, Subject, Turns, pass_on};
use crate::proxy::deadline::Deadline;
use std::time::Duration;

impl Wire<'_> {
    /// Deals with the client's messages as far as they have come, and as the server takes them.
    fn client_messages(&mut self, came: &[u8]) -> Result<(), End> {
        let dealt = pass_on(self, Side::Client, came, Self::client_passage);
        let held = self.sides.from_client.len() + self.texts.get();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    #[inline(never)]
    fn client_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), End> {
        let mut rest = passage.end(self.sides.client_rest, &mut self.sides.to_server);
        if rest.bytes == 0 && !self.leaving && self.round(passage.unread())? {
            self.sides.client_rest = passage.pass(passage.unread().len());
            return Ok(());
        }
        let dealt = loop {
            let bytes = passage.unread();
            let waiting = self.sides.to_server.len() + passage.waiting();
            if rest.bytes > 0 || bytes.is_empty() || waiting > HIGH_BYTES {
                break Ok(());
            }
            // Behind the last message nothing is said any more; that the client has gone is still seen.
            if self.leaving {
                passage.skip(bytes.len(), &mut self.sides.to_server);
                break Ok(());
            }
            match self.client_message(bytes) {
                Ok(None) => break Ok(()),
                Ok(Some((len, Fate::Forward))) => rest = passage.pass(len),
                Ok(Some((len, Fate::Last))) => {
                    passage.pass(len);
                    break self.leaves();
                }
                Ok(Some((len, Fate::Replaced(by)))) => {
                    rest = passage.skip(len, &mut self.sides.to_server);
                    by(self.sides.to_server.buffer());
                }
                Err(end) => break Err(end),
            }
        };
        self.sides.client_rest = rest;
        dealt
    }

    /// Deals with the client's next message, once it has come: its length, and what becomes of it.
    fn client_message(&mut self, bytes: &[u8]) -> Result<Option<(usize, Fate)>, End> {
        let refused = |malformed: Malformed| End::Refused(malformed.why);
        let Some(unit) = frame::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(None) };
        let front = front::read(&unit, bytes).map_err(refused)?;
        Ok(Some((unit.len, self.ask(&front)?)))
    }

    /// Deals with the server's messages as far as they have come, and as the client takes them.
    fn server_messages(&mut self, came: &[u8]) -> Result<(), End> {
        pass_on(self, Side::Server, came, |session, passage| {
            session.server_passage(passage).map_err(|why| {
                if why == ROWS { End::Refused(ROWS) } else { End::Broken(Reason { kind: Kind::Upstream, ..why }) }
            })
        })?;
        if self.leaving { self.leaves() } else { Ok(()) }
    }

    /// A client that has said its last is told what it has asked before.
    #[cold]
    fn leaves(&mut self) -> Result<(), End> {
        self.leaving = true;
        let is_answered = self.session.is_quiet() || !self.session.has_begun();
        let is_passed = self.sides.server_rest.bytes == 0 && self.sides.from_server.is_empty();
        if is_answered && is_passed { Err(End::Over) } else { Ok(()) }
    }

    #[inline(never)]
    fn server_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), Reason> {
        let mut rest = passage.end(self.sides.server_rest, &mut self.sides.to_client);
        if rest.bytes == 0
            && let Some(ran) = self.session.answered_at_once(passage.unread())
        {
            self.subject.tell(ran.run, ran.rows, ran.failed);
            self.sides.server_rest = passage.pass(passage.unread().len());
            return Ok(());
        }
        let dealt = loop {
            let bytes = passage.unread();
            if rest.bytes > 0 || bytes.is_empty() || self.sides.to_client.len() + passage.waiting() > HIGH_BYTES {
                break Ok(());
            }
            match self.server_message(bytes) {
                Ok((0, _)) => break Ok(()),
                Ok((len, None)) => rest = passage.pass(len),
                Ok((len, Some(instead))) => {
                    rest = passage.skip(len, &mut self.sides.to_client);
                    self.sides.to_client.buffer().extend_from_slice(&instead);
                }
                Err(why) => break Err(why),
            }
        };
        self.sides.server_rest = rest;
        dealt
    }

    /// Deals with the server's next message, or rows: their length, 0 as long as they have not come, and what the client is
    /// told instead, if it is told something else.
    fn server_message(&mut self, bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>), Reason> {
        let (rows, rows_bytes) = frame::rows(bytes);
        if rows > 0 {
            self.session.brings(rows)?;
            return Ok((rows_bytes, None));
        }
        let Some(unit) = frame::from_server(bytes).map_err(|malformed| malformed.why)? else { return Ok((0, None)) };
        let back = back::read(&unit, bytes).map_err(|malformed| malformed.why)?;
        let instead = match back {
            Back::Error { .. } | Back::Challenge | Back::Key(_) => {
                self.rare_message(back, bytes.get(HEADER..unit.held).unwrap_or_default())?
            }
            back => {
                self.session.answered(back)?;
                None
            }
        };
        while let Some(ran) = self.session.ran() {
            self.subject.tell(ran.run, ran.rows, ran.failed);
        }
        Ok((unit.len, instead))
    }

    /// Follows a message of the server that the client may not get as it is, or that more than the session must know: what the
    /// client is told instead.
    #[cold]
    fn rare_message(&mut self, back: Back<'_>, body: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
        let login_failed = matches!(back, Back::Error { code: [b'2', b'8', ..], .. }) && !self.session.has_begun();
        if login_failed {
            let (sessions, now) = (&self.subject.worker.shared.sessions, self.subject.now().since_start);
            sessions.login_failed(sessions.kind(&self.subject.caller), now);
        }
        if let Back::Key(key) = back {
            let key = CancelKey(key.into());
            self.key = self.subject.worker.shared.cancel.register(key, &self.subject.connection);
        }
        let mut instead = Vec::new();
        if let Answered::Denied(denied) = self.session.answered(back)? {
            emit::denial(&mut instead, denied.code, &denied.event);
        }
        // A client in plaintext has no channel to bind to.
        if matches!(back, Back::Challenge) && !self.sides.client.is_in_tls() {
            emit::sasl_without_binding(&mut instead, body);
        }
        Ok(Some(instead).filter(|instead| !instead.is_empty()))
    }
}

impl<'w> Turns<'w> for Wire<'w> {
    fn parts(&mut self) -> (&Subject<'w>, &mut Sides, &mut Deadline) {
        (&self.subject, &mut self.sides, &mut self.deadline)
    }

    fn deal(&mut self, came: Option<(Side, &[u8])>) -> Result<(), End> {
        match came {
            Some((Side::Client, came)) => self.client_messages(came),
            Some((Side::Server, came)) => self.server_messages(came),
            None => self.client_messages(&[]).and_then(|()| self.server_messages(&[])),
        }
    }

    /// It has gone if it has said its last before. What is not ended, the server does not answer.
    fn hangs_up(&mut self) -> Result<(), End> {
        let is_ended =
            self.sides.client_rest.bytes == 0 && self.sides.from_client.is_empty() && self.session.is_ended();
        if self.leaving || !is_ended { Err(End::Over) } else { self.leaves() }
    }

    fn reads_client(&self) -> bool {
        true
    }

    fn is_quiet(&self) -> bool {
        self.session.is_quiet()
    }

    fn is_over(&self) -> bool {
        self.session.is_over() || self.leaving
    }

    /// There is one deadline from the first byte to the first statement.
    fn wait(&self) -> Option<(Duration, Reason)> {
        let limits = self.subject.worker.limits();
        let is_begun = !self.sides.from_client.is_empty() || self.sides.client_rest.bytes > 0;
        self.session.has_begun().then(|| match () {
            () if !self.sides.to_client.is_empty() => (limits.write_progress, CLIENT_SLOW),
            () if !self.sides.to_server.is_empty() => (limits.response, SERVER_SLOW),
            () if is_begun => (limits.body_progress, MESSAGE_SLOW),
            () => (self.subject.may_idle(), IDLE_LONG),
        })
    }

    fn ends(&mut self, reason: Option<&Reason>, says: &str, event: &str) {
        emit::fatal(self.sides.to_client.buffer(), reason.map_or("57P01", report::code), says, event);
    }
}
