//! One stream of a connection to an upstream, as the HTTP/1.1 connection of its own that it takes the place of; and the
//! connections, which a worker's exchanges share.

use super::incoming::{Incoming, broken};
use super::outgoing::{Begin, Begun, Outgoing, fields};
use crate::flow::{Peer, Reason};
use crate::protocol::head::{Form, Header};
use crate::protocol::http1::{self, Framing, RequestHead, RequestView, Scan, websocket};
use crate::protocol::http2::text;
use crate::protocol::names::Is;
use crate::proxy::upstream::{CONNECT, CONNECT_SLOW, Connected, Target, Tls};
use crate::proxy::worker::Worker;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Ping, Reason as Code};
use http::{Method, Request, Response, Uri};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

/// Bytes that an upstream may send on one stream before we take them.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes that an upstream may send on all streams of a connection before we take them.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// An exchange with an upstream.
pub(in crate::proxy) struct Asking {
    outgoing: Outgoing<Ask>,
    incoming: Option<Incoming>,
    _active: Active,
}

/// Sends a request's head, and waits for its answer.
struct Ask {
    send: SendRequest<Bytes>,
    to: Arc<Target>,
    limits: http1::Limits,
    head: bool,
    /// What proves to the asker that a handshake for a WebSocket was understood.
    switches: Option<websocket::Accept>,
    answer: Option<ResponseFuture>,
    /// Who waits for the answer to a request that has not been sent.
    waiting: Option<Waker>,
    /// Whether the request could not be sent.
    failed: bool,
    /// Whether the upstream is known not to have acted on the request.
    untaken: bool,
}

impl Asking {
    /// Ends the stream so that the upstream cannot take what it got for a whole.
    pub(in crate::proxy) fn abort(&mut self) {
        if let Some(stream) = self.outgoing.stream() {
            stream.send_reset(Code::CANCEL);
        }
    }

    /// Whether the upstream takes WebSockets on streams (RFC 8441 §3).
    pub(in crate::proxy) fn takes_websockets(&self) -> bool {
        self.outgoing.begin.send.is_extended_connect_protocol_enabled()
    }

