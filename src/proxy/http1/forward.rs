//! A request that was granted goes on, and its answer comes back; again, where the upstream has not looked at it.

use super::answer::{Answer, Answered, Broken, NO_ANSWER, Sending, Wish};
use super::exchange::{Body, Request, speaks_grpc};
use super::reach::settle;
use super::report::Told;
use super::upload::{self, Judging, REQUEST_SLOW};
use super::{Conversation, Next, REQUESTS};
use crate::engine::Case;
use crate::flow::{Judgement, Past, Scene};
use crate::protocol::grpc::Flavour;
use crate::protocol::http1::{BodyDecoder, Framing, emit};
use crate::proxy::upstream::{self, Upstream};
use crate::proxy::wire::Wire;
use std::cell::Cell;

/// How often a request is sent again that an upstream has refused to look at.
const MOST_REFUSALS: u32 = 3;

impl<'w> Conversation<'w> {
    /// Sends the request to the upstream and passes its answer on. A pooled connection that turns out to be stale is
    /// replaced once, if asking twice is safe; a stream that the upstream has not looked at, a few times.
    pub(super) async fn forward(
        &mut self,
        told: &mut Told,
        case: &mut Case<'_>,
        request: &Request,
        mut body: Body,
    ) -> Next {
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
        let own = matches!(self.client.stream, Wire::Own(_));
        let last = own && self.session.exchanges >= self.worker.limits().requests_per_connection;
        if last {
            self.worker.metrics.limited(self.guest.connection.direction, REQUESTS);
        }
        Wish {
            asked: request.view().asked(),
            version: request.head.version,
            keep_alive: request.head.keep_alive && !last,
            sending,
        }
    }
}

/// RFC 9110 §9.2.2: asking twice does what asking once does.
fn may_ask_again(request: &Request, body: &Body) -> bool {
    let idempotent = matches!(request.view().method(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
    idempotent && !matches!(body, Body::Stream(..))
}
