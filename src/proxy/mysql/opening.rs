//! The beginning of a session: the server greets, the client says who it is, which is judged before the server hears of it,
//! and proves it.

use super::leg::{Failed, Leg};
use super::login::Login;
use super::report;
use super::report::DIALECT;
use super::{Agreed, GREETS, NO_TLS, STARTUP_SLOW};
use crate::engine::Engine;
use crate::flow::{
    Connection, Direction, Kind, Message, Past, Peer, Place, Proof, Reason, Scene, Session as Exchanges, Side,
};
use crate::identity::Alpn;
use crate::protocol::mysql::accesses::Asked;
use crate::protocol::mysql::handshake::{self, Answer, First, Greeting};
use crate::protocol::mysql::packet::{HEADER, Packet, put};
use crate::protocol::mysql::settings::Settings;
use crate::protocol::mysql::{AUTHENTICATION, STATE, UNSUPPORTED, emit};
use crate::proxy::database::{Beginning, Opened, Proved, SERVER_GONE, Who, decided, refused};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::Inbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Mode};
use crate::proxy::upstream::{self, Connected, Target, Tls};
use crate::proxy::worker::Worker;
use crate::record::Caller;

/// A connection that has not yet begun its session.
pub(super) struct Opening<'w> {
    pub(super) worker: &'w Worker,
    pub(super) connection: Connection,
    pub(super) handshake: Option<Handshake>,
    pub(super) client: Leg,
    pub(super) deadline: Deadline,
    /// The number of the next packet for the client.
    pub(super) next: u8,
    pub(super) who: Who,
    /// The server, where it was connected to before.
    server: Option<Leg>,
}

/// What a client has said of itself.
struct Answered<'w> {
    opening: Opening<'w>,
    payload: Vec<u8>,
    answer: Answer,
    /// It has asked for TLS.
    in_tls: bool,
}

impl<'w> Opening<'w> {
    /// Of a client, and of a server if it was connected to before.
    pub(super) fn new(
        worker: &'w Worker,
        (client, server): (Leg, Option<Leg>),
        connection: Connection,
        handshake: Option<Handshake>,
    ) -> Self {
        let deadline = Deadline::after(worker.limits().header, STARTUP_SLOW);
        Self { worker, connection, handshake, client, deadline, next: 0, who: Who::default(), server }
    }

    /// Reads up to the end of the login, and opens the session.
    pub(super) async fn open(mut self, port: &Port) -> Option<Opened<Agreed>> {
        // What a rule asks of the server is looked at when the session is judged, before a word of the client goes on.
        let roots = &self.worker.shared.settings.roots;
        let Some(target) = port.target(self.connection.to, || None, &Proof::Unasked, roots) else {
            return self.refuse(upstream::CONNECT).await;
        };
        let (mut server, mut trust) = self.reach(target).await?;
        let greeting = self.greeting(&mut server, port).await?;
        let Answered { mut opening, payload, answer, in_tls } = self.answer(&greeting, port).await?;
        if !opening.is_granted().await {
            return None;
        }
        let to_tls = matches!(trust.tls, Tls::Named(..));
        if to_tls {
            if greeting.offers & handshake::SSL == 0 {
                return opening.refuse(NO_TLS).await;
            }
            server = opening.secure(server, &payload, &answer, &mut trust).await?;
        }
        // Who asks for TLS counts one packet more.
        let shift = u8::from(to_tls).wrapping_sub(u8::from(in_tls));
        if shift != 0 && handshake::depends_on_tls(answer.plugin.as_bytes()) {
            return opening.refuse(AUTHENTICATION).await;
        }
        put(server.outbox.buffer(), 1 + u8::from(to_tls), &handshake::forwarded(&payload, &answer, to_tls));
        let status = Login { opening: &mut opening, server: &mut server, shift }.follow().await?;
        Some(opening.begin(server, trust, &greeting, &answer, (status, shift != 0)))
    }

