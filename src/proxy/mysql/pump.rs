//! Both directions of a session, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has. A command waits until the one before it is answered.

use super::login::asks_for_other;
use super::{Asked, Awaited, CLIENT_SLOW, Due, IDLE_LONG, MESSAGE_SLOW, SERVER_SLOW, Wire, files, report};
use crate::flow::{Kind, Reason};
use crate::protocol::Malformed;
use crate::protocol::mysql::answer::{HEAD_BYTES, Seen};
use crate::protocol::mysql::command;
use crate::protocol::mysql::packet::{HEADER, Packet};
use crate::protocol::mysql::{AUTHENTICATION, INFILE, LENGTH, ROWS, STATE, emit, handshake};
use crate::proxy::database::{End, HIGH_BYTES, Rest, Sides, Subject, Turns, pass};
use crate::proxy::deadline::Deadline;
use std::time::Duration;

impl Wire<'_> {
    /// Deals with the client's packets as far as they have come, and as the server takes them.
    fn client_packets(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.sides.from_client);
        let dealt = loop {
            self.sides.client_rest = pass(&mut inbox, &mut self.sides.to_server, self.sides.client_rest);
            if self.sides.client_rest.bytes > 0 || self.sides.to_server.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            let dealt = match (&self.awaited, self.goes_on) {
                (_, true) => Ok(self.further(inbox.unread())),
                (Some(Awaited { due: Due::Proof, .. }), _) => self.reply(inbox.unread()),
                (Some(Awaited { due: Due::File, .. }), _) => self.piece(inbox.unread()),
                (Some(_), _) => break Ok(()),
                (None, _) => self.client_command(inbox.unread()),
            };
            match dealt {
                Ok(Some(rest)) => self.sides.client_rest = rest,
                Ok(None) => break Ok(()),
                Err(end) => break Err(end),
            }
        };
        self.sides.from_client = inbox;
        let held = self.sides.from_client.len() + self.texts.get() + self.statements.bytes();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    /// A packet that goes on with the payload of the one before.
    fn further(&mut self, bytes: &[u8]) -> Option<Rest> {
        let packet = Packet::of(bytes)?;
        self.goes_on = packet.goes_on();
        if let Some(awaited) = &mut self.awaited {
            awaited.next = packet.number.wrapping_add(1);
        }
        Some(Rest { bytes: packet.whole(), ..self.sides.client_rest })
    }

    /// What a client sends to prove itself as another user.
    fn reply(&mut self, bytes: &[u8]) -> Result<Option<Rest>, End> {
        let Some(packet) = Packet::of(bytes) else { return Ok(None) };
        if packet.len > handshake::ANSWER_BYTES {
            return Err(End::Refused(LENGTH));
        }
        if let Some(awaited) = &mut self.awaited {
            // Numbered as an answer, it is no command to the server, whatever that waits for.
            if packet.number == 0 || packet.number != awaited.next.wrapping_sub(1) {
                return Err(End::Refused(STATE));
            }
            awaited.due = Due::Nothing;
        }
        Ok(Some(Rest { bytes: packet.whole(), dropped: false }))
    }

    fn client_command(&mut self, bytes: &[u8]) -> Result<Option<Rest>, End> {
        let refused = |malformed: Malformed| End::Refused(malformed.why);
        let Some(unit) = command::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(None) };
        let command = command::read(&unit, bytes).map_err(refused)?;
        let goes_on = self.ask(&command)?;
        if command == command::Command::Quit {
            self.sides.to_server.buffer().extend_from_slice(bytes.get(..unit.packet.whole()).unwrap_or_default());
            return Err(End::Over);
        }
        self.goes_on = unit.packet.goes_on();
        Ok(Some(Rest { bytes: unit.packet.whole(), dropped: !goes_on }))
    }

    /// Deals with the server's packets as far as they have come, and as the client takes them.
    fn server_packets(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.sides.from_server);
        let dealt = loop {
            self.sides.server_rest = pass(&mut inbox, &mut self.sides.to_client, self.sides.server_rest);
            if self.sides.server_rest.bytes > 0 || self.sides.to_client.len() > HIGH_BYTES || inbox.is_empty() {
                break Ok(());
            }
            match self.server_packet(inbox.unread()) {
                Ok(Some(bytes)) => self.sides.server_rest = Rest { bytes, dropped: false },
                Ok(None) => break Ok(()),
                Err(why) if [ROWS, INFILE, AUTHENTICATION].contains(&why) => break Err(End::Refused(why)),
                Err(why) => break Err(End::Broken(Reason { kind: Kind::Upstream, ..why })),
            }
        };
        self.sides.from_server = inbox;
        dealt
    }

    /// Follows the server's next packet: its bytes, once enough of it has come.
    fn server_packet(&mut self, bytes: &[u8]) -> Result<Option<usize>, Reason> {
        let Some(packet) = Packet::of(bytes) else { return Ok(None) };
        let wanted = packet.len.min(HEAD_BYTES);
        let Some(head) = bytes.get(HEADER..HEADER + wanted) else { return Ok(None) };
        let Some(awaited) = &mut self.awaited else {
            // It ends the session of its own accord: an error that answers nothing.
            self.over = head.first() == Some(&0xff);
            return if self.over { Ok(Some(packet.whole())) } else { Err(STATE) };
        };
        if awaited.next != packet.number || awaited.due == Due::File {
            return Err(STATE);
        }
        let seen = awaited.answer.packet(&packet, head)?;
        if self.half_in_tls && matches!(awaited.asked, Asked::User(_)) && asks_for_other(head) {
            return Err(AUTHENTICATION);
        }
        if seen.file {
            let Some(name) = files::name(&packet, bytes)? else { return Ok(None) };
            awaited.is_asked_for(name)?;
        }
        awaited.next = packet.number.wrapping_add(1);
        self.seen(&seen)?;
        Ok(Some(packet.whole()))
    }

    fn seen(&mut self, seen: &Seen) -> Result<(), Reason> {
        if let Some(status) = seen.status {
            self.settings.status(status);
        }
        if let Some((number, values)) = seen.prepared {
            self.statements.confirm(number, values);
        }
        let Some(awaited) = &mut self.awaited else { return Ok(()) };
        if seen.asks {
            awaited.due = Due::Proof;
            awaited.next = awaited.next.wrapping_add(1);
        }
        awaited.changed = awaited.changed.saturating_add(seen.changed);
        if seen.row {
            awaited.rows += 1;
            awaited.brought.set(awaited.brought.get().saturating_add(1));
            if awaited.most.is_some_and(|most| awaited.brought.get() > most) {
                return Err(ROWS);
            }
        }
        if seen.over
            && let Some(awaited) = self.awaited.take()
        {
            self.answered(awaited, seen);
        }
        Ok(())
    }

    /// The answer to a command is over.
    fn answered(&mut self, awaited: Awaited, seen: &Seen) {
        let done = seen.failed.is_none();
        match awaited.asked {
            Asked::Plain => {}
            Asked::Text(understood) if understood.leaves_no_trace() => {}
            Asked::Text(understood) => {
                self.clean.forget();
                understood.follow(&mut self.settings, done);
            }
            Asked::Database(database) if done => {
                self.clean.forget();
                self.settings.uses(&database);
            }
            Asked::Database(_) => {}
            Asked::User(as_whom) if done => {
                let (who, settings) = *as_whom;
                self.clean.forget();
                self.subject.becomes(who);
                self.settings = settings;
                self.statements.clear();
                seen.status.into_iter().for_each(|status| self.settings.status(status));
            }
            // The server closes the connection.
            Asked::User(_) => self.over = true,
            Asked::Anew if done => {
                let databases = std::mem::take(&mut self.settings.databases);
                self.clean.forget();
                self.settings = super::Settings { databases, ..self.first.clone() };
                self.statements.clear();
                seen.status.into_iter().for_each(|status| self.settings.status(status));
            }
            Asked::Anew => {}
        }
        if let Some(run) = awaited.run {
            self.subject.tell(run, awaited.rows.max(awaited.changed), seen.failed.map(|(_, state)| state));
        }
    }

    /// Whether the server waits for more of the client.
    fn client_is_due(&self) -> bool {
        let is_asked = self.awaited.as_ref().is_some_and(|awaited| awaited.due != Due::Nothing);
        self.sides.client_rest.bytes > 0 || self.goes_on || is_asked
    }
}

