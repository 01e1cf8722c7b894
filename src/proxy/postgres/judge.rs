//! What a client asks, judged message by message: what goes on as it is, and what stands for what does not.

use super::report::seen;
use super::texts::{self, Clean, Shape, Statement, Under};
use super::{SETTING, Wire};
use crate::behave::sql::asks_for_a_piece;
use crate::canon::sql::Reading;
use crate::canon::sql::postgres::Prepared;
use crate::flow::{Direction, Verdict};
use crate::protocol::postgres::accesses::{Asked, FUNCTION, Understood};
use crate::protocol::postgres::emit::{self, DENIED, NO_STATEMENT};
use crate::protocol::postgres::front::Front;
use crate::protocol::postgres::session::{Ceiling, Denied, Portal, SentKind};
use crate::protocol::postgres::{TOO_MANY, UNKNOWN_STATEMENT};
use crate::proxy::database::texts::Cleared;
use crate::proxy::database::{End, Granted, Grants, Judged, Subject, TEXT_BYTES, Tells};
use crate::record::EventId;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Instant;

/// What becomes of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It goes on as it is.
    Forward,
    /// It goes on, and is the last one.
    Last,
    /// What this writes is sent in its place.
    Replaced(fn(&mut Vec<u8>)),
}

type Fated = Result<Fate, End>;

/// The names that a text prepares.
fn makes(understood: &Understood) -> impl Iterator<Item = &str> {
    understood.prepared().filter_map(|prepared| match prepared {
        Prepared::Make(name) => Some(name.as_str()),
        _ => None,
    })
}

