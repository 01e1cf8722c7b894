//! One request and its answer: judge the head, hold or stream the body, ask the upstream, pass its answer on; or refuse,
//! and say so in HTTP. Nothing of a message goes on before it has been judged.

use super::answer::{Answer, Answered, Broken, NO_ANSWER, Sending, Wish};
use super::client::{Client, Held, READ_SLOW};
use super::frames::{Court, FromClient, FromServer};
use super::report::Told;
use super::upload::{self, Judging};
use super::{Conversation, Next, REQUESTS, Tunnel};
use crate::engine::correlate::OVERFLOW;
use crate::engine::{BODY_TOO_LARGE, Case, Content};
use crate::flow::{Denial, Direction, Judgement, Kind, Past, Reason, Scene, Side};
use crate::identity::Alpn;
use crate::protocol::grpc::{self, Flavour};
use crate::protocol::head::Form;
use crate::protocol::http1::{Asked, BodyDecoder, Framing, RequestHead, RequestView, Trailers, emit, websocket};
use crate::protocol::websocket::close;
use crate::proxy::rates::Counted;
use crate::proxy::settings::Speaks;
use crate::proxy::tunnel::{self, Ended, Lane, Shut};
use crate::proxy::upstream::{self, Attempt, Target, Tls, Unreached, Upstream};
use crate::proxy::wire::Wire;
use crate::proxy::worker::Worker;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

/// The upstream does not take the request.
pub(super) const REQUEST_SLOW: Reason =
    Reason::new("upstream-request-timeout", Kind::Upstream, "the upstream did not take the request in time");

/// How often a request is sent again that an upstream has refused to look at.
const MOST_REFUSALS: u32 = 3;

/// The upstream is to prove who it is, and the request is inside of a tunnel.
const UNPROVED: Reason = Reason::new(
    "upstream-unproved-in-tunnel",
    Kind::Upstream,
    "the upstream is to prove who it is, and cannot through a tunnel",
);

/// A request on its way: its head, decoded, with the bytes it borrows from.
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) bytes: Vec<u8>,
}

impl Request {
    pub(super) fn view(&self) -> RequestView<'_> {
        self.head.view(&self.bytes)
    }
}

/// A request's body, as far as it was taken before anything went on.
enum Body {
    None,
    /// All of it.
    Whole(Vec<u8>, Trailers),
    /// The first bytes of one that goes on unit by unit: larger than is held, or a gRPC call.
    Stream(Vec<u8>, BodyDecoder),
}

impl Body {
    /// What it begins with.
    fn first(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Whole(first, _) | Self::Stream(first, _) => first,
        }
    }
}

impl<'w> Conversation<'w> {
    /// Carries one exchange to its end.
    pub(super) async fn exchange(&mut self, head: RequestHead) -> Next {
        let request = Request { bytes: self.client.inbox.take(head.len), head };
        let engine = self.worker.engine();
        let mut told = Told::begin(&engine, &self.now);
        let mut case = engine.open(&self.scene(&Past::default()));
        let memory = &self.worker.shared.correlate;
        if memory.is_active() && self.guest.connection.direction == Direction::Inbound {
            case.remember(memory);
        }
        let judgement = self.judge_head(&mut case, &request);
        self.judged(&mut told);
        if let Some(denial) = self.note(&mut told, &request, &judgement) {
            return self.refuse(&told, &request, denial, request.head.framing.has_body()).await;
        }
        let _counted = match self.count(&mut told, &mut case, &request) {
            Ok(counted) => counted,
            Err(denial) => return self.refuse(&told, &request, denial, request.head.framing.has_body()).await,
        };
        let body = match self.take_body(&mut told, &mut case, &request).await {
            Ok(body) => body,
            Err(judgement) => {
                let denial = self.note(&mut told, &request, &judgement);
                return match denial {
                    Some(denial) => self.refuse(&told, &request, denial, true).await,
                    None => Next::Abort,
                };
            }
        };
        if let Body::Whole(bytes, trailers) = &body {
            self.now = self.worker.now();
            let judgement = self.judge_body(&mut case, &request, bytes, trailers);
            self.judged(&mut told);
            if let Some(denial) = self.note(&mut told, &request, &judgement) {
                return self.refuse(&told, &request, denial, false).await;
            }
        }
        let leaving = request.bytes.len() + if let Body::Whole(bytes, _) = &body { bytes.len() } else { 0 };
        if let Some(judgement) = self.worker.over_budget(&self.guest.connection, &mut case, leaving)
            && let Some(denial) = self.note(&mut told, &request, &judgement)
        {
            return self.refuse(&told, &request, denial, matches!(body, Body::Stream(..))).await;
        }
        if case.has_overflowed() {
            let judgement = case.tell(OVERFLOW);
            self.note(&mut told, &request, &judgement);
        }
        let next = self.forward(&mut told, &mut case, &request, body).await;
        self.tell(&mut told, &case, &request);
        next
    }

