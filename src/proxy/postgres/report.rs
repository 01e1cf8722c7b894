//! What the record is told of a session: judgements that deny, statements that ran, sessions that are refused. Literals are masked here: the
//! record gets statements without them.

use super::texts::{Granted, Statement as Prepared};
use super::{Who, Wire};
use crate::behave;
use crate::canon::sql::postgres::{literals, normalised, tokens};
use crate::engine::NO_RULE;
use crate::flow::Session as Exchanges;
use crate::flow::{
    Connection, Cut, Denial, Evidence, Excerpt, Judgement, Kind, Mode, Past, Place, Reason, Scene, Verdict,
};
use crate::protocol::postgres::accesses::{Asked, Understood};
use crate::protocol::postgres::front;
use crate::protocol::postgres::session::Ran;
use crate::proxy::waiting::Waiting;
use crate::proxy::worker::Worker;
use crate::record::event::{Clipped, Ended, Sql};
use crate::record::statements::{self, MOST_ASKED, Statement, What};
use crate::record::{Event, EventId, Exchange};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Many times more rows than a kind of session has ever read.
const MASS_READ: Reason =
    Reason::new("sql-mass-read", Kind::Policy, "many times more rows than this kind of session has ever read");
/// So many rows observers are told of at once.
const MANY_ROWS: u64 = 1000;
/// Statements of one session whose events wait for what becomes of them; of more, they are recorded at once.
const MOST_WAITING: usize = 64;

/// A statement that the server is to run.
#[derive(Debug)]
pub(super) struct Run {
    granted: Granted,
    began: Instant,
    waiting: Option<Waiting>,
}

impl Wire<'_> {
    /// Records a judgement that denies; gives the event's id if the denial must be acted on. One that is not waits for its
    /// statement to run.
    pub(super) fn note(
        &mut self,
        text: &[u8],
        counts: &Arc<Statement>,
        judgement: Judgement,
        more: Option<&str>,
    ) -> Option<EventId> {
        let stops = judgement.stops().is_some();
        let past = Past::default();
        let scene = self.scene(&past);
        let What { kind, text: normalised, .. } = counts.what();
        let exchange = Exchange { action: kind, original: &normalised.bytes, detail: more, ..Exchange::default() };
        let mut event = event(self.worker, &scene, &self.who, judgement, exchange)?;
        let values = values(text, self.session.settings.backslash);
        event.sql = Some(Box::new(Sql { statement: Arc::clone(counts), values, ended: None }));
        let id = event.id;
        self.waiting = Some(Waiting::new(Some(event), &self.worker.shared));
        if stops || self.session.unanswered() >= MOST_WAITING {
            self.waiting = None;
        }
        stops.then_some(id)
    }

    /// What is bound to a statement whose event waits belongs to it, as its literals do.
    pub(super) fn binds(&mut self, held: &[Rc<Prepared>], bound: &[u8]) {
        let Some(sql) = self.waiting.as_mut().and_then(Waiting::event).and_then(|event| event.sql.as_mut()) else {
            return;
        };
        let fingerprint = &sql.statement.what().fingerprint;
        if held.iter().any(|statement| statement.understood.fingerprint == **fingerprint) {
            let room = Sql::MOST_VALUES.saturating_sub(sql.values.len());
            sql.values.extend(front::values(bound).take(room).map(Clipped::text));
        }
    }

    /// Notes a statement that the server is to run.
    pub(super) fn runs(&mut self, granted: &Granted) -> Run {
        let mut waiting = self.waiting.take();
        let event = waiting.as_mut().and_then(Waiting::event);
        let sql = event.and_then(|event| event.sql.as_ref());
        let its_own = sql.is_some_and(|sql| sql.statement.what().fingerprint == granted.counts.what().fingerprint);
        Run { granted: granted.clone(), began: Instant::now(), waiting: waiting.filter(|_| its_own) }
    }

    /// Tells of a statement that has run.
    pub(super) fn tell(&mut self, ran: Ran<Run>) {
        let Ran { run: Run { granted: Granted { counts, fresh, .. }, began, mut waiting }, rows, failed } = ran;
        let took = began.elapsed();
        self.worker.aggregate.ran(&counts, statements::Ran::once(rows, failed.is_some(), took));
        let event = waiting.as_mut().and_then(Waiting::event);
        if let Some(sql) = event.and_then(|event| event.sql.as_mut()) {
            sql.ended = Some(Ended { rows, took, failed });
        }
        let now = (began + took).saturating_duration_since(self.worker.shared.started);
        if fresh || failed.is_some() {
            let ended = behave::sql::Ended { fingerprint: &counts.what().fingerprint, failed };
            self.worker.shared.sessions.ended(self.kind, &ended, now);
        }
        self.read(rows, &counts, now);
    }

    /// Observers are told of rows once a second, and of many at once.
    fn read(&mut self, rows: u64, counts: &Arc<Statement>, now: Duration) {
        let (known, second) = self.rows_read;
        self.rows_read = (known.saturating_add(rows), second);
        if second == now.as_secs() && self.rows_read.0 < MANY_ROWS {
            return;
        }
        let (rows, _) = std::mem::replace(&mut self.rows_read, (0, now.as_secs()));
        let Some(figures) = self.worker.shared.sessions.read(self.kind, rows, now) else { return };
        let past = Past::default();
        let scene = self.scene(&past);
        let judgement = self.worker.engine().open(&scene).tell(MASS_READ);
        let exchange = Exchange { action: counts.what().kind, detail: Some(&figures), ..Exchange::default() };
        if let Some(mut event) = event(self.worker, &scene, &self.who, judgement, exchange) {
            event.sql = Some(Box::new(Sql { statement: Arc::clone(counts), values: Vec::new(), ended: None }));
            self.worker.shared.recorder.judged(event);
        }
    }

    /// What a text counts as.
    pub(super) fn counts(
        &self,
        understood: &Understood,
        asked: &Asked,
        judgement: &Judgement,
        suspicious: bool,
    ) -> Arc<Statement> {
        let few = |names: Vec<Box<str>>| Some(names).filter(|names| names.len() <= MOST_ASKED).unwrap_or_default();
        let reason = match &judgement.verdict {
            Verdict::Deny(denial) => Some(denial.reason.name),
            Verdict::Allow | Verdict::Mask(_) => None,
        };
        Statement::new(What {
            caller: self.caller.clone(),
            dialect: "postgres",
            user: self.who.user.as_str().into(),
            database: self.who.database.as_str().into(),
            application: self.who.application.as_str().into(),
            kind: understood.verb(),
            fingerprint: understood.fingerprint.as_str().into(),
            text: Clipped::text(understood.normalised.as_bytes()),
            asks: few(asked.told().take(MOST_ASKED + 1).map(Into::into).collect()).into(),
            functions: few(understood.functions().take(MOST_ASKED + 1).map(Into::into).collect()).into(),
            rule: judgement.rules.first().cloned(),
            reason,
            suspicious,
        })
    }

    /// Records why the session ends.
    pub(super) fn note_end(&self, reason: Reason) -> EventId {
        refused(self.worker, &self.connection, &self.exchanges, &self.who, reason)
    }
}

