//! The turns of a session's task, alike for all databases: what has come is read and dealt with, what is to be said is written,
//! and what is then waited for has a deadline.

use super::{End, Moved, SERVER_GONE, Sides, Subject};
use crate::flow::{Reason, Side};
use crate::proxy::deadline::Deadline;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

/// A session that is driven in turns.
pub(in crate::proxy) trait Turns<'w> {
    /// What every session has.
    fn parts(&mut self) -> (&Subject<'w>, &mut Sides, &mut Deadline);

    /// Deals with what has come.
    fn deal(&mut self) -> Result<(), End>;

    /// Whether more is read of the client.
    fn reads_client(&self) -> bool;

    /// Whether nobody is owed anything: the session may end when the sidecar stops.
    fn is_quiet(&self) -> bool;

    /// Whether the server has ended the session, and said why.
    fn is_over(&self) -> bool;

    /// How long what is waited for may take; nothing when a deadline stands that is not put off.
    fn wait(&self) -> Option<(Duration, Reason)>;

    /// Tells the client why the session ends, if we end it, and lets go of both sides.
    fn close(self, end: End) -> impl Future<Output = ()>;
}

/// Carries a session to its end.
pub(super) async fn carry<'w>(session: &mut impl Turns<'w>) -> End {
    if let Err(end) = session.deal() {
        return end;
    }
    let mut has_deadline = false;
    poll_fn(|cx| poll_turn(session, cx, &mut has_deadline)).await
}

/// One turn: moves and deals with all that can be. The deadline is set when it is first waited for, and not put off by waiting
/// on.
fn poll_turn<'w>(session: &mut impl Turns<'w>, cx: &mut Context<'_>, has_deadline: &mut bool) -> Poll<End> {
    loop {
        let reads_client = session.reads_client();
        let (subject, sides, _) = session.parts();
        let moved = match sides.step(cx, &subject.worker.scratch, reads_client) {
            Ok(moved) => moved,
            Err(side) => return Poll::Ready(gone(session, side)),
        };
        *has_deadline &= moved == Moved::Nothing;
        if moved != Moved::Dealable {
            break;
        }
        if let Err(end) = session.deal() {
            return Poll::Ready(end);
        }
    }
    let is_quiet = session.is_quiet();
    let wait = if std::mem::replace(has_deadline, true) { None } else { session.wait() };
    let (subject, sides, deadline) = session.parts();
    if is_quiet && sides.is_stopped(subject.worker, cx) {
        return Poll::Ready(End::Stopped);
    }
    if let Some((wait, reason)) = wait {
        deadline.set_at(subject.worker.moment(subject.now().since_start + wait), reason);
    }
    subject.waits();
    deadline.poll_passed(cx).map(End::Refused)
}

/// A server that has ended the session has said why; one that breaks off has not.
fn gone<'w>(session: &impl Turns<'w>, side: Side) -> End {
    if side == Side::Client || session.is_over() { End::Over } else { End::Broken(SERVER_GONE) }
}