impl Wire<'_> {
    /// Judges one message of the client.
    pub(super) fn ask(&mut self, front: &Front<'_>) -> Fated {
        self.session.spell_out().map_err(End::Refused)?;
        let admitted = self.session.admits(front);
        admitted.map_err(End::Refused)?;
        match front {
            Front::Query(text) if emit::is_failing(text) => self.sent(SentKind::Query),
            Front::Parse { text, .. } if emit::is_failing(text) => {
                self.sent(SentKind::Parse { name: Box::default(), number: 0 })
            }
            Front::Query(text) => self.query(text),
            Front::Parse { name, text } => self.parse(name, text),
            Front::Bind { portal, statement, values } => self.bind(portal, statement, values),
            Front::Execute(portal) => self.execute(portal),
            Front::Describe => self.sent(SentKind::Describe),
            Front::CloseStatement(name) => self.sent(SentKind::CloseStatement((*name).into())),
            Front::ClosePortal(name) => self.sent(SentKind::ClosePortal((*name).into())),
            Front::Sync => self.sent(SentKind::Sync),
            Front::FunctionCall(number) => self.function_call(*number),
            Front::Flush | Front::Password | Front::CopyData | Front::CopyEnd => Ok(Fate::Forward),
            Front::Terminate => Ok(Fate::Last),
        }
    }

    fn sent(&mut self, kind: SentKind) -> Fated {
        self.session.sent(kind).map(|()| Fate::Forward).map_err(End::Refused)
    }

    #[inline(never)]
    fn query(&mut self, text: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        self.subject.exchanges.exchanges += 1;
        if let Some((_, granted)) = self.liked(text) {
            return match granted {
                Err((event, code)) => self.deny_query(event, code),
                Ok(granted) => {
                    let ceiling = granted.rows.map(Ceiling::new);
                    self.executed(SentKind::Query, granted, text.len(), ceiling)
                }
            };
        }
        let (understood, shape) = self.understands(text);
        match self.known_or_judged(text, &understood, shape) {
            Err((event, code)) => self.deny_query(event, code),
            Ok(granted) => {
                self.goes_on(text, &understood, &granted)?;
                let rows = self.rows_with_named(&understood, granted.rows);
                let ceiling = self.ceiling(&understood, rows);
                self.executed(SentKind::Query, granted, text.len(), ceiling)
            }
        }
    }

    /// A function that is called by its number: which one it is, only the server knows, but for those of large objects.
    #[cold]
    fn function_call(&mut self, number: u32) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        self.subject.exchanges.exchanges += 1;
        let asked = Asked::function(&self.subject.who.user, &self.subject.who.database, number);
        let judgement = self.subject.decide(&asked.accesses(), &[]);
        match self.subject.decided(&self.subject.who, FUNCTION, judgement) {
            Some(event) => self.deny_query(event, DENIED),
            // It is answered as a text is: with a result or an error, and then the server is ready.
            None => self.sent(SentKind::Query),
        }
    }

    #[inline(never)]
    fn parse(&mut self, name: &[u8], text: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        self.subject.exchanges.exchanges += 1;
        let (understood, granted) = self.granted(text);
        let granted = match granted {
            Ok(granted) => granted,
            Err((event, code)) => return self.deny_extended(event, code),
        };
        self.goes_on(text, &understood, &granted)?;
        if understood.reaches() || understood.live_values().next().is_some() {
            self.limits.bind_bytes = self.limits.statement_bytes;
        }
        let statement = self.statement(text, understood, &granted)?;
        self.session.parse(name, statement).map_err(End::Refused)?;
        Ok(Fate::Forward)
    }

    fn bind(&mut self, portal: &[u8], name: &[u8], values: &[u8]) -> Fated {
        let held = self.session.statements.of(name, self.session.pipeline());
        self.binds(&held, values);
        if let Err((event, code)) = self.all_granted(&held).and_then(|()| self.values_granted(&held, values)) {
            return self.deny_extended(event, code);
        }
        self.session.bind(portal, held).map_err(End::Refused)?;
        Ok(Fate::Forward)
    }

    fn execute(&mut self, portal: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        let portals = self.session.portals.of(portal, self.session.pipeline());
        for portal in &portals {
            if let Err((event, code)) = self.all_granted(&portal.held) {
                return self.deny_extended(event, code);
            }
        }
        let Some(statement) = portals.iter().flat_map(|portal| &portal.held).next() else {
            let event = self.unknown_statement();
            return self.deny_extended(event, NO_STATEMENT);
        };
        let (granted, bytes) = (statement.runs(), statement.text.len());
        for statement in portals.iter().flat_map(|portal| &portal.held).filter(|statement| !statement.is_plain) {
            self.makes(statement)?;
        }
        let ceiling = self.portal_ceiling(&portals);
        self.executed(SentKind::Execute, granted, bytes, ceiling)
    }

    /// How many rows a portal may bring, whichever of these the name stands for.
    fn portal_ceiling(&mut self, portals: &[Rc<Portal<Statement>>]) -> Option<Ceiling> {
        let mut ceiling: Option<Ceiling> = None;
        for portal in portals {
            for statement in &portal.held {
                let rows = self.rows_with_named(&statement.understood, statement.rows());
                let fetches = statement.understood.fetches();
                let Some(mut next) = self.ceiling(&statement.understood, rows) else { continue };
                if !fetches {
                    next.brought = portal.brought();
                }
                ceiling = Some(ceiling.filter(|before| before.most <= next.most).unwrap_or(next));
            }
        }
        ceiling
    }

    /// `EXECUTE name` brings what its statement may bring.
    fn rows_with_named(&self, understood: &Understood, rows: Option<u64>) -> Option<u64> {
        let mut least = rows;
        for prepared in understood.prepared() {
            if let Prepared::Use(name) = prepared {
                let held = self.session.statements.of(name.as_bytes(), self.session.pipeline());
                least = held.iter().filter_map(|statement| statement.rows()).chain(least).min();
            }
        }
        least
    }

    /// How many rows a text may bring that goes on; of what it fetches, all that the session's cursors have brought
    /// counts.
    fn ceiling(&mut self, understood: &Understood, rows: Option<u64>) -> Option<Ceiling> {
        if rows.is_some() && understood.declares() {
            self.cursor = rows.map(Ceiling::new);
        }
        match self.cursor.clone().filter(|_| understood.fetches()) {
            Some(cursor) => Some(Ceiling { most: rows.map_or(cursor.most, |rows| rows.min(cursor.most)), ..cursor }),
            None => rows.map(Ceiling::new),
        }
    }

    /// Whether every statement that a name may stand for is granted by the policy in place, and what they run by name. They may
    /// run each other.
    fn all_granted(&mut self, held: &[Rc<Statement>]) -> Result<(), (EventId, &'static str)> {
        if held.is_empty() {
            return Err((self.unknown_statement(), NO_STATEMENT));
        }
        let under = self.under();
        if held.iter().all(|statement| statement.under.get() == under) {
            return Ok(());
        }
        let (mut waiting, mut known, mut judged) = (held.to_vec(), HashSet::new(), Vec::new());
        while let Some(statement) = waiting.pop() {
            if statement.under.get() == under || !known.insert(Rc::as_ptr(&statement)) {
                continue;
            }
            let cleared = self.judge_alone(&statement.text, &statement.understood)?;
            waiting.extend(self.run_by(&statement.understood)?);
            judged.push((statement, cleared.granted));
        }
        for (statement, granted) in judged {
            statement.under.set(under);
            statement.granted.replace(granted);
        }
        Ok(())
    }

    fn judge_alone(&mut self, text: &[u8], understood: &Understood) -> Result<Cleared, (EventId, &'static str)> {
        if understood.is_refused() {
            return Err((self.subject.note_end(SETTING), DENIED));
        }
        let began = Instant::now();
        let asked = Asked::of(understood, &self.subject.who.user, &self.subject.who.database, &self.session.settings);
        let Judged { judgement, rows, suspicious } =
            self.subject.judge(text, &self.hands_on(text, understood), &seen(understood), &asked.accesses());
        let clean = judgement.verdict == Verdict::Allow && !suspicious;
        let counts = self.counts(understood, &asked, &judgement, suspicious);
        self.subject.worker.metrics.took_judging(self.subject.connection.direction, began.elapsed());
        let noted = self.note(text, &counts, judgement, None);
        let outcome = if noted.is_some() { "denied" } else { "granted" };
        self.subject.worker.metrics.statement(self.subject.connection.direction, understood.verb(), outcome);
        if let Some(event) = noted {
            return Err((event, DENIED));
        }
        Ok(Cleared {
            granted: Granted { counts, rows, fresh: true, timed: asks_for_a_piece(&understood.normalised) },
            clean,
        })
    }

    /// `EXECUTE name`: what was prepared under the name before, not in this text.
    fn run_by(&self, understood: &Understood) -> Result<Vec<Rc<Statement>>, (EventId, &'static str)> {
        let (mut made, mut run): (Vec<&str>, Vec<Rc<Statement>>) = (Vec::new(), Vec::new());
        for prepared in understood.prepared() {
            match prepared {
                Prepared::Make(name) => made.push(name),
                Prepared::Use(name) if made.contains(&name.as_str()) => {}
                Prepared::Use(name) => {
                    let held = self.session.statements.of(name.as_bytes(), self.session.pipeline());
                    if held.is_empty() {
                        return Err((self.unknown_statement(), NO_STATEMENT));
                    }
                    run.extend(held);
                }
                Prepared::Drop(_) | Prepared::DropAll => {}
            }
        }
        Ok(run)
    }

    pub(super) fn under(&self) -> Under {
        Under { policy: self.subject.under(), changes: self.session.settings.changes() }
    }

    /// Follows what a granted text changes: settings, prepared names.
    fn goes_on(&mut self, text: &[u8], understood: &Rc<Understood>, granted: &Granted) -> Result<(), End> {
        if understood.leaves_no_trace() {
            return Ok(());
        }
        self.clean.forget();
        understood.follow(&mut self.session.settings, &self.subject.who.user);
        if makes(understood).next().is_none() {
            return Ok(());
        }
        let statement = self.statement(text, Rc::clone(understood), granted)?;
        self.makes(&statement)
    }

    /// Follows the names that a text makes when it runs.
    fn makes(&mut self, statement: &Rc<Statement>) -> Result<(), End> {
        let pipeline = self.session.pipeline();
        for name in makes(&statement.understood) {
            let same = |one: &Statement, other: &Statement| one.text == other.text;
            let value = Rc::clone(statement);
            self.session.statements.may_become(name.as_bytes(), pipeline, value, same).map_err(End::Refused)?;
        }
        Ok(())
    }

    fn statement(&self, text: &[u8], understood: Rc<Understood>, granted: &Granted) -> Result<Rc<Statement>, End> {
        if self.texts.get() + text.len() > TEXT_BYTES {
            return Err(End::Refused(TOO_MANY));
        }
        Ok(Statement::new(text, understood, self.under(), granted.clone(), &self.texts))
    }

    /// A statement goes on to be run.
    fn executed(&mut self, kind: SentKind, granted: Granted, bytes: usize, ceiling: Option<Ceiling>) -> Fated {
        self.subject.carries(&granted, bytes);
        let run = self.subject.run(granted);
        self.session.runs(kind, ceiling, run).map(|()| Fate::Forward).map_err(End::Refused)
    }

    #[cold]
    fn deny_query(&mut self, event: EventId, code: &'static str) -> Fated {
        self.replaced(SentKind::Query, emit::failing_query, event, code)
    }

    /// A name that nothing stands for; behind a denial in the same pipeline, that is its doing.
    #[cold]
    fn unknown_statement(&self) -> EventId {
        match self.denied {
            Some((pipeline, event)) if pipeline == self.session.pipeline() => event,
            _ => self.subject.note_end(UNKNOWN_STATEMENT),
        }
    }

    #[cold]
    fn deny_extended(&mut self, event: EventId, code: &'static str) -> Fated {
        self.denied = Some((self.session.pipeline(), event));
        self.replaced(SentKind::Parse { name: Box::default(), number: 0 }, emit::failing_parse, event, code)
    }

    fn replaced(&mut self, kind: SentKind, by: fn(&mut Vec<u8>), event: EventId, code: &'static str) -> Fated {
        let denied = Denied { event: event.to_string().into(), code };
        self.session.replaced(kind, denied).map(|()| Fate::Replaced(by)).map_err(End::Refused)
    }
}

