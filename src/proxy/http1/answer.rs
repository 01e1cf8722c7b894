//! The upstream's half of an exchange: its answer is read, checked and passed on as it comes, never faster than the
//! client takes it. An answer that breaks off is never passed off as whole.

use super::client::{BROKE_OFF, READ_SLOW};
use crate::engine::{ATTACK, Beginning, Blocked, Disguised, LEAK, Screen};
use crate::flow::{Kind, Outcome, Reason};
use crate::protocol::grpc::{self, Flavour};
use crate::protocol::http1::{Asked, BodyDecoder, Framing, ResponseHead, Scan, Version, emit};
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::settings::Limits;
use crate::proxy::wire::Leaves;
use crate::proxy::worker::Worker;
use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};

/// The upstream closed or reset the connection before it answered.
pub(super) const NO_ANSWER: Reason =
    Reason::new("upstream-closed", Kind::Upstream, "the upstream closed without an answer");
/// The upstream did not begin its answer in time.
pub(super) const SLOW: Reason =
    Reason::new("upstream-response-timeout", Kind::Upstream, "the upstream did not answer in time");
/// The upstream's answer ended before its end.
pub(super) const TRUNCATED: Reason =
    Reason::new("upstream-broke-off", Kind::Upstream, "the upstream's answer broke off");
/// The upstream's answer does not go on.
pub(super) const STALLED: Reason =
    Reason::new("upstream-progress-timeout", Kind::Upstream, "the upstream's answer did not go on");
/// The client has given the exchange up. Not recorded: callers do so when they need no answer any more.
pub(super) const LEFT: Reason =
    Reason::new("client-left", Kind::Malformed, "the client gave the exchange up before its end");

/// The upstream says again and again that its answer is to come.
pub(super) const INTERIM: Reason = Reason::new(
    "upstream-interim-answers",
    Kind::Upstream,
    "the upstream sent more interim answers than are passed on",
);

/// Interim answers (1xx) to one request.
const MAX_INTERIM: usize = 32;

/// The upstream answers in a content coding although none was accepted.
pub(super) const CODED: Reason = Reason::new(
    "upstream-coded",
    Kind::Upstream,
    "the answer cannot be looked at: it came in a content coding that was not asked for",
);

/// What of the request decides the form of its answer.
pub(super) struct Wish<'a> {
    pub(super) asked: Asked,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    /// How far the request's body has come. Unless all of it was sent, both connections end with the answer: what follows
    /// on them would be taken for the rest of it.
    pub(super) sending: &'a Cell<Sending>,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// More of it is to be sent.
    GoesOn,
    /// All of it was sent.
    Done,
    /// The upstream takes no more of it.
    CutOff,
}

/// How far an answer came. Kept outside the future, so that it can be told whatever becomes of it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Option<u16>,
    /// Whether the client was given any of it.
    pub(super) begun: bool,
    /// Body bytes passed on.
    pub(super) released: u64,
    /// What its body is held against as it begins.
    pub(super) beginning: Beginning,
    /// What the answer passes through, where its port asks for it or the request was suspicious.
    pub(super) screen: Option<Box<Screen>>,
    /// What the answer says of a suspicious request.
    pub(super) outcome: Option<Outcome>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// All of it has been passed on.
    Whole {
        /// Whether the upstream connection can carry another exchange.
        reusable: bool,
        /// Whether the client's can.
        keep_alive: bool,
    },
    /// The upstream switched to what was asked for: a WebSocket, a tunnel.
    Switched,
}

/// Whose fault it is that an answer did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Upstream(Reason),
    Client(Reason),
}

