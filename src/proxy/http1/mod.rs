//! One HTTP/1.1 connection, request by request. Bytes become messages in `protocol::http1`, messages become judgements
//! in `engine`; what is here moves them, each wait under a deadline, and sees to it that nothing unjudged goes on.

mod answer;
mod client;
mod exchange;
mod forward;
mod frames;
mod reach;
mod report;
mod switched;
mod upload;

use crate::flow::{Connection, Direction, Kind, Now, Past, Proof, Reason, Scene, Session, Terms};
use crate::protocol::forwarded::Forwarded;
use crate::protocol::{self, Malformed};
use crate::proxy::connection::TellPanic;
use crate::proxy::http2::{self, Opened};
use crate::proxy::inbox::Inbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::upstream::{Target, Upstream};
use crate::proxy::welcome::Unwelcome;
use crate::proxy::wire::Wire;
use crate::proxy::worker::Worker;
use crate::record::Caller;
pub(super) use client::IDLE;
use client::{Client, NoHead};
use rustls::pki_types::CertificateDer;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One connection carries no more requests than this.
pub(super) const REQUESTS: Reason = Reason::new(
    "limit-requests-per-connection",
    Kind::TooMany,
    "the connection has carried as many requests as it may",
);

/// The upstream is to prove the name that is asked for, and none is.
const NO_NAME: Reason =
    Reason::new("upstream-no-name", Kind::Malformed, "the request names no host that the upstream could prove to be");

/// Who is at the other end of a connection, and what was declared for it: the same for all of its exchanges.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
    /// Where the last of them went.
    target: RefCell<Option<Arc<Target>>>,
    /// As aggregates group it.
    caller: Caller,
    /// The address that it came from, as the application is told it.
    address: Rc<str>,
}

/// One connection with everything its exchanges share; or one stream of a connection, with its one exchange.
pub(super) struct Conversation<'w> {
    worker: &'w Worker,
    guest: Rc<Guest>,
    client: Client,
    session: Session,
    /// When what is being judged was there to be judged.
    now: Now,
    tunnel: Tunnel,
}