impl<'w> Grants<'w> for Wire<'w> {
    type Text = Understood;
    type Denied = (EventId, &'static str);

    fn clean(&mut self) -> (&Subject<'w>, &mut Clean) {
        (&self.subject, &mut self.clean)
    }

    fn reading(&self) -> texts::Reading {
        texts::reading(self.session.settings.backslash)
    }

    fn understands(&self, text: &[u8]) -> (Rc<Understood>, Option<Rc<Shape>>) {
        self.subject.worker.texts.shape(text, self.session.settings.backslash)
    }

    fn is_not_proved(&mut self, text: &[u8], understood: &Understood) -> Result<(), Self::Denied> {
        if self.subject.connection.direction == Direction::Inbound {
            return Ok(());
        }
        let correlate = &self.subject.worker.shared.correlate;
        let mut texts = understood.with_texts(text, self.session.settings.backslash);
        let proof = texts.find_map(|(text, known)| Some((text, correlate.proof(text, known, Reading::POSTGRES)?)));
        let Some((text, proof)) = proof else { return Ok(()) };
        let judgement = self.subject.prove(text, &proof);
        let asked = Asked::of(understood, &self.subject.who.user, &self.subject.who.database, &self.session.settings);
        let source = format!("{}: {}", proof.change.says(), proof.source);
        let counts = self.counts(understood, &asked, &judgement, true);
        match self.note(text, &counts, judgement, Some(&source)) {
            Some(event) => Err((event, DENIED)),
            None => Ok(()),
        }
    }

    /// What it runs by name must be granted too.
    fn judge(&mut self, text: &[u8], understood: &Understood) -> Result<Cleared, Self::Denied> {
        let cleared = self.judge_alone(text, understood)?;
        let held = self.run_by(understood)?;
        if !held.is_empty() {
            self.all_granted(&held)?;
        }
        Ok(cleared)
    }
}
