//! Both directions of a session, driven by one task: what was read is dealt with, what is to be said is written, and
//! nothing more is read for a side that does not take what it has. A command waits until the one before it is answered.

use super::login::asks_for_other;
use super::{Asked, Awaited, CLIENT_SLOW, Due, IDLE_LONG, MESSAGE_SLOW, SERVER_SLOW, Wire, files, report};
use crate::flow::{Kind, Reason, Side};
use crate::protocol::Malformed;
use crate::protocol::mysql::answer::{HEAD_BYTES, Seen};
use crate::protocol::mysql::command;
use crate::protocol::mysql::packet::{HEADER, Packet};
use crate::protocol::mysql::{AUTHENTICATION, INFILE, LENGTH, ROWS, STATE, emit, handshake};
use crate::proxy::database::{End, HIGH_BYTES, Passage, Rest, Sides, Subject, Turns, pass_on};
use crate::proxy::deadline::Deadline;
use std::time::Duration;

impl Wire<'_> {
    /// Deals with the client's packets as far as they have come, and as the server takes them.
    fn client_packets(&mut self, came: &[u8]) -> Result<(), End> {
        let dealt = pass_on(self, Side::Client, came, Self::client_passage);
        let held = self.sides.from_client.len() + self.texts.get() + self.statements.bytes();
        dealt.and_then(|()| self.share.resize(held).map_err(End::Refused))
    }

    fn client_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), End> {
        let mut rest = self.sides.client_rest;
        loop {
            self.sides.client_rest = passage.end(rest, &mut self.sides.to_server);
            let (bytes, waiting) = (passage.unread(), self.sides.to_server.len() + passage.waiting());
            if self.sides.client_rest.bytes > 0 || waiting > HIGH_BYTES || bytes.is_empty() {
                return Ok(());
            }
            let goes_on = |rest| (rest, false);
            let dealt = match (&self.awaited, self.goes_on) {
                (_, true) => self.further(bytes).map(goes_on),
                (Some(Awaited { due: Due::Proof, .. }), _) => self.reply(bytes)?.map(goes_on),
                (Some(Awaited { due: Due::File, .. }), _) => self.piece(bytes)?.map(goes_on),
                (Some(_), _) => return Ok(()),
                (None, _) => self.client_command(bytes)?,
            };
            match dealt {
                None => return Ok(()),
                Some((next, false)) => rest = next,
                Some((last, true)) => {
                    passage.pass(last.bytes);
                    return Err(End::Over);
                }
            }
        }
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

    /// What becomes of the client's next command, and whether it is its last.
    fn client_command(&mut self, bytes: &[u8]) -> Result<Option<(Rest, bool)>, End> {
        let refused = |malformed: Malformed| End::Refused(malformed.why);
        let Some(unit) = command::from_client(bytes, &self.limits).map_err(refused)? else { return Ok(None) };
        let command = command::read(&unit, bytes).map_err(refused)?;
        let goes_on = self.ask(&command)?;
        self.goes_on = unit.packet.goes_on();
        let is_last = command == command::Command::Quit;
        Ok(Some((Rest { bytes: unit.packet.whole(), dropped: !goes_on }, is_last)))
    }

    /// Deals with the server's packets as far as they have come, and as the client takes them.
    fn server_packets(&mut self, came: &[u8]) -> Result<(), End> {
        pass_on(self, Side::Server, came, Self::server_passage)
    }

    fn server_passage(&mut self, passage: &mut Passage<'_>) -> Result<(), End> {
        let mut rest = self.sides.server_rest;
        loop {
            self.sides.server_rest = passage.end(rest, &mut self.sides.to_client);
            let (bytes, waiting) = (passage.unread(), self.sides.to_client.len() + passage.waiting());
            if self.sides.server_rest.bytes > 0 || waiting > HIGH_BYTES || bytes.is_empty() {
                return Ok(());
            }
            match self.server_packet(bytes) {
                Ok(Some(bytes)) => rest = Rest { bytes, dropped: false },
                Ok(None) => return Ok(()),
                Err(why) if [ROWS, INFILE, AUTHENTICATION].contains(&why) => return Err(End::Refused(why)),
                Err(why) => return Err(End::Broken(Reason { kind: Kind::Upstream, ..why })),
            }
        }
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
            Asked::Named(text) => {
                if !text.understood.leaves_no_trace() {
                    self.clean.forget();
                    text.understood.follow(&mut self.settings, done);
                }
                self.names(&text, done);
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
                self.named.clear();
                seen.status.into_iter().for_each(|status| self.settings.status(status));
            }
            // The server closes the connection.
            Asked::User(_) => self.over = true,
            Asked::Anew if done => {
                let databases = std::mem::take(&mut self.settings.databases);
                self.clean.forget();
                self.settings = super::Settings { databases, ..self.first.clone() };
                self.statements.clear();
                self.named.clear();
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
    fn deal(&mut self, came: Option<(Side, &[u8])>) -> Result<(), End> {
        match came {
            Some((Side::Client, came)) => self.client_packets(came),
            Some((Side::Server, came)) => self.server_packets(came).and_then(|()| self.client_packets(&[])),
            None => self.server_packets(&[]).and_then(|()| self.client_packets(&[])),
        }
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

    fn ends(&mut self, reason: Option<&Reason>, says: &str, event: &str) {
        // Clients take an error under any number once they wait.
        let number = self.awaited.as_ref().map_or(1, |awaited| awaited.next);
        emit::error(self.sides.to_client.buffer(), number, reason.map_or(emit::STOPPED, report::code), says, event);
    }
}
