//! Where a session is driven once it is opened: over two plain sockets by the worker's reactor, which costs less, and where
//! either side is in TLS by the worker itself, as everything else is.

use super::{Dialect, Proved, Sides, Subject, Turns, Who, carry, close};
use crate::flow::{Connection, Kind, Reason};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::reactor::{Lost, Reactor};
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The kernel watches no more sockets.
const UNWATCHED: Reason = Reason::new(
    "limit-sockets",
    Kind::TooMany,
    "the kernel watches no more sockets (fs.epoll.max_user_watches, memory)",
);

/// What a protocol makes of an opened session, on the thread that drives it.
pub(in crate::proxy) trait Begins: Send + 'static {
    /// The session.
    type Session<'w>: Turns<'w>;
    const DIALECT: &'static Dialect;

    fn begin<'w>(self, subject: Subject<'w>, sides: Sides, deadline: Deadline) -> Self::Session<'w>;
}

/// A session that has been opened.
pub(in crate::proxy) struct Opened<B> {
    pub(in crate::proxy) client: Stream,
    pub(in crate::proxy) server: Stream,
    pub(in crate::proxy) handshake: Option<Handshake>,
    pub(in crate::proxy) beginning: Box<Beginning<B>>,
}

/// All of it that may go from thread to thread.
pub(in crate::proxy) struct Beginning<B> {
    pub(in crate::proxy) connection: Connection,
    pub(in crate::proxy) who: Who,
    /// What was read of the client and is to be said to it.
    pub(in crate::proxy) client: (Inbox, Outbox),
    pub(in crate::proxy) server: (Inbox, Outbox),
    pub(in crate::proxy) trust: Proved,
    /// When what is waited for must have come.
    pub(in crate::proxy) due: (Instant, Reason),
    pub(in crate::proxy) begins: B,
}

impl<B: Begins> Opened<B> {
    /// Drives the session to its end.
    pub(in crate::proxy) async fn serve(self, worker: &Worker) {
        let Self { client, server, handshake, beginning } = self;
        let is_plain = !client.is_in_tls() && !server.is_in_tls();
        // Its thread is started for who is driven by it.
        let reactor = if is_plain { worker.reactor() } else { None };
        match (client, server, reactor) {
            (Stream::Plain(client), Stream::Plain(server), Some(reactor)) => {
                let connection = Box::new(beginning.connection.clone());
                let driven = match (client.into_std(), server.into_std()) {
                    (Ok(client), Ok(server)) => driven(reactor, [client, server], beginning).await,
                    _ => Err(Lost::Unwatched),
                };
                match driven {
                    Ok(()) => {}
                    Err(Lost::Panicked) => worker.shared.panicked(connection.from),
                    Err(Lost::Unwatched) => worker.refused_connection(&connection, UNWATCHED),
                }
            }
            (client, server, _) => Box::pin(session(worker, client, server, handshake, beginning)).await,
        }
    }
}

/// Has the reactor drive a session: what threads do not share is made on its own.
fn driven<B: Begins>(
    reactor: &Reactor<Rc<Worker>>,
    sockets: [std::net::TcpStream; 2],
    beginning: Box<Beginning<B>>,
) -> impl Future<Output = Result<(), Lost>> + use<B> {
    reactor.drive(sockets, |worker, [client, server]| {
        let (client, server) = (Stream::Driven(client), Stream::Driven(server));
        Box::pin(session(Rc::clone(worker), client, server, None, beginning))
    })
}

/// `worker` is borrowed, or held as long as the session lasts.
async fn session<B: Begins>(
    worker: impl Deref<Target = Worker>,
    client: Stream,
    server: Stream,
    handshake: Option<Handshake>,
    beginning: Box<Beginning<B>>,
) {
    let worker = &*worker;
    // On the heap: a future keeps room for all that moves through it.
    let mut session = {
        let beginning = *beginning;
        let sides = Sides::new(
            worker,
            (client, beginning.client.0, beginning.client.1),
            (server, beginning.server.0, beginning.server.1),
            (handshake, beginning.trust),
        );
        let subject = Subject::new(worker, B::DIALECT, beginning.connection, beginning.who);
        let (at, reason) = beginning.due;
        let mut deadline = worker.timers.deadline(Duration::ZERO, reason);
        deadline.set_at(at, reason);
        Box::new(beginning.begins.begin(subject, sides, deadline))
    };
    let end = carry(&mut *session).await;
    close(&mut *session, end).await;
}
