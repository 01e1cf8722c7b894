//! The client's half of an HTTP/1.1 connection: heads and held bodies are read here, each under its deadline.

use crate::flow::{Direction, Kind, Now, Reason};
use crate::protocol::http1::{BodyDecoder, RequestHead, Scan};
use crate::protocol::{Guess, Malformed, http2};
use crate::proxy::deadline::Deadline;
use crate::proxy::held::Share;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::wire::{ClientWire, Wire};
use crate::proxy::worker::Worker;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A head that was begun is not ended in time.
pub(super) const HEADER_SLOW: Reason = Reason::new("limit-header", Kind::TooSlow, "the head was not sent in time");
/// A body that was begun does not go on.
pub(super) const BODY_SLOW: Reason = Reason::new("limit-body-progress", Kind::TooSlow, "the body was not sent in time");
/// No further request came.
pub(in crate::proxy) const IDLE: Reason = Reason::new("limit-idle", Kind::TooSlow, "no further request came in time");
/// The client does not take its answer.
pub(super) const READ_SLOW: Reason =
    Reason::new("limit-write-progress", Kind::TooSlow, "the client did not take its answer");
/// The client broke off in the middle of a request.
pub(super) const BROKE_OFF: Reason =
    Reason::new("client-broke-off", Kind::Malformed, "the client broke off inside a request");

/// Each time this much of a held body has come, its deadline is put off.
const PROGRESS_BYTES: usize = 1024;

/// The client's half of a connection.
pub(super) struct Client {
    pub(super) stream: ClientWire,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) deadline: Deadline,
    pub(super) share: Share,
    direction: Direction,
    /// Ready when the sidecar stops; made when it is first waited for.
    stopped: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// When a head was last decoded.
    pub(super) decoded: Now,
    /// What came instead of the first bytes.
    over: Option<NoHead>,
}

/// What came instead of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHead {
    /// The client is done, has been silent for as long as it may, or the sidecar stops: close without a word.
    Over,
    /// It must be told, if it still listens.
    Refused(Malformed),
}

/// A body that was held.
pub(super) enum Held {
    /// All of it.
    Whole(Vec<u8>),
    /// Its first bytes: it is larger than what is held.
    Over(Vec<u8>),
}

impl Client {
    /// A client of whom `inbox` has been read.
    pub(super) fn new(worker: &Worker, stream: ClientWire, inbox: Inbox, direction: Direction) -> Self {
        Self {
            stream,
            inbox,
            outbox: Outbox::default(),
            deadline: worker.timers.deadline(worker.limits().header, HEADER_SLOW),
            share: Share::none(&worker.held),
            direction,
            stopped: None,
            over: None,
            decoded: worker.now(),
        }
    }

    /// Whether the first bytes are those of HTTP/2.
    pub(super) async fn opens_http2(&mut self, worker: &Worker) -> bool {
        loop {
            match http2::identify(self.inbox.unread()) {
                Guess::Yes => return true,
                Guess::No => return false,
                Guess::NeedMore => self.over = self.fill_or_stop(worker).await.err(),
            }
            if self.over.is_some() {
                return false;
            }
        }
    }

    /// Waits for the next head. The first one of a connection has the head's deadline from the start; later ones may
    /// be waited for as long as the connection may be idle, and for `most`: how long its peer is to be trusted.
    pub(super) async fn head(&mut self, worker: &Worker, first: bool, most: Duration) -> Result<RequestHead, NoHead> {
        let limits = worker.limits();
        if let Some(over) = self.over.take() {
            return Err(over);
        }
        let mut begun = first || !self.inbox.is_empty();
        let (wait, reason) = if begun { (limits.header, HEADER_SLOW) } else { (limits.idle.min(most), IDLE) };
        self.deadline.set(wait, reason);
        let mut scan = Scan::default();
        loop {
            if !self.inbox.is_empty() {
                let began = worker.now().since_start;
                let decoded = RequestHead::decode_on(self.inbox.unread(), &mut scan, &limits.http1);
                self.decoded = worker.now();
                worker.metrics.decoded(self.direction, self.decoded.since_start.saturating_sub(began));
                if let Some(head) = decoded.map_err(NoHead::Refused)? {
                    self.give_back();
                    return Ok(head);
                }
                self.hold(0).map_err(|why| NoHead::Refused(Malformed { at: 0, why }))?;
                if !begun {
                    begun = true;
                    self.deadline.set(limits.header, HEADER_SLOW);
                }
            }
            self.fill_or_stop(worker).await?;
        }
    }

