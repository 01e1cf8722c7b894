//! One HTTP/1.1 connection, request by request. Bytes become messages in `protocol::http1`, messages become judgements
//! in `engine`; what is here moves them, each wait under a deadline, and sees to it that nothing unjudged goes on.

mod answer;
mod client;
mod exchange;
mod report;
mod upload;

use crate::flow::{Connection, Kind, Now, Past, Reason, Scene, Session};
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use crate::record::Caller;
use client::{Client, NoHead};
use std::time::{Duration, SystemTime};

/// The peer's certificate has ended since the handshake.
pub(super) const ENDED: Reason =
    Reason::new("tls-ended", Kind::Tls, "the peer's certificate ended while the connection lasted");
/// One connection carries no more requests than this.
pub(super) const REQUESTS: Reason = Reason::new(
    "limit-requests-per-connection",
    Kind::TooMany,
    "the connection has carried as many requests as it may",
);

/// One connection with everything its exchanges share.
pub(super) struct Conversation<'w> {
    worker: &'w Worker,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
    client: Client,
    session: Session,
    /// As aggregates group it.
    caller: Caller,
}

/// What becomes of the connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// It carries another request.
    Request,
    /// It is closed, after the client has had time to read our last words.
    Close,
    /// It is reset, so that nobody takes what was sent for a whole.
    Abort,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: &Worker,
    stream: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
) {
    let client = Client::new(worker, stream);
    let session = Session::default();
    let caller = Caller::of(&connection);
    let mut conversation = Conversation { worker, connection, handshake, port, client, session, caller };
    match conversation.hold().await {
        // A client that has gone already does not hear it.
        Next::Request => drop(conversation.client.close().await),
        Next::Close => conversation.client.linger(worker).await,
        Next::Abort => conversation.client.stream.abort(),
    }
}

impl Conversation<'_> {
    /// Exchange after exchange. [`Next::Request`] means that the client has gone by itself.
    async fn hold(&mut self) -> Next {
        loop {
            let head = match self.client.head(self.worker, self.session.exchanges == 0, self.trusted_for()).await {
                Ok(head) => head,
                Err(NoHead::Over) => return Next::Request,
                Err(NoHead::Refused(malformed)) => return self.refuse_unread(malformed).await,
            };
            self.session.exchanges += 1;
            let next = match self.still_welcome() {
                Ok(()) => self.exchange(head).await,
                Err((reason, detail)) => self.refuse_connection(head, reason, &detail).await,
            };
            self.client.give_back();
            if next != Next::Request {
                return next;
            }
        }
    }

    fn scene<'a>(&'a self, past: &'a Past) -> Scene<'a> {
        Scene { connection: &self.connection, session: &self.session, past, now: self.worker.now() }
    }

    /// How long the peer's certificate still lasts.
    fn trusted_for(&self) -> Duration {
        let Some(identity) = self.connection.peer.identity() else { return Duration::MAX };
        identity.not_after.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// Before each message: trust ends when it ends.
    fn still_welcome(&mut self) -> Result<(), (Reason, String)> {
        let now = SystemTime::now();
        if self.connection.peer.identity().is_some_and(|identity| identity.not_after <= now) {
            return Err((ENDED, "at notAfter".into()));
        }
        let (Some(handshake), Some(store)) = (&mut self.handshake, &self.worker.shared.identity) else { return Ok(()) };
        let trusted = handshake.still_trusted(store, &self.client.stream, now);
        trusted.map_err(|refusal| (refusal.reason, refusal.detail))
    }
}

impl Worker {
    /// The time, as judgements are told it.
    pub(super) fn now(&self) -> Now {
        Now { wall: SystemTime::now(), since_start: self.shared.started.elapsed() }
    }
}
