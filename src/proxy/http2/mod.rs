//! One HTTP/2 connection of a client (RFC 9113). Frames, HPACK and flow control are the `h2` crate's. Each stream takes
//! the place of an HTTP/1.1 connection that carries one request: it is unwrapped into HTTP/1.1's bytes and served by
//! `proxy::http1`, so that everything that is judged, held, refused and recorded there is so here.
//!
//! Here is what belongs to the connection as a whole: how many streams, how long without any, what its frames cost, how
//! it ends.

mod inbound;
mod incoming;
mod outgoing;
mod upstream;
mod watched;

pub(super) use inbound::{Carried, Opened};
pub(super) use upstream::{Asking, Connections};

use super::deadline::Deadline;
use super::http1::{self, Guest};
use super::inbox::Inbox;
use super::settings::Limits;
use super::tls::Stream;
use super::worker::Worker;
use crate::flow::{Cut, Denial, Kind, Mode, Reason, Verdict};
use crate::protocol::http2::flood;
use crate::record::{Event, Exchange};
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Ping, PingPong, Reason as Code, RecvStream};
use http::Request;
use rustls::pki_types::CertificateDer;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout};
use watched::{Watch, Watched};

/// The peer broke HTTP/2's own rules, and the library refused it.
const PROTOCOL: Reason =
    Reason::new("http2-protocol", Kind::Malformed, "frames, fields or flow control against the rules of HTTP/2");
/// HTTP/2 does not begin in time.
const PREFACE_SLOW: Reason =
    Reason::new("http2-preface-timeout", Kind::TooSlow, "the connection's first frames were not sent in time");
/// The client does not answer a PING.
const PING_SLOW: Reason = Reason::new("http2-ping-timeout", Kind::TooSlow, "the client did not answer a PING in time");
/// Our last words were not taken.
const CLOSE_SLOW: Reason =
    Reason::new("http2-close-timeout", Kind::TooSlow, "the client did not let the connection end in time");
/// No reason at all: it is time to look after the connection.
const LOOK: Reason = Reason::new("http2-look", Kind::Ours, "never recorded");
/// For a GOAWAY to be taken before the connection is cut.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What belongs to HTTP/2 alone of what a client may make us hold, wait for or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Streams at once on one connection.
    pub streams: u32,
    /// Bytes that a client may send on one stream before we take them.
    pub stream_window: u32,
    /// Bytes that a client may send on all streams of a connection before we take them.
    pub connection_window: u32,
    /// Frames that carry nothing, and resets, per second.
    pub frames: flood::Limits,
    /// How long a connection with streams may be silent before it is asked whether it still lives.
    pub ping_after: Duration,
    /// For the answer to that.
    pub ping_answer: Duration,
}

impl Bounds {
    /// The largest window that there can be (RFC 9113 §6.9.1).
    pub const MOST_WINDOW: u32 = (1 << 31) - 1;
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            streams: 100,
            stream_window: 64 * 1024,
            connection_window: 256 * 1024,
            frames: flood::Limits::default(),
            ping_after: Duration::from_secs(30),
            ping_answer: Duration::from_secs(20),
        }
    }
}

/// One connection while it lasts.
struct Held<'w> {
    worker: &'w Rc<Worker>,
    guest: Rc<Guest>,
    /// The peer's certificates.
    chain: Rc<[CertificateDer<'static>]>,
    connection: Connection<Watched, Bytes>,
    watch: Watch,
    streams: Rc<Streams>,
    ping: Option<PingPong>,
    /// Whether the client has been asked whether it still lives, and has not answered.
    asked: bool,
    deadline: Deadline,
    /// Streams begun.
    begun: u64,
    /// Whether the client has been told that no further stream is taken.
    closing: bool,
}

/// The streams that are being served.
struct Streams {
    open: Cell<usize>,
    /// When the last one began or ended.
    last: Cell<Instant>,
}

/// One of them.
struct Open(Rc<Streams>);

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        streams.last.set(Instant::now());
        Self(Rc::clone(streams))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.last.set(Instant::now());
    }
}

