//! Carries a protocol of questions and answers: sockets, trust, judging and the record are here, the protocol is in its
//! decoder (`protocol::exchange`). A client's message goes on once it is judged; a denied one is replaced, and answered in
//! its turn.

mod judge;
mod pump;
mod report;

use crate::flow::{Connection, Kind, Past, Proof, Reason, RuleName, Scene, Session as Exchanges};
use crate::protocol::exchange::Decoder;
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::worker::Worker;
use crate::record::Caller;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// Nothing was said before the deadline of a first message.
const FIRST_SLOW: Reason =
    Reason::new("limit-exchange-first", Kind::TooSlow, "the client did not come to its first message in time");
/// A message that was begun does not go on.
const MESSAGE_SLOW: Reason = Reason::new("limit-exchange-message", Kind::TooSlow, "a message was begun and not ended");
/// Nothing was said for [`IDLE`].
const IDLE_LONG: Reason = Reason::new("limit-exchange-idle", Kind::TooSlow, "nothing was said for a day");
/// The client does not take its answers.
const CLIENT_SLOW: Reason = Reason::new("limit-exchange-answers", Kind::TooSlow, "the client did not take its answers");
/// The server does not take what it is asked.
const SERVER_SLOW: Reason =
    Reason::new("upstream-exchange-timeout", Kind::Upstream, "the server did not take what it was asked");

/// A message is granted for another server than the connection leads to.
const OTHER_SERVER: Reason = Reason::new(
    "exchange-other-server",
    Kind::Policy,
    "the rule that grants the message demands another proof of the server than the connection has",
);

/// Pools keep connections idle for hours; nobody keeps one silent for longer.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes on their way to one side beyond which nothing more is read for it.
const HIGH_BYTES: usize = 64 << 10;

/// One connection with both its ends.
struct Wire<'w> {
    worker: &'w Worker,
    connection: Connection,
    handshake: Option<Handshake>,
    caller: Caller,
    client: Stream,
    from_client: Inbox,
    to_client: Outbox,
    /// None until the client's first message is whole: who says nothing costs the server nothing.
    server: Option<Stream>,
    from_server: Inbox,
    to_server: Outbox,
    deadline: Deadline,
    share: Share,
    decoder: Box<dyn Decoder>,
    exchanges: Exchanges,
    /// Whether the server has been asked since it answered last.
    asked: bool,
    /// What the server must prove, by the rule that grants the first message.
    proof: Proof,
    /// The rule that granted last, for the aggregates.
    rule: Option<RuleName>,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
}

/// Why a connection ends before its client or its server ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// One side is done.
    Over,
    /// The client must be told.
    Refused(Reason),
    /// The sidecar stops.
    Stopped,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: &Worker,
    client: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
    decoder: Box<dyn Decoder>,
) {
    serve_from(worker, (client, Inbox::default()), connection, handshake, port, decoder).await;
}

/// The same for a connection of which some was read before.
pub(super) async fn serve_from(
    worker: &Worker,
    (client, from_client): (Stream, Inbox),
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
    decoder: Box<dyn Decoder>,
) {
    let mut wire = Wire {
        caller: Caller::of(&connection),
        share: Share::none(&worker.held),
        deadline: Deadline::after(worker.limits().header, FIRST_SLOW),
        worker,
        connection,
        handshake,
        client,
        from_client,
        to_client: Outbox::default(),
        server: None,
        from_server: Inbox::default(),
        to_server: Outbox::default(),
        decoder,
        exchanges: Exchanges::default(),
        asked: false,
        proof: Proof::default(),
        rule: None,
        stopped: Box::pin(worker.stopped()),
    };
    let end = wire.carry(&port).await;
    wire.close(end).await;
}

impl Wire<'_> {
    fn scene<'a>(&'a self, past: &'a Past) -> Scene<'a> {
        Scene { connection: &self.connection, session: &self.exchanges, past, now: self.worker.now() }
    }

    /// Before each message: trust ends when it ends.
    fn still_welcome(&mut self) -> Result<(), Reason> {
        let now = SystemTime::now();
        let welcome = self.worker.still_welcomes(&self.connection, now);
        let mut trusted = || self.worker.still_trusts(&mut self.handshake, self.client.peer_chain(), now);
        welcome.and_then(|()| trusted()).map_err(|(reason, _)| reason)
    }
}