    /// Whether the upstream is known not to have acted on the request, so that asking again is safe whatever was asked
    /// (RFC 9113 §8.7).
    pub(in crate::proxy) fn is_untaken(&self) -> bool {
        self.outgoing.begin.untaken
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Incoming>> {
        if self.incoming.is_none() {
            let ask = &mut self.outgoing.begin;
            if ask.failed {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let Some(answer) = &mut ask.answer else {
                ask.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            };
            let (head, switches) = (ask.head, ask.switches);
            match answer.poll_informational(cx) {
                Poll::Ready(Some(interim)) => {
                    let interim = interim.map_err(|error| ask.lost(error))?;
                    let (text, _) = answered(&interim, true, head)?;
                    return Poll::Ready(Ok(self.incoming.insert(Incoming::only(text))));
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            let answer = ready!(Pin::new(answer).poll(cx)).map_err(|error| ask.lost(error))?;
            let (parts, body) = answer.into_parts();
            let ended = body.is_end_stream();
            let answer = Response::from_parts(parts, ());
            let (text, content) = match switches.filter(|_| answer.status().is_success()) {
                Some(accept) => switched(&answer, &accept)?,
                None => answered(&answer, ended, head)?,
            };
            ask.answer = None;
            self.incoming = Some(Incoming::new(text, content, body));
        }
        self.incoming.as_mut().map_or(Poll::Pending, |incoming| Poll::Ready(Ok(incoming)))
    }
}

fn answered(answer: &Response<()>, ended: bool, head: bool) -> io::Result<(Vec<u8>, text::Content)> {
    let status = answer.status().as_u16();
    let silent = head || status < 200 || matches!(status, 204 | 304);
    let mut written = Vec::with_capacity(256);
    let content = text::response(&mut written, status, &listed(answer), (ended, silent));
    content.map(|content| (written, content)).map_err(|why| io::Error::other(why.name))
}

fn switched(answer: &Response<()>, accept: &websocket::Accept) -> io::Result<(Vec<u8>, text::Content)> {
    let mut written = Vec::with_capacity(256);
    let content = text::switched(&mut written, accept, &listed(answer));
    content.map(|content| (written, content)).map_err(|why| io::Error::other(why.name))
}

fn listed(answer: &Response<()>) -> Vec<text::Field<'_>> {
    answer.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

impl Ask {
    /// No answer will come. An upstream that goes away tells which streams it has not looked at, and one that refuses a
    /// stream has not looked at it either.
    fn lost(&mut self, error: h2::Error) -> io::Error {
        let refused = error.is_reset() && error.reason() == Some(Code::REFUSED_STREAM);
        self.untaken |= error.is_remote() && (refused || error.is_go_away());
        broken(error)
    }

    /// Without a host (HTTP/1.0), the upstream's own address stands for one.
    fn uri(&self, view: RequestView<'_>) -> Result<Uri, http::Error> {
        let own = self.to.address.to_string();
        let host = view.header("host").unwrap_or(own.as_bytes());
        let target = match view.form() {
            Form::Absolute => {
                let path = if view.path().is_empty() { b"/" } else { view.path() };
                [path, view.query().map_or(&b""[..], |_| b"?"), view.query().unwrap_or_default()].concat()
            }
            _ => view.target().as_bytes().to_vec(),
        };
        let scheme = if self.to.tls == Tls::Off { "http" } else { "https" };
        Uri::builder().scheme(scheme).authority(host).path_and_query(target).build()
    }
}

impl Begin for Ask {
    fn begin(&mut self, bytes: &[u8], scan: &mut Scan) -> io::Result<Option<Begun>> {
        let decoded = RequestHead::decode_on(bytes, scan, &self.limits);
        let Some(head) = decoded.map_err(|malformed| io::Error::other(malformed.why.name))? else { return Ok(None) };
        let view = head.view(bytes);
        let mut request = Request::new(());
        *request.uri_mut() = self.uri(view).map_err(io::Error::other)?;
        *request.method_mut() = Method::from_bytes(view.method().as_bytes()).map_err(io::Error::other)?;
        *request.headers_mut() = fields(view.headers().filter(goes_on), bytes.get(..head.len).unwrap_or_default());
        self.head = view.method() == "HEAD";
        let mut framing = head.framing;
        if head.websocket {
            // RFC 8441 §4.
            self.switches = view.header("sec-websocket-key").map(websocket::accept);
            *request.method_mut() = Method::CONNECT;
            request.extensions_mut().insert(Protocol::from_static(text::WEBSOCKET));
            framing = Framing::UntilClose;
        }
        let sent = self.send.send_request(request, !framing.has_body());
        let (answer, stream) = sent.map_err(|error| {
            self.untaken = true;
            broken(error)
        })?;
        self.answer = Some(answer);
        Ok(Some(Begun { len: head.len, content: Some((framing, stream)) }))
    }
}

/// What belongs to a connection of HTTP/1.1 has no place in HTTP/2 (RFC 9113 §8.2.2); what Host says, `:authority` does.
fn goes_on(header: &Header<'_>) -> bool {
    let Some(known) = header.known else { return true };
    match known.is {
        Is::Host | Is::WebSocketKey => false,
        Is::Te => header.value == b"trailers",
        Is::Trailer => true,
        _ => !known.is_hop_by_hop(),
    }
}

impl AsyncRead for Asking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(ready!(self.poll_answer(cx))?.poll_read(cx, into))?;
        if into.filled().len() == before && self.outgoing.begin.answer.is_some() {
            // The interim answer has been read; the final one follows.
            self.incoming = None;
            return self.poll_read(cx, into);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Asking {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outgoing = &mut self.get_mut().outgoing;
        let written = outgoing.poll_write(cx, bytes);
        outgoing.begin.failed |= matches!(written, Poll::Ready(Err(_))) && outgoing.stream().is_none();
        if let Some(waiting) = outgoing.begin.waiting.take() {
            waiting.wake();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_end(cx)
    }
}

/// Connections beyond which those that carry nothing are not kept: an application may call any number of upstreams.
const MOST_KEPT: usize = 1024;

/// One worker's HTTP/2 connections to upstreams.
pub(in crate::proxy) struct Connections {
    open: RefCell<HashMap<Arc<Target>, Vec<Shared>>>,
    keep: Duration,
}

/// A connection that exchanges share.
struct Shared {
    send: SendRequest<Bytes>,
    /// What the other side has proved, and under which generation of trust.
    peer: Peer,
    generation: u64,
    active: Rc<Cell<usize>>,
    over: Rc<Cell<bool>>,
    /// When an exchange was last begun on it.
    used: Instant,
}

/// One exchange on a connection, counted while it lasts.
struct Active(Rc<Cell<usize>>);

impl Active {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Connections {
    /// Keeps connections that carry nothing for at most `keep`.
    pub(in crate::proxy) fn new(keep: Duration) -> Self {
        Self { open: RefCell::default(), keep }
    }

    /// A stream of an open connection, if there is one that is still trusted.
    pub(in crate::proxy) fn take(&self, worker: &Worker, to: &Arc<Target>) -> Option<Asking> {
        let mut open = self.open.borrow_mut();
        let connections = open.get_mut(to)?;
        connections.retain_mut(|shared| {
            shared.takes_streams() && Connected::is_trusted(worker, &to.tls, &shared.peer, shared.generation)
        });
        let free = |shared: &&mut Shared| shared.active.get() < shared.send.current_max_send_streams();
        let shared = connections.iter_mut().find(free)?;
        shared.used = Instant::now();
        Some(shared.asking(worker, to))
    }

    /// Begins HTTP/2 on a connection, and a first stream of it. `settled` says that what the upstream has set must be
    /// known before.
    pub(in crate::proxy) async fn begin(
        &self,
        worker: &Worker,
        connected: Connected,
        to: &Arc<Target>,
        settled: bool,
    ) -> Result<Asking, Reason> {
        let beginning = timeout(worker.limits().connect, Shared::begin(worker, connected, settled));
        let shared = beginning.await.map_err(|_| CONNECT_SLOW)?.map_err(|_| CONNECT)?;
        let asking = shared.asking(worker, to);
        let mut open = self.open.borrow_mut();
        if open.values().map(Vec::len).sum::<usize>() >= MOST_KEPT {
            open.values_mut().for_each(|connections| connections.retain(|shared| shared.active.get() > 0));
            open.retain(|_, connections| !connections.is_empty());
        }
        open.entry(Arc::clone(to)).or_default().push(shared);
        Ok(asking)
    }

    /// Closes what has carried nothing for too long.
    pub(in crate::proxy) fn sweep(&self) {
        self.open.borrow_mut().retain(|_, connections| {
            connections
                .retain(|shared| !shared.over.get() && (shared.active.get() > 0 || shared.used.elapsed() < self.keep));
            !connections.is_empty()
        });
    }
}

impl Shared {
    /// Begins HTTP/2. The connection lasts until nobody holds a handle of it, or the upstream ends it.
    async fn begin(worker: &Worker, connected: Connected, settled: bool) -> io::Result<Self> {
        let Connected { stream, peer, generation, .. } = connected;
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(STREAM_WINDOW as usize);
        let (send, mut connection) = builder.handshake::<_, Bytes>(stream).await.map_err(broken)?;
        let ping = connection.ping_pong().filter(|_| settled);
        let over = Rc::new(Cell::new(false));
        let (ended, metrics) = (Rc::clone(&over), Rc::clone(&worker.metrics));
        metrics.upstream_opened();
        tokio::task::spawn_local(async move {
            // How it ended, each of its exchanges was told.
            let _ = connection.await;
            ended.set(true);
            metrics.upstream_closed();
        });
        if let Some(mut ping) = ping {
            // Settings are the first that an upstream sends (RFC 9113 §3.4): they are in front of the answer.
            ping.ping(Ping::opaque()).await.map_err(broken)?;
        }
        Ok(Self { send, peer, generation, active: Rc::default(), over, used: Instant::now() })
    }

    /// Whether the upstream has neither ended the connection nor said that it is about to.
    fn takes_streams(&mut self) -> bool {
        let ready = self.send.poll_ready(&mut Context::from_waker(Waker::noop()));
        !self.over.get() && !matches!(ready, Poll::Ready(Err(_)))
    }

    fn asking(&self, worker: &Worker, to: &Arc<Target>) -> Asking {
        let (send, limits, to) = (self.send.clone(), worker.limits().http1, Arc::clone(to));
        let ask = Ask {
            send,
            to,
            limits,
            head: false,
            switches: None,
            answer: None,
            waiting: None,
            failed: false,
            untaken: false,
        };
        Asking { outgoing: Outgoing::new(ask, limits), incoming: None, _active: Active::new(&self.active) }
    }
}
