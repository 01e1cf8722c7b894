//! The two sides of a session, driven by one task: what is to be said is written, and nothing more is read for a side that
//! does not take what it has.

use super::{End, Turns};
use crate::flow::{Connection, Direction, Peer, Reason, Side};
use crate::identity::Role;
use crate::proxy::bans::BANNED;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::tls::{Handshake, Stream};
use crate::proxy::upstream::{Connected, Tls};
use crate::proxy::worker::Worker;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};
use tokio::task::coop;

/// Of what was read of a side, a buffer of so many bytes is kept for what comes next.
const KEPT_BYTES: usize = 1024;
/// For our last words to be taken.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a server has proved, and under which generation of trust.
pub(in crate::proxy) struct Proved {
    pub(in crate::proxy) tls: Tls,
    pub(in crate::proxy) peer: Peer,
    pub(in crate::proxy) generation: u64,
}

/// Where a side stands after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Moved {
    /// As before.
    Nothing,
    /// Something was written, and nothing is to be dealt with.
    Written,
    /// So many bytes have come of a side.
    Came(Side, usize),
    /// The client has said all that it will say. It is not read any more.
    HungUp,
    /// What has come before can go on.
    GoesOn,
}

/// The rest of a message whose beginning has been dealt with.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::proxy) struct Rest {
    pub(in crate::proxy) bytes: usize,
    pub(in crate::proxy) dropped: bool,
}

/// Both sides.
pub(in crate::proxy) struct Sides {
    pub(in crate::proxy) client: Stream,
    pub(in crate::proxy) from_client: Inbox,
    pub(in crate::proxy) to_client: Outbox,
    pub(in crate::proxy) server: Stream,
    pub(in crate::proxy) from_server: Inbox,
    pub(in crate::proxy) to_server: Outbox,
    /// Bytes of a message that go on, or are dropped, as they come.
    pub(in crate::proxy) client_rest: Rest,
    pub(in crate::proxy) server_rest: Rest,
    handshake: Option<Handshake>,
    trust: Proved,
    /// The side that something came of last: the other one is looked at first, and at this one only if nothing has come.
    came: Side,
    /// Something was handed on since the last step.
    handed_on: bool,
    /// The client will say nothing more.
    hung_up: bool,
    watched: Watched,
    stopped: Pin<Box<dyn Future<Output = ()>>>,
    awaits_stop: bool,
}

impl Sides {
    /// With what was read of each and is to be said to it.
    pub(in crate::proxy) fn new(
        worker: &Worker,
        (client, from_client, to_client): (Stream, Inbox, Outbox),
        (server, from_server, to_server): (Stream, Inbox, Outbox),
        (handshake, trust): (Option<Handshake>, Proved),
    ) -> Self {
        let (client_rest, server_rest) = (Rest::default(), Rest::default());
        let (came, stopped) = (Side::Server, Box::pin(worker.stopped()));
        Self {
            client,
            from_client: from_client.keeping(KEPT_BYTES),
            to_client,
            server,
            from_server: from_server.keeping(KEPT_BYTES),
            to_server,
            client_rest,
            server_rest,
            handshake,
            trust,
            came,
            handed_on: false,
            hung_up: false,
            watched: Watched::default(),
            stopped,
            awaits_stop: false,
        }
    }

