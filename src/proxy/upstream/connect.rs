//! A connection to an upstream: dialled, and where TLS is to be spoken, its server verified before a byte is sent.
//! Whoever has words to say before TLS (PostgreSQL) dials and secures by itself.

use super::target::{Target, Tls};
use crate::flow::{Kind, Peer, Reason};
use crate::identity::refusal::{BAD_HANDSHAKE, NOTHING_IN_COMMON, OTHER_SERVER, PEER_ALERT, PEER_LEFT};
use crate::identity::{Alpn, Refusal};
use crate::proxy::tls::{Socket, Stream};
use crate::proxy::worker::Worker;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The upstream refused the connection, or the network did.
pub(in crate::proxy) const CONNECT: Reason =
    Reason::new("upstream-connect", Kind::Upstream, "the upstream did not take a connection");
/// The upstream did not take the connection in time.
pub(in crate::proxy) const CONNECT_SLOW: Reason =
    Reason::new("upstream-connect-timeout", Kind::Upstream, "the upstream did not take a connection in time");
/// The address is one that the sidecar itself listens on.
pub(in crate::proxy) const OURSELVES: Reason =
    Reason::new("upstream-ourselves", Kind::Upstream, "the upstream's address is one of the sidecar's own");
/// Someone else is there.
pub(in crate::proxy) const IDENTITY: Reason = Reason::new(
    "upstream-identity",
    Kind::Upstream,
    "the upstream proved another identity than the one that is expected",
);
/// Nobody is there whom we believe.
pub(in crate::proxy) const UNTRUSTED: Reason =
    Reason::new("upstream-untrusted", Kind::Upstream, "the upstream's certificate was not believed");
/// The upstream does not believe us.
pub(in crate::proxy) const REJECTED: Reason =
    Reason::new("upstream-tls-alert", Kind::Upstream, "the upstream ended the TLS handshake with an alert");
/// No handshake came about.
pub(in crate::proxy) const TLS: Reason =
    Reason::new("upstream-tls", Kind::Upstream, "the upstream did not complete the TLS handshake");
/// The handshake did not end in time.
pub(in crate::proxy) const TLS_SLOW: Reason =
    Reason::new("upstream-tls-timeout", Kind::Upstream, "the upstream did not complete the TLS handshake in time");
/// We have nothing to verify it with.
pub(in crate::proxy) const NO_TRUST: Reason =
    Reason::new("upstream-no-trust", Kind::Ours, "no certificates are loaded that the upstream could be verified with");

/// A connection that was not had.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Unreached {
    pub(in crate::proxy) reason: Reason,
    /// For the record.
    pub(in crate::proxy) detail: Option<String>,
}

/// A connection to an upstream that is who it should be.
pub(in crate::proxy) struct Connected {
    pub(in crate::proxy) stream: Stream,
    /// What it has proved.
    pub(in crate::proxy) peer: Peer,
    /// Whether ALPN settled on HTTP/2.
    pub(in crate::proxy) http2: bool,
    /// Whether the upstream was offered HTTP/2, and chose HTTP/1.1.
    pub(in crate::proxy) declined_http2: bool,
    /// Under which generation of trust it was verified; 0 for plaintext.
    pub(in crate::proxy) generation: u64,
}

/// Dials, and secures the connection as its target asks.
pub(in crate::proxy) async fn connect(worker: &Worker, target: &Target, alpn: Alpn) -> Result<Connected, Unreached> {
    let socket = dial(worker, target.address).await?;
    match &target.tls {
        Tls::Off => Ok(Connected {
            stream: Stream::Plain(socket),
            peer: Peer::Unverified,
            http2: false,
            declined_http2: false,
            generation: 0,
        }),
        tls => Box::pin(secure(worker, socket, tls, alpn)).await,
    }
}

/// Opens a connection, in no more than `limits.connect_deadline`; never to ourselves.
pub(in crate::proxy) async fn dial(worker: &Worker, address: SocketAddr) -> Result<TcpStream, Unreached> {
    match timeout(worker.limits().connect, TcpStream::connect(address)).await {
        Ok(Ok(socket)) if worker.is_own(address, &socket) => Err(Unreached::new(OURSELVES, address.to_string())),
        Ok(Ok(socket)) => {
            // Without it small requests wait for acknowledgements; the connection works all the same.
            let _ = socket.set_nodelay(true);
            Ok(socket)
        }
        Ok(Err(error)) => Err(Unreached::new(CONNECT, format!("{address}: {error}"))),
        Err(_) => Err(Unreached::new(CONNECT_SLOW, address.to_string())),
    }
}

