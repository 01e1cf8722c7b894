//! One session of MySQL or MariaDB, from the server's greeting to its last packet. Bytes become packets in
//! `protocol::mysql`, statements become judgements in `engine`; what is here moves them, each wait under a deadline, and sees
//! to it that no command goes on that was not judged. The next command waits until the last is answered, so a denied one is
//! answered here and the server never hears of it.

mod judge;
mod login;
mod opening;
mod pump;
mod report;
mod texts;

pub(super) use texts::Texts;

use crate::behave;
use crate::flow::{Connection, Direction, Kind, Past, Peer, Reason, Scene, Session as Exchanges};
use crate::identity::Role;
use crate::protocol::mysql::Limits;
use crate::protocol::mysql::answer::Answer;
use crate::protocol::mysql::prepared::Statements;
use crate::protocol::mysql::settings::Settings;
use crate::proxy::bans::BANNED;
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::upstream::{Connected, Tls};
use crate::proxy::waiting::Waiting;
use crate::proxy::worker::Worker;
use crate::record::Caller;
use report::Run;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};
use texts::Statement;

/// A session did not come to its first command in time.
const STARTUP_SLOW: Reason =
    Reason::new("limit-mysql-startup", Kind::TooSlow, "the session did not come to its first command in time");
/// A command that was begun does not go on.
const MESSAGE_SLOW: Reason = Reason::new("limit-mysql-message", Kind::TooSlow, "a command was begun and not ended");
/// Nothing was said for [`IDLE`].
const IDLE_LONG: Reason = Reason::new("limit-mysql-idle", Kind::TooSlow, "nothing was said for a day");
/// The client does not take its answers.
const CLIENT_SLOW: Reason = Reason::new("limit-mysql-answers", Kind::TooSlow, "the client did not take its answers");
/// The server does not take what it is asked.
const SERVER_SLOW: Reason =
    Reason::new("upstream-mysql-timeout", Kind::Upstream, "the server did not take what it was asked");
/// The server does not speak TLS, and must.
const NO_TLS: Reason = Reason::new("upstream-mysql-plaintext", Kind::Upstream, "the server does not offer TLS");
/// What the server was verified with has been replaced, or its certificate has ended.
const SERVER_UNTRUSTED: Reason =
    Reason::new("upstream-mysql-trust", Kind::Upstream, "the server is not trusted any more");
/// The server closed the connection while the session lasted.
const SERVER_GONE: Reason = Reason::new("upstream-closed", Kind::Upstream, "the server closed the connection");
/// A text changes a setting under which statements cannot be read, or one under which its own rest is read differently.
const SETTING: Reason = Reason::new(
    "mysql-setting",
    Kind::Unsupported,
    "a setting changes under which statements could not be read as the server reads them",
);

/// Pools keep sessions idle for hours; nobody keeps one silent for longer.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes on their way to one side beyond which nothing more is read for it.
const HIGH_BYTES: usize = 64 << 10;
/// Bytes of statements that one session's numbers may hold.
const TEXT_BYTES: usize = 4 << 20;

/// One session with both its ends.
struct Wire<'w> {
    worker: &'w Worker,
    connection: Connection,
    handshake: Option<Handshake>,
    caller: Caller,
    client: Stream,
    from_client: Inbox,
    to_client: Outbox,
    server: Stream,
    /// What the server has proved.
    trust: Proved,
    from_server: Inbox,
    to_server: Outbox,
    deadline: Deadline,
    share: Share,
    limits: Limits,
    settings: Settings,
    /// What a session falls back to that is begun anew.
    first: Settings,
    /// Rows end with an OK packet.
    deprecate_eof: bool,
    statements: Statements<Statement>,
    who: Who,
    /// What observers know it as.
    kind: behave::sql::Kind,
    /// Rows that observers have not been told of, and the second of the last time.
    rows_read: (u64, u64),
    /// The command that the server has not yet answered to its end.
    awaited: Option<Awaited>,
    client_rest: Rest,
    server_rest: Rest,
    /// The packet that is passed goes on in the client's next.
    goes_on: bool,
    /// Bytes that the texts of prepared statements hold.
    texts: Rc<Cell<usize>>,
    exchanges: Exchanges,
    /// What was denied and goes on all the same: it waits for its statement to run.
    waiting: Option<Waiting>,
    /// The server has ended the session, and said why.
    over: bool,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
    awaits_stop: bool,
}

/// A command that the server is to answer.
struct Awaited {
    answer: Answer,
    asked: Asked,
    /// The client must send something before the server goes on.
    asks: bool,
    /// The number of the server's next packet.
    next: u8,
    /// The statement that is run.
    run: Option<Run>,
    /// How many rows may come, and how many have.
    most: Option<u64>,
    brought: Rc<Cell<u64>>,
    rows: u64,
    changed: u64,
}

/// What the session must do when an answer is over.
enum Asked {
    /// Nothing.
    Plain,
    /// Follow what a text has changed.
    Text(Rc<crate::protocol::mysql::accesses::Understood>),
    /// Another database is in use.
    Database(String),
    /// Another user has it.
    User(Box<(Who, Settings)>),
    /// It is as if it had just begun.
    Anew,
}

/// What a server has proved, and under which generation of trust.
struct Proved {
    tls: Tls,
    peer: Peer,
    generation: u64,
}

/// Who opened the session, and where to.
#[derive(Clone, Debug, Default)]
struct Who {
    user: String,
    database: String,
    application: String,
}

/// The rest of a packet whose beginning has been dealt with.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    bytes: usize,
    dropped: bool,
}

/// Why a session ends before its client or its server ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// One side is done.
    Over,
    /// The client must be told.
    Refused(Reason),
    /// The server is at fault; the client must be told.
    Broken(Reason),
    /// The sidecar stops.
    Stopped,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: &Worker,
    stream: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
) {
    let Some(mut wire) = opening::Opening::new(worker, stream, connection, handshake).open(&port).await else {
        return;
    };
    let end = wire.carry().await;
    wire.close(end).await;
}

impl Wire<'_> {
    fn scene<'a>(&'a self, past: &'a Past) -> Scene<'a> {
        Scene { connection: &self.connection, session: &self.exchanges, past, now: self.worker.now() }
    }

    /// Whether the server's chain is believed under the certificates in place.
    fn is_trusted_anew(&mut self) -> bool {
        let (Tls::Mutual(_), Some(store)) = (&self.trust.tls, &self.worker.shared.identity) else { return false };
        let generation = store.generation();
        let trusted = store.still_trusted(self.server.peer_chain(), Role::Server, SystemTime::now()).is_ok();
        self.trust.generation = if trusted { generation } else { self.trust.generation };
        trusted
    }

    /// Before each statement: trust ends when it ends, in the server too.
    fn still_welcome(&mut self) -> Result<(), Reason> {
        if self.worker.bans(&self.connection) {
            return Err(BANNED);
        }
        let Proved { tls, peer, generation } = &self.trust;
        if !Connected::is_trusted(self.worker, tls, peer, *generation) && !self.is_trusted_anew() {
            return Err(SERVER_UNTRUSTED);
        }
        if self.connection.direction == Direction::Outbound {
            return Ok(());
        }
        let now = SystemTime::now();
        let welcome = self.worker.still_welcomes(&self.connection, now);
        let mut trusted = || self.worker.still_trusts(&mut self.handshake, self.client.peer_chain(), now);
        welcome.and_then(|()| trusted()).map_err(|(reason, _)| reason)
    }
}