    /// Reads once. A client that ends between requests, or an idle one when the sidecar stops, is over.
    async fn fill_or_stop(&mut self, worker: &Worker) -> Result<(), NoHead> {
        let quiet = self.inbox.is_empty();
        let Self { stream, inbox, deadline, stopped, .. } = self;
        let filled = poll_fn(|cx| {
            if let Poll::Ready(filled) = inbox.poll_fill(cx, &worker.scratch, stream, Scratch::BYTES) {
                return Poll::Ready(Ok(filled));
            }
            if quiet && stopped.get_or_insert_with(|| Box::pin(worker.stopped())).as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(Ok(0)));
            }
            deadline.poll_passed(cx).map(Err)
        });
        let filled = filled.await;
        let refused = |why| NoHead::Refused(Malformed { at: self.inbox.len(), why });
        match filled {
            Ok(Ok(0)) | Ok(Err(_)) if quiet => Err(NoHead::Over),
            Ok(Ok(0)) | Ok(Err(_)) => Err(refused(BROKE_OFF)),
            Ok(Ok(_)) => Ok(()),
            Err(reason) if reason == IDLE => {
                worker.metrics.limited(self.direction, IDLE);
                Err(NoHead::Over)
            }
            Err(reason) => Err(refused(reason)),
        }
    }

    /// Reads a body until it ends or exceeds `most` bytes.
    ///
    /// # Errors
    /// Why it cannot be read: malformed, too slow, broken off, or no room to hold it.
    pub(super) async fn body(
        &mut self,
        worker: &Worker,
        decoder: &mut BodyDecoder,
        most: usize,
    ) -> Result<Held, Malformed> {
        let mut body = Vec::new();
        let mut next_progress = PROGRESS_BYTES;
        self.deadline.set(worker.limits().body_progress, BODY_SLOW);
        loop {
            let progress = decoder.decode(self.inbox.unread(), &mut body)?;
            self.inbox.consume(progress.consumed);
            self.hold(body.len()).map_err(|why| Malformed { at: body.len(), why })?;
            if body.len() > most {
                return Ok(Held::Over(body));
            }
            if progress.done {
                return Ok(Held::Whole(body));
            }
            if body.len() >= next_progress {
                next_progress = body.len() + PROGRESS_BYTES;
                self.deadline.set(worker.limits().body_progress, BODY_SLOW);
            }
            self.fill(worker).await.map_err(|why| Malformed { at: body.len(), why })?;
        }
    }

    /// Reads once, in the middle of a request.
    pub(super) async fn fill(&mut self, worker: &Worker) -> Result<(), Reason> {
        let Self { stream, inbox, deadline, .. } = self;
        let filled = poll_fn(|cx| inbox.poll_fill(cx, &worker.scratch, stream, Scratch::BYTES));
        match deadline.within(filled).await? {
            Ok(0) | Err(_) => Err(BROKE_OFF),
            Ok(_) => Ok(()),
        }
    }

    /// Sends what is in the outbox.
    pub(super) async fn send(&mut self, worker: &Worker) -> Result<(), Reason> {
        self.deadline.set(worker.limits().write_progress, READ_SLOW);
        let Self { stream, outbox, deadline, .. } = self;
        match deadline.within(outbox.send(stream)).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(BROKE_OFF),
        }
    }

    /// Says that we are done, then reads and throws away what the client still sends: many clients read an answer only
    /// after they have sent all of their request, and a connection that is closed while they send makes them lose it.
    /// Bounded in bytes, in time, and in how long it may be silent.
    pub(super) async fn linger(&mut self, worker: &Worker) {
        let drained = async {
            self.close().await?;
            let mut left = LINGER_BYTES;
            while left > 0 {
                self.deadline.set(LINGER_SILENCE, IDLE);
                let Self { stream, deadline, .. } = self;
                let reading = poll_fn(|cx| worker.scratch.poll_read(cx, stream, Scratch::BYTES, <[u8]>::len));
                match deadline.within(reading).await {
                    Ok(Ok(0)) | Err(_) => break,
                    Ok(read) => left = left.saturating_sub(read?),
                }
            }
            io::Result::Ok(())
        };
        // Whether the client listened to the end changes nothing for us.
        let _ = tokio::time::timeout(LINGER, drained).await;
    }

    /// Says that we are done: TLS's `close_notify`, and the end of our bytes.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        if let Wire::Own(stream) = &self.stream {
            stream.resets_when_dropped(false);
        }
        self.deadline.set(LINGER_SILENCE, IDLE);
        let Self { stream, deadline, .. } = self;
        deadline.within(stream.shutdown()).await.unwrap_or(Ok(()))
    }

    /// Ends it so that nobody takes what was sent for a whole.
    pub(super) fn abort(self) {
        match self.stream {
            Wire::Own(stream) => stream.abort(),
            Wire::Stream(mut stream) => stream.abort(),
        }
    }

    /// Accounts for what is held back: `more` bytes beside the inbox.
    fn hold(&mut self, more: usize) -> Result<(), Reason> {
        self.share.resize(self.inbox.len() + more)
    }

    /// Nothing is held back any more.
    pub(super) fn give_back(&mut self) {
        // Making a share smaller always succeeds.
        let _ = self.share.resize(0);
    }
}

/// How long a client that was refused may go on sending, how long it may be silent meanwhile, and how much it may send.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_SILENCE: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 << 20;
