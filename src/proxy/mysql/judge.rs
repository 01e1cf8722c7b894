//! What a client commands, judged: what goes on as it is, and what is answered here instead.

use super::report::seen;
use super::texts::{self, Clean, Statement};
use super::{Asked as Then, Awaited, Due, SETTING, Wire};
use crate::behave::sql::asks_for_a_piece;
use crate::canon::sql::Reading;
use crate::flow::{Direction, Verdict};
use crate::protocol::mysql::accesses::{Asked, Understood};
use crate::protocol::mysql::answer::{Answer, Shape};
use crate::protocol::mysql::command::Command;
use crate::protocol::mysql::emit::{self, DENIED, NO_COMMAND, NO_SESSION, NO_STATEMENT};
use crate::protocol::mysql::handshake;
use crate::protocol::mysql::settings::Settings;
use crate::protocol::mysql::values::Binding;
use crate::protocol::mysql::{AUTHENTICATION, TOO_MANY, UNKNOWN_STATEMENT, UNSUPPORTED};
use crate::proxy::database::texts::Cleared;
use crate::proxy::database::{End, Granted, Grants, Judged, Run, Subject, TEXT_BYTES, Tells, Who};
use crate::record::EventId;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// An error's number and SQLSTATE.
type Code = (u16, &'static str);
/// What a denial is answered with.
pub(super) type Denied = (EventId, Code);

impl Wire<'_> {
    /// Judges one command of the client. Says whether it goes on; if not, it has been answered where it is to be.
    pub(super) fn ask(&mut self, command: &Command<'_>) -> Result<bool, End> {
        match command {
            Command::Quit => Ok(true),
            Command::Ping | Command::SetOption => self.goes_on(Shape::Simple, Then::Plain),
            Command::Statistics => self.goes_on(Shape::Line, Then::Plain),
            Command::ResetConnection => self.goes_on(Shape::Simple, Then::Anew),
            Command::InitDb(name) => self.init_db(name),
            Command::FieldList(_) => self.field_list(),
            Command::ChangeUser(rest) => self.change_user(rest),
            Command::Query(text) => self.query(text),
            Command::Prepare(text) => self.prepare(text),
            Command::Execute { statement, cursor, binding } => self.execute(*statement, *cursor, *binding),
            Command::Fetch(statement) => self.fetch(*statement),
            Command::Reset(statement) if self.statements.of(*statement).is_some() => {
                self.statements.forget_ahead(*statement);
                self.goes_on(Shape::Simple, Then::Plain)
            }
            Command::Reset(_) => Ok(self.unknown_statement()),
            // These are not answered: what no statement stands behind is left out.
            Command::LongData { statement, value, piece } => {
                self.statements.send_ahead(*statement, *value, piece).map_err(End::Refused)?;
                Ok(self.statements.of(*statement).is_some())
            }
            Command::Close(statement) => {
                let known = self.statements.of(*statement).is_some();
                self.statements.close(*statement);
                Ok(known)
            }
            Command::Refused(_) => {
                let event = self.subject.note_end(UNSUPPORTED);
                Ok(self.deny((event, NO_COMMAND)))
            }
        }
    }

    fn goes_on(&mut self, shape: Shape, then: Then) -> Result<bool, End> {
        self.await_answer(shape, then, None, (None, Rc::default()));
        Ok(true)
    }

    fn await_answer(
        &mut self,
        shape: Shape,
        asked: Then,
        run: Option<Run>,
        (most, brought): (Option<u64>, Rc<Cell<u64>>),
    ) {
        let answer = Answer::new(shape, self.deprecate_eof);
        let (due, files) = (Due::Nothing, 0);
        let awaited = Awaited { answer, asked, due, files, next: 1, run, most, brought, rows: 0, changed: 0 };
        self.awaited = Some(awaited);
    }

    fn deny(&mut self, (event, code): Denied) -> bool {
        emit::denial(self.sides.to_client.buffer(), code, &event.to_string());
        false
    }

    fn unknown_statement(&mut self) -> bool {
        let event = self.subject.note_end(UNKNOWN_STATEMENT);
        self.deny((event, NO_STATEMENT))
    }

    fn begins(&mut self) -> Result<(), End> {
        self.still_welcome().map_err(End::Refused)?;
        self.subject.exchanges.exchanges += 1;
        Ok(())
    }

    /// Judges what names no statement; gives the event's id if it is denied.
    fn decide(&mut self, asked: &Asked, action: &str, who: &Who) -> Option<EventId> {
        let judgement = self.subject.decide(&asked.accesses(), &[]);
        self.subject.decided(who, action, judgement)
    }

    fn init_db(&mut self, name: &[u8]) -> Result<bool, End> {
        self.begins()?;
        let name = String::from_utf8_lossy(name).into_owned();
        let asked = Asked::session(&self.subject.who.user, &name);
        match self.decide(&asked, "USE", &self.subject.who.clone()) {
            Some(event) => Ok(self.deny((event, NO_SESSION))),
            None => self.goes_on(Shape::Simple, Then::Database(name)),
        }
    }

    fn field_list(&mut self) -> Result<bool, End> {
        self.begins()?;
        // Any of these may be in use.
        for database in self.settings.databases.clone() {
            let asked = Asked::kind(&self.subject.who.user, &database, "SHOW");
            if let Some(event) = self.decide(&asked, "SHOW", &self.subject.who.clone()) {
                return Ok(self.deny((event, DENIED)));
            }
        }
        self.goes_on(Shape::Fields, Then::Plain)
    }

    /// Another user on the same connection is judged as one on a connection of its own.
    fn change_user(&mut self, rest: &[u8]) -> Result<bool, End> {
        self.begins()?;
        let takes = if self.deprecate_eof { handshake::DEPRECATE_EOF } else { 0 };
        let answer = handshake::change_user(rest, takes).map_err(|malformed| End::Refused(malformed.why))?;
        if self.half_in_tls && handshake::depends_on_tls(answer.plugin.as_bytes()) {
            return Err(End::Refused(AUTHENTICATION));
        }
        let who =
            Who { user: answer.user, database: answer.database, application: self.subject.who.application.clone() };
        let asked = Asked::session(&who.user, &who.database);
        if let Some(event) = self.decide(&asked, "CONNECT", &who) {
            return Ok(self.deny((event, NO_SESSION)));
        }
        let settings = Settings::new(self.settings.mode.server, answer.collation, &who.database);
        self.goes_on(Shape::Authentication, Then::User(Box::new((who, settings))))
    }

    fn query(&mut self, text: &[u8]) -> Result<bool, End> {
        self.begins()?;
        let (understood, granted) = self.granted(text);
        match granted.and_then(|granted| self.named_granted(&understood, granted)) {
            Err(denied) => Ok(self.deny(denied)),
            Ok(granted) => {
                let (most, then) = (granted.rows, self.then(text, understood, &granted)?);
                self.runs(granted, text.len(), Shape::Results, then, (most, Rc::default()))
            }
        }
    }

    fn prepare(&mut self, text: &[u8]) -> Result<bool, End> {
        self.begins()?;
        let understood = self.subject.worker.mysql_texts.understand(text, &self.settings);
        let proved = self.is_not_proved(text, &understood);
        let granted = match proved.and_then(|()| self.judge(text, &understood)) {
            Err(denied) => return Ok(self.deny(denied)),
            Ok(cleared) => cleared.granted,
        };
        if self.texts.get() + text.len() > TEXT_BYTES {
            return Err(End::Refused(TOO_MANY));
        }
        let under = self.subject.under();
        let statement = Statement::new(text, understood, self.settings.clone(), (under, granted), &self.texts);
        self.statements.ask(statement).map_err(End::Refused)?;
        self.goes_on(Shape::Prepared, Then::Plain)
    }

    fn execute(&mut self, number: u32, cursor: bool, binding: Binding<'_>) -> Result<bool, End> {
        self.begins()?;
        let Some(statement) = self.statements.of(number) else { return Ok(self.unknown_statement()) };
        if let Err(denied) = self.still_granted(&statement) {
            return Ok(self.deny(denied));
        }
        self.binds(number, &statement, binding).map_err(End::Refused)?;
        if statement.understood.reaches()
            && let Err(denied) = self.bound_granted(number, &statement, binding)
        {
            return Ok(self.deny(denied));
        }
        self.statements.forget_ahead(number);
        statement.brought.set(0);
        let granted = statement.runs();
        // Rows of a cursor count over all that is fetched.
        let brought = if cursor { Rc::clone(&statement.brought) } else { Rc::default() };
        let then = Then::Text(Rc::clone(&statement.understood));
        let most = granted.rows;
        self.runs(granted, statement.text.len(), Shape::Results, then, (most, brought))
    }

    fn fetch(&mut self, number: u32) -> Result<bool, End> {
        self.begins()?;
        let Some(statement) = self.statements.of(number) else { return Ok(self.unknown_statement()) };
        if let Err(denied) = self.still_granted(&statement) {
            return Ok(self.deny(denied));
        }
        let rows = statement.granted.borrow().rows;
        self.await_answer(Shape::Rows, Then::Plain, None, (rows, Rc::clone(&statement.brought)));
        Ok(true)
    }

    /// Whether a prepared statement is granted by the policy in place.
    pub(super) fn still_granted(&mut self, statement: &Statement) -> Result<(), Denied> {
        let under = self.subject.under();
        if statement.under.get() != under {
            let settings = Some(&statement.settings);
            self.is_not_proved_as(&statement.text, &statement.understood, settings)?;
            let judged = self.judge_as(&statement.text, &statement.understood, settings)?;
            statement.under.set(under);
            statement.granted.replace(judged.granted);
        }
        Ok(())
    }

    /// A statement goes on to be run.
    fn runs(
        &mut self,
        granted: Granted,
        bytes: usize,
        shape: Shape,
        then: Then,
        rows: (Option<u64>, Rc<Cell<u64>>),
    ) -> Result<bool, End> {
        self.subject.carries(&granted, bytes);
        let run = self.subject.run(granted);
        self.await_answer(shape, then, Some(run), rows);
        Ok(true)
    }

    /// Whether no value of a request in flight changes what a statement does that the pod sends. It is read with `settings`, or
    /// with the session's own.
    fn is_not_proved_as(
        &mut self,
        text: &[u8],
        understood: &Understood,
        settings: Option<&Settings>,
    ) -> Result<(), Denied> {
        if self.subject.connection.direction == Direction::Inbound {
            return Ok(());
        }
        let settings = settings.unwrap_or(&self.settings);
        let reading = Reading { backslash: settings.mode.backslash, ..Reading::MYSQL };
        let correlate = &self.subject.worker.shared.correlate;
        let mut texts = understood.with_texts(text, settings.mode);
        let proof = texts.find_map(|(text, known)| Some((text, correlate.proof(text, known, reading)?)));
        let Some((text, proof)) = proof else { return Ok(()) };
        let judgement = self.subject.prove(text, &proof);
        let asked = Asked::of(understood, &self.subject.who.user, settings);
        let source = format!("{}: {}", proof.change.says(), proof.source);
        let counts = self.counts(understood, &asked, &judgement, true);
        match self.note(text, &counts, judgement, Some(&source)) {
            Some(event) => Err((event, DENIED)),
            None => Ok(()),
        }
    }

    /// Judges a text that is read with `settings`, or with the session's own.
    fn judge_as(
        &mut self,
        text: &[u8],
        understood: &Understood,
        settings: Option<&Settings>,
    ) -> Result<Cleared, Denied> {
        if understood.is_refused() {
            return Err((self.subject.note_end(SETTING), DENIED));
        }
        let began = Instant::now();
        let asked = Asked::of(understood, &self.subject.who.user, settings.unwrap_or(&self.settings));
        let Judged { judgement, rows, suspicious } =
            self.subject.judge(text, &self.hands_on(text, understood), &seen(understood), &asked.accesses());
        let allowed = judgement.verdict == Verdict::Allow;
        let counts = self.counts(understood, &asked, &judgement, suspicious);
        self.subject.worker.metrics.took_judging(self.subject.connection.direction, began.elapsed());
        if allowed {
            self.subject.worker.metrics.judged(self.subject.connection.direction, judgement.mode, &judgement.verdict);
        }
        let noted = if allowed { None } else { self.note(text, &counts, judgement, None) };
        let outcome = if noted.is_some() { "denied" } else { "granted" };
        self.subject.worker.metrics.statement(self.subject.connection.direction, understood.verb(), outcome);
        match noted {
            Some(event) => Err((event, DENIED)),
            None => Ok(Cleared {
                granted: Granted { counts, rows, fresh: true, timed: asks_for_a_piece(&understood.normalised) },
                clean: allowed && !suspicious,
            }),
        }
    }
}

impl<'w> Grants<'w> for Wire<'w> {
    type Text = Understood;
    type Denied = Denied;

    fn clean(&mut self) -> (&Subject<'w>, &mut Clean) {
        (&self.subject, &mut self.clean)
    }

    fn reading(&self) -> texts::Reading {
        texts::reading(&self.settings)
    }

    fn understands(&self, text: &[u8]) -> (Rc<Understood>, Option<Rc<texts::Shape>>) {
        self.subject.worker.mysql_texts.shape(text, &self.settings)
    }

    fn is_not_proved(&mut self, text: &[u8], understood: &Understood) -> Result<(), Denied> {
        self.is_not_proved_as(text, understood, None)
    }

    fn judge(&mut self, text: &[u8], understood: &Understood) -> Result<Cleared, Denied> {
        self.judge_as(text, understood, None)
    }
}