/// What happens next on a connection.
enum Next {
    Stream(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    /// It has ended.
    Over,
    /// The library has ended it.
    Broken(h2::Error),
    /// Its frames are over a limit.
    Refused(Reason),
    /// It is time to look after it.
    Look,
    /// A deadline has passed that ends it.
    Late(Reason),
    Stop,
}

/// Serves a connection to its end. `early` is what was read of it.
pub(super) async fn serve(worker: &Rc<Worker>, stream: Stream, early: Inbox, guest: Guest) {
    let guest = Rc::new(guest);
    let limits = worker.limits();
    let chain = Rc::from(stream.peer_chain());
    let (watched, watch) = Watched::new(stream, early, limits.http2.frames);
    let handshake = builder(limits).handshake::<_, Bytes>(watched);
    let mut connection = match timeout(limits.header, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return refused(worker, &guest, PROTOCOL, &error.to_string()),
        Err(_) => return refused(worker, &guest, PREFACE_SLOW, ""),
    };
    watch.gather(true);
    let streams = Rc::new(Streams { open: Cell::new(0), last: Cell::new(Instant::now()) });
    let ping = connection.ping_pong();
    let deadline = worker
        .timers
        .deadline(limits.idle.min(limits.http2.ping_after).min(guest.trusted_for(worker.now().wall)), LOOK);
    let (asked, begun, closing) = (false, 0, false);
    let mut held = Held { worker, guest, chain, connection, watch, streams, ping, asked, deadline, begun, closing };
    if let Err((reason, detail)) = held.hold().await {
        refused(worker, &held.guest, reason, &detail);
    } else if let Some(detail) = held.watch.refused() {
        refused(worker, &held.guest, PROTOCOL, &detail);
    }
}

fn builder(limits: &Limits) -> h2::server::Builder {
    let bounds = &limits.http2;
    let mut builder = h2::server::Builder::new();
    builder
        .enable_connect_protocol()
        .max_concurrent_streams(bounds.streams)
        .initial_window_size(bounds.stream_window)
        .initial_connection_window_size(bounds.connection_window)
        .max_header_list_size(u32::try_from(limits.http1.head_bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(bounds.stream_window as usize)
        // A client that resets streams before we have seen them, or makes us reset them.
        .max_pending_accept_reset_streams(bounds.streams as usize)
        .max_local_error_reset_streams(Some(bounds.streams as usize))
        .max_concurrent_reset_streams(bounds.streams as usize);
    builder
}

impl Held<'_> {
    /// Stream after stream. Gives the reason when the connection does not end by itself.
    async fn hold(&mut self) -> Result<(), (Reason, String)> {
        let mut stopped = pin!(self.worker.stopped());
        loop {
            match poll_fn(|cx| self.poll_next(cx, stopped.as_mut())).await {
                Next::Stream(stream) => self.begin(*stream),
                Next::Over => return Ok(()),
                Next::Broken(error) if error.is_io() || error.is_remote() => return Ok(()),
                Next::Broken(error) => return Err((PROTOCOL, error.to_string())),
                Next::Refused(reason) => {
                    self.watch.gather(false);
                    self.connection.abrupt_shutdown(Code::ENHANCE_YOUR_CALM);
                    // Whether the client listened changes nothing for us.
                    let _ = timeout(LAST_WORDS, poll_fn(|cx| self.connection.poll_closed(cx))).await;
                    return Err((reason, self.watch.refused().unwrap_or_default()));
                }
                Next::Late(reason) if reason == CLOSE_SLOW => {
                    self.worker.metrics.limited(self.guest.connection.direction, CLOSE_SLOW);
                    return Ok(());
                }
                Next::Late(reason) => return Err((reason, String::new())),
                Next::Look => self.look(),
                Next::Stop => self.close(),
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, stopped: Pin<&mut impl Future<Output = ()>>) -> Poll<Next> {
        let accepted = self.connection.poll_accept(cx);
        if accepted.is_pending() {
            self.watch.poll_turn(cx, self.streams.open.get() == 0);
        }
        if let Some(reason) = self.watch.over() {
            return Poll::Ready(Next::Refused(reason));
        }
        match accepted {
            Poll::Ready(Some(Ok(stream))) => {
                self.watch.opened();
                return Poll::Ready(Next::Stream(Box::new(stream)));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Next::Broken(error)),
            Poll::Ready(None) => return Poll::Ready(Next::Over),
            Poll::Pending => {}
        }
        if !self.closing && stopped.poll(cx).is_ready() {
            return Poll::Ready(Next::Stop);
        }
        if self.asked && self.ping.as_mut().is_some_and(|ping| ping.poll_pong(cx).is_ready()) {
            self.asked = false;
            return Poll::Ready(Next::Look);
        }
        self.deadline.poll_passed(cx).map(|reason| if reason == LOOK { Next::Look } else { Next::Late(reason) })
    }

    /// Serves a stream beside the others.
    fn begin(&mut self, (request, respond): (Request<RecvStream>, SendResponse<Bytes>)) {
        self.begun += 1;
        let id = u64::from(respond.stream_id().as_u32());
        let welcome = Guest::still_welcome(&mut self.guest, self.worker, &self.chain, self.worker.now().wall);
        let unwelcome = welcome.is_err();
        let carried = Carried::open(request, respond, self.worker.limits());
        let (worker, guest, open) = (Rc::clone(self.worker), Rc::clone(&self.guest), Open::new(&self.streams));
        // Boxed, since a task is moved about before it comes to rest.
        let serving = Box::pin(http1::serve_stream(worker, carried, guest, (id, Rc::clone(&self.chain)), welcome));
        tokio::task::spawn_local(async move {
            serving.await;
            drop(open);
        });
        let last = self.begun >= self.worker.limits().requests_per_connection;
        if last && !self.closing {
            self.worker.metrics.limited(self.guest.connection.direction, http1::REQUESTS);
        }
        if last || unwelcome {
            self.close();
        }
    }

    /// Takes no further streams; those that are open come to their end.
    fn close(&mut self) {
        if !self.closing {
            self.closing = true;
            self.connection.graceful_shutdown();
            self.deadline.set(self.worker.limits().write_progress, LOOK);
        }
    }

    /// Looks after the connection: a silent client is asked whether it lives, an idle connection ends, and so does trust.
    fn look(&mut self) {
        let limits = self.worker.limits();
        let busy = self.streams.open.get() > 0;
        let since = self.streams.last.get().elapsed();
        let trusted = self.guest.trusted_for(self.worker.now().wall);
        if !busy && self.closing {
            return self.deadline.set(limits.write_progress.saturating_sub(since), CLOSE_SLOW);
        }
        let left = limits.idle.saturating_sub(since);
        if !self.closing && (trusted.is_zero() || !busy && left.is_zero()) {
            if left.is_zero() {
                self.worker.metrics.limited(self.guest.connection.direction, http1::IDLE);
            }
            return self.close();
        }
        let expired = if self.closing { Duration::MAX } else { trusted };
        let ping = self.ping.as_mut().filter(|_| busy && !self.asked);
        if ping.is_some_and(|ping| ping.send_ping(Ping::opaque()).is_ok()) {
            self.asked = true;
            return self.deadline.set(limits.http2.ping_answer, PING_SLOW);
        }
        let next = if busy { Duration::MAX } else { left };
        self.deadline.set(limits.http2.ping_after.min(next).min(expired), LOOK);
    }
}

/// Records what ended a connection, or was refused on it, beside any exchange.
fn refused(worker: &Worker, guest: &Guest, reason: Reason, detail: &str) {
    let now = SystemTime::now();
    let recorder = &worker.shared.recorder;
    let exchange = Exchange { action: "connection", detail: Some(detail), ..Exchange::default() };
    let denial = Denial { reason, cut: Cut::CloseSession };
    let event = Event::refused(recorder.id(now), now, &guest.connection, denial, &exchange, worker.engine().revision());
    recorder.judged(event);
    worker.metrics.judged(guest.connection.direction, Mode::Enforce, &Verdict::Deny(denial));
}
