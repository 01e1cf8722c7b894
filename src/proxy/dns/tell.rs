//! A question with everything that judging and recording it takes, and what the record and the metrics are told of it.

use crate::engine::Case;
use crate::engine::dns::SCHEME;
use crate::flow::{
    ClientAddr, Connection, Cut, Denial, Direction, Judgement, Mode, Names, Now, OriginalDestination, Past, Peer,
    Reason, RuleName, Scene, Session, Verdict,
};
use crate::protocol::dns::{PROTOCOL, Query};
use crate::proxy::worker::Worker;
use crate::record::{Caller, Event, EventId, Exchange, Traffic};
use std::net::SocketAddr;

/// A question as it arrived.
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) connection: Connection,
    pub(super) now: Now,
    bytes: usize,
}

impl Asked {
    pub(super) fn new(worker: &Worker, query: Query, from: SocketAddr, to: SocketAddr, bytes: usize) -> Self {
        let now = worker.now();
        Self { query, connection: connection(worker, from, to, now), now, bytes }
    }

    /// Lets `look` judge it.
    pub(super) fn with_scene<T>(&self, session: &Session, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let past = Past::default();
        look(&Scene { connection: &self.connection, session, past: &past, now: self.now })
    }

    /// Records a judgement that denies, acted on or not.
    pub(super) fn note(&self, worker: &Worker, judgement: &Judgement, detail: Option<&str>) -> EventId {
        let recorder = &worker.shared.recorder;
        let id = recorder.id(self.now.wall);
        let session = Session::default();
        let event = self.with_scene(&session, |scene| {
            self.with_exchange(detail, |exchange| {
                Event::judged(id, scene, judgement, exchange, worker.engine().revision())
            })
        });
        recorder.judged(event);
        worker.metrics.judged(Direction::Outbound, judgement.mode, &judgement.verdict);
        id
    }

    /// Records that nobody answered, or that there was no room to wait.
    pub(super) fn note_failure(&self, worker: &Worker, reason: Reason, detail: Option<&str>) {
        let recorder = &worker.shared.recorder;
        let id = recorder.id(self.now.wall);
        let denial = Denial { reason, cut: Cut::Refuse };
        let event = self.with_exchange(detail, |exchange| {
            Event::refused(id, self.now.wall, &self.connection, denial, exchange, worker.engine().revision())
        });
        recorder.judged(event);
        worker.metrics.judged(Direction::Outbound, Mode::Enforce, &Verdict::Deny(denial));
    }

    /// Records what could not be read.
    pub(super) fn note_unreadable(worker: &Worker, message: &[u8], why: Reason, from: SocketAddr, to: SocketAddr) {
        let (recorder, now) = (&worker.shared.recorder, worker.now());
        let denial = Denial { reason: why, cut: Cut::Refuse };
        let exchange = Exchange { original: message, ..Exchange::default() };
        let connection = connection(worker, from, to, now);
        let id = recorder.id(now.wall);
        recorder.judged(Event::refused(id, now.wall, &connection, denial, &exchange, worker.engine().revision()));
        worker.metrics.judged(Direction::Outbound, Mode::Enforce, &Verdict::Deny(denial));
    }

    /// Counts a question that was granted.
    pub(super) fn tell(&self, worker: &Worker, case: &Case<'_>) {
        let unnamed = RuleName::from("");
        let rule = case.terms().map_or(&unnamed, |terms| &terms.rule);
        worker.metrics.judged(Direction::Outbound, case.mode(), &Verdict::Allow);
        worker.aggregate.note(&Caller::of(&self.connection), rule, Traffic::exchange(self.bytes as u64, 0));
    }

    fn with_exchange<T>(&self, detail: Option<&str>, tell: impl FnOnce(&Exchange<'_>) -> T) -> T {
        let (action, original) = (self.query.of.name(), self.query.name.to_string());
        let resource = format!("{SCHEME}:{}", self.query.name.canonical());
        tell(&Exchange {
            number: 1,
            action: &action,
            resource: &resource,
            original: original.as_bytes(),
            detail,
            ..Exchange::default()
        })
    }
}

fn connection(worker: &Worker, from: SocketAddr, to: SocketAddr, now: Now) -> Connection {
    Connection {
        id: worker.shared.next_connection(),
        direction: Direction::Outbound,
        from: ClientAddr(from),
        to: OriginalDestination(to),
        port: to.port(),
        names: Names::default(),
        peer: Peer::Unverified,
        protocol: PROTOCOL.name,
        opened: now.wall,
    }
}