/// Both ends of one answer.
pub(super) struct Answer<'a, R, W> {
    pub(super) worker: &'a Worker,
    pub(super) upstream: &'a mut R,
    pub(super) inbox: &'a mut Inbox,
    pub(super) client: &'a mut W,
    pub(super) outbox: &'a mut Outbox,
    pub(super) deadline: &'a mut Deadline,
    pub(super) wish: &'a Wish<'a>,
    pub(super) seen: &'a mut Seen,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Leaves + Unpin> Answer<'_, R, W> {
    /// Passes the answer on.
    ///
    /// # Errors
    /// Whose fault it is that it did not come to its end. `seen` says what the client has been given.
    pub(super) async fn pass(mut self) -> Result<Answered, Broken> {
        for _ in 0..=MAX_INTERIM {
            self.deadline.set(self.limits().response, SLOW);
            let (head, mut bytes) = self.head().await?;
            if let Some(screen) = &mut self.seen.screen {
                screen.head(&mut bytes)?;
            }
            self.seen.status = Some(head.status);
            if head.websocket || head.tunnel {
                self.write_head(&head, &bytes, false);
                self.send().await?;
                return Ok(Answered::Switched);
            }
            if !head.is_interim() {
                return self.whole(&head, &bytes).await;
            }
            // 100 answers an expectation, which we have answered already.
            if head.status != 100 && self.wish.version == Version::Http11 {
                self.write_head(&head, &bytes, true);
                self.send().await?;
                // The answer proper has not begun: another may still take its place.
                self.seen.begun = false;
            }
        }
        Err(Broken::Upstream(INTERIM))
    }

    async fn head(&mut self) -> Result<(ResponseHead, Vec<u8>), Broken> {
        let mut scan = Scan::default();
        loop {
            let unread = self.inbox.unread();
            let decoded = ResponseHead::decode_on(unread, &mut scan, self.wish.asked, &self.limits().http1);
            if let Some(head) = decoded.map_err(|malformed| Broken::Upstream(malformed.why))? {
                let bytes = self.inbox.take(head.len);
                return Ok((head, bytes));
            }
            if self.fill().await? == 0 {
                let reason = if self.inbox.is_empty() { NO_ANSWER } else { TRUNCATED };
                return Err(Broken::Upstream(reason));
            }
        }
    }

    async fn whole(mut self, head: &ResponseHead, bytes: &[u8]) -> Result<Answered, Broken> {
        let wish = self.wish;
        let until_close = head.framing_for(wish.version) == Framing::UntilClose;
        let keep_alive = wish.keep_alive && !until_close && self.all_sent() && !self.worker.stopping();
        self.check_coding(head, bytes)?;
        if grpc::Call::of(head.view(bytes).headers()).is_some_and(|call| call.flavour != Flavour::WebText) {
            self.seen.beginning.of_messages();
        }
        self.write_head(head, bytes, keep_alive);
        let lives = self.body(head).await?;
        let reusable = lives && head.keep_alive && self.inbox.is_empty() && self.all_sent();
        Ok(Answered::Whole { reusable, keep_alive })
    }

    fn write_head(&mut self, head: &ResponseHead, bytes: &[u8], keep_alive: bool) {
        let client = self.wish.version;
        let reply = emit::Reply { framing: head.framing_for(client), client, keep_alive };
        emit::response_head(self.outbox.buffer(), head.view(bytes), &reply);
    }

    /// Passes the body on; whether the upstream connection is still there.
    async fn body(&mut self, head: &ResponseHead) -> Result<bool, Broken> {
        let chunked = head.framing_for(self.wish.version) == Framing::Chunked;
        let mut decoder = BodyDecoder::new(head.framing, &self.limits().http1);
        let held = self.hold(head);
        while !decoder.is_done() {
            self.take(&mut decoder, chunked)?;
            if decoder.is_done() {
                break;
            }
            if held.is_none() {
                self.send().await?;
            }
            if self.fill().await? == 0 {
                decoder.end_of_input().map_err(|_| Broken::Upstream(TRUNCATED))?;
            }
        }
        self.end(chunked)?;
        if chunked {
            emit::last_chunk(self.outbox.buffer(), decoder.trailers().iter());
        }
        self.send().await?;
        Ok(head.framing != Framing::UntilClose)
    }

    /// Moves the content of what was read into the outbox, in the client's framing.
    fn take(&mut self, decoder: &mut BodyDecoder, chunked: bool) -> Result<(), Broken> {
        while !decoder.is_done() && !self.inbox.is_empty() {
            let unread = self.inbox.unread();
            let piece = decoder.step(unread).map_err(|malformed| Broken::Upstream(malformed.by_upstream().why))?;
            let content = unread.get(piece.data).unwrap_or_default();
            self.seen.beginning.body(content, piece.done)?;
            match &mut self.seen.screen {
                None => write(self.outbox.buffer(), content, chunked, &mut self.seen.released),
                Some(screen) => {
                    let mut clean = Vec::new();
                    screen.pass(content, &mut clean)?;
                    write(self.outbox.buffer(), &clean, chunked, &mut self.seen.released);
                }
            }
            self.inbox.consume(piece.consumed);
            if piece.consumed == 0 && !piece.done {
                break;
            }
        }
        Ok(())
    }

    /// What the screen has held back of the answer's end.
    fn end(&mut self, chunked: bool) -> Result<(), Broken> {
        let Some(screen) = &mut self.seen.screen else { return Ok(()) };
        let mut clean = Vec::new();
        screen.finish(&mut clean)?;
        write(self.outbox.buffer(), &clean, chunked, &mut self.seen.released);
        Ok(())
    }

    /// An answer that may be blocked is held until all of it has been looked at, if it is small enough and there is
    /// room: the client then gets a refusal instead of an answer that breaks off.
    fn hold(&self, head: &ResponseHead) -> Option<Share> {
        self.seen.screen.as_ref().filter(|screen| screen.blocks())?;
        let Framing::Length(length) = head.framing else { return None };
        let length = usize::try_from(length).ok().filter(|length| *length <= self.limits().inspect_bytes)?;
        let mut share = Share::none(&self.worker.held);
        share.resize(length).ok().map(|()| share)
    }

    /// What comes in a content coding cannot be looked at.
    fn check_coding(&self, head: &ResponseHead, bytes: &[u8]) -> Result<(), Broken> {
        let codings = || head.view(bytes).headers().filter(|header| header.is_named("content-encoding"));
        let coded = codings().any(|header| !header.value.trim_ascii().eq_ignore_ascii_case(b"identity"));
        let blocks = self.seen.screen.as_ref().is_some_and(|screen| screen.blocks());
        if coded && blocks { Err(Broken::Upstream(CODED)) } else { Ok(()) }
    }

    async fn fill(&mut self) -> Result<usize, Broken> {
        if self.seen.begun {
            self.deadline.set(self.limits().response_progress, STALLED);
        }
        let filled = loop {
            let (inbox, scratch, upstream) = (&mut *self.inbox, &self.worker.scratch, &mut *self.upstream);
            let client = &mut *self.client;
            let filling = poll_fn(|cx| match client.poll_left(cx) {
                Poll::Ready(()) => Poll::Ready(Err(LEFT)),
                Poll::Pending => inbox.poll_fill(cx, scratch, upstream, Scratch::BYTES).map(Ok),
            });
            // Until the body has been sent, which has a deadline of its own, no answer is due.
            let uploading = self.wish.sending.get() == Sending::GoesOn;
            match self.deadline.within(filling).await {
                Err(_) if uploading => self.deadline.set(self.limits().response, SLOW),
                filled => break filled.map_err(Broken::Upstream)?.map_err(Broken::Client)?,
            }
        };
        match filled {
            Ok(count) => Ok(count),
            Err(_) if self.seen.begun || !self.inbox.is_empty() => Err(Broken::Upstream(TRUNCATED)),
            Err(_) => Err(Broken::Upstream(NO_ANSWER)),
        }
    }

    async fn send(&mut self) -> Result<(), Broken> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        self.seen.begun = true;
        self.deadline.set(self.limits().write_progress, READ_SLOW);
        let sent = self.deadline.within(self.outbox.send(self.client)).await;
        sent.map_err(Broken::Client)?.map_err(|_| Broken::Client(BROKE_OFF))
    }

    fn all_sent(&self) -> bool {
        self.wish.sending.get() == Sending::Done
    }

    fn limits(&self) -> &Limits {
        self.worker.limits()
    }
}

/// Body bytes in the client's framing.
fn write(out: &mut Vec<u8>, content: &[u8], chunked: bool, released: &mut u64) {
    *released += content.len() as u64;
    if chunked {
        emit::chunk(out, content);
    } else {
        out.extend_from_slice(content);
    }
}

impl From<Disguised> for Broken {
    fn from(_: Disguised) -> Self {
        Self::Upstream(ATTACK)
    }
}

impl From<Blocked> for Broken {
    fn from(_: Blocked) -> Self {
        Self::Upstream(LEAK)
    }
}
