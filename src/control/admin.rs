//! The endpoint that tells how the sidecar fares: `/metrics`, `/livez`, `/readyz`, `/status`, over HTTP on a loopback
//! address. It only reads: GET and HEAD, no bodies, few connections, short deadlines.

use super::status::Status;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at once. Those who come later wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// For a connection from its beginning to its end; one request each.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a head.
const HEAD_BYTES: usize = 8 << 10;
/// Header lines of a head.
const HEADERS: usize = 64;
/// Pause after a connection could not be accepted (usually: no file descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the runtime ends.
pub async fn serve(listener: TcpListener, status: Status) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let status = status.clone();
                tokio::spawn(async move {
                    // A reader that is too slow is cut off; nobody waits for the answer.
                    let _ = timeout(DEADLINE, converse(stream, status)).await;
                    drop(permit);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, status: Status) {
    let answer = service_fn(move |request| {
        let answer = answer(&request, &status);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(DEADLINE);
    server.max_buf_size(HEAD_BYTES).max_headers(HEADERS).keep_alive(false);
    // What goes wrong is the reader's: there is nothing to be done about it here.
    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
}

fn answer(request: &Request<Incoming>, status: &Status) -> Response<Full<Bytes>> {
    page(request.method(), request.uri().path(), status)
}

fn page(method: &Method, path: &str, status: &Status) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this endpoint only reads\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/metrics" => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", status.metrics()),
        "/status" => typed(StatusCode::OK, "application/json", status.report(SystemTime::now())),
        "/livez" => probe(status.is_alive(), "the record thread has ended\n"),
        "/readyz" => probe(status.is_ready(), "not listening, or draining\n"),
        _ => text(StatusCode::NOT_FOUND, "there are /metrics, /livez, /readyz, /status\n"),
    }
}

fn probe(is_well: bool, why_not: &'static str) -> Response<Full<Bytes>> {
    if is_well { text(StatusCode::OK, "ok\n") } else { text(StatusCode::SERVICE_UNAVAILABLE, why_not) }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::tests::status;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn code(method: &str, path: &str) -> u16 {
        page(&Method::from_bytes(method.as_bytes()).unwrap(), path, &status()).status().as_u16()
    }

    #[test]
    fn only_reading_is_allowed() {
        assert_eq!(
            ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"].map(|m| code(m, "/livez")),
            [200, 200, 405, 405, 405, 405]
        );
    }

    #[test]
    fn pages_are_where_they_are_documented() {
        assert_eq!(
            ["/metrics", "/livez", "/status", "/", "/metrics/"].map(|p| code("GET", p)),
            [200, 200, 200, 404, 404]
        );
        assert_eq!(code("GET", "/readyz"), 503);
    }

    /// What a client reads that sends `request`.
    fn ask(request: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, status()));
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        })
    }

    #[test]
    fn scrape_gets_metrics() {
        let answer = ask("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("podwall_build_info{version=\"") && answer.contains("connection: close"));
    }

    #[test]
    fn head_has_no_body() {
        let answer = ask("HEAD /status HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn head_that_is_too_large_is_refused() {
        let answer = ask(&format!("GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n", "x".repeat(HEAD_BYTES)));
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}
