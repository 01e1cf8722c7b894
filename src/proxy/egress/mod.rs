//! One outbound connection: whether it may leave at all, what it speaks, and who carries it.
//!
//! ```text
//! dial (is the destination granted?) → open (what is spoken, by the first bytes of either side) → connect (is that granted?)
//!   → HTTP, PostgreSQL, MySQL: judged message by message | everything else: carried as bytes, chunk by chunk
//! ```
//!
//! Nothing is sent to the destination before the connection is judged. Where the server may speak first it is connected to
//! at once, so that nobody waits for the other.

mod carried;
mod observe;
mod opening;
pub(super) mod tell;

use super::http1::{self, Guest};
use super::inbox::Inbox;
use super::settings::{Port, Protocol, Speaks, UpstreamTls};
use super::tls::{self, Stream};
use super::worker::Worker;
use super::{exchange, mysql, postgres, stream};
use crate::engine::egress::{Dialled, Opening as Opened};
use crate::flow::{Connection, Names, OriginalDestination, Past, Scene, Session, Verdict};
use crate::protocol;
use crate::protocol::exchange::Decoder;
use opening::Opening;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;

/// What was found out about a connection by its first bytes.
struct Known {
    client: TcpStream,
    /// Connected to already, where it may speak first.
    server: Option<TcpStream>,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    opened: opening::Opened,
}

/// Serves an accepted connection to its end.
pub(super) async fn serve(worker: &Rc<Worker>, client: TcpStream, mut connection: Connection) {
    if let Err(reason) = worker.welcomes(&connection) {
        worker.refused_connection(&connection, reason);
        return drop(stream::reset(&client));
    }
    let spoken = worker.judging(&connection, |scene| worker.engine().spoken(scene));
    let watched = if spoken.is_empty() { tell::judge(worker, &connection, &Opened::default()) } else { None };
    if spoken.is_empty() && watched.is_none() {
        // A reset says more than silence; where it cannot be made the connection is closed all the same.
        return drop(stream::reset(&client));
    }
    let known = match Opening::new(worker, &connection, client, spoken).open().await {
        Ok(known) => known,
        Err(end) => return tell::unopened(worker, &connection, end),
    };
    connection.protocol = known.opened.protocol.unwrap_or("tcp");
    match known.opened.protocol {
        Some("http1" | "http2" | "http-connect") if worker.judges(&connection, "http", &known) => {
            worker.metrics.called(known.opened.protocol, "judged");
            connection.protocol = protocol::http1::PROTOCOL.name;
            let port = port(&connection, Protocol::Http);
            let guest = Guest::new(connection, None, port);
            http1::serve_from(worker, Stream::Plain(known.client), early(&known.from_client), guest).await;
        }
        Some("postgres") if worker.judges(&connection, "postgres", &known) => {
            worker.metrics.called(known.opened.protocol, "judged");
            let port = port(&connection, Protocol::Postgres);
            let (stream, early) = (Stream::Plain(known.client), early(&known.from_client));
            Box::pin(postgres::serve_from(worker, stream, early, connection, port)).await;
        }
        Some("mysql") if known.server.is_some() && worker.judges_messages(&connection, "mysql", &known) => {
            worker.metrics.called(known.opened.protocol, "judged");
            let Some(server) = known.server else { return };
            let port = port(&connection, Protocol::Mysql);
            let client = (Stream::Plain(known.client), early(&known.from_client));
            let server = (Stream::Plain(server), early(&known.from_server));
            Box::pin(mysql::serve_from(worker, client, server, connection, port)).await;
        }
        Some(name) if let Some(decoder) = worker.decoder(&connection, name, &known) => {
            worker.metrics.called(known.opened.protocol, "judged");
            let port = port(&connection, Protocol::Exchanges(name));
            let (stream, early) = (Stream::Plain(known.client), early(&known.from_client));
            Box::pin(exchange::serve_from(worker, (stream, early), connection, None, port, decoder)).await;
        }
        _ => match watched.or_else(|| tell::judge(worker, &connection, &known.opened.opening())) {
            Some(passed) => carried::serve(worker, &connection, known, passed).await,
            None => opening::refuse(known).await,
        },
    }
}

fn early(bytes: &[u8]) -> Inbox {
    let mut inbox = Inbox::default();
    inbox.append(bytes);
    inbox
}

/// An outbound connection's destination, as the ports of an application are declared.
fn port(connection: &Connection, protocol: Protocol) -> Port {
    Port {
        port: connection.port,
        protocol,
        tls: tls::Port { mode: tls::Mode::Off, ..tls::Port::default() },
        upstream: None,
        upstream_tls: UpstreamTls::Off,
        speaks: Speaks::Auto,
        forwarders: Arc::new([]),
    }
}

impl Worker {
    /// The names that led to where a connection was to go.
    pub(super) fn names(&self, to: OriginalDestination) -> Names {
        let now = self.now().since_start;
        self.shared.pins.as_ref().map(|pins| pins.names(to.0.ip(), now)).unwrap_or_default()
    }

    /// Lets `look` judge a connection as a whole.
    pub(super) fn judging<T>(&self, connection: &Connection, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let (session, past) = (Session { exchanges: 1 }, Past::default());
        look(&Scene { connection, session: &session, past: &past, now: self.now() })
    }

    /// Whether what is spoken is judged message by message here: a rule grants some of it, by `named`, what rules call it;
    /// or nothing is acted on.
    fn judges(&self, connection: &Connection, named: &str, known: &Known) -> bool {
        self.judging(connection, |scene| {
            let engine = self.engine();
            engine.spoken(scene).contains(&named) || !stops(&engine.connect(scene, &known.opened.opening()))
        })
    }
}

impl Worker {
    /// Whether rules for what is asked in a protocol reach the destination, and none grants the connection as a whole.
    fn judges_messages(&self, connection: &Connection, name: &str, known: &Known) -> bool {
        self.judging(connection, |scene| {
            let engine = self.engine();
            let whole = || engine.connect(scene, &known.opened.opening()).judgement.verdict == Verdict::Allow;
            engine.judges_messages(scene, name) && !whole()
        })
    }

    /// What takes a protocol of questions and answers apart, where it is judged message by message.
    fn decoder(&self, connection: &Connection, name: &'static str, known: &Known) -> Option<Box<dyn Decoder>> {
        let judged = self.judges_messages(connection, name, known);
        judged.then(|| protocol::exchanges(name, self.limits().inspect_bytes)).flatten()
    }
}

/// Whether a connection ends here.
fn stops(dialled: &Dialled<'_>) -> bool {
    dialled.judgement.verdict != Verdict::Allow && dialled.judgement.stops().is_some()
}
