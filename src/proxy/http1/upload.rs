//! A request whose body is larger than is held, on a route that says so: judged window by window, each released only
//! after its judgement, while the answer may already come. A window that is denied forwards no byte of itself; what went
//! before is recorded as delivered.

use super::answer::{Answer, Answered, Broken, Seen, Sending, Wish};
use super::client::{BODY_SLOW, BROKE_OFF, Client};
use super::exchange::{REQUEST_SLOW, Request};
use super::report::Progress;
use crate::engine::{Case, Content};
use crate::flow::{self, Judgement, Reason, Scene, Verdict};
use crate::protocol::body::{Declared, Windows};
use crate::protocol::http1::{BodyDecoder, Framing, emit};
use crate::proxy::deadline::Deadline;
use crate::proxy::halves::Half;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::upstream::Upstream;
use crate::proxy::wire::{ClientWire, UpstreamWire};
use crate::proxy::worker::Worker;
use crate::record::Revision;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// How a streamed exchange ended before its answer did.
pub(super) enum Cut {
    /// A window was denied.
    Denied(Box<Judgement>),
    Broken(Broken),
}

/// What judging needs while a body streams.
pub(super) struct Judging<'a, 'e> {
    pub(super) case: &'a mut Case<'e>,
    pub(super) scene: Scene<'a>,
    pub(super) request: &'a Request,
    pub(super) revision: &'a Arc<Revision>,
}

/// One body on its way.
struct Upload<'a, 'e> {
    worker: &'a Worker,
    client: Half<'a, ClientWire>,
    inbox: &'a mut Inbox,
    upstream: Half<'a, UpstreamWire>,
    outbox: &'a mut Outbox,
    judging: Judging<'a, 'e>,
    decoder: &'a mut BodyDecoder,
    /// Nothing, once they have lost their way in a body that is only watched.
    windows: Option<Windows>,
    deadline: Deadline,
    released: &'a mut u64,
}

/// Sends the body while the answer is passed on; ends with the answer. `first` is what was read of the body so far.
pub(super) async fn run(
    worker: &Worker,
    client: &mut Client,
    upstream: &mut Upstream,
    judging: Judging<'_, '_>,
    (first, decoder): (Vec<u8>, &mut BodyDecoder),
    (wish, seen, released): (&Wish<'_>, &mut Seen, &mut u64),
) -> Result<Answered, Cut> {
    let (stream, socket) = (RefCell::new(&mut client.stream), RefCell::new(&mut upstream.socket));
    let upload = Upload {
        worker,
        client: Half::of(&stream),
        inbox: &mut client.inbox,
        upstream: Half::of(&socket),
        outbox: &mut upstream.outbox,
        judging,
        decoder,
        windows: None,
        deadline: Deadline::after(worker.limits().body_progress, BODY_SLOW),
        released,
    };
    let answer = Answer {
        worker,
        upstream: &mut Half::of(&socket),
        inbox: &mut upstream.inbox,
        client: &mut Half::of(&stream),
        outbox: &mut client.outbox,
        deadline: &mut client.deadline,
        wish,
        seen,
    };
    both(upload.send(first), answer.pass(), wish).await
}

/// Drives both directions until the answer is through, or the body cannot go on.
async fn both(
    upload: impl Future<Output = Result<(), Cut>>,
    answer: impl Future<Output = Result<Answered, Broken>>,
    wish: &Wish<'_>,
) -> Result<Answered, Cut> {
    let (mut upload, mut answer) = (pin!(upload), pin!(answer));
    poll_fn(|cx| {
        // The answer first: a body that is always there to be read uses up what this task may do before it must yield,
        // and neither the answer nor its deadline would be looked at.
        if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
            return Poll::Ready(answered.map_err(Cut::Broken));
        }
        if wish.sending.get() != Sending::GoesOn {
            return Poll::Pending;
        }
        if let Poll::Ready(sent) = upload.as_mut().poll(cx) {
            wish.sending.set(match sent {
                Ok(()) => Sending::Done,
                // An upstream that no longer reads may still answer.
                Err(Cut::Broken(Broken::Upstream(_))) => Sending::CutOff,
                Err(cut) => return Poll::Ready(Err(cut)),
            });
            return answer.as_mut().poll(cx).map_err(Cut::Broken);
        }
        Poll::Pending
    })
    .await
}