    /// Writes what the sides take, and reads into `scratch` what has come of one that may be read, of the client only if
    /// `from_client`.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, scratch: &mut [u8], from_client: bool) -> Result<Moved, Side> {
        let mut sent = std::mem::take(&mut self.handed_on);
        if !self.to_server.is_empty() || !self.to_client.is_empty() {
            sent |= self.send(cx, Side::Server)? | self.send(cx, Side::Client)?;
        }
        // What is left of before goes on first: behind it there may be nothing more than the end.
        if sent && (!self.from_client.is_empty() || !self.from_server.is_empty()) {
            return Ok(Moved::GoesOn);
        }
        // Of one side at a time, in turns, so that none waits for long for the other.
        let last = self.came;
        for side in [other(last), last] {
            match self.read(cx, scratch, side, from_client && !self.hung_up)? {
                None => {}
                Some(0) => {
                    self.hung_up = true;
                    return Ok(Moved::HungUp);
                }
                Some(count) => {
                    self.came = side;
                    return Ok(Moved::Came(side, count));
                }
            }
        }
        Ok(if sent { Moved::Written } else { Moved::Nothing })
    }

    /// Whether all that has come has gone on, so far as is known without asking the kernel; then a step would do nothing.
    pub(super) fn settles(&mut self) -> bool {
        let nothing_waits = self.to_server.is_empty() && self.to_client.is_empty();
        let nothing_is_left = self.from_client.is_empty() && self.from_server.is_empty();
        let Watched { client, server, .. } = self.watched;
        let settles = nothing_waits && nothing_is_left && self.client.is_quiet(client) && self.server.is_quiet(server);
        self.handed_on &= !settles;
        settles
    }

    /// Writes what waits for a side, if it takes it; whether all of it was taken.
    fn send(&mut self, cx: &mut Context<'_>, to: Side) -> Result<bool, Side> {
        let (_, outbox, stream) = self.to(to);
        if outbox.is_empty() {
            return Ok(false);
        }
        match outbox.poll_send(cx, stream) {
            Poll::Ready(sent) => sent.map(|()| true).map_err(|_| to),
            Poll::Pending => Ok(false),
        }
    }

    /// Who is woken when something comes from now on.
    pub(super) fn wakes(&mut self, task: &Waker) {
        self.watched.by(task);
    }

    /// Reads a side whose bytes the other one takes; nothing, once, at the end of the client's.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        side: Side,
        from_client: bool,
    ) -> Result<Option<usize>, Side> {
        let (stream, takes, watched) = match side {
            Side::Client => (&mut self.client, from_client && self.to_server.is_empty(), &mut self.watched.client),
            Side::Server => (&mut self.server, self.to_client.is_empty(), &mut self.watched.server),
        };
        if !takes || stream.is_quiet(*watched) {
            return Ok(None);
        }
        let read = stream.poll_read_turn(cx, scratch);
        // At the end of a task's turn nothing was looked at.
        *watched = read.is_pending() && coop::has_budget_remaining();
        match read {
            Poll::Ready(Ok(count)) if count > 0 || side == Side::Client => Ok(Some(count)),
            Poll::Ready(_) => Err(side),
            Poll::Pending => Ok(None),
        }
    }

    /// What was read of the other side and is not dealt with, what waits for a side, and the side.
    fn to(&mut self, side: Side) -> (&mut Inbox, &mut Outbox, &mut Stream) {
        match side {
            Side::Client => (&mut self.from_server, &mut self.to_client, &mut self.client),
            Side::Server => (&mut self.from_client, &mut self.to_server, &mut self.server),
        }
    }

    /// Hands bytes on to a side, at once if it takes them.
    fn hand_on(&mut self, to: Side, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (_, outbox, stream) = self.to(to);
        let sent = if outbox.is_empty() { stream.write_now(bytes) } else { 0 };
        if sent < bytes.len() {
            outbox.buffer().extend_from_slice(bytes.get(sent..).unwrap_or_default());
        }
        self.handed_on = true;
    }

    /// Whether the sidecar stops. Who waits for it is woken by it: it is asked once, and looked at from then on.
    pub(super) fn is_stopped(&mut self, worker: &Worker, cx: &mut Context<'_>) -> bool {
        if self.awaits_stop {
            return worker.stopping();
        }
        self.awaits_stop = true;
        self.stopped.as_mut().poll(cx).is_ready()
    }

    /// Before each statement: trust ends when it ends, in the server too.
    pub(in crate::proxy) fn still_welcome(
        &mut self,
        worker: &Worker,
        connection: &Connection,
        now: SystemTime,
        untrusted: Reason,
    ) -> Result<(), Reason> {
        let Proved { tls, peer, generation } = &self.trust;
        if !Connected::is_trusted(worker, tls, peer, *generation) && !self.is_trusted_anew(worker) {
            return Err(untrusted);
        }
        if connection.direction == Direction::Outbound {
            return if worker.bans(connection) { Err(BANNED) } else { Ok(()) };
        }
        let welcome = worker.still_welcomes(connection, now);
        let mut trusted = || worker.still_trusts(&mut self.handshake, self.client.peer_chain(), now);
        welcome.and_then(|()| trusted()).map_err(|(reason, _)| reason)
    }

    /// Whether the server's chain is believed under the certificates in place.
    fn is_trusted_anew(&mut self, worker: &Worker) -> bool {
        let (Tls::Mutual(_), Some(store)) = (&self.trust.tls, &worker.shared.identity) else { return false };
        let generation = store.generation();
        let trusted = store.still_trusted(self.server.peer_chain(), Role::Server, SystemTime::now()).is_ok();
        self.trust.generation = if trusted { generation } else { self.trust.generation };
        trusted
    }

    /// Says the last words to both, as far as they are taken.
    pub(super) async fn farewell(&mut self) {
        let Self { client, server, to_client, to_server, .. } = self;
        // Neither waits for the other to take its own.
        let farewell = async { tokio::join!(to_client.send(client), to_server.send(server)) };
        // Whoever has gone does not hear it.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// Which sides wake the task when something comes: found empty, a side need not be read again before it has.
#[derive(Default)]
struct Watched {
    client: bool,
    server: bool,
    task: Option<Waker>,
}

impl Watched {
    /// A task that is another one than before is not yet known to the sides.
    fn by(&mut self, task: &Waker) {
        if !self.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            *self = Self { task: Some(task.clone()), ..Self::default() };
        }
    }
}

