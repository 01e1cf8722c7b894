//! One PostgreSQL session, from its first message to its last. Bytes become messages in `protocol::postgres`, statements
//! become judgements in `engine`; what is here moves them, each wait under a deadline, and sees to it that no statement
//! goes on that was not judged. A denied one is replaced by one that fails, so that client and server agree on what has
//! happened.

mod cancel;
mod judge;
mod live;
mod opening;
mod pump;
mod report;
mod round;
mod texts;

pub(super) use cancel::Keys;
pub(super) use texts::Texts;

use crate::canon::sql::postgres::Setting;
use crate::flow::{Connection, Kind, Reason};
use crate::protocol::postgres::Limits;
use crate::protocol::postgres::session::{Ceiling, Session};
use crate::proxy::database::{Begins, Dialect, Run, Sides, Subject};
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::Inbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use crate::record::EventId;
use std::cell::Cell;
use std::rc::Rc;
use texts::{Clean, Statement};

/// A session did not come to its first statement in time.
const STARTUP_SLOW: Reason =
    Reason::new("limit-postgres-startup", Kind::TooSlow, "the session did not come to its first statement in time");
/// A message that was begun does not go on.
const MESSAGE_SLOW: Reason = Reason::new("limit-postgres-message", Kind::TooSlow, "a message was begun and not ended");
/// Nothing was said for [`IDLE`].
const IDLE_LONG: Reason = Reason::new("limit-postgres-idle", Kind::TooSlow, "nothing was said for a day");
/// The client does not take its answers.
const CLIENT_SLOW: Reason = Reason::new("limit-postgres-answers", Kind::TooSlow, "the client did not take its answers");
/// The server does not take what it is asked.
const SERVER_SLOW: Reason =
    Reason::new("upstream-postgres-timeout", Kind::Upstream, "the server did not take what it was asked");
/// The server does not speak TLS, and must.
const NO_TLS: Reason = Reason::new("upstream-postgres-plaintext", Kind::Upstream, "the server refuses to speak TLS");
/// What the server was verified with has been replaced, or its certificate has ended.
const SERVER_UNTRUSTED: Reason =
    Reason::new("upstream-postgres-trust", Kind::Upstream, "the server is not trusted any more");
/// A session says a setting that must not change, or a text changes one.
const SETTING: Reason = Reason::new(
    "postgres-setting",
    Kind::Unsupported,
    "a setting changes under which statements could not be read as the server reads them",
);

/// One session with both its ends.
struct Wire<'w> {
    subject: Subject<'w>,
    sides: Sides,
    deadline: Deadline,
    share: Share,
    limits: Limits,
    session: Session<Statement, Run>,
    /// Bytes that the texts of prepared statements hold.
    texts: Rc<Cell<usize>>,
    /// Texts that need not be judged again.
    clean: Clean,
    /// The client has said its last: what it is owed comes yet.
    leaving: bool,
    /// What was denied last in a pipeline, which the server skips from there to its end.
    denied: Option<(u64, EventId)>,
    /// How many rows the session's cursors may bring.
    cursor: Option<Ceiling>,
    /// The key that cancels this session's statements, once the server has told it.
    key: Option<cancel::Registered>,
}

/// What the startup message has agreed on.
struct Agreed {
    replication: bool,
    settings: Vec<Setting>,
}

impl Begins for Agreed {
    type Session<'w> = Wire<'w>;
    const DIALECT: &'static Dialect = &report::DIALECT;

    fn begin<'w>(self, subject: Subject<'w>, sides: Sides, deadline: Deadline) -> Wire<'w> {
        let limits = Limits { statement_bytes: subject.worker.limits().inspect_bytes, ..Limits::default() };
        let mut session = Session::new(&limits);
        session.settings.replication = self.replication;
        self.settings.iter().for_each(|setting| session.settings.follow(setting, &subject.who.user));
        Wire {
            sides,
            share: Share::none(&subject.worker.held),
            subject,
            deadline,
            limits,
            session,
            texts: Rc::default(),
            clean: Clean::default(),
            leaving: false,
            denied: None,
            cursor: None,
            key: None,
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: &Worker,
    stream: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
) {
    let opening = opening::Opening::new(worker, stream, Inbox::default(), connection, handshake);
    follow(opening, port).await;
}

/// Serves an outbound connection of which something was read before.
pub(super) async fn serve_from(worker: &Worker, stream: Stream, early: Inbox, connection: Connection, port: Port) {
    follow(opening::Opening::new(worker, stream, early, connection, None), port).await;
}

async fn follow(opening: opening::Opening<'_>, port: Port) {
    let worker = opening.worker();
    // What opening takes is given back before the session begins.
    let opened = Box::pin(opening.open(&port)).await;
    if let Some(opened) = opened {
        opened.serve(worker).await;
    }
}

impl Wire<'_> {
    /// Before each statement: trust ends when it ends, in the server too.
    fn still_welcome(&mut self) -> Result<(), Reason> {
        let now = self.subject.now().wall;
        self.sides.still_welcome(self.subject.worker, &self.subject.connection, now, SERVER_UNTRUSTED)
    }
}