impl Upload<'_, '_> {
    /// Unit after unit: judge, write, read the next.
    async fn send(mut self, mut unit: Vec<u8>) -> Result<(), Cut> {
        self.open()?;
        loop {
            self.judge(&unit)?;
            self.write(&unit);
            self.flush().await?;
            if self.decoder.is_done() {
                return Ok(());
            }
            unit.clear();
            self.read(&mut unit).await?;
        }
    }

    fn open(&mut self) -> Result<(), Cut> {
        let declared = Declared::of(self.judging.request.view().headers());
        match declared.and_then(|declared| Windows::new(&declared)) {
            Ok(windows) => self.windows = Some(windows),
            Err(malformed) => {
                let judgement = self.judging.case.object(malformed.why);
                self.act(judgement)?;
            }
        }
        Ok(())
    }

    fn judge(&mut self, unit: &[u8]) -> Result<(), Cut> {
        let Some(windows) = &mut self.windows else { return Ok(()) };
        let content = Content { bytes: unit, trailers: self.decoder.trailers(), last: self.decoder.is_done() };
        let Judging { case, scene, request, .. } = &mut self.judging;
        let judgement = case.judge_piece(scene, request.view(), windows, &content, &self.worker.limits().body);
        self.act(judgement)
    }

    /// Stops at a denial, or records it and goes on, as its mode says.
    fn act(&mut self, judgement: Judgement) -> Result<(), Cut> {
        if judgement.stops().is_some() {
            return Err(Cut::Denied(Box::new(judgement)));
        }
        if matches!(&judgement.verdict, Verdict::Deny(denial) if denial.cut == flow::Cut::CloseSession) {
            self.windows = None;
        }
        let Judging { scene, request, revision, .. } = &self.judging;
        let progress = Progress { revision, sent: *self.released, status: None };
        progress.note(self.worker, scene, request, &judgement);
        Ok(())
    }

    fn write(&mut self, unit: &[u8]) {
        let out = self.outbox.buffer();
        *self.released += unit.len() as u64;
        if self.judging.request.head.framing != Framing::Chunked {
            out.extend_from_slice(unit);
            return;
        }
        emit::chunk(out, unit);
        if self.decoder.is_done() {
            emit::last_chunk(out, self.decoder.trailers().iter());
        }
    }

    async fn flush(&mut self) -> Result<(), Cut> {
        self.deadline.set(self.worker.limits().response, REQUEST_SLOW);
        let sent = self.deadline.within(self.outbox.send(&mut self.upstream)).await;
        // The answer's side tells why the upstream no longer reads.
        sent.map_err(Cut::upstream)?.map_err(|_| Cut::upstream(REQUEST_SLOW))
    }

    /// Reads until there is content, or the body's end.
    async fn read(&mut self, unit: &mut Vec<u8>) -> Result<(), Cut> {
        self.deadline.set(self.worker.limits().body_progress, BODY_SLOW);
        loop {
            let progress =
                self.decoder.decode(self.inbox.unread(), unit).map_err(|malformed| Cut::client(malformed.why))?;
            self.inbox.consume(progress.consumed);
            if progress.done || !unit.is_empty() {
                return Ok(());
            }
            let (inbox, scratch, client) = (&mut *self.inbox, &self.worker.scratch, &mut self.client);
            let filled = poll_fn(|cx| inbox.poll_fill(cx, scratch, client, Scratch::BYTES));
            match self.deadline.within(filled).await.map_err(Cut::client)? {
                Ok(0) | Err(_) => return Err(Cut::client(BROKE_OFF)),
                Ok(_) => {}
            }
        }
    }
}

impl Cut {
    fn client(reason: Reason) -> Self {
        Self::Broken(Broken::Client(reason))
    }

    fn upstream(reason: Reason) -> Self {
        Self::Broken(Broken::Upstream(reason))
    }
}
