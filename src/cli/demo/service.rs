//! The sample service that the sidecar guards: it answers everything (HTTP, gRPC, WebSockets) and remembers what it was
//! asked, so that the demonstration can show that nothing else reached it.

use crate::flow::Side;
use crate::protocol::http1::websocket::accept;
use crate::protocol::websocket::{Opcode, Reader, of_server};
use http::header::{HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A running sample service.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Listens on a free port of the loopback address; serves for as long as the runtime runs.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        tokio::spawn(serve(listener, seen.clone()));
        Ok(Self { address, seen })
    }

    /// What it was asked, in order: `GET /orders/17`.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, seen: Arc<Mutex<Vec<String>>>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let seen = seen.clone();
        let service = service_fn(move |request| answer(request, seen.clone()));
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service);
        // A connection that breaks is the caller's affair.
        tokio::spawn(connection.with_upgrades());
    }
}

type Seen = Arc<Mutex<Vec<String>>>;
type Body = BoxBody<Bytes, Infallible>;

fn note(seen: &Seen, asked: String) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
}

async fn answer(request: Request<Incoming>, seen: Seen) -> Result<Response<Body>, Infallible> {
    if let Some(key) = request.headers().get("sec-websocket-key") {
        let proof = accept(key.as_bytes());
        tokio::spawn(async move { echo(request, seen).await });
        return Ok(switching(&proof));
    }
    let asked = format!("{} {}", request.method(), request.uri());
    let grpc = request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
    // A call whose first message is refused has begun all the same, and breaks off: there is nothing to act on.
    let Ok(body) = request.into_body().collect().await.map(|body| body.to_bytes()) else {
        return Ok(Response::new(Full::default().boxed()));
    };
    let text = format!("{{\"asked\":{asked:?},\"body_bytes\":{}}}\n", body.len());
    note(&seen, asked);
    Ok(if grpc { called(body) } else { Response::new(Full::new(Bytes::from(text)).boxed()) })
}

/// A gRPC answer: the message that was sent, and a status behind it.
fn called(message: Bytes) -> Response<Body> {
    let status = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    let body = Full::new(message).with_trailers(std::future::ready(Some(Ok(status))));
    let mut response = Response::new(body.boxed());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert("trailer", HeaderValue::from_static("grpc-status"));
    response
}

fn switching(proof: &[u8]) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert("connection", HeaderValue::from_static("upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    headers.extend(HeaderValue::from_bytes(proof).ok().map(|proof| (SEC_WEBSOCKET_ACCEPT, proof)));
    response
}

/// Sends every message of a WebSocket back, until it ends.
async fn echo(request: Request<Incoming>, seen: Seen) -> Option<()> {
    let mut socket = TokioIo::new(hyper::upgrade::on(request).await.ok()?);
    let mut reader = Reader::new(Side::Client, 1 << 16);
    loop {
        let Some(unit) = reader.read().ok()? else {
            let mut piece = Vec::with_capacity(4096);
            if socket.read_buf(&mut piece).await.ok()? == 0 {
                return None;
            }
            reader.push(&piece);
            continue;
        };
        if !unit.opcode.is_control() {
            note(&seen, format!("a WebSocket message of {} bytes", unit.payload.len()));
        }
        socket.write_all(&of_server(unit.opcode, &unit.payload)).await.ok()?;
        if unit.opcode == Opcode::Close {
            return None;
        }
    }
}
