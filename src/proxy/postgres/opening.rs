//! The beginning of a connection: requests for encryption, a request to cancel, or a startup message, which is judged
//! before the server hears of it.

use super::cancel::CANCEL;
use super::report;
use super::report::DIALECT;
use super::{Agreed, NO_TLS, STARTUP_SLOW};
use crate::canon::sql::postgres::Setting;
use crate::engine::Engine;
use crate::flow::{
    Connection, Direction, Kind, Message, Past, Place, Proof, Reason, Scene, Session as Exchanges, Side,
};
use crate::identity::Alpn;
use crate::protocol::Malformed;
use crate::protocol::postgres::STATE;
use crate::protocol::postgres::accesses::{Asked, REPLICATION};
use crate::protocol::postgres::emit;
use crate::protocol::postgres::path::{Change, change};
use crate::protocol::postgres::startup::{self, CancelKey, First, Startup};
use crate::proxy::database::{Beginning, Opened, Proved, Who, decided, refused};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::upstream::{self, Connected, Target, Tls};
use crate::proxy::worker::Worker;
use crate::record::Caller;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Requests for encryption before a client must say what it wants.
const MOST_REQUESTS: usize = 4;

/// A connection that has not yet begun its session.
pub(super) struct Opening<'w> {
    worker: &'w Worker,
    stream: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    inbox: Inbox,
    outbox: Outbox,
    deadline: Deadline,
}

impl<'w> Opening<'w> {
    pub(super) fn new(
        worker: &'w Worker,
        stream: Stream,
        inbox: Inbox,
        connection: Connection,
        handshake: Option<Handshake>,
    ) -> Self {
        let deadline = Deadline::after(worker.limits().header, STARTUP_SLOW);
        let outbox = Outbox::default();
        Self { worker, stream, connection, handshake, inbox, outbox, deadline }
    }

