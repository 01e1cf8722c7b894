//! What the record is told: judgements that deny, connections that are ended.

use super::Wire;
use crate::flow::{Cut, Denial, Judgement, Mode, Reason, Scene, Verdict};
use crate::protocol::exchange::Asked;
use crate::record::{Event, EventId, Exchange};
use std::sync::Arc;

impl Wire<'_> {
    /// Records a judgement that denies; gives the event's id if the denial must be acted on.
    pub(super) fn note(&self, scene: &Scene<'_>, asked: &Asked<'_>, judgement: Judgement) -> Option<EventId> {
        let worker = self.worker;
        worker.metrics.judged(scene.connection.direction, judgement.mode, &judgement.verdict);
        if judgement.verdict == Verdict::Allow {
            return None;
        }
        let id = worker.shared.recorder.id(scene.now.wall);
        let exchange = Exchange {
            number: scene.session.exchanges,
            action: asked.action,
            resource: asked.resource,
            ..Exchange::default()
        };
        let revision = Arc::clone(worker.engine().revision());
        worker.shared.recorder.judged(Event::judged(id, scene, &judgement, &exchange, &revision));
        judgement.stops().map(|_| id)
    }

    /// Records why the connection ends.
    pub(super) fn note_end(&self, reason: Reason) -> EventId {
        let worker = self.worker;
        let now = worker.now().wall;
        let id = worker.shared.recorder.id(now);
        let denial = Denial { reason, cut: Cut::CloseSession };
        let exchange = Exchange { number: self.exchanges.exchanges, action: "session", ..Exchange::default() };
        let event = Event::refused(id, now, &self.connection, denial, &exchange, &worker.revision());
        worker.shared.recorder.judged(event);
        worker.metrics.judged(self.connection.direction, Mode::Enforce, &Verdict::Deny(denial));
        id
    }
}