impl<'w> Turns<'w> for Wire<'w> {
    fn parts(&mut self) -> (&Subject<'w>, &mut Sides, &mut Deadline) {
        (&self.subject, &mut self.sides, &mut self.deadline)
    }

    /// The server first: its answer lets the next command go on.
    fn deal(&mut self) -> Result<(), End> {
        self.server_packets().and_then(|()| self.client_packets())
    }

    /// A client that sends ahead is not read further than one piece.
    fn reads_client(&self) -> bool {
        self.awaited.is_none() || self.sides.from_client.is_empty() || self.client_is_due()
    }

    fn is_quiet(&self) -> bool {
        self.awaited.is_none() && self.sides.client_rest.bytes == 0
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn wait(&self) -> Option<(Duration, Reason)> {
        let limits = self.subject.worker.limits();
        let is_begun = self.client_is_due() || self.awaited.is_none() && !self.sides.from_client.is_empty();
        Some(match () {
            () if !self.sides.to_client.is_empty() => (limits.write_progress, CLIENT_SLOW),
            () if !self.sides.to_server.is_empty() => (limits.response, SERVER_SLOW),
            () if is_begun => (limits.body_progress, MESSAGE_SLOW),
            () => (self.subject.may_idle(), IDLE_LONG),
        })
    }

    async fn close(mut self, end: End) {
        let told = match end {
            End::Over => None,
            End::Refused(reason) | End::Broken(reason) => Some((report::code(&reason), Some(reason))),
            End::Stopped => Some((emit::STOPPED, None)),
        };
        if let Some((code, reason)) = told {
            let event = reason.map(|reason| self.subject.note_end(reason).to_string()).unwrap_or_default();
            let says = if reason.is_some() { "the session is ended" } else { "the sidecar stops" };
            // In the middle of a packet nothing can be said. Clients take an error under any number once they wait.
            if self.sides.server_rest.bytes == 0 {
                let number = self.awaited.as_ref().map_or(1, |awaited| awaited.next);
                emit::error(self.sides.to_client.buffer(), number, code, says, &event);
            }
        }
        self.sides.farewell().await;
    }
}