    pub(super) fn worker(&self) -> &'w Worker {
        self.worker
    }

    /// Reads up to the startup message, judges it, and opens the session with the server.
    pub(super) async fn open(mut self, port: &Port) -> Option<Opened<Agreed>> {
        // What a rule asks of the server is looked at when the session is judged, before a word of it goes on.
        let roots = &self.worker.shared.settings.roots;
        let Some(target) = port.target(self.connection.to, || None, &Proof::Unasked, roots) else {
            return self.refuse(&Who::default(), upstream::CONNECT).await;
        };
        for _ in 0..MOST_REQUESTS {
            match self.first().await {
                Ok(Some((First::Tls | First::Gss, len))) => {
                    self.inbox.consume(len);
                    // Encryption is this port's own affair: it has come about before, or is not wanted.
                    self.outbox.buffer().push(b'N');
                    self.send().await?;
                }
                Ok(Some((First::Cancel(key), len))) => {
                    self.cancel(&key, len, &target).await;
                    return None;
                }
                Ok(Some((First::Startup(startup), len))) => return self.start(startup, len, target).await,
                Ok(None) => return None,
                Err(why) => return self.refuse(&Who::default(), why).await,
            }
        }
        self.refuse(&Who::default(), STATE).await
    }

    /// The next first message; nothing when the client leaves without one.
    async fn first(&mut self) -> Result<Option<(First, usize)>, Reason> {
        loop {
            let first = startup::first(self.inbox.unread()).map_err(|Malformed { why, .. }| why)?;
            if first.is_some() {
                return Ok(first);
            }
            let Self { worker, stream, inbox, deadline, .. } = self;
            let filling = poll_fn(|cx| inbox.poll_fill(cx, &worker.scratch, stream, Scratch::BYTES));
            if !matches!(deadline.within(filling).await?, Ok(1..)) {
                return Ok(None);
            }
        }
    }

    async fn start(mut self, startup: Startup, len: usize, target: Target) -> Option<Opened<Agreed>> {
        let who = Who {
            user: startup.user,
            database: startup.database,
            application: startup.application.chars().take(64).collect(),
        };
        let settings: Vec<Setting> = startup.settings.iter().map(|(name, value)| setting(name, value)).collect();
        if settings.iter().any(|setting| change(setting) == Change::Refused) {
            return self.refuse(&who, super::SETTING).await;
        }
        // Outbound, the other side is the server: a rule may ask for what it proves. Nothing of the session goes on yet.
        let mut server = None;
        if self.connection.direction == Direction::Outbound {
            match self.connect(&target).await {
                Ok(connected) => {
                    self.connection.peer = connected.peer.clone();
                    server = Some(connected);
                }
                Err(reason) => return self.refuse(&who, reason).await,
            }
        }
        if !self.is_granted(&who, startup.replication, &settings).await {
            return None;
        }
        let server = match server {
            Some(server) => server,
            None => match self.connect(&target).await {
                Ok(server) => server,
                Err(reason) => return self.refuse(&who, reason).await,
            },
        };
        if self.connection.direction == Direction::Outbound {
            self.worker.shared.correlate.activate();
        }
        let mut to_server = Outbox::default();
        to_server.buffer().extend_from_slice(self.inbox.unread().get(..len).unwrap_or_default());
        self.inbox.consume(len);
        let trust = Proved { tls: target.tls, peer: server.peer, generation: server.generation };
        Some(Opened {
            client: self.stream,
            server: server.stream,
            handshake: self.handshake,
            beginning: Box::new(Beginning {
                due: (self.deadline.due(), STARTUP_SLOW),
                connection: self.connection,
                who,
                client: (self.inbox, self.outbox),
                server: (Inbox::default(), to_server),
                trust,
                begins: Agreed { replication: startup.replication, settings },
            }),
        })
    }

    /// Judges who opens the session, where to, and the settings that come with it. Says so when it is denied.
    async fn is_granted(&mut self, who: &Who, replication: bool, settings: &[Setting]) -> bool {
        let mut asked = vec![Asked::session(&who.user, &who.database)];
        asked.extend(replication.then(|| Asked::kind(&who.user, &who.database, REPLICATION)));
        let asking = settings.iter().filter(|setting| change(setting) == Change::Asks);
        asked.extend(asking.map(|setting| Asked::setting(&who.user, &who.database, &setting.name)));
        let denied = {
            let (past, exchanges) = (Past::default(), Exchanges::default());
            let scene =
                Scene { connection: &self.connection, session: &exchanges, past: &past, now: self.worker.now() };
            let engine = self.worker.engine();
            let accesses: Vec<_> = asked.iter().flat_map(Asked::accesses).collect();
            let message = Message { side: Side::Client, accesses: &accesses, parts: &[], last: true };
            let mut case = engine.open(&scene);
            let sessions = &self.worker.shared.sessions;
            let guesses = sessions.opens(sessions.kind(Caller::of(&self.connection)), scene.now.since_start);
            guesses.into_iter().for_each(|sign| case.saw(Place::SqlText, who.user.as_bytes(), sign));
            let judgement = case.judge(&scene, &message, &mut Engine::budget(0));
            decided(self.worker, &DIALECT, &scene, who, "CONNECT", judgement)
        };
        let Some(event) = denied else { return true };
        emit::fatal(self.outbox.buffer(), emit::DENIED, "denied by the database's firewall policy", &event.to_string());
        // A client that has gone does not hear it.
        let _ = self.send().await;
        false
    }

    /// Dials the server, and where it must prove itself, has it do so: a sidecar begins with TLS, a server is asked for it.
    async fn connect(&self, target: &Target) -> Result<Connected, Reason> {
        let reached = match &target.tls {
            Tls::Off | Tls::Mutual(_) => upstream::connect(self.worker, target, Alpn::Postgres).await,
            tls @ Tls::Named(..) => {
                let mut socket =
                    upstream::dial(self.worker, target.address).await.map_err(|unreached| unreached.reason)?;
                self.ask_for_tls(&mut socket).await?;
                Box::pin(upstream::secure(self.worker, socket, tls, Alpn::Postgres)).await
            }
        };
        reached.map_err(|unreached| unreached.reason)
    }

    async fn ask_for_tls(&self, socket: &mut TcpStream) -> Result<(), Reason> {
        let (request, yes) = startup::ASKS_FOR_TLS;
        let mut answer = [0];
        let asking = async {
            socket.write_all(&request).await?;
            socket.read_exact(&mut answer).await
        };
        match tokio::time::timeout(self.worker.limits().tls.handshake, asking).await {
            Ok(Ok(_)) if answer == [yes] => Ok(()),
            Ok(_) => Err(NO_TLS),
            Err(_) => Err(upstream::TLS_SLOW),
        }
    }

    /// Passes a request to cancel on, if its key is of this peer's session. It is never answered.
    async fn cancel(&mut self, key: &CancelKey, len: usize, target: &Target) {
        if !self.worker.shared.cancel.is_of(key, &self.connection) {
            refused(self.worker, &DIALECT, (&self.connection, &Exchanges::default()), &Who::default(), CANCEL);
            return;
        }
        let Ok(Connected { stream: mut server, .. }) = self.connect(target).await else { return };
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(self.inbox.unread().get(..len).unwrap_or_default());
        let sending = async {
            outbox.send(&mut server).await?;
            // The server closes once it has acted; the client waits for that.
            poll_fn(|cx| self.worker.scratch.poll_read(cx, &mut server, 1, <[u8]>::len)).await
        };
        // Whether it came to its end changes nothing for the client, which is told nothing.
        let _ = self.deadline.within(sending).await;
    }

    async fn send(&mut self) -> Option<()> {
        let Self { stream, outbox, deadline, .. } = self;
        deadline.within(outbox.send(stream)).await.ok()?.ok()
    }

    async fn refuse<T>(&mut self, who: &Who, reason: Reason) -> Option<T> {
        let event = refused(self.worker, &DIALECT, (&self.connection, &Exchanges::default()), who, reason);
        let says = if reason.kind == Kind::Upstream { "the database cannot be reached" } else { "refused" };
        emit::fatal(self.outbox.buffer(), report::code(&reason), says, &event.to_string());
        // A client that has gone does not hear it.
        let _ = self.send().await;
        None
    }
}

/// A setting of the startup message; a search path is a list.
fn setting(name: &str, value: &str) -> Setting {
    let parts = value.split(',').map(|part| part.trim().trim_matches('"').to_owned()).filter(|part| !part.is_empty());
    Setting { name: name.to_owned(), value: Some(parts.collect()) }
}
