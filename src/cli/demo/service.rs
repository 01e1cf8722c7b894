//! The sample service that the sidecar guards: it answers everything and remembers what it was asked, so that the
//! demonstration can show that nothing else reached it.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
        // A connection that breaks is the caller's affair.
        tokio::spawn(http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
    let text = format!("{{\"asked\":{asked:?},\"body_bytes\":{body}}}\n");
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    Ok(Response::new(Full::new(Bytes::from(text))))
}