/// Speaks TLS on a connection that was dialled, in no more than `limits.handshake_deadline`.
pub(in crate::proxy) async fn secure(
    worker: &Worker,
    socket: TcpStream,
    tls: &Tls,
    alpn: Alpn,
) -> Result<Connected, Unreached> {
    let limits = &worker.limits().tls;
    let Origin { name, config, generation } = Origin::of(worker, tls, socket.peer_addr().ok(), alpn)?;
    let handshake = TlsConnector::from(config)
        .connect_with(name, Socket(socket), |tls| tls.set_buffer_limit(Some(limits.unsent_bytes)));
    let stream = match timeout(limits.handshake, handshake).await {
        Ok(Ok(stream)) => Stream::from(stream),
        Ok(Err(error)) => return Err(Refusal::of_io(&error).into()),
        Err(_) => return Err(Unreached::new(TLS_SLOW, format!("not done in {:?}", limits.handshake))),
    };
    let peer = match tls {
        Tls::Mutual(_) => identity(worker, &stream)?,
        _ => Peer::Unverified,
    };
    let http2 = stream.alpn() == Some(b"h2");
    if alpn == Alpn::OnlyHttp2 && !http2 {
        return Err(Unreached::new(TLS, "ALPN did not settle on h2".into()));
    }
    Ok(Connected { stream, peer, http2, declined_http2: alpn == Alpn::Http2 && !http2, generation })
}

/// Who the handshake has verified.
fn identity(worker: &Worker, stream: &Stream) -> Result<Peer, Unreached> {
    let store = worker.shared.identity.as_ref().ok_or_else(no_trust)?;
    let identity = match stream.peer_chain().split_first() {
        Some((leaf, others)) => store.current().trust.identify_verified(leaf, others)?,
        None => return Err(no_trust()),
    };
    Ok(Peer::Verified(Arc::new(identity)))
}

/// Our side of a handshake.
struct Origin {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    generation: u64,
}

impl Origin {
    fn of(worker: &Worker, tls: &Tls, address: Option<SocketAddr>, alpn: Alpn) -> Result<Self, Unreached> {
        match tls {
            Tls::Off => Err(no_trust()),
            Tls::Mutual(expected) => {
                let material = worker.shared.identity.as_ref().ok_or_else(no_trust)?.current();
                let config = material.client(expected.clone(), alpn);
                let config = config.map_err(|error| Unreached::new(NO_TRUST, error.to_string()))?;
                // It is not sent, and means nothing: the server is known by its SPIFFE ID.
                let name = ServerName::IpAddress(address.ok_or_else(no_trust)?.ip().into());
                Ok(Self { name, config: Arc::new(config), generation: material.generation })
            }
            Tls::Named(name, roots) => {
                let (generation, config) = roots.client(alpn).ok_or_else(no_trust)?;
                Ok(Self { name: name.clone(), config, generation })
            }
        }
    }
}

fn no_trust() -> Unreached {
    Unreached { reason: NO_TRUST, detail: None }
}

impl Connected {
    /// Whether a connection that was had before may still be used for its target: nothing that it was verified with has
    /// been replaced, and its server's certificate has not ended.
    pub(in crate::proxy) fn is_trusted(worker: &Worker, tls: &Tls, peer: &Peer, generation: u64) -> bool {
        match tls {
            Tls::Off => true,
            Tls::Mutual(_) => {
                let in_time = peer.identity().is_some_and(|identity| SystemTime::now() < identity.not_after);
                in_time && worker.shared.identity.as_ref().is_some_and(|store| store.generation() == generation)
            }
            Tls::Named(_, roots) => roots.generation() == generation,
        }
    }
}

impl Unreached {
    fn new(reason: Reason, detail: String) -> Self {
        Self { reason, detail: Some(detail) }
    }
}

impl From<Reason> for Unreached {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None }
    }
}

impl From<Refusal> for Unreached {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal.reason {
            reason if reason == OTHER_SERVER => IDENTITY,
            reason if reason == PEER_ALERT => REJECTED,
            reason if [BAD_HANDSHAKE, PEER_LEFT, NOTHING_IN_COMMON].contains(&reason) => TLS,
            _ => UNTRUSTED,
        };
        Self::new(reason, refusal.to_string())
    }
}
