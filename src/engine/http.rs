//! HTTP requests under judgement: a decoded head, a whole body, a piece of a streamed one. The data path and
//! `podwall judge` come through here, so that what is measured is what is done.

use super::{ATTACK, Case, Engine};
use crate::flow::{Fuel, Judgement, Kind, Message, Part, Reason, Scene, Side};
use crate::protocol::Malformed;
use crate::protocol::body::{self, Declared, Windows};
use crate::protocol::grpc;
use crate::protocol::head::{self, Request};
use crate::protocol::http1::{RequestView, Trailers};

/// A body larger than is held, on a route that does not say `stream`.
pub const BODY_TOO_LARGE: Reason = Reason::new(
    "limit-inspect-bytes",
    Kind::TooLarge,
    "the body is larger than is held for inspection, and its rule does not say `stream`",
);

/// What arrived of a body.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The body, or the next piece of it, its framing undone.
    pub bytes: &'a [u8],
    /// What follows it; empty before its end.
    pub trailers: &'a Trailers,
    /// Whether nothing comes after it.
    pub last: bool,
}

impl Case<'_> {
    /// Judges a request's head of `bytes` bytes. One whose path nobody can read in one way is refused for that, unless
    /// it carries an attack: then for the attack.
    pub fn judge_head(&mut self, scene: &Scene<'_>, request: &Request<'_>, bytes: usize, last: bool) -> Judgement {
        let parts = request.parts();
        let mut fuel = Engine::budget(bytes);
        match request.accesses(self.readings()) {
            Ok(accesses) => {
                let message = Message { side: Side::Client, accesses: &accesses, parts: &parts, last };
                self.judge(scene, &message, &mut fuel)
            }
            Err(malformed) => self.object_after_inspection(&parts, malformed, &mut fuel),
        }
    }

    /// Judges a whole body.
    pub fn judge_body(
        &mut self,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        content: &Content<'_>,
        limits: &body::Limits,
    ) -> Judgement {
        if let Some(call) = grpc::Call::of(view.headers()) {
            return self.judge_messages(scene, view, &call, content, limits);
        }
        self.unmask(content.bytes);
        let mut opening = Engine::budget(content.bytes.len());
        let declared = Declared::of(view.headers());
        let opened = match declared.and_then(|declared| body::open(content.bytes, &declared, limits, &mut opening)) {
            Ok(opened) => opened,
            Err(malformed) => return self.object(malformed.why),
        };
        // What there is to judge is what came out of the body's codings, which may be many times what was sent.
        let mut fuel = Engine::budget(opened.bytes());
        match opened.parts(limits, &mut fuel) {
            Ok(parts) => self.judge_parts(scene, view, parts, content, &mut fuel),
            Err(malformed) => self.object(malformed.why),
        }
    }

    /// Judges a message of a WebSocket, as a body of unknown type.
    pub fn judge_message(
        &mut self,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        bytes: &[u8],
        limits: &body::Limits,
    ) -> Judgement {
        self.unmask(bytes);
        let mut fuel = Engine::budget(bytes.len());
        let opened = match body::open(bytes, &Declared::default(), limits, &mut fuel) {
            Ok(opened) => opened,
            Err(malformed) => return self.object(malformed.why),
        };
        match opened.parts(limits, &mut fuel) {
            Ok(parts) => {
                let content = Content { bytes, trailers: &Trailers::default(), last: false };
                self.judge_parts(scene, view, parts, &content, &mut fuel)
            }
            Err(malformed) => self.object(malformed.why),
        }
    }

    /// Judges the next whole messages of a gRPC call.
    pub fn judge_messages(
        &mut self,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        call: &grpc::Call,
        content: &Content<'_>,
        limits: &body::Limits,
    ) -> Judgement {
        let messages = match call.open(content.bytes, limits, &mut Engine::budget(content.bytes.len())) {
            Ok(messages) => messages,
            Err(malformed) => return self.object(malformed.why),
        };
        self.unmask_messages(&messages);
        let mut fuel = Engine::budget_of_messages(messages.iter().map(|message| message.len()));
        let opened = match grpc::opened(&messages, limits, &mut fuel) {
            Ok(opened) => opened,
            Err(malformed) => return self.object(malformed.why),
        };
        match grpc::parts(&messages, &opened, limits, &mut fuel) {
            Ok(parts) => self.judge_parts(scene, view, parts, content, &mut fuel),
            Err(malformed) => self.object(malformed.why),
        }
    }

    /// Judges the next piece of a streamed body. When it ends the session the windows have lost their way: what follows
    /// cannot be judged any more.
    pub fn judge_piece(
        &mut self,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        windows: &mut Windows,
        content: &Content<'_>,
        limits: &body::Limits,
    ) -> Judgement {
        self.unmask(content.bytes);
        let mut fuel = Engine::budget_of_piece(content.bytes.len(), windows.seen_again());
        match windows.feed(content.bytes, content.last, limits) {
            Ok(parts) => self.judge_parts(scene, view, parts, content, &mut fuel),
            Err(malformed) => self.object(malformed.why),
        }
    }

    fn judge_parts<'a>(
        &mut self,
        scene: &Scene<'_>,
        view: RequestView<'_>,
        mut parts: Vec<Part<'a>>,
        content: &Content<'a>,
        fuel: &mut Fuel,
    ) -> Judgement {
        let methods = head::methods_in_body(view.method(), &parts);
        parts.extend(head::trailer_parts(content.trailers.iter()));
        let message = Message { side: Side::Client, accesses: &[], parts: &parts, last: content.last };
        if methods.is_empty() {
            return self.judge(scene, &message, fuel);
        }
        let request = view.request().under(methods);
        match request.accesses(self.readings()) {
            Ok(accesses) => self.judge(scene, &Message { accesses: &accesses, ..message }, fuel),
            Err(malformed) => self.object_after_inspection(&parts, malformed, fuel),
        }
    }

    fn object_after_inspection(&mut self, parts: &[Part<'_>], malformed: Malformed, fuel: &mut Fuel) -> Judgement {
        let attack = self.inspect(parts, fuel).filter(|reason| *reason == ATTACK);
        self.object(attack.unwrap_or(malformed.why))
    }
}
