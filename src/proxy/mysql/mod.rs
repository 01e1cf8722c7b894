//! One session of MySQL or MariaDB, from the server's greeting to its last packet. Bytes become packets in
//! `protocol::mysql`, statements become judgements in `engine`; what is here moves them, each wait under a deadline, and sees
//! to it that no command goes on that was not judged. The next command waits until the last is answered, so a denied one is
//! answered here and the server never hears of it.

mod files;
mod judge;
mod leg;
mod live;
mod login;
mod named;
mod opening;
mod pump;
mod report;
mod secure;
mod texts;

pub(super) use texts::Texts;

use crate::flow::{Connection, Kind, Reason};
use crate::protocol::mysql::Limits;
use crate::protocol::mysql::answer::Answer;
use crate::protocol::mysql::prepared::Statements;
use crate::protocol::mysql::settings::Settings;
use crate::proxy::database::{Begins, Dialect, Run, Sides, Subject, Who};
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::Inbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use leg::Leg;
use std::cell::Cell;
use std::rc::Rc;
use texts::{Clean, Statement};

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
/// A sidecar begins with TLS; the other side greets first, or says nothing that is TLS.
const GREETS: Reason = Reason::new(
    "upstream-mysql-greets",
    Kind::Upstream,
    "the other side did not begin with TLS: a port that sidecars call is `strict`, a `permissive` one greets first",
);
/// The server does not speak TLS, and must.
const NO_TLS: Reason = Reason::new("upstream-mysql-plaintext", Kind::Upstream, "the server does not offer TLS");
/// What the server was verified with has been replaced, or its certificate has ended.
const SERVER_UNTRUSTED: Reason =
    Reason::new("upstream-mysql-trust", Kind::Upstream, "the server is not trusted any more");
/// A text changes a setting under which statements cannot be read, or one under which its own rest is read differently.
const SETTING: Reason = Reason::new(
    "mysql-setting",
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
    settings: Settings,
    /// What a session falls back to that is begun anew.
    first: Settings,
    /// Rows end with an OK packet.
    deprecate_eof: bool,
    /// TLS is spoken on one side only.
    half_in_tls: bool,
    statements: Statements<Statement>,
    named: named::Named,
    /// The command that the server has not yet answered to its end.
    awaited: Option<Awaited>,
    /// The packet that is passed goes on in the client's next.
    goes_on: bool,
    /// Bytes that the texts of prepared statements hold.
    texts: Rc<Cell<usize>>,
    /// Texts that need not be judged again.
    clean: Clean,
    /// The server has ended the session, and said why.
    over: bool,
}

/// A command that the server is to answer.
struct Awaited {
    answer: Answer,
    asked: Asked,
    /// What the client must send before the server goes on.
    due: Due,
    /// Files that the client was asked for.
    files: usize,
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

/// What a client must send besides commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing.
    Nothing,
    /// A packet that proves who it is.
    Proof,
    /// A file, up to an empty packet.
    File,
}

/// What the session must do when an answer is over.
enum Asked {
    /// Nothing.
    Plain,
    /// Follow what a text has changed.
    Text(Rc<crate::protocol::mysql::accesses::Understood>),
    /// The same, of a text that prepares statements under names, or runs or drops them.
    Named(Rc<Statement>),
    /// Another database is in use.
    Database(String),
    /// Another user has it.
    User(Box<(Who, Settings)>),
    /// It is as if it had just begun.
    Anew,
}

/// What the login has agreed on.
struct Agreed {
    settings: Settings,
    first: Settings,
    deprecate_eof: bool,
    half_in_tls: bool,
}

impl Begins for Agreed {
    type Session<'w> = Wire<'w>;
    const DIALECT: &'static Dialect = &report::DIALECT;

    fn begin<'w>(self, subject: Subject<'w>, sides: Sides, deadline: Deadline) -> Wire<'w> {
        let Self { settings, first, deprecate_eof, half_in_tls } = self;
        let limits = Limits { statement_bytes: subject.worker.limits().inspect_bytes, ..Limits::default() };
        Wire {
            sides,
            share: Share::none(&subject.worker.held),
            subject,
            deadline,
            statements: Statements::new(limits),
            named: named::Named::default(),
            limits,
            settings,
            first,
            deprecate_eof,
            half_in_tls,
            awaited: None,
            goes_on: false,
            texts: Rc::default(),
            clean: Clean::default(),
            over: false,
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
    let client = Leg::new(stream, Inbox::default());
    follow(opening::Opening::new(worker, (client, None), connection, handshake), port).await;
}

/// Serves an outbound connection whose server was connected to before, with what each side has said.
pub(super) async fn serve_from(
    worker: &Worker,
    client: (Stream, Inbox),
    server: (Stream, Inbox),
    connection: Connection,
    port: Port,
) {
    let legs = (Leg::new(client.0, client.1), Some(Leg::new(server.0, server.1)));
    follow(opening::Opening::new(worker, legs, connection, None), port).await;
}

async fn follow(opening: opening::Opening<'_>, port: Port) {
    let worker = opening.worker;
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