/// The first literals of a text.
fn values(text: &[u8], backslash: bool) -> Vec<Clipped> {
    let tokens = tokens(text, backslash).unwrap_or_default();
    literals(text, &tokens).take(Sql::MOST_VALUES).map(Clipped::text).collect()
}

/// Records a judgement of what is no statement; gives the event's id if it denies and that must be acted on.
pub(super) fn decided(
    worker: &Worker,
    scene: &Scene<'_>,
    who: &Who,
    action: &str,
    judgement: Judgement,
) -> Option<EventId> {
    let stops = judgement.stops().is_some();
    let detail = who.says();
    let exchange = Exchange { action, detail: Some(&detail), ..Exchange::default() };
    let event = event(worker, scene, who, judgement, exchange)?;
    let id = event.id;
    worker.shared.recorder.judged(event);
    stops.then_some(id)
}

/// The event of a judgement that denies. What learn mode lets go without a rule is counted, with all other statements.
pub(super) fn event(
    worker: &Worker,
    scene: &Scene<'_>,
    who: &Who,
    mut judgement: Judgement,
    exchange: Exchange<'_>,
) -> Option<Event> {
    worker.metrics.judged(scene.connection.direction, judgement.mode, &judgement.verdict);
    let Verdict::Deny(denial) = &judgement.verdict else { return None };
    if judgement.mode == Mode::Learn && denial.reason == NO_RULE {
        return None;
    }
    judgement.evidence.iter_mut().for_each(mask);
    let id = worker.shared.recorder.id(scene.now.wall);
    let resource = format!("postgres://{}/", who.database);
    let exchange = Exchange { number: scene.session.exchanges, resource: &resource, ..exchange };
    Some(Event::judged(id, scene, &judgement, &exchange, worker.engine().revision()))
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