    /// The server, and what it has proved; one that was connected to before has proved nothing.
    async fn reach(&mut self, target: Target) -> Option<(Leg, Proved)> {
        if let Some(server) = self.server.take() {
            return Some((server, Proved { tls: target.tls, peer: Peer::Unverified, generation: 0 }));
        }
        let Connected { stream, peer, generation, .. } = match self.connect(&target).await {
            Ok(connected) => connected,
            Err(reason) => return self.refuse(reason).await,
        };
        if self.connection.direction == Direction::Outbound {
            self.connection.peer = peer.clone();
        }
        Some((Leg::new(stream, Inbox::default()), Proved { tls: target.tls, peer, generation }))
    }

    fn begin(
        mut self,
        server: Leg,
        trust: Proved,
        greeting: &Greeting,
        answer: &Answer,
        (status, half_in_tls): (u16, bool),
    ) -> Opened<Agreed> {
        let worker = self.worker;
        if self.connection.direction == Direction::Outbound {
            worker.shared.correlate.activate();
        }
        let mut settings = Settings::new(greeting.server, answer.collation, &self.who.database);
        // The server's own character set is the one that a session falls back to.
        let fallback = if answer.collation == 0 { 0 } else { greeting.collation };
        let mut first = Settings::new(greeting.server, fallback, &self.who.database);
        first.mode.utf8 &= settings.mode.utf8;
        settings.status(status);
        let deprecate_eof = answer.takes & handshake::DEPRECATE_EOF != 0;
        Opened {
            client: self.client.stream,
            server: server.stream,
            handshake: self.handshake,
            beginning: Box::new(Beginning {
                due: (self.deadline.due(), STARTUP_SLOW),
                connection: self.connection,
                who: self.who,
                client: (self.client.inbox, self.client.outbox),
                server: (server.inbox, server.outbox),
                trust,
                begins: Agreed { settings, first, deprecate_eof, half_in_tls },
            }),
        }
    }

    /// The server's greeting, which goes on without what is not carried.
    async fn greeting(&mut self, server: &mut Leg, port: &Port) -> Option<Greeting> {
        let packet = match server.packet(self.worker, &mut self.deadline, handshake::GREETING_BYTES).await {
            Ok(packet) => packet,
            Err(failed) => return self.fail(failed, true).await,
        };
        let payload = packet.get(HEADER..).unwrap_or_default();
        if payload.first() == Some(&0xff) {
            // It does not take us: it says why.
            self.client.outbox.buffer().extend_from_slice(&packet);
            let _ = self.client.send(&mut self.deadline).await;
            return None;
        }
        let files = self.worker.engine().loads_files(&self.connection);
        let tls = port.tls.mode == Mode::Permissive;
        match handshake::greeting(payload, handshake::Port { tls, files }) {
            Ok(greeting) => {
                put(self.client.outbox.buffer(), 0, &greeting.payload);
                self.next = 1;
                match self.client.send(&mut self.deadline).await {
                    Ok(()) => Some(greeting),
                    Err(failed) => self.fail(failed, false).await,
                }
            }
            Err(malformed) => self.fail(Failed::Said(malformed.why), true).await,
        }
    }

