//! What the record is told of a session: judgements that deny, sessions that are refused. Literals are masked here: the
//! record gets statements without them.

use super::{Who, Wire};
use crate::canon::sql::postgres::{normalised, tokens};
use crate::flow::Session as Exchanges;
use crate::flow::{
    Connection, Cut, Denial, Evidence, Excerpt, Judgement, Kind, Mode, Past, Place, Reason, Scene, Verdict,
};
use crate::protocol::postgres::accesses::{Asked, Understood};
use crate::proxy::worker::Worker;
use crate::record::{Event, EventId, Exchange};
use std::sync::Arc;

/// Bytes of a list of tables in the record.
const SUMMARY_BYTES: usize = 300;

impl Wire<'_> {
    /// Records a judgement that denies; gives the event's id if the denial must be acted on.
    pub(super) fn note(
        &self,
        understood: &Understood,
        asked: &Asked,
        judgement: Judgement,
        more: Option<&str>,
    ) -> Option<EventId> {
        let past = Past::default();
        let scene = self.scene(&past);
        let mut detail =
            format!("{}, fingerprint {}, asks {}", self.who.says(), understood.fingerprint, summary(asked));
        more.into_iter().for_each(|more| detail.extend(["; ", more]));
        let exchange =
            Exchange { original: understood.normalised.as_bytes(), detail: Some(&detail), ..Exchange::default() };
        note(self.worker, &scene, &self.who, understood.verb(), judgement, exchange)
    }

    /// Records why the session ends.
    pub(super) fn note_end(&self, reason: Reason) -> EventId {
        refused(self.worker, &self.connection, &self.exchanges, &self.who, reason)
    }
}

/// Records a judgement that denies; gives the event's id if the denial must be acted on.
pub(super) fn note(
    worker: &Worker,
    scene: &Scene<'_>,
    who: &Who,
    verb: &str,
    mut judgement: Judgement,
    exchange: Exchange<'_>,
) -> Option<EventId> {
    worker.metrics.judged(scene.connection.direction, judgement.mode, &judgement.verdict);
    if judgement.verdict == Verdict::Allow {
        return None;
    }
    judgement.evidence.iter_mut().for_each(mask);
    let id = worker.shared.recorder.id(scene.now.wall);
    let resource = format!("postgres://{}/", who.database);
    let exchange = Exchange { number: scene.session.exchanges, action: verb, resource: &resource, ..exchange };
    let revision = Arc::clone(worker.engine().revision());
    worker.shared.recorder.judged(Event::judged(id, scene, &judgement, &exchange, &revision));
    judgement.stops().map(|_| id)
}

/// Records a session that is refused without a judgement.
pub(super) fn refused(
    worker: &Worker,
    connection: &Connection,
    exchanges: &Exchanges,
    who: &Who,
    reason: Reason,
) -> EventId {
    let now = worker.now().wall;
    let id = worker.shared.recorder.id(now);
    let denial = Denial { reason, cut: Cut::CloseSession };
    let (resource, detail) = (format!("postgres://{}/", who.database), who.says());
    let exchange = Exchange {
        number: exchanges.exchanges,
        action: "session",
        resource: &resource,
        detail: Some(&detail),
        ..Exchange::default()
    };
    worker.shared.recorder.judged(Event::refused(id, now, connection, denial, &exchange, &worker.revision()));
    worker.metrics.judged(connection.direction, Mode::Enforce, &Verdict::Deny(denial));
    id
}

impl Who {
    pub(super) fn says(&self) -> String {
        format!("user {}, database {}, application {}", self.user, self.database, self.application)
    }
}

fn summary(asked: &Asked) -> String {
    asked.summary().chars().take(SUMMARY_BYTES).collect()
}

/// The match without its literals, and nothing around it: what stands there may be half a literal.
fn mask(evidence: &mut Evidence) {
    if evidence.place != Place::SqlText {
        return;
    }
    let matched = &evidence.excerpt.matched;
    let masked = tokens(matched, false).map(|tokens| normalised(matched, &tokens)).unwrap_or_default();
    evidence.excerpt = Excerpt { matched: masked, ..Excerpt::default() };
}

/// What the client is told of a reason that ends its session: the class of the fault, no more.
pub(super) fn code(reason: &Reason) -> &'static str {
    match reason.kind {
        Kind::Upstream => "08006",
        Kind::Malformed => "08P01",
        Kind::TooLarge | Kind::TooMany => "54000",
        Kind::TooSlow => "57P05",
        Kind::Unsupported => "0A000",
        _ => "42501",
    }
}
