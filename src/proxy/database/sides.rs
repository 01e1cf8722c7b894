//! The two sides of a session, driven by one task: what is to be said is written, and nothing more is read for a side that
//! does not take what it has.

use crate::flow::{Connection, Direction, Peer, Reason, Side};
use crate::identity::Role;
use crate::proxy::bans::BANNED;
use crate::proxy::inbox::{Inbox, Scratch};
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
    /// Something has come, or what has come can go on.
    Dealable,
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
        let (came, stopped, awaits_stop) = (Side::Server, Box::pin(worker.stopped()), false);
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
            watched: Watched::default(),
            stopped,
            awaits_stop,
        }
    }

    /// Writes what the sides take, and reads what has come for one that takes it, of the client only if `from_client`.
    pub(in crate::proxy) fn step(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        from_client: bool,
    ) -> Result<Moved, Side> {
        let sent = self.send(cx)?;
        let filled = self.fill(cx, scratch, from_client)?;
        let waits = !self.from_client.is_empty() || !self.from_server.is_empty();
        Ok(match (filled, sent) {
            (true, _) => Moved::Dealable,
            (false, true) if waits => Moved::Dealable,
            (false, true) => Moved::Written,
            (false, false) => Moved::Nothing,
        })
    }

    /// Writes what the sides take; whether they took any.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, Side> {
        let mut moved = false;
        for (side, outbox, stream) in [
            (Side::Server, &mut self.to_server, &mut self.server),
            (Side::Client, &mut self.to_client, &mut self.client),
        ] {
            if outbox.is_empty() {
                continue;
            }
            match outbox.poll_send(cx, stream) {
                Poll::Ready(Ok(())) => moved = true,
                Poll::Ready(Err(_)) => return Err(side),
                Poll::Pending => {}
            }
        }
        Ok(moved)
    }

    /// Reads what has come for a side that takes it, of the client only if `from_client`; whether anything has. Of one side
    /// at a time, in turns, so that none waits for long for the other.
    fn fill(&mut self, cx: &mut Context<'_>, scratch: &Scratch, from_client: bool) -> Result<bool, Side> {
        let turns = match self.came {
            Side::Client => [Side::Server, Side::Client],
            Side::Server => [Side::Client, Side::Server],
        };
        self.watched.by(cx.waker());
        for side in turns {
            let (inbox, stream, takes, watched) = match side {
                Side::Client => {
                    let takes = from_client && self.to_server.is_empty();
                    (&mut self.from_client, &mut self.client, takes, &mut self.watched.client)
                }
                Side::Server => {
                    (&mut self.from_server, &mut self.server, self.to_client.is_empty(), &mut self.watched.server)
                }
            };
            if !takes || *watched && stream.is_quiet() {
                continue;
            }
            let filled = inbox.poll_fill(cx, scratch, stream, Scratch::BYTES);
            // At the end of a task's turn nothing was looked at.
            *watched = filled.is_pending() && coop::has_budget_remaining();
            match filled {
                Poll::Ready(Ok(1..)) => {
                    self.came = side;
                    return Ok(true);
                }
                Poll::Ready(_) => return Err(side),
                Poll::Pending => {}
            }
        }
        Ok(false)
    }

    /// Whether the sidecar stops. Who waits for it is woken by it: it is asked once, and looked at from then on.
    pub(in crate::proxy) fn is_stopped(&mut self, worker: &Worker, cx: &mut Context<'_>) -> bool {
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
    pub(in crate::proxy) async fn farewell(&mut self) {
        let Self { client, server, to_client, to_server, .. } = self;
        let farewell = async { (to_client.send(client).await, to_server.send(server).await) };
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

    /// Moves what goes on: something else is to be said behind it.
    pub(in crate::proxy) fn flush(&mut self, outbox: &mut Outbox) {
        if self.waiting > 0 {
            outbox.buffer().extend_from_slice(self.unmoved.get(..self.waiting).unwrap_or_default());
            (self.unmoved, self.waiting) = (self.unread, 0);
        }
    }
}

/// Moves what has come of the rest of a message, or drops it.
pub(in crate::proxy) fn pass(inbox: &mut Inbox, outbox: &mut Outbox, rest: Rest) -> Rest {
    let count = rest.bytes.min(inbox.len());
    if count == 0 {
        return rest;
    }
    if !rest.dropped {
        outbox.buffer().extend_from_slice(inbox.unread().get(..count).unwrap_or_default());
    }
    inbox.consume(count);
    Rest { bytes: rest.bytes - count, ..rest }
}
