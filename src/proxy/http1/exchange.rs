//! One request and its answer: judge the head, hold or stream the body, ask the upstream, pass its answer on; or refuse,
//! and say so in HTTP. Nothing of a message goes on before it has been judged.

use super::client::Held;
use super::report::Told;
use super::{Conversation, Next};
use crate::engine::correlate::OVERFLOW;
use crate::engine::{BODY_TOO_LARGE, Case, Content};
use crate::flow::{Denial, Direction, Judgement, Past};
use crate::protocol::grpc::{self, Flavour};
use crate::protocol::http1::{BodyDecoder, Framing, RequestHead, RequestView, Trailers, emit};
use crate::proxy::rates::Counted;

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
pub(super) enum Body {
    None,
    /// All of it.
    Whole(Vec<u8>, Trailers),
    /// The first bytes of one that goes on unit by unit: larger than is held, or a gRPC call.
    Stream(Vec<u8>, BodyDecoder),
}

impl Body {
    /// What it begins with.
    pub(super) fn first(&self) -> &[u8] {
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
}

/// The way of gRPC that a request speaks, if it does.
pub(super) fn speaks_grpc(request: &Request) -> Option<Flavour> {
    grpc::Call::of(request.view().headers()).map(|call| call.flavour)
}