    /// Notes how long a judgement took that ends now.
    fn judged(&mut self, told: &mut Told) {
        let began = std::mem::replace(&mut self.now, self.worker.now());
        told.judged(&began, &self.now);
    }

    fn judge_head(&self, case: &mut Case<'_>, request: &Request) -> Judgement {
        let last = !request.head.framing.has_body();
        case.judge_head(&self.scene(&Past::default()), &request.view().request(), request.bytes.len(), last)
    }

    /// Counts a granted request under the rates that hold for it.
    fn count(&self, told: &mut Told, case: &mut Case<'_>, request: &Request) -> Result<Counted, Denial> {
        let postponed = match self.worker.count(case, &self.guest.caller, &self.now) {
            Ok(counted) => return Ok(counted),
            Err(postponed) => postponed,
        };
        told.retry_after = Some(postponed.retry_after);
        self.note(told, request, &postponed.judgement).map_or(Ok(None), Err)
    }

    /// Reads the body as far as it is held.
    async fn take_body(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request) -> Result<Body, Judgement> {
        let framing = request.head.framing;
        if !framing.has_body() {
            return Ok(Body::None);
        }
        let limits = self.worker.limits();
        if speaks_grpc(request) == Some(Flavour::Native) {
            return Ok(Body::Stream(Vec::new(), BodyDecoder::new(framing, &limits.http1)));
        }
        let streams = case.terms().is_some_and(|terms| terms.stream);
        let over = matches!(framing, Framing::Length(length) if length > limits.inspect_bytes as u64);
        if over
            && !streams
            && let Some(stopped) = self.too_large(told, case, request)
        {
            return Err(stopped);
        }
        if request.head.expect_continue && self.client.inbox.is_empty() {
            self.client.outbox.buffer().extend_from_slice(emit::CONTINUE);
            self.client.send(self.worker).await.map_err(|reason| case.condemn(reason))?;
        }
        let mut decoder = BodyDecoder::new(framing, &limits.http1);
        match self.client.body(self.worker, &mut decoder, limits.inspect_bytes).await {
            Ok(Held::Whole(bytes)) => Ok(Body::Whole(bytes, decoder.trailers().clone())),
            Ok(Held::Over(bytes)) => {
                let stopped = if streams || over { None } else { self.too_large(told, case, request) };
                stopped.map_or(Ok(Body::Stream(bytes, decoder)), Err)
            }
            Err(malformed) => Err(case.condemn(malformed.why)),
        }
    }

    /// A body that is larger than is held goes no further, unless it is only watched: then it streams.
    fn too_large(&self, told: &mut Told, case: &mut Case<'_>, request: &Request) -> Option<Judgement> {
        let judgement = case.object(BODY_TOO_LARGE);
        if judgement.stops().is_some() {
            return Some(judgement);
        }
        self.note(told, request, &judgement);
        None
    }

    fn judge_body(&self, case: &mut Case<'_>, request: &Request, bytes: &[u8], trailers: &Trailers) -> Judgement {
        let content = Content { bytes, trailers, last: true };
        let limits = &self.worker.limits().body;
        case.judge_body(&self.scene(&Past::default()), request.view(), &content, limits)
    }