/// What has come of one side and is dealt with message by message: what goes on as it came is moved in one piece.
pub(in crate::proxy) struct Passage<'a> {
    /// What is not yet moved: first what goes on.
    unmoved: &'a [u8],
    /// So many bytes go on. `waiting + unread.len() == unmoved.len()`.
    waiting: usize,
    /// What was not yet dealt with.
    unread: &'a [u8],
}

impl<'a> Passage<'a> {
    /// What was not yet dealt with.
    pub(in crate::proxy) fn of(bytes: &'a [u8]) -> Self {
        Self { unmoved: bytes, waiting: 0, unread: bytes }
    }

    /// What is left to be dealt with.
    pub(in crate::proxy) fn unread(&self) -> &'a [u8] {
        self.unread
    }

    /// Bytes that go on and are not yet moved.
    pub(in crate::proxy) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Lets so many bytes go on, as far as they have come; gives what is to come.
    pub(in crate::proxy) fn pass(&mut self, bytes: usize) -> Rest {
        let count = bytes.min(self.unread.len());
        self.unread = self.unread.get(count..).unwrap_or_default();
        self.waiting += count;
        Rest { bytes: bytes - count, dropped: false }
    }

    /// Drops so many bytes, as far as they have come; gives what is to come.
    pub(in crate::proxy) fn skip(&mut self, bytes: usize, outbox: &mut Outbox) -> Rest {
        self.flush(outbox);
        let rest = self.pass(bytes);
        (self.unmoved, self.waiting) = (self.unread, 0);
        Rest { dropped: true, ..rest }
    }

    /// Lets the rest of a message go on, or drops it.
    pub(in crate::proxy) fn end(&mut self, rest: Rest, outbox: &mut Outbox) -> Rest {
        if rest.dropped { self.skip(rest.bytes, outbox) } else { self.pass(rest.bytes) }
    }

    /// What goes on and is not yet moved.
    fn ready(&self) -> &'a [u8] {
        self.unmoved.get(..self.waiting).unwrap_or_default()
    }

    /// Moves what goes on: something else is to be said behind it.
    pub(in crate::proxy) fn flush(&mut self, outbox: &mut Outbox) {
        if self.waiting > 0 {
            outbox.buffer().extend_from_slice(self.ready());
            (self.unmoved, self.waiting) = (self.unread, 0);
        }
    }
}

/// Deals with what has come of a side, behind what is left of before: what goes on is handed on, the rest is kept.
pub(in crate::proxy) fn pass_on<'w, S: Turns<'w>>(
    session: &mut S,
    from: Side,
    came: &[u8],
    deal: impl FnOnce(&mut S, &mut Passage<'_>) -> Result<(), End>,
) -> Result<(), End> {
    let to = other(from);
    let (inbox, ..) = session.parts().1.to(to);
    if inbox.is_empty() {
        let mut passage = Passage::of(came);
        let dealt = if came.is_empty() { Ok(()) } else { deal(session, &mut passage) };
        let sides = session.parts().1;
        sides.hand_on(to, passage.ready());
        sides.to(to).0.append(passage.unread);
        return dealt;
    }
    inbox.append(came);
    let mut inbox = std::mem::take(inbox);
    let mut passage = Passage::of(inbox.unread());
    let dealt = deal(session, &mut passage);
    let sides = session.parts().1;
    sides.hand_on(to, passage.ready());
    let left = passage.unread.len();
    inbox.consume(inbox.len() - left);
    *sides.to(to).0 = inbox;
    dealt
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