/// Where the requests of a conversation go.
#[derive(Default)]
enum Tunnel {
    /// To the port's upstream.
    #[default]
    None,
    /// Through this connection, at whose end a granted CONNECT opened a tunnel.
    Open(Box<Upstream>),
    /// Nowhere: the tunnel is in use, or has ended.
    Over,
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
pub(super) async fn serve(worker: &Rc<Worker>, stream: Stream, guest: Guest) {
    serve_from(worker, stream, Inbox::default(), guest).await;
}

/// Serves a connection of which something was read before.
pub(super) async fn serve_from(worker: &Rc<Worker>, stream: Stream, early: Inbox, mut guest: Guest) {
    let mut client = Client::new(worker, Wire::Own(stream), early, guest.connection.direction);
    if client.opens_http2(worker).await
        && let Wire::Own(stream) = client.stream
    {
        guest.connection.protocol = protocol::http2::PROTOCOL.name;
        return Box::pin(http2::serve(worker, stream, client.inbox, guest)).await;
    }
    if let Wire::Own(stream) = &client.stream {
        stream.resets_when_dropped(true);
    }
    let guest = Rc::new(guest);
    let mut conversation = Conversation::new(worker, guest, client, Session::default());
    match conversation.hold(&[]).await {
        // A client that has gone already does not hear it.
        Next::Request => drop(conversation.client.close().await),
        Next::Close => conversation.client.linger(worker).await,
        Next::Abort => conversation.client.abort(),
    }
}

/// Serves one stream of an HTTP/2 connection, whose peer has proved itself by `chain`. `welcome` says whether the
/// connection is still trusted.
pub(super) async fn serve_stream(
    worker: Rc<Worker>,
    carried: Opened,
    guest: Rc<Guest>,
    (id, chain): (u64, Rc<[CertificateDer<'static>]>),
    welcome: Result<(), Unwelcome>,
) {
    let worker = &*worker;
    let _told = TellPanic::new(worker, guest.connection.from);
    let Opened { stream, head, said } = carried;
    let client = Client::new(worker, Wire::Stream(stream), head.into(), guest.connection.direction);
    let mut conversation = Conversation::new(worker, guest, client, Session { exchanges: id.saturating_sub(1) });
    let next = match said {
        Ok(()) => conversation.turn(welcome).await,
        Err(why) => conversation.refuse_unread(Malformed::new(0, why)).await,
    };
    let tunnels = !matches!(conversation.tunnel, Tunnel::None);
    let next = if tunnels && next == Next::Request { conversation.hold(&chain).await } else { next };
    match next {
        Next::Request if tunnels => conversation.client.linger(worker).await,
        Next::Request => {}
        Next::Close => conversation.client.linger(worker).await,
        Next::Abort => conversation.client.abort(),
    }
}

impl<'w> Conversation<'w> {
    fn new(worker: &'w Worker, guest: Rc<Guest>, client: Client, session: Session) -> Self {
        Self { worker, guest, client, session, now: worker.now(), tunnel: Tunnel::None }
    }
}

impl Conversation<'_> {
    /// Exchange after exchange. [`Next::Request`] means that the client has gone by itself. `chain` is what the peer of a
    /// stream's connection has proved itself by.
    async fn hold(&mut self, chain: &[CertificateDer<'_>]) -> Next {
        loop {
            let exchanges = self.session.exchanges;
            let welcome = match &self.client.stream {
                Wire::Own(_) => Ok(()),
                Wire::Stream(_) => Guest::still_welcome(&mut self.guest, self.worker, chain, self.now.wall),
            };
            let next = self.turn(welcome).await;
            if next != Next::Request || self.session.exchanges == exchanges {
                return next;
            }
        }
    }

    /// One exchange. `welcome` says whether the connection is still trusted where only its streams are here.
    async fn turn(&mut self, welcome: Result<(), Unwelcome>) -> Next {
        let first = self.session.exchanges == 0;
        let head = match self.client.head(self.worker, first, self.guest.trusted_for(self.now.wall)).await {
            Ok(head) => head,
            Err(NoHead::Over) => return Next::Request,
            Err(NoHead::Refused(malformed)) => return self.refuse_unread(malformed).await,
        };
        self.session.exchanges += 1;
        self.now = self.client.decoded;
        let welcome = match &self.client.stream {
            Wire::Own(stream) => Guest::still_welcome(&mut self.guest, self.worker, stream.peer_chain(), self.now.wall),
            Wire::Stream(_) => welcome,
        };
        let next = match welcome {
            Ok(()) => self.exchange(head).await,
            Err((reason, detail)) => self.refuse_connection(head, reason, &detail).await,
        };
        self.client.give_back();
        next
    }

    fn scene<'a>(&'a self, past: &'a Past) -> Scene<'a> {
        Scene { connection: &self.guest.connection, session: &self.session, past, now: self.now }
    }
}

impl Guest {
    pub(super) fn new(connection: Connection, handshake: Option<Handshake>, port: Port) -> Self {
        let caller = Caller::of(&connection);
        let address = connection.from.0.ip().to_canonical().to_string().into();
        Self { connection, handshake, port, target: RefCell::default(), caller, address }
    }

    /// Where a request goes that is granted on these terms. It is kept as long as it is the same.
    ///
    /// # Errors
    /// [`NO_NAME`].
    fn target(
        &self,
        worker: &Worker,
        request: &exchange::Request,
        terms: Option<&Terms>,
    ) -> Result<Arc<Target>, Reason> {
        let asked = || request.view().host().map(|host| host.name.into_owned());
        let proof = terms.map_or(&Proof::Unasked, |terms| &terms.proof);
        let target =
            self.port.target(self.connection.to, asked, proof, &worker.shared.settings.roots).ok_or(NO_NAME)?;
        let mut kept = self.target.borrow_mut();
        match &*kept {
            Some(known) if **known == target => Ok(Arc::clone(known)),
            _ => Ok(Arc::clone(kept.insert(Arc::new(target)))),
        }
    }

    /// What the application is told of it. Whom the pod calls is told nothing by us.
    fn forwarded(&self) -> Option<Forwarded<'_>> {
        if self.connection.direction == Direction::Outbound {
            return None;
        }
        let identity = self.connection.peer.identity();
        let believed = identity.is_some_and(|identity| self.port.forwarders.contains(&identity.id));
        Some(Forwarded { address: &self.address, https: self.handshake.is_some(), believed })
    }

    /// How long the peer's certificate still lasts.
    pub(super) fn trusted_for(&self, now: SystemTime) -> Duration {
        self.connection.peer.lasts(now)
    }

    /// Before each message: trust ends when it ends. `chain` is the peer's.
    pub(super) fn still_welcome(
        self: &mut Rc<Self>,
        worker: &Worker,
        chain: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), Unwelcome> {
        worker.still_welcomes(&self.connection, now)?;
        let (Some(handshake), Some(store)) = (&self.handshake, &worker.shared.identity) else { return Ok(()) };
        if handshake.is_of(store) {
            return Ok(());
        }
        worker.still_trusts(&mut Rc::make_mut(self).handshake, chain, now)
    }
}