    /// What the client says of itself, in TLS if it asks for that.
    async fn answer(mut self, greeting: &Greeting, port: &Port) -> Option<Answered<'w>> {
        self.client.by_packet = greeting.tls;
        let mut payload = self.client_payload().await?;
        let mut first = handshake::first(&payload, greeting);
        let in_tls = first == Ok(First::Tls);
        if in_tls {
            self = self.in_tls(port).await?;
            payload = self.client_payload().await?;
            first = handshake::answer(&payload, greeting).map(First::Answer);
        }
        match first {
            Ok(First::Answer(answer)) => {
                self.who = Who {
                    user: answer.user.clone(),
                    database: answer.database.clone(),
                    application: answer.application.chars().take(64).collect(),
                };
                Some(Answered { opening: self, payload, answer, in_tls })
            }
            Ok(First::Tls) => self.refuse(STATE).await,
            Err(malformed) => self.refuse(malformed.why).await,
        }
    }

    async fn client_payload(&mut self) -> Option<Vec<u8>> {
        let mut packet = self.client_packet().await?;
        Some(packet.split_off(HEADER.min(packet.len())))
    }

    /// The client's next packet; its number must be the next one.
    pub(super) async fn client_packet(&mut self) -> Option<Vec<u8>> {
        match self.client.packet(self.worker, &mut self.deadline, handshake::ANSWER_BYTES).await {
            Ok(packet) if Packet::of(&packet).is_some_and(|header| header.number == self.next) => {
                self.next = self.next.wrapping_add(1);
                Some(packet)
            }
            Ok(_) => self.refuse(STATE).await,
            Err(failed) => self.fail(failed, false).await,
        }
    }

    pub(super) async fn server_packet(&mut self, server: &mut Leg) -> Option<Vec<u8>> {
        match server.send(&mut self.deadline).await {
            Ok(()) => {}
            Err(failed) => return self.fail(failed, true).await,
        }
        match server.packet(self.worker, &mut self.deadline, handshake::ANSWER_BYTES).await {
            Ok(packet) => Some(packet),
            Err(failed) => self.fail(failed, true).await,
        }
    }

    pub(super) async fn tell_client(&mut self) -> Option<()> {
        match self.client.send(&mut self.deadline).await {
            Ok(()) => Some(()),
            Err(failed) => self.fail(failed, false).await,
        }
    }

    async fn is_granted(&mut self) -> bool {
        let denied = {
            let asked = Asked::session(&self.who.user, &self.who.database);
            let (past, exchanges) = (Past::default(), Exchanges::default());
            let scene =
                Scene { connection: &self.connection, session: &exchanges, past: &past, now: self.worker.now() };
            let engine = self.worker.engine();
            let message = Message { side: Side::Client, accesses: &asked.accesses(), parts: &[], last: true };
            let mut case = engine.open(&scene);
            let sessions = &self.worker.shared.sessions;
            let guesses = sessions.opens(sessions.kind(Caller::of(&self.connection)), scene.now.since_start);
            guesses.into_iter().for_each(|sign| case.saw(Place::SqlText, self.who.user.as_bytes(), sign));
            let judgement = case.judge(&scene, &message, &mut Engine::budget(0));
            decided(self.worker, &DIALECT, &scene, &self.who, "CONNECT", judgement)
        };
        let Some(event) = denied else { return true };
        let says = "denied by the database's firewall policy";
        emit::error(self.client.outbox.buffer(), self.next, emit::NO_SESSION, says, &event.to_string());
        // A client that has gone does not hear it.
        let _ = self.client.send(&mut self.deadline).await;
        false
    }

    /// Dials the server; where it is another sidecar, that begins with TLS. A server of MySQL speaks first in plaintext.
    async fn connect(&self, target: &Target) -> Result<Connected, Reason> {
        let plain = Target { address: target.address, tls: Tls::Off };
        let target = if matches!(target.tls, Tls::Named(..)) { &plain } else { target };
        let reached = upstream::connect(self.worker, target, Alpn::default()).await;
        reached.map_err(|unreached| if unreached.reason == upstream::TLS { GREETS } else { unreached.reason })
    }

    /// Whoever has gone is told nothing; a rule that was broken is told, and whose fault it was.
    pub(super) async fn fail<T>(&mut self, failed: Failed, by_server: bool) -> Option<T> {
        match failed {
            Failed::Gone if by_server => self.refuse(SERVER_GONE).await,
            Failed::Gone => None,
            Failed::Said(reason) if by_server && reason != STARTUP_SLOW => {
                self.refuse(Reason { kind: Kind::Upstream, ..reason }).await
            }
            Failed::Said(reason) => self.refuse(reason).await,
        }
    }

    pub(super) async fn refuse<T>(&mut self, reason: Reason) -> Option<T> {
        let event = refused(self.worker, &DIALECT, (&self.connection, &Exchanges::default()), &self.who, reason);
        let says = match reason {
            reason if reason == AUTHENTICATION => {
                "this way to authenticate needs TLS on both sides of the sidecar, or on neither"
            }
            reason if reason == UNSUPPORTED => "what was asked for is not offered here",
            Reason { kind: Kind::Upstream, .. } => "the database cannot be reached",
            _ => "refused",
        };
        emit::error(self.client.outbox.buffer(), self.next, report::code(&reason), says, &event.to_string());
        // A client that has gone does not hear it.
        let _ = self.client.send(&mut self.deadline).await;
        None
    }
}
