//! The beginning of a connection: requests for encryption, a request to cancel, or a startup message, which is judged
//! before the server hears of it.

use super::Who;
use super::cancel::CANCEL;
use super::report;
use super::{STARTUP_SLOW, Wire};
use crate::canon::sql::postgres::Setting;
use crate::engine::Engine;
use crate::flow::{Connection, Kind, Message, OriginalDestination, Past, Reason, Scene, Session as Exchanges, Side};
use crate::protocol::Malformed;
use crate::protocol::postgres::accesses::Asked;
use crate::protocol::postgres::emit;
use crate::protocol::postgres::path::{Change, change};
use crate::protocol::postgres::session::Session;
use crate::protocol::postgres::startup::{self, CancelKey, First, Startup};
use crate::protocol::postgres::{Limits, STATE};
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::upstream;
use crate::proxy::worker::Worker;
use crate::record::{Caller, Exchange};
use std::future::poll_fn;
use std::net::SocketAddr;
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

    /// Where the client dialled.
    pub(super) fn dialled(&self) -> OriginalDestination {
        self.connection.to
    }

    /// Reads up to the startup message, judges it, and opens the session with the server.
    pub(super) async fn open(mut self, upstream: SocketAddr) -> Option<Wire<'w>> {
        for _ in 0..MOST_REQUESTS {
            match self.first().await {
                Ok(Some((First::Encryption, len))) => {
                    self.inbox.consume(len);
                    // Encryption is this port's own affair: it has come about before, or is not wanted.
                    self.outbox.buffer().push(b'N');
                    self.send().await?;
                }
                Ok(Some((First::Cancel(key), len))) => {
                    self.cancel(&key, len, upstream).await;
                    return None;
                }
                Ok(Some((First::Startup(startup), len))) => return self.start(startup, len, upstream).await,
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

    async fn start(mut self, startup: Startup, len: usize, upstream: SocketAddr) -> Option<Wire<'w>> {
        let who = Who {
            user: startup.user,
            database: startup.database,
            application: startup.application.chars().take(64).collect(),
        };
        let settings: Vec<Setting> = startup.settings.iter().map(|(name, value)| setting(name, value)).collect();
        if settings.iter().any(|setting| change(setting) == Change::Refused) {
            return self.refuse(&who, super::SETTING).await;
        }
        if !self.is_granted(&who, &settings).await {
            return None;
        }
        let server = match self.connect(upstream).await {
            Ok(server) => server,
            Err(reason) => return self.refuse(&who, reason).await,
        };
        let limits = Limits { statement_bytes: self.worker.limits().inspect_bytes, ..Limits::default() };
        let mut session = Session::new(&limits);
        settings.iter().for_each(|setting| session.settings.follow(setting, &who.user));
        let mut to_server = Outbox::default();
        to_server.buffer().extend_from_slice(self.inbox.unread().get(..len).unwrap_or_default());
        self.inbox.consume(len);
        let mut stop = self.worker.stop.clone();
        Some(Wire {
            caller: Caller::of(&self.connection),
            share: Share::none(&self.worker.shared.held),
            worker: self.worker,
            connection: self.connection,
            handshake: self.handshake,
            client: self.stream,
            from_client: self.inbox,
            to_client: self.outbox,
            server,
            from_server: Inbox::default(),
            to_server,
            deadline: self.deadline,
            limits,
            session,
            who,
            client_rest: super::Rest::default(),
            server_rest: super::Rest::default(),
            texts: std::rc::Rc::default(),
            exchanges: Exchanges::default(),
            rule: None,
            key: None,
            stopped: Box::pin(async move {
                // An error means that no one is left to say stop, which is a stop.
                let _ = stop.wait_for(|stop| *stop).await;
            }),
        })
    }

    /// Judges who opens the session, where to, and the settings that come with it. Says so when it is denied.
    async fn is_granted(&mut self, who: &Who, settings: &[Setting]) -> bool {
        let mut asked = vec![Asked::session(&who.user, &who.database)];
        let asking = settings.iter().filter(|setting| change(setting) == Change::Asks);
        asked.extend(asking.map(|setting| Asked::setting(&who.user, &who.database, &setting.name)));
        let denied = {
            let (past, exchanges) = (Past::default(), Exchanges::default());
            let scene =
                Scene { connection: &self.connection, session: &exchanges, past: &past, now: self.worker.now() };
            let engine = self.worker.engine();
            let accesses: Vec<_> = asked.iter().flat_map(Asked::accesses).collect();
            let message = Message { side: Side::Client, accesses: &accesses, parts: &[], last: true };
            let judgement = engine.open(&scene).judge(&scene, &message, &mut Engine::budget(0));
            let detail = who.says();
            let exchange = Exchange { detail: Some(&detail), ..Exchange::default() };
            report::note(self.worker, &scene, who, "CONNECT", judgement, exchange)
        };
        let Some(event) = denied else { return true };
        emit::fatal(self.outbox.buffer(), emit::DENIED, "denied by the database's firewall policy", &event.to_string());
        // A client that has gone does not hear it.
        let _ = self.send().await;
        false
    }

    async fn connect(&self, upstream: SocketAddr) -> Result<TcpStream, Reason> {
        upstream::dial(self.worker, upstream).await.map_err(|unreached| unreached.reason)
    }

    /// Passes a request to cancel on, if its key is of this peer's session. It is never answered.
    async fn cancel(&mut self, key: &CancelKey, len: usize, upstream: SocketAddr) {
        if !self.worker.shared.cancel.is_of(key, &self.connection) {
            report::refused(self.worker, &self.connection, &Exchanges::default(), &Who::default(), CANCEL);
            return;
        }
        let Ok(mut server) = self.connect(upstream).await else { return };
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

    async fn refuse(&mut self, who: &Who, reason: Reason) -> Option<Wire<'w>> {
        let event = report::refused(self.worker, &self.connection, &Exchanges::default(), who, reason);
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
