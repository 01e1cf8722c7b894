//! What a client asks, judged message by message: what goes on as it is, and what stands for what does not.

use super::texts::Statement;
use super::{End, SETTING, TEXT_BYTES, Wire};
use crate::canon::sql::postgres::Prepared;
use crate::engine::Engine;
use crate::flow::{Direction, Message, Part, Past, Place, Side};
use crate::protocol::postgres::accesses::{Asked, Understood};
use crate::protocol::postgres::emit::{self, DENIED, NO_STATEMENT};
use crate::protocol::postgres::front::Front;
use crate::protocol::postgres::session::{Denied, SentKind};
use crate::protocol::postgres::{TOO_MANY, UNKNOWN_STATEMENT, UNSUPPORTED};
use crate::record::flows::Carried;
use crate::record::{EventId, Traffic};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on as it is.
    Forward,
    /// Something else has been sent in its place.
    Replaced,
}

type Fated = Result<Fate, End>;

impl Wire<'_> {
    /// Judges one message of the client.
    pub(super) fn ask(&mut self, front: &Front<'_>) -> Fated {
        let admitted = self.session.admits(front);
        admitted.map_err(End::Refused)?;
        match front {
            Front::Query(text) => self.query(text),
            Front::Parse { name, text } => self.parse(name, text),
            Front::Bind { portal, statement } => self.bind(portal, statement),
            Front::Execute(portal) => self.execute(portal),
            Front::Describe => self.sent(SentKind::Describe),
            Front::CloseStatement(name) => self.sent(SentKind::CloseStatement((*name).into())),
            Front::ClosePortal(name) => self.sent(SentKind::ClosePortal((*name).into())),
            Front::Sync => self.sent(SentKind::Sync),
            Front::FunctionCall => {
                let event = self.note_end(UNSUPPORTED);
                self.deny_query(event, DENIED)
            }
            Front::Flush | Front::Password | Front::CopyData | Front::CopyEnd | Front::Terminate => Ok(Fate::Forward),
        }
    }

    fn sent(&mut self, kind: SentKind) -> Fated {
        self.session.sent(kind, None).map(|()| Fate::Forward).map_err(End::Refused)
    }

    fn query(&mut self, text: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        self.exchanges.exchanges += 1;
        let understood = self.worker.texts.understand(text, self.session.settings.backslash);
        match self.judge(text, &understood) {
            Err((event, code)) => self.deny_query(event, code),
            Ok(()) => {
                self.goes_on(text, &understood)?;
                self.executed(text.len());
                self.sent(SentKind::Query)
            }
        }
    }

    fn parse(&mut self, name: &[u8], text: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        self.exchanges.exchanges += 1;
        let understood = self.worker.texts.understand(text, self.session.settings.backslash);
        if let Err((event, code)) = self.judge(text, &understood) {
            return self.deny_extended(event, code);
        }
        self.goes_on(text, &understood)?;
        let statement = self.statement(text, understood)?;
        self.session.parse(name, statement).map_err(End::Refused)?;
        Ok(Fate::Forward)
    }

    fn bind(&mut self, portal: &[u8], name: &[u8]) -> Fated {
        let held = self.session.statements.of(name, self.session.pipeline());
        if let Err((event, code)) = self.all_granted(&held) {
            return self.deny_extended(event, code);
        }
        self.session.bind(portal, held).map_err(End::Refused)?;
        Ok(Fate::Forward)
    }

    fn execute(&mut self, portal: &[u8]) -> Fated {
        self.still_welcome().map_err(End::Refused)?;
        let portals = self.session.portals.of(portal, self.session.pipeline());
        let held: Vec<Rc<Statement>> = portals.iter().flat_map(|held| held.iter().cloned()).collect();
        if let Err((event, code)) = self.all_granted(&held) {
            return self.deny_extended(event, code);
        }
        self.executed(held.first().map_or(0, |statement| statement.text.len()));
        self.sent(SentKind::Execute)
    }

    /// Whether every statement that a name may stand for is granted by the policy in place.
    fn all_granted(&mut self, held: &[Rc<Statement>]) -> Result<(), (EventId, &'static str)> {
        if held.is_empty() {
            return Err((self.note_end(UNKNOWN_STATEMENT), NO_STATEMENT));
        }
        let generation = self.worker.engine().revision().generation;
        for statement in held.iter().filter(|statement| statement.granted.get() != generation) {
            self.judge(&statement.text, &statement.understood)?;
            statement.granted.set(generation);
        }
        Ok(())
    }

    /// Judges a text. What it runs by name must be granted too.
    fn judge(&mut self, text: &[u8], understood: &Understood) -> Result<(), (EventId, &'static str)> {
        if understood.is_refused() {
            return Err((self.note_end(SETTING), DENIED));
        }
        let began = Instant::now();
        let asked = Asked::of(understood, &self.who.user, &self.who.database, &self.session.settings);
        let judgement = {
            let past = Past::default();
            let scene = self.scene(&past);
            let engine = self.worker.engine();
            let parts = [Part::plain(Place::SqlText, b"postgres", text)];
            let accesses = asked.accesses();
            let message = Message { side: Side::Client, accesses: &accesses, parts: &parts, last: true };
            engine.open(&scene).judge(&scene, &message, &mut Engine::budget(text.len()))
        };
        self.worker.metrics.took_judging(self.connection.direction, began.elapsed());
        let rule = judgement.rules.first().cloned();
        if let Some(event) = self.note(understood, &asked, judgement) {
            return Err((event, DENIED));
        }
        self.rule = rule.or(self.rule.take());
        self.runs_granted(understood)
    }

    /// `EXECUTE name`: what was prepared under the name, in this text or before.
    fn runs_granted(&mut self, understood: &Understood) -> Result<(), (EventId, &'static str)> {
        let mut made: Vec<&str> = Vec::new();
        for prepared in understood.prepared() {
            match prepared {
                Prepared::Make(name) => made.push(name),
                Prepared::Use(name) if made.contains(&name.as_str()) => {}
                Prepared::Use(name) => {
                    let held = self.session.statements.of(name.as_bytes(), self.session.pipeline());
                    self.all_granted(&held)?;
                }
                Prepared::Drop(_) | Prepared::DropAll => {}
            }
        }
        Ok(())
    }

    /// Follows what a granted text changes: settings, prepared names.
    fn goes_on(&mut self, text: &[u8], understood: &Rc<Understood>) -> Result<(), End> {
        understood.follow(&mut self.session.settings, &self.who.user);
        let made: Vec<String> = understood
            .prepared()
            .filter_map(|prepared| match prepared {
                Prepared::Make(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for name in made {
            let statement = self.statement(text, Rc::clone(understood))?;
            let pipeline = self.session.pipeline();
            self.session.statements.propose(name.as_bytes(), pipeline, statement).map_err(End::Refused)?;
        }
        Ok(())
    }

    fn statement(&self, text: &[u8], understood: Rc<Understood>) -> Result<Rc<Statement>, End> {
        if self.texts.get() + text.len() > TEXT_BYTES {
            return Err(End::Refused(TOO_MANY));
        }
        let generation = self.worker.engine().revision().generation;
        Ok(Statement::new(text, understood, generation, &self.texts))
    }

    fn executed(&mut self, bytes: usize) {
        if let Some(rule) = &self.rule {
            self.worker.aggregate.note(&self.caller, rule, Traffic::exchange(bytes as u64, 0));
            if self.connection.direction == Direction::Outbound {
                let carried = Carried::once(bytes as u64, 0, Duration::ZERO);
                self.worker.flowed(&self.connection, None, Some(rule), carried);
            }
        }
    }

    fn deny_query(&mut self, event: EventId, code: &'static str) -> Fated {
        emit::failing_query(self.to_server.buffer());
        self.replaced(SentKind::Query, event, code)
    }

    fn deny_extended(&mut self, event: EventId, code: &'static str) -> Fated {
        emit::failing_parse(self.to_server.buffer());
        self.replaced(SentKind::Parse { name: Box::default(), number: 0 }, event, code)
    }

    fn replaced(&mut self, kind: SentKind, event: EventId, code: &'static str) -> Fated {
        let denied = Denied { event: event.to_string().into(), code };
        self.session.sent(kind, Some(denied)).map(|()| Fate::Replaced).map_err(End::Refused)
    }
}
