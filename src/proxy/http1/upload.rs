//! A request whose body is larger than is held, on a route that says so: judged window by window, each released only
//! after its judgement, while the answer may already come. A window that is denied forwards no byte of itself; what went
//! before is recorded as delivered.

use super::answer::{Answer, Answered, Broken, Seen, Sending, Wish};
use super::client::{BODY_SLOW, BROKE_OFF, Client};
use super::exchange::Request;
use super::report::Progress;
use crate::engine::{Case, Content};
use crate::flow::{self, Judgement, Kind, Reason, Scene, Verdict};
use crate::protocol::body::{Declared, Windows};
use crate::protocol::grpc;
use crate::protocol::http1::{BodyDecoder, Framing, emit};
use crate::proxy::deadline::Deadline;
use crate::proxy::halves::Half;
use crate::proxy::held::Share;
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

/// The upstream does not take the request.
pub(super) const REQUEST_SLOW: Reason =
    Reason::new("upstream-request-timeout", Kind::Upstream, "the upstream did not take the request in time");

/// So much of a unit is looked at at once: a body of short values has some 16,000 parts in it, half of what one may have.
const PIECE_BYTES: usize = 64 << 10;

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

/// How a body is cut into what is judged and released at once.
enum Units {
    /// As it comes, with what the pieces before left unfinished.
    Windows(Windows),
    /// Whole messages.
    Messages(grpc::Call),
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
    units: Option<Units>,
    /// Read, and not judged: what is not a whole unit yet.
    pending: Vec<u8>,
    share: &'a mut Share,
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
        units: None,
        pending: first,
        share: &mut client.share,
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
    both(upload.send(), answer.pass(), wish).await
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
    async fn send(mut self) -> Result<(), Cut> {
        self.open()?;
        loop {
            let whole = self.whole()?;
            let rest = self.pending.split_off(whole);
            let unit = std::mem::replace(&mut self.pending, rest);
            self.judge(&unit)?;
            self.write(&unit);
            self.flush().await?;
            if self.decoder.is_done() {
                return Ok(());
            }
            // What goes on is what was read last; the first time it is what was held, or nothing at all.
            drop(unit);
            self.read().await?;
        }
    }

    fn open(&mut self) -> Result<(), Cut> {
        let request = self.judging.request.view();
        if let Some(call) = grpc::Call::of(request.headers()) {
            self.units = Some(Units::Messages(call));
            return Ok(());
        }
        let declared = Declared::of(request.headers());
        match declared.and_then(|declared| Windows::new(&declared)) {
            Ok(windows) => self.units = Some(Units::Windows(windows)),
            Err(malformed) => self.object(malformed.why)?,
        }
        Ok(())
    }

    fn object(&mut self, why: Reason) -> Result<(), Cut> {
        let judgement = self.judging.case.object(why);
        self.act(judgement)
    }

    /// How much of what was read is whole units. At the body's end it is all of it, or it is cut off.
    fn whole(&mut self) -> Result<usize, Cut> {
        if self.decoder.is_done() && !matches!(self.units, Some(Units::Messages(_))) {
            return Ok(self.pending.len());
        }
        if let Some(Units::Windows(windows)) = &mut self.units {
            return Ok(windows.whole(&self.pending, self.worker.limits().inspect_bytes));
        }
        if matches!(self.units, Some(Units::Messages(_))) {
            match grpc::whole(&self.pending, self.worker.limits().grpc_message_bytes) {
                Ok(whole) if !self.decoder.is_done() => return Ok(whole),
                Ok(_) => {}
                Err(malformed) => self.object(malformed.why)?,
            }
        }
        Ok(self.pending.len())
    }

    /// Judges all of a unit before any of it goes on; a long one piece by piece, so that what is found in one look is bounded.
    fn judge(&mut self, unit: &[u8]) -> Result<(), Cut> {
        if unit.is_empty() && !self.decoder.is_done() {
            return Ok(());
        }
        let mut rest = unit;
        while matches!(self.units, Some(Units::Windows(_)))
            && let Some((piece, behind)) = rest.split_at_checked(PIECE_BYTES).filter(|(_, behind)| !behind.is_empty())
        {
            self.look(piece, false)?;
            rest = behind;
        }
        self.look(rest, self.decoder.is_done())?;
        let Judging { case, scene, .. } = &mut self.judging;
        let exceeded = self.worker.over_budget(scene.connection, case, unit.len());
        exceeded.map_or(Ok(()), |judgement| self.act(judgement))
    }

    fn look(&mut self, bytes: &[u8], last: bool) -> Result<(), Cut> {
        let Some(units) = &mut self.units else { return Ok(()) };
        let content = Content { bytes, trailers: self.decoder.trailers(), last };
        let Judging { case, scene, request, .. } = &mut self.judging;
        let (view, limits) = (request.view(), &self.worker.limits().body);
        let judgement = match units {
            Units::Windows(windows) => case.judge_piece(scene, view, windows, &content, limits),
            Units::Messages(call) => case.judge_messages(scene, view, call, &content, limits),
        };
        self.act(judgement)
    }

    /// Stops at a denial, or records it and goes on, as its mode says.
    fn act(&mut self, judgement: Judgement) -> Result<(), Cut> {
        if judgement.stops().is_some() {
            return Err(Cut::Denied(Box::new(judgement)));
        }
        if matches!(&judgement.verdict, Verdict::Deny(denial) if denial.cut == flow::Cut::CloseSession) {
            self.units = None;
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

    /// Reads until there is content, or the body's end. Between messages a call may be silent for as long as an answer.
    async fn read(&mut self) -> Result<(), Cut> {
        let limits = self.worker.limits();
        let between = matches!(self.units, Some(Units::Messages(_))) && self.pending.is_empty();
        self.deadline.set(if between { limits.response_progress } else { limits.body_progress }, BODY_SLOW);
        let before = self.pending.len();
        loop {
            let unread = self.inbox.unread();
            let progress =
                self.decoder.decode(unread, &mut self.pending).map_err(|malformed| Cut::client(malformed.why))?;
            self.inbox.consume(progress.consumed);
            self.share.resize(self.pending.len()).map_err(Cut::client)?;
            if progress.done || self.pending.len() > before {
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
