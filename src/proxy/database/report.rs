//! What the record is told of a session: judgements that deny, statements that ran, sessions that are refused. Literals are
//! masked here: the record gets statements without them.

use super::{Dialect, Granted, Subject, Who};
use crate::behave;
use crate::behave::sql::Asked as Seen;
use crate::engine::NO_RULE;
use crate::flow::Session as Exchanges;
use crate::flow::{
    Connection, Cut, Denial, Evidence, Excerpt, Judgement, Kind, Mode, Past, Place, Reason, Scene, Verdict,
};
use crate::proxy::waiting::Waiting;
use crate::proxy::worker::Worker;
use crate::record::event::{Clipped, Ended, Sql};
use crate::record::statements::{self, MOST_ASKED, Statement, What};
use crate::record::{Event, EventId, Exchange};
use std::sync::Arc;
use std::time::Duration;

/// Many times more rows than a kind of session has ever read.
const MASS_READ: Reason =
    Reason::new("sql-mass-read", Kind::Policy, "many times more rows than this kind of session has ever read");
/// How long runs of a text take tells something.
const BLIND_TIMING: Reason =
    Reason::new("sql-blind-timing", Kind::Policy, "a text that asks for pieces of values answers by how long it takes");
/// So many rows observers are told of at once.
const MANY_ROWS: u64 = 1000;

/// A statement that the server is to run.
#[derive(Debug)]
pub(in crate::proxy) struct Run {
    granted: Granted,
    /// When it went on, counted from the start.
    began: Duration,
    waiting: Option<Waiting>,
}

impl Subject<'_> {
    /// Records a judgement that denies, with the text's first literals; gives the event's id if the denial must be acted on.
    /// One that is not waits for its statement to run, where there is room to wait.
    pub(in crate::proxy) fn note(
        &mut self,
        counts: &Arc<Statement>,
        (judgement, more): (Judgement, Option<&str>),
        values: impl FnOnce() -> Vec<Clipped>,
        has_room: bool,
    ) -> Option<EventId> {
        let stops = judgement.stops().is_some();
        let past = Past::default();
        let scene = self.scene(&past);
        let What { kind, text: normalised, .. } = counts.what();
        let exchange = Exchange { action: kind, original: &normalised.bytes, detail: more, ..Exchange::default() };
        let mut event = event(self.worker, self.dialect, &scene, &self.who, judgement, exchange)?;
        let values = values();
        event.sql = Some(Box::new(Sql { statement: Arc::clone(counts), values, ended: None }));
        let id = event.id;
        self.waiting = Some(Waiting::new(Some(event), &self.worker.shared));
        if stops || !has_room {
            self.waiting = None;
        }
        stops.then_some(id)
    }

    /// What the event that waits says of its statement, if it is the one of this fingerprint: values may be added to it.
    pub(in crate::proxy) fn waiting_of(&mut self, fingerprint: &str) -> Option<&mut Sql> {
        let sql = self.waiting.as_mut().and_then(Waiting::event)?.sql.as_deref_mut()?;
        (*sql.statement.what().fingerprint == *fingerprint).then_some(sql)
    }

    /// Notes a statement that the server is to run.
    pub(in crate::proxy) fn run(&mut self, granted: Granted) -> Run {
        let its_own = self.waiting_of(&granted.counts.what().fingerprint).is_some();
        let waiting = self.waiting.take().filter(|_| its_own);
        Run { granted, began: self.now().since_start, waiting }
    }

    /// Tells of a statement that has run.
    pub(in crate::proxy) fn tell(&mut self, run: Run, rows: u64, failed: Option<[u8; 5]>) {
        let Run { granted: Granted { counts, fresh, timed, .. }, began, mut waiting } = run;
        let now = self.now().since_start;
        let took = now.saturating_sub(began);
        self.worker.aggregate.ran(&counts, statements::Ran::once(rows, failed.is_some(), took));
        let event = waiting.as_mut().and_then(Waiting::event);
        if let Some(sql) = event.and_then(|event| event.sql.as_mut()) {
            sql.ended = Some(Ended { rows, took, failed });
        }
        if fresh || failed.is_some() {
            let ended = behave::sql::Ended { fingerprint: &counts.what().fingerprint, failed };
            self.worker.shared.sessions.ended(self.kind, &ended, now);
        }
        if timed
            && let Some(figures) = self.worker.shared.sessions.took(self.kind, &counts.what().fingerprint, took, now)
        {
            self.tell_of(BLIND_TIMING, &counts, &figures);
        }
        self.read(rows, &counts, now);
    }

    /// Records what observers saw of a statement, and nobody is refused for.
    fn tell_of(&self, reason: Reason, counts: &Arc<Statement>, figures: &str) {
        let past = Past::default();
        let scene = self.scene(&past);
        let judgement = self.worker.engine().open(&scene).tell(reason);
        let exchange = Exchange { action: counts.what().kind, detail: Some(figures), ..Exchange::default() };
        if let Some(mut event) = event(self.worker, self.dialect, &scene, &self.who, judgement, exchange) {
            event.sql = Some(Box::new(Sql { statement: Arc::clone(counts), values: Vec::new(), ended: None }));
            self.worker.shared.recorder.judged(event);
        }
    }

    /// Observers are told of rows once a second, and of many at once.
    fn read(&mut self, rows: u64, counts: &Arc<Statement>, now: Duration) {
        let (known, second) = self.rows_read;
        self.rows_read = (known.saturating_add(rows), second);
        if second == now.as_secs() && self.rows_read.0 < MANY_ROWS {
            return;
        }
        let (rows, _) = std::mem::replace(&mut self.rows_read, (0, now.as_secs()));
        if let Some(figures) = self.worker.shared.sessions.read(self.kind, rows, now) {
            self.tell_of(MASS_READ, counts, &figures);
        }
    }

    /// What a text counts as, by its first verb, that asks for this and calls these functions.
    pub(in crate::proxy) fn counts<'a>(
        &self,
        (kind, seen): (&'static str, &Seen<'_>),
        asks: impl Iterator<Item = String>,
        functions: impl Iterator<Item = &'a str>,
        judgement: &Judgement,
        suspicious: bool,
    ) -> Arc<Statement> {
        let few = |names: Vec<Box<str>>| Some(names).filter(|names| names.len() <= MOST_ASKED).unwrap_or_default();
        let reason = match &judgement.verdict {
            Verdict::Deny(denial) => Some(denial.reason.name),
            Verdict::Allow | Verdict::Mask(_) => None,
        };
        self.worker.aggregate.known(Statement::new(What {
            caller: self.caller.clone(),
            dialect: self.dialect.name,
            user: self.who.user.as_str().into(),
            database: self.who.database.as_str().into(),
            application: self.who.application.as_str().into(),
            kind,
            fingerprint: seen.fingerprint.into(),
            text: Clipped::text(seen.normalised.as_bytes()),
            asks: few(asks.take(MOST_ASKED + 1).map(Into::into).collect()).into(),
            functions: few(functions.take(MOST_ASKED + 1).map(Into::into).collect()).into(),
            rule: judgement.rules.first().cloned(),
            reason,
            suspicious,
        }))
    }

    /// Records a judgement of what is no text, asked for by this user; gives the event's id if it denies and that must be
    /// acted on.
    pub(in crate::proxy) fn decided(&self, who: &Who, action: &str, judgement: Judgement) -> Option<EventId> {
        let past = Past::default();
        decided(self.worker, self.dialect, &self.scene(&past), who, action, judgement)
    }

    /// Records why the session ends, or a command is not carried.
    pub(in crate::proxy) fn note_end(&self, reason: Reason) -> EventId {
        refused(self.worker, self.dialect, (&self.connection, &self.exchanges), &self.who, reason)
    }
}

