//! The turns of a session's task, alike for all databases: what has come is read and dealt with, what is to be said is written,
//! and what is then waited for has a deadline.

use super::{End, Moved, SERVER_GONE, Sides, Subject};
use crate::flow::{Reason, Side};
use crate::proxy::deadline::Deadline;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

/// A session that always has something to read lets others have their turn after so many pieces.
const MOST_PIECES: usize = 16;

/// A session that is driven in turns.
pub(in crate::proxy) trait Turns<'w> {
    /// What every session has.
    fn parts(&mut self) -> (&Subject<'w>, &mut Sides, &mut Deadline);

    /// Deals with what has come of a side, or with what is left of before.
    fn deal(&mut self, came: Option<(Side, &[u8])>) -> Result<(), End>;

    /// The client will say nothing more, and may wait for answers all the same (RFC 9293, section 3.6).
    ///
    /// # Errors
    /// Why the session ends at once: nothing is owed to it, or what it has said has no end.
    fn hangs_up(&mut self) -> Result<(), End> {
        Err(End::Over)
    }

    /// Whether more is read of the client.
    fn reads_client(&self) -> bool;

    /// Whether nobody is owed anything: the session may end when the sidecar stops.
    fn is_quiet(&self) -> bool;

    /// Whether the server has ended the session, and said why.
    fn is_over(&self) -> bool;

    /// How long what is waited for may take; nothing when a deadline stands that is not put off.
    fn wait(&self) -> Option<(Duration, Reason)>;

    /// Says the last words to the client: `reason`, or that the sidecar stops, in these words, with the event's id.
    fn ends(&mut self, reason: Option<&Reason>, says: &str, event: &str);
}

/// Carries a session to its end.
pub(super) async fn carry<'w>(session: &mut impl Turns<'w>) -> End {
    if let Err(end) = session.deal(None) {
        return end;
    }
    let mut standing = Standing::default();
    poll_fn(|cx| poll_turn(session, cx, &mut standing)).await
}

/// Tells the client why the session ends, if we end it, and lets go of both sides.
pub(super) async fn close<'w>(session: &mut impl Turns<'w>, end: End) {
    let told = match end {
        End::Over => None,
        End::Refused(reason) | End::Broken(reason) => Some((Some(reason), "the session is ended")),
        End::Stopped => Some((None, "the sidecar stops")),
    };
    if let Some((reason, says)) = told {
        let (subject, sides, _) = session.parts();
        let event = reason.map(|reason| subject.note_end(reason).to_string()).unwrap_or_default();
        // In the middle of a message nothing can be said.
        if sides.server_rest.bytes == 0 {
            session.ends(reason.as_ref(), says, &event);
        }
    }
    session.parts().1.farewell().await;
}

/// The deadline that stands.
#[derive(Default)]
struct Standing {
    /// It was set for what is waited for now.
    is_set: bool,
    /// What it is called, and when it passes, counted from the start.
    due: Option<(&'static str, Duration)>,
}

/// A wait that is longer than an hour may end this much too early.
const SLACK: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60 * 60);

impl Standing {
    /// Whether a deadline that is so named, and set for so long from now, must be set anew.
    fn moves(&mut self, name: &'static str, wait: Duration, now: Duration) -> bool {
        let due = now + wait;
        let slack = if wait > LONG { SLACK } else { Duration::ZERO };
        let stands = self.due.is_some_and(|(known, at)| std::ptr::eq(known, name) && at <= due && due - at < slack);
        if !stands {
            self.due = Some((name, due));
        }
        !stands
    }
}

/// One turn: moves and deals with all that can be. The deadline is set when it is first waited for, and not put off by waiting
/// on.
fn poll_turn<'w>(session: &mut impl Turns<'w>, cx: &mut Context<'_>, standing: &mut Standing) -> Poll<End> {
    session.parts().1.wakes(cx.waker());
    let mut scratch = session.parts().0.worker.scratch.lend();
    for piece in 0.. {
        if piece == MOST_PIECES {
            session.parts().0.waits();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let reads_client = session.reads_client();
        let moved = match session.parts().1.step(cx, &mut scratch, reads_client) {
            Ok(moved) => moved,
            Err(side) => return Poll::Ready(gone(session, side)),
        };
        standing.is_set &= moved == Moved::Nothing;
        let dealt = match moved {
            Moved::Nothing | Moved::Written => break,
            Moved::HungUp => session.hangs_up(),
            Moved::GoesOn => session.deal(None),
            Moved::Came(side, count) => session.deal(Some((side, scratch.get(..count).unwrap_or_default()))),
        };
        if let Err(end) = dealt {
            return Poll::Ready(end);
        }
        if session.parts().1.settles() {
            break;
        }
    }
    drop(scratch);
    let is_quiet = session.is_quiet();
    let wait = if std::mem::replace(&mut standing.is_set, true) { None } else { session.wait() };
    let (subject, sides, deadline) = session.parts();
    if is_quiet && sides.is_stopped(subject.worker, cx) {
        return Poll::Ready(End::Stopped);
    }
    if let Some((wait, reason)) = wait {
        let now = subject.now().since_start;
        if standing.moves(reason.name, wait, now) {
            deadline.set_at(subject.worker.moment(now + wait), reason);
        }
    }
    subject.waits();
    deadline.poll_passed(cx).map(End::Refused)
}

/// A server that has ended the session has said why; one that breaks off has not.
fn gone<'w>(session: &impl Turns<'w>, side: Side) -> End {
    if side == Side::Client || session.is_over() { End::Over } else { End::Broken(SERVER_GONE) }
}