    /// Sends the request to the upstream and passes its answer on. A pooled connection that turns out to be stale is
    /// replaced once, if asking twice is safe; a stream that the upstream has not looked at, a few times.
    async fn forward(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request, mut body: Body) -> Next {
        let alone = request.head.body_may_stay_unread(&request.bytes, body.first());
        let mut fresh_only = alone;
        let mut refusals = 0;
        let to = match self.guest.target(self.worker, request, case.terms().map(|terms| &**terms)) {
            Ok(to) => to,
            Err(reason) => return self.fail(told, request, Broken::Upstream(reason)).await,
        };
        let mut attempt = match self.attempt(&to) {
            Ok(attempt) => attempt,
            Err(wait) => {
                told.retry_after = Some(wait.as_secs_f64().ceil() as u64);
                return self.fail(told, request, Broken::Upstream(upstream::OPEN)).await;
            }
        };
        loop {
            let mut upstream = match self.reach(request, &to, fresh_only).await {
                Ok(upstream) => upstream,
                Err(unreached) => {
                    self.now = self.worker.now();
                    if let Some(attempt) = attempt.take() {
                        attempt.failed();
                    }
                    return self.unreached(told, request, &unreached).await;
                }
            };
            upstream.alone = alone;
            told.seen.screen = case.screen().map(Box::new);
            told.seen.beginning = case.beginning();
            let stale_is_mended = upstream.reused && may_ask_again(request, &body);
            let answered = match &mut body {
                Body::Stream(first, decoder) => {
                    let first = std::mem::take(first);
                    match self.ask_streaming(told, case, request, &mut upstream, (first, decoder)).await {
                        Ok(answered) => answered,
                        Err(next) => return next,
                    }
                }
                held => self.ask(told, request, &mut upstream, held).await,
            };
            self.now = self.worker.now();
            if told.seen.beginning.is_telling()
                && let Some(next) = self.unmasked(told, case, request).await
            {
                return next;
            }
            if let Some(next) = self.leaks(told, case, request).await {
                return next;
            }
            let untaken = upstream.is_untaken() && !matches!(body, Body::Stream(..)) && refusals < MOST_REFUSALS;
            refusals += u32::from(untaken);
            let retries = (stale_is_mended || untaken) && answered == Err(Broken::Upstream(NO_ANSWER));
            if let Some(attempt) = attempt.take_if(|_| !retries) {
                settle(attempt, answered, told.seen.status);
            }
            match answered {
                Ok(Answered::Whole { reusable, keep_alive }) => {
                    if reusable && !alone {
                        self.keep(upstream);
                    }
                    return if keep_alive { Next::Request } else { Next::Close };
                }
                Ok(Answered::Switched) => return self.switch(told, case, request, upstream).await,
                Err(_) if retries => fresh_only = true,
                Err(broken) => return self.fail(told, request, broken).await,
            }
        }
    }

