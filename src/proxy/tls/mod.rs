//! An accepted socket becomes a [`Stream`] and a proved [`Peer`]. A port is strict (mTLS or nothing), permissive
//! (mTLS or plaintext, told apart by the first byte) or off (plaintext only). What is refused gets a named reason for
//! the record; the peer sees TLS's general alert, or a closed connection.
//!
//! The first byte is looked at before anything is allocated, so that a silent connection costs a socket and no more.

mod asked;
mod gate;
mod socket;
mod stream;

pub use gate::{TOO_MANY, TOO_OFTEN};
pub use socket::Socket;
pub use stream::Stream;

use crate::flow::{Kind, Peer, Reason};
use crate::identity::refusal::NO_CERTIFICATE;
use crate::identity::{Alpn, Material, Refusal, Role, Store, xfcc};
use asked::asked_for;
use gate::Gate;
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a port asks of those who connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// mTLS, nothing else.
    #[default]
    Strict,
    /// mTLS or plaintext; a plaintext peer is unverified.
    Permissive,
    /// Plaintext, nothing else.
    Off,
}

/// How a port's connections begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Port {
    /// What is asked of those who connect.
    pub mode: Mode,
    /// What ALPN offers.
    pub alpn: Alpn,
    /// Whether its protocol lets the server speak first, so that a plaintext client may be silent. On a permissive port TLS
    /// is then asked for in the protocol, whose reader sees to it.
    pub server_first: bool,
    /// Whether clients may ask for TLS in the clear before they begin it, as PostgreSQL's do.
    pub asked_for: bool,
}

/// Bounds on handshakes; counts are per worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From accepting a connection to its first byte.
    pub first_byte: Duration,
    /// From the first byte to the end of the handshake.
    pub handshake: Duration,
    /// Handshakes at once: each holds some 20 KiB, and peers that stall in the middle hold it until the deadline.
    pub at_once: usize,
    /// Handshakes per second: each costs up to half a millisecond of the worker.
    pub per_second: u32,
    /// Handshakes that may come at once before the rate counts.
    pub burst: u32,
    /// Bytes a connection may hold, encrypted, for a peer that does not read.
    pub unsent_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            at_once: 512,
            per_second: 4000,
            burst: 4000,
            unsent_bytes: 32 * 1024,
        }
    }
}

/// Plaintext on a strict port.
pub const PLAINTEXT: Reason = Reason::new("tls-plaintext", Kind::Tls, "plaintext on a port that demands mTLS");
/// TLS on a plaintext port.
pub const UNEXPECTED: Reason = Reason::new("tls-unexpected", Kind::Tls, "TLS on a port that speaks plaintext");
/// Opened and closed without a byte, as a TCP health check does.
pub const NOTHING_SAID: Reason = Reason::new("tls-nothing-said", Kind::Tls, "the peer left without a byte");
/// No first byte in time.
pub const SILENT: Reason = Reason::new("tls-silent", Kind::TooSlow, "the peer sent no first byte in time");
/// The handshake did not end in time.
pub const SLOW: Reason = Reason::new("tls-slow-handshake", Kind::TooSlow, "the TLS handshake took too long");
/// No certificates are loaded: a fault of the configuration.
pub const NO_MATERIAL: Reason = Reason::new("tls-no-material", Kind::Ours, "no certificate is configured");

/// A connection whose peer is known as far as it will be.
#[derive(Debug)]
pub struct Accepted {
    /// What to read and write.
    pub stream: Stream,
    /// Who is there.
    pub peer: Peer,
    /// How TLS came about; nothing for plaintext.
    pub handshake: Option<Handshake>,
}

/// Facts of a finished handshake.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub suite: &'static str,
    /// `X25519MLKEM768`; nothing when a TLS 1.2 session was resumed.
    pub group: Option<&'static str>,
    /// Whether a ticket stood for the certificates.
    pub resumed: bool,
    /// What ALPN settled on.
    pub alpn: Option<&'static str>,
    /// From the first byte to its end.
    pub took: Duration,
    /// The value of `x-forwarded-client-cert` for this peer.
    pub xfcc: Arc<str>,
    /// The generation of the material that the peer was last verified under.
    generation: u64,
}

/// Accepts for one worker.
#[derive(Debug)]
pub struct Acceptor {
    store: Option<Arc<Store>>,
    limits: Limits,
    gate: Gate,
}

impl Acceptor {
    /// Without a store, only plaintext is accepted.
    pub fn new(store: Option<Arc<Store>>, limits: Limits) -> Self {
        Self { store, limits, gate: Gate::new(&limits) }
    }

    /// Finds out who is at the other end.
    ///
    /// # Errors
    /// The reason why the connection is refused; its socket is closed by then.
    pub async fn accept(&self, mut tcp: TcpStream, port: &Port) -> Result<Accepted, Refusal> {
        let tls = match port {
            Port { server_first: true, mode: Mode::Off | Mode::Permissive, .. } => false,
            Port { asked_for: true, mode: Mode::Strict | Mode::Permissive, .. }
                if asked_for(self, &mut tcp).await? =>
            {
                true
            }
            _ => self.begins_with_tls(&tcp).await?,
        };
        match (tls, port.mode) {
            (false, Mode::Off | Mode::Permissive) => {
                Ok(Accepted { stream: Stream::Plain(tcp), peer: Peer::Unverified, handshake: None })
            }
            (false, Mode::Strict) => Err(Refusal::new(PLAINTEXT, "the first byte is no TLS record")),
            (true, Mode::Off) => Err(Refusal::new(UNEXPECTED, "the first byte begins a TLS record")),
            // Boxed, so that the memory of a handshake is not kept for as long as the connection lives.
            (true, Mode::Strict | Mode::Permissive) => Box::pin(self.handshake(tcp, port.alpn)).await,
        }
    }

