//! A caller: one TLS connection, one request, one answer. Bytes of HTTP/1.1 are sent as they are written, because half of
//! the demonstration's requests are ones that no honest client would send.

use super::script::{Message, Said};
use crate::flow::Side;
use crate::protocol::websocket::{Opcode, Reader};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who calls, as certificates.
#[derive(Clone)]
pub(super) struct Caller {
    config: Arc<ClientConfig>,
}

/// What came back.
pub(super) struct Reply {
    /// What became of it.
    pub(super) outcome: Outcome,
    /// The event id that a refusal names.
    pub(super) event: Option<String>,
    /// From the first byte of the request to the first of the answer.
    pub(super) took: Duration,
}

/// What became of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service answered.
    Served,
    /// The sidecar did.
    Refused(Said),
    /// The connection ended without an answer.
    Nothing,
}

/// What became of it, and the event.
type Answer = (Outcome, Option<String>);

type Socket = TlsStream<TcpStream>;

impl Caller {
    /// A caller that trusts `ca`, with a certificate chain and key of its own or none.
    pub(super) fn new(ca: &str, own: Option<(&str, &str)>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let builder = ClientConfig::builder_with_provider(crate::identity::provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
                builder.with_client_auth_cert(chain.map_err(io::Error::other)?, key).map_err(io::Error::other)?
            }
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// Sends a message and reads its answer.
    pub(super) async fn send(&self, to: SocketAddr, message: &Message) -> Reply {
        let began = Instant::now();
        let mut took = None;
        let answer = tokio::time::timeout(PATIENCE, Box::pin(self.exchange(to, message, &mut took))).await;
        let (outcome, event) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => (Outcome::Nothing, None),
        };
        Reply { outcome, event, took: took.unwrap_or_else(|| began.elapsed()) }
    }

    async fn exchange(&self, to: SocketAddr, message: &Message, took: &mut Option<Duration>) -> io::Result<Answer> {
        let stream = self.dial(to, matches!(message, Message::Http2(..))).await?;
        let began = Instant::now();
        let answer = match message {
            Message::Bytes(bytes) => http1(stream, bytes).await,
            Message::Http2(method, target, kind, body) => http2(stream, (method, target), kind, body).await,
            Message::WebSocket(text) => websocket(stream, text).await,
        };
        *took = Some(began.elapsed());
        answer
    }

    async fn dial(&self, to: SocketAddr, http2: bool) -> io::Result<Socket> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        let mut config = self.config.clone();
        if http2 {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        }
        TlsConnector::from(config).connect(name, socket).await
    }
}

async fn http1(mut stream: Socket, bytes: &[u8]) -> io::Result<Answer> {
    stream.write_all(bytes).await?;
    let (head, _) = read_head(&mut stream).await?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.map_or(Outcome::Nothing, outcome), event(&head)))
}

fn outcome(status: u16) -> Outcome {
    if status == 200 { Outcome::Served } else { Outcome::Refused(Said::Http(status)) }
}

fn event(head: &str) -> Option<String> {
    head.lines().find_map(|line| line.strip_prefix("x-podwall-event: ")).map(str::to_owned)
}

/// The head of an answer, and what came behind it.
async fn read_head(stream: &mut Socket) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&read).into_owned(), rest));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok((String::from_utf8_lossy(&read).into_owned(), Vec::new()));
        }
    }
}

/// A request over HTTP/2; of gRPC, its status counts.
async fn http2(stream: Socket, (method, target): (&str, &str), kind: &str, body: &[u8]) -> io::Result<Answer> {
    let (mut ask, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    // It ends with its last stream.
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(format!("https://orders{target}"));
    if !kind.is_empty() {
        request = request.header("content-type", kind).header("te", "trailers");
    }
    let request = request.body(()).map_err(io::Error::other)?;
    let (response, mut send) = ask.send_request(request, body.is_empty()).map_err(io::Error::other)?;
    if !body.is_empty() {
        send.send_data(body.to_vec().into(), true).map_err(io::Error::other)?;
    }
    let (head, mut content) = response.await.map_err(io::Error::other)?.into_parts();
    while let Some(piece) = content.data().await {
        let length = piece.map_err(io::Error::other)?.len();
        content.flow_control().release_capacity(length).map_err(io::Error::other)?;
    }
    let trailers = content.trailers().await.map_err(io::Error::other)?.unwrap_or_default();
    let text = |name| head.headers.get(name).or(trailers.get(name)).and_then(|value| value.to_str().ok());
    let grpc = text("grpc-status").and_then(|status| status.parse().ok()).filter(|status| *status != 0);
    let outcome = grpc.map_or_else(|| outcome(head.status.as_u16()), |status| Outcome::Refused(Said::Grpc(status)));
    Ok((outcome, text("x-podwall-event").map(str::to_owned)))
}

/// A text message on a WebSocket: echoed, or answered by a close.
async fn websocket(mut stream: Socket, text: &str) -> io::Result<Answer> {
    const HANDSHAKE: &[u8] = b"GET /live HTTP/1.1\r\nhost: orders\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(HANDSHAKE).await?;
    let (head, early) = read_head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 101 ") {
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        return Ok((status.map_or(Outcome::Nothing, outcome), event(&head)));
    }
    stream.write_all(&[&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()).await?;
    let mut reader = Reader::new(Side::Server, 1 << 16);
    reader.push(&early);
    loop {
        match reader.read().map_err(|malformed| io::Error::other(malformed.why.name))? {
            Some(unit) if unit.opcode == Opcode::Text => return Ok((Outcome::Served, None)),
            Some(unit) if unit.opcode == Opcode::Close => return Ok(closed(&unit.payload)),
            Some(_) => {}
            None => {
                let mut piece = Vec::with_capacity(4096);
                if stream.read_buf(&mut piece).await? == 0 {
                    return Ok((Outcome::Nothing, None));
                }
                reader.push(&piece);
            }
        }
    }
}

fn closed(payload: &[u8]) -> Answer {
    match payload.split_first_chunk() {
        Some((code, reason)) => {
            let said = Said::Close(u16::from_be_bytes(*code));
            (Outcome::Refused(said), Some(String::from_utf8_lossy(reason).into_owned()))
        }
        None => (Outcome::Nothing, None),
    }
}