    /// Whether the upstream may be asked; what the pod serves itself is never left alone.
    fn attempt(&self, to: &Arc<Target>) -> Result<Option<Attempt<'w>>, Duration> {
        match self.guest.connection.direction {
            Direction::Inbound => Ok(None),
            Direction::Outbound => self.worker.circuits.attempt(to).map(Some),
        }
    }

    /// Tells what was found in the answer. When that kept it back, the exchange ends here.
    async fn leaks(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request) -> Option<Next> {
        let screen = told.seen.screen.take()?;
        told.seen.outcome = told.seen.status.filter(|_| case.is_suspicious()).map(|status| screen.outcome(status));
        let judgement = case.screened(&screen)?;
        self.keeps_back(told, request, &judgement).await
    }

    /// Tells of a tunnel that begins in the answer. When that kept it back, the exchange ends here.
    async fn unmasked(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request) -> Option<Next> {
        let judgement = case.unmasked(std::mem::take(&mut told.seen.beginning))?;
        self.keeps_back(told, request, &judgement).await
    }

    async fn keeps_back(&mut self, told: &mut Told, request: &Request, judgement: &Judgement) -> Option<Next> {
        self.now = self.worker.now();
        let denial = self.note(told, request, judgement)?;
        if told.seen.begun {
            return Some(Next::Abort);
        }
        self.client.outbox.buffer().clear();
        Some(self.refuse(told, request, denial, false).await)
    }

    /// Keeps a connection for the next exchange.
    fn keep(&mut self, mut upstream: Upstream) {
        match self.tunnel {
            Tunnel::None => self.worker.pool.put(upstream, self.now),
            Tunnel::Open(_) | Tunnel::Over => {
                upstream.reused = true;
                self.tunnel = Tunnel::Open(Box::new(upstream));
            }
        }
    }

    /// A connection to the upstream, or a stream of one. `stale` says that one which was kept has turned out to be no good.
    /// An upstream that takes no WebSockets on streams is asked for one in HTTP/1.1.
    async fn reach(&mut self, request: &Request, to: &Arc<Target>, stale: bool) -> Result<Upstream, Unreached> {
        match std::mem::replace(&mut self.tunnel, Tunnel::Over) {
            Tunnel::None => self.tunnel = Tunnel::None,
            Tunnel::Open(_) if to.tls != Tls::Off => return Err(UNPROVED.into()),
            Tunnel::Open(upstream) if !stale => return Ok(*upstream),
            Tunnel::Open(_) | Tunnel::Over => return Err(NO_ANSWER.into()),
        }
        let (http2, websocket) = (self.is_asked_in_http2(request), request.head.websocket);
        let upstream = self.reach_in(http2, websocket, to, stale).await?;
        match &upstream.socket {
            Wire::Stream(asking) if websocket && !asking.takes_websockets() => {
                self.reach_in(false, false, to, stale).await
            }
            _ => Ok(upstream),
        }
    }

    /// The same, in HTTP/2 or not. `settled` says that what the upstream has set must be known.
    async fn reach_in(&self, http2: bool, settled: bool, to: &Arc<Target>, stale: bool) -> Result<Upstream, Unreached> {
        let Worker { connections, pool, metrics, .. } = self.worker;
        if http2 {
            if stale {
                // A connection that has ended is known to have once its own task has run.
                tokio::task::yield_now().await;
            }
            if let Some(asking) = connections.take(self.worker, to) {
                return Ok(Upstream::stream(asking, Arc::clone(to), !stale));
            }
        }
        // With TLS, the upstream may choose HTTP/1.1 where HTTP/2 is not demanded.
        let either = to.tls != Tls::Off && self.guest.port.speaks == Speaks::Auto;
        if !stale
            && (!http2 || either)
            && let Some(upstream) = pool.take(self.worker, to, http2, self.now)
        {
            return Ok(upstream);
        }
        let alpn = match (http2, either) {
            (false, _) => Alpn::Http1,
            (true, true) => Alpn::Http2,
            (true, false) => Alpn::OnlyHttp2,
        };
        let connected = upstream::connect(self.worker, to, alpn).await?;
        if http2 && (connected.http2 || to.tls == Tls::Off) {
            let asking = connections.begin(self.worker, connected, to, settled).await?;
            return Ok(Upstream::stream(asking, Arc::clone(to), false));
        }
        Ok(Upstream::own(connected, Arc::clone(to), metrics))
    }

    /// Whether the upstream is asked in HTTP/2. What is to become a tunnel has a connection of its own.
    fn is_asked_in_http2(&self, request: &Request) -> bool {
        let own = request.view().form() == Form::Authority;
        !own && match self.guest.port.speaks {
            Speaks::Http1 => false,
            Speaks::Http2 => true,
            Speaks::Auto => matches!(self.client.stream, Wire::Stream(_)),
        }
    }

    async fn ask(
        &mut self,
        told: &mut Told,
        request: &Request,
        upstream: &mut Upstream,
        body: &Body,
    ) -> Result<Answered, Broken> {
        self.write_request(told, request, upstream, body);
        let sending = Cell::new(Sending::Done);
        let wish = self.wish(request, &sending);
        let client = &mut self.client;
        client.deadline.set(self.worker.limits().response, REQUEST_SLOW);
        let sent = client.deadline.within(upstream.outbox.send(&mut upstream.socket)).await;
        // An upstream that closes while it is being written to may have answered first; the answer's side finds out.
        let _ = sent.map_err(Broken::Upstream)?;
        let answer = Answer {
            worker: self.worker,
            upstream: &mut upstream.socket,
            inbox: &mut upstream.inbox,
            client: &mut client.stream,
            outbox: &mut client.outbox,
            deadline: &mut client.deadline,
            wish: &wish,
            seen: &mut told.seen,
        };
        answer.pass().await
    }

    async fn ask_streaming(
        &mut self,
        told: &mut Told,
        case: &mut Case<'_>,
        request: &Request,
        upstream: &mut Upstream,
        body: (Vec<u8>, &mut BodyDecoder),
    ) -> Result<Result<Answered, Broken>, Next> {
        self.write_head(told, request, upstream, request.head.framing);
        let sending = Cell::new(Sending::GoesOn);
        let wish = self.wish(request, &sending);
        let past = Past::default();
        let scene =
            Scene { connection: &self.guest.connection, session: &self.session, past: &past, now: self.worker.now() };
        let judging = Judging { case, scene, request, revision: &told.revision };
        let told_of = (&wish, &mut told.seen, &mut told.sent);
        let client = &mut self.client;
        let cut = match Box::pin(upload::run(self.worker, client, upstream, judging, body, told_of)).await {
            Ok(answered) => return Ok(Ok(answered)),
            Err(cut) => cut,
        };
        upstream.abort();
        self.now = self.worker.now();
        let cut = match cut {
            upload::Cut::Broken(broken) => return Ok(Err(broken)),
            upload::Cut::Denied(judgement) => judgement,
        };
        match self.note(told, request, &cut) {
            Some(denial) if !told.seen.begun => Err(self.refuse(told, request, denial, true).await),
            Some(denial) if speaks_grpc(request) == Some(Flavour::Native) => Err(self.end_call(told, denial).await),
            _ => Err(Next::Abort),
        }
    }

    /// Writes a held request: the head, with framing of our own, and the body behind it.
    fn write_request(&self, told: &mut Told, request: &Request, upstream: &mut Upstream, body: &Body) {
        let Body::Whole(bytes, trailers) = body else {
            return self.write_head(told, request, upstream, request.head.framing);
        };
        told.sent = bytes.len() as u64;
        if trailers.is_empty() {
            self.write_head(told, request, upstream, Framing::Length(told.sent));
            upstream.outbox.buffer().extend_from_slice(bytes);
        } else {
            self.write_head(told, request, upstream, Framing::Chunked);
            let out = upstream.outbox.buffer();
            emit::chunk(out, bytes);
            emit::last_chunk(out, trailers.iter());
        }
    }

    fn write_head(&self, told: &Told, request: &Request, upstream: &mut Upstream, framing: Framing) {
        let client_certificate = self.guest.handshake.as_ref().map(|handshake| &*handshake.xfcc);
        let readable = told.seen.screen.is_some();
        let forwarded = self.guest.forwarded();
        let rewrite = emit::Rewrite { framing, client_certificate, forwarded, close: upstream.alone, readable };
        emit::request_head(upstream.outbox.buffer(), request.view(), &rewrite);
    }

    fn wish<'a>(&self, request: &Request, sending: &'a Cell<Sending>) -> Wish<'a> {
        let method = request.view().method();
        let (head, connect) = (method == "HEAD", method == "CONNECT");
        let own = matches!(self.client.stream, Wire::Own(_));
        let last = own && self.session.exchanges >= self.worker.limits().requests_per_connection;
        if last {
            self.worker.metrics.limited(self.guest.connection.direction, REQUESTS);
        }
        Wish {
            asked: Asked { head, connect, websocket: websocket_proof(request) },
            version: request.head.version,
            keep_alive: request.head.keep_alive && !last,
            sending,
        }
    }

    /// What goes on once the upstream has switched: a WebSocket is carried to its end, message by message. Inside of a
    /// tunnel nothing is exempt: what follows is HTTP/1.1 again, to be judged like any other, or it is refused.
    async fn switch(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request, upstream: Upstream) -> Next {
        if request.head.websocket {
            return self.carry(told, case, request, upstream).await;
        }
        self.tunnel = if upstream.inbox.is_empty() { Tunnel::Open(Box::new(upstream)) } else { Tunnel::Over };
        Next::Request
    }

    async fn carry(&mut self, told: &mut Told, case: &mut Case<'_>, request: &Request, mut upstream: Upstream) -> Next {
        let limits = self.worker.limits();
        let past = Past::default();
        let scene =
            Scene { connection: &self.guest.connection, session: &self.session, past: &past, now: self.worker.now() };
        let Client { stream, inbox, share, deadline, .. } = &mut self.client;
        let (worker, revision, screen) = (self.worker, &told.revision, case.screen());
        let beginning = case.beginning();
        let court = Court { worker, case, scene, request, revision, share, held: [0; 2], sent: 0, event: None };
        let court = RefCell::new(court);
        let mut from_client = FromClient::new(&court, limits.inspect_bytes);
        let mut from_server = FromServer::new(&court, (screen, beginning), limits.inspect_bytes);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        let early = up.begin(&inbox.take(inbox.len()), &mut from_client);
        let early = early.and_then(|()| down.begin(upstream.inbox.unread(), &mut from_server));
        let mut ended = early.map_err(|Shut| Ended::Shut);
        let socket = &mut upstream.socket;
        if ended.is_ok() {
            let (upward, downward) = ((&mut up, &mut from_client), (&mut down, &mut from_server));
            let carried = tunnel::carry(stream, socket, upward, downward, &worker.scratch, limits.upgraded_idle);
            ended = Box::pin(carried).await;
        }
        let whole = from_server.is_between_frames();
        match ended {
            Ok(()) => from_server.tell(),
            Err(Ended::Idle(reason)) => worker.metrics.limited(self.guest.connection.direction, reason),
            Err(Ended::Shut) => {
                let event = court.into_inner().event.map(|id| id.to_string()).unwrap_or_default();
                up.waiting.buffer().extend(close(Side::Client, &event));
                // Inside of a frame it would be taken for content.
                down.waiting.buffer().extend(if whole { close(Side::Server, &event) } else { Vec::new() });
                deadline.set(LAST_WORDS, READ_SLOW);
                // Whether they listen changes nothing for us.
                let _ = deadline.within(down.waiting.send(stream)).await;
                let _ = deadline.within(up.waiting.send(socket)).await;
            }
        }
        if matches!(socket, Wire::Stream(_)) {
            deadline.set(LAST_WORDS, READ_SLOW);
            // Whether it listens changes nothing for us.
            let _ = deadline.within(tunnel::end(socket, &worker.scratch)).await;
        }
        told.sent += up.carried;
        told.seen.released += down.carried;
        Next::Close
    }
}

/// What came of asking an upstream.
fn settle(attempt: Attempt<'_>, answered: Result<Answered, Broken>, status: Option<u16>) {
    match (answered, status) {
        (Err(Broken::Client(_)), _) => drop(attempt),
        (Err(Broken::Upstream(_)), _) | (Ok(_), Some(502..=504)) => attempt.failed(),
        (Ok(_), _) => attempt.succeeded(),
    }
}

/// For a WebSocket's close to be taken.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the upstream must answer to a WebSocket handshake, if this is one.
fn websocket_proof(request: &Request) -> Option<websocket::Accept> {
    let key = request.view().header("sec-websocket-key")?;
    request.head.websocket.then(|| websocket::accept(key))
}

/// The way of gRPC that a request speaks, if it does.
pub(super) fn speaks_grpc(request: &Request) -> Option<Flavour> {
    grpc::Call::of(request.view().headers()).map(|call| call.flavour)
}

/// RFC 9110 §9.2.2: asking twice does what asking once does.
fn may_ask_again(request: &Request, body: &Body) -> bool {
    let idempotent = matches!(request.view().method(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
    idempotent && !matches!(body, Body::Stream(..))
}
