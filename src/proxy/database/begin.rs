//! Where a session is driven once it is opened: over two plain sockets by the worker's reactor, which costs less, and where
//! either side is in TLS by the worker itself, as everything else is.

use super::{Dialect, Proved, Sides, Subject, Turns, Who, carry};
use crate::flow::{Connection, Kind, Reason};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::reactor::{Lost, Session};
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use std::io;
use std::net::TcpStream;
use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The kernel watches no more sockets.
const UNWATCHED: Reason = Reason::new(
    "limit-sockets",
    Kind::TooMany,
    "the kernel watches no more sockets (fs.epoll.max_user_watches, memory)",
);

/// One side, with what was read of it and is to be said to it.
pub(in crate::proxy) type Leg = (Stream, Inbox, Outbox);

/// What a protocol makes of an opened session, on the thread that drives it.
pub(in crate::proxy) trait Begins: Send + 'static {
    /// The session.
    type Session<'w>: Turns<'w>;
    const DIALECT: &'static Dialect;

    fn begin<'w>(self, subject: Subject<'w>, sides: Sides, deadline: Deadline) -> Self::Session<'w>;
}

/// A session that has been opened.
pub(in crate::proxy) struct Opened<B> {
    pub(in crate::proxy) connection: Connection,
    pub(in crate::proxy) who: Who,
    pub(in crate::proxy) client: Leg,
    pub(in crate::proxy) server: Leg,
    pub(in crate::proxy) handshake: Option<Handshake>,
    pub(in crate::proxy) trust: Proved,
    /// When what is waited for must have come.
    pub(in crate::proxy) due: (Instant, Reason),
    pub(in crate::proxy) begins: B,
}

impl<B: Begins> Opened<B> {
    /// Drives the session to its end.
    pub(in crate::proxy) async fn serve(self, worker: &Worker) {
        let Self { connection, who, client, server, handshake, trust, due, begins } = self;
        let ((client, read_of_client, to_client), (server, read_of_server, to_server)) = (client, server);
        let reactor = worker.reactor();
        let (client, server, reactor) = match (client, server, reactor) {
            (Stream::Plain(client), Stream::Plain(server), Some(reactor)) => (client, server, reactor),
            (client, server, _) => {
                let legs = ((client, read_of_client, to_client), (server, read_of_server, to_server));
                return session(worker, (connection, who), legs, (handshake, trust), due, begins).await;
            }
        };
        let known = connection.clone();
        let start = move |worker: &Rc<Worker>, [client, server]: [_; 2]| -> Session {
            let client = (Stream::Driven(client), read_of_client, to_client);
            let server = (Stream::Driven(server), read_of_server, to_server);
            let legs = (client, server);
            Box::pin(session(Rc::clone(worker), (connection, who), legs, (None, trust), due, begins))
        };
        let driven = match plain(client, server) {
            Ok(sockets) => reactor.drive(sockets, start).await,
            Err(_) => Err(Lost::Unwatched),
        };
        match driven {
            Ok(()) => {}
            Err(Lost::Panicked) => worker.shared.panicked(known.from),
            Err(Lost::Unwatched) => worker.refused_connection(&known, UNWATCHED),
        }
    }
}

fn plain(client: tokio::net::TcpStream, server: tokio::net::TcpStream) -> io::Result<[TcpStream; 2]> {
    Ok([client.into_std()?, server.into_std()?])
}

/// `worker` is borrowed, or held as long as the session lasts.
async fn session<B: Begins>(
    worker: impl Deref<Target = Worker>,
    (connection, who): (Connection, Who),
    (client, server): (Leg, Leg),
    proved: (Option<Handshake>, Proved),
    (at, reason): (Instant, Reason),
    begins: B,
) {
    let worker = &*worker;
    let subject = Subject::new(worker, B::DIALECT, connection, who);
    let mut deadline = worker.timers.deadline(Duration::ZERO, reason);
    deadline.set_at(at, reason);
    let mut session = begins.begin(subject, Sides::new(worker, client, server, proved), deadline);
    let end = carry(&mut session).await;
    session.close(end).await;
}