    /// Goes on in TLS on a connection whose client has asked for it in its protocol.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn secure(&self, tcp: TcpStream, port: &Port) -> Result<Accepted, Refusal> {
        if !self.begins_with_tls(&tcp).await? {
            return Err(Refusal::new(PLAINTEXT, "the first byte behind a request for TLS is no TLS record"));
        }
        Box::pin(self.handshake(tcp, port.alpn)).await
    }

    /// Handshakes under way on this worker.
    pub fn under_way(&self) -> usize {
        self.gate.under_way()
    }

    async fn begins_with_tls(&self, tcp: &TcpStream) -> Result<bool, Refusal> {
        /// Content type of a TLS record that carries a handshake, RFC 8446 §5.1; no text protocol begins with it.
        const HANDSHAKE: u8 = 0x16;
        let mut first = [0];
        match timeout(self.limits.first_byte, tcp.peek(&mut first)).await {
            Ok(Ok(1..)) => Ok(first == [HANDSHAKE]),
            Ok(Ok(0)) => Err(Refusal::new(NOTHING_SAID, "closed")),
            Ok(Err(error)) => Err(Refusal::new(NOTHING_SAID, error.to_string())),
            Err(_) => Err(Refusal::new(SILENT, format!("nothing in {:?}", self.limits.first_byte))),
        }
    }

    async fn handshake(&self, tcp: TcpStream, alpn: Alpn) -> Result<Accepted, Refusal> {
        let began = Instant::now();
        // The ticket and the first answer are two small writes: with Nagle's algorithm the second waits for the peer's
        // delayed acknowledgement. Where it cannot be set the connection is slow, not wrong.
        let _ = tcp.set_nodelay(true);
        let _permit = self.gate.enter(began)?;
        let store = self.store.as_ref().ok_or_else(|| Refusal::new(NO_MATERIAL, "this port needs one"))?;
        let material = Arc::clone(&store.current());
        let accepting = TlsAcceptor::from(material.server(alpn))
            .accept_with(Socket(tcp), |tls| tls.set_buffer_limit(Some(self.limits.unsent_bytes)));
        let stream = match timeout(self.limits.handshake, accepting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Refusal::of_io(&error)),
            Err(_) => return Err(Refusal::new(SLOW, format!("not done in {:?}", self.limits.handshake))),
        };
        accepted(stream, &material, store, began.elapsed())
    }
}

/// A finished handshake's facts. What was verified under material that has been replaced meanwhile is verified against
/// the material in use.
fn accepted(
    stream: TlsStream<Socket>,
    material: &Material,
    store: &Store,
    took: Duration,
) -> Result<Accepted, Refusal> {
    let (_, tls) = stream.get_ref();
    let resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
    let Some((leaf, others)) = tls.peer_certificates().and_then(<[_]>::split_first) else {
        return Err(Refusal::new(NO_CERTIFICATE, "the handshake ended without one"));
    };
    let current = store.current();
    let verified = match current.generation == material.generation {
        true => current.trust.identify_verified(leaf, others),
        false => current.trust.verify(leaf, others, Role::Client, SystemTime::now()),
    };
    let identity = match verified {
        Ok(identity) => identity,
        Err(refusal) => {
            Stream::from(stream).abort();
            return Err(refusal);
        }
    };
    let handshake = Handshake {
        version: version(tls),
        suite: tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown"),
        group: tls.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
        resumed,
        alpn: alpn(tls),
        took,
        xfcc: xfcc(&current.own.id, leaf, &identity.id).into(),
        generation: current.generation,
    };
    drop(current);
    Ok(Accepted { stream: stream.into(), peer: Peer::Verified(Arc::new(identity)), handshake: Some(handshake) })
}

impl Handshake {
    /// Whether the peer was verified under the material in use.
    pub fn is_of(&self, store: &Store) -> bool {
        store.generation() == self.generation
    }

    /// To be asked before each message: whether the peer with this chain would be accepted under the material in use. Costs one
    /// comparison until the material is replaced, then one verification.
    ///
    /// # Errors
    /// Why not.
    pub fn still_trusted(
        &mut self,
        store: &Store,
        chain: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let generation = store.generation();
        if generation == self.generation {
            return Ok(());
        }
        store.still_trusted(chain, Role::Client, now)?;
        self.generation = generation;
        Ok(())
    }
}

fn version(tls: &ServerConnection) -> &'static str {
    match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    }
}

fn alpn(tls: &ServerConnection) -> Option<&'static str> {
    match tls.alpn_protocol() {
        Some(b"h2") => Some("h2"),
        Some(b"http/1.1") => Some("http/1.1"),
        Some(b"http/1.0") => Some("http/1.0"),
        _ => None,
    }
}