/// Records a judgement of what is no statement; gives the event's id if it denies and that must be acted on.
pub(in crate::proxy) fn decided(
    worker: &Worker,
    dialect: &Dialect,
    scene: &Scene<'_>,
    who: &Who,
    action: &str,
    judgement: Judgement,
) -> Option<EventId> {
    let stops = judgement.stops().is_some();
    let detail = who.says();
    let exchange = Exchange { action, detail: Some(&detail), ..Exchange::default() };
    let event = event(worker, dialect, scene, who, judgement, exchange)?;
    let id = event.id;
    worker.shared.recorder.judged(event);
    stops.then_some(id)
}

/// The event of a judgement that denies. What learn mode lets go without a rule is counted, with all other statements.
fn event(
    worker: &Worker,
    dialect: &Dialect,
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
    judgement.evidence.iter_mut().for_each(|evidence| mask(evidence, dialect));
    let id = worker.shared.recorder.id(scene.now.wall);
    let resource = format!("{}://{}/", dialect.name, who.database);
    let exchange = Exchange { number: scene.session.exchanges, resource: &resource, ..exchange };
    Some(Event::judged(id, scene, &judgement, &exchange, worker.engine().revision()))
}

/// Records a session, or a command, that is refused without a judgement.
pub(in crate::proxy) fn refused(
    worker: &Worker,
    dialect: &Dialect,
    (connection, exchanges): (&Connection, &Exchanges),
    who: &Who,
    reason: Reason,
) -> EventId {
    let now = worker.now().wall;
    let id = worker.shared.recorder.id(now);
    let denial = Denial { reason, cut: Cut::CloseSession };
    let (resource, detail) = (format!("{}://{}/", dialect.name, who.database), who.says());
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

/// The match without its literals, and nothing around it: what stands there may be half a literal. Of a value, nothing.
fn mask(evidence: &mut Evidence, dialect: &Dialect) {
    if evidence.place == Place::SqlValue {
        evidence.excerpt = Excerpt::default();
    }
    if evidence.place != Place::SqlText {
        return;
    }
    let matched = &evidence.excerpt.matched;
    let masked = (dialect.mask)(matched).unwrap_or_default();
    evidence.excerpt = Excerpt { matched: masked, ..Excerpt::default() };
}
