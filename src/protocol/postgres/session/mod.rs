//! What both ends of a session have agreed on: what was sent and not yet answered, which names stand for what, whether a
//! copy is under way. Follows the server's answers, and tells which of them answers a statement that was denied.

mod copy;
mod round;
mod sent;

pub use sent::{Ceiling, Denied, Ran, SentKind};

use super::back::Back;
use super::front::Front;
use super::path::{Settings, is_safe};
use super::prepared::{Held, Names};
use super::{ENCODING, Limits, ROWS, STATE, TOO_MANY, UNSUPPORTED};
use crate::flow::Reason;
use round::Round;
use sent::{Running, Sent};
use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A session from its startup message on. `P` is what is remembered of a statement, `T` of its being run.
#[derive(Debug)]
pub struct Session<P, T = ()> {
    /// Prepared statements.
    pub statements: Names<P>,
    /// Portals.
    pub portals: Names<Portal<P>>,
    /// Settings that change how statements are read.
    pub settings: Settings,
    unanswered: VecDeque<Sent>,
    /// What was asked in one piece, and is neither answered nor spelled out: then nothing else is unanswered.
    round: Option<Round<P, T>>,
    /// What runs, of all that is unanswered and runs something, in the same order.
    running: VecDeque<Running<T>>,
    /// What the server has run to its end, and nobody has asked for yet.
    ran: VecDeque<Ran<T>>,
    most_unanswered: usize,
    phase: Phase,
    /// The pipeline that is being sent; a sync ends it.
    pipeline: u64,
    /// After an error the server skips everything up to the next sync, texts too.
    skipping: bool,
    /// The client has not yet ended the copy that the server waits for.
    copying: bool,
    /// Data of that copy has come.
    has_data: bool,
    /// The server has ended the session.
    over: bool,
}

/// A portal.
#[derive(Debug)]
pub struct Portal<P> {
    /// Every statement that it may run.
    pub held: Held<P>,
    /// Rows that it has brought; counted once there is a ceiling to them.
    brought: OnceCell<Rc<Cell<u64>>>,
}

impl<P> Portal<P> {
    /// A portal that has brought nothing yet.
    pub fn new(held: Held<P>) -> Self {
        Self { held, brought: OnceCell::new() }
    }

    /// The count of the rows that it brings.
    pub fn brought(&self) -> Rc<Cell<u64>> {
        Rc::clone(self.brought.get_or_init(Rc::default))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server authenticates; whether it waits for the client.
    Authenticating {
        asked: bool,
    },
    /// Authenticated, the server has not yet said that it is ready.
    Starting,
    Ready,
}

/// What becomes of a message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It goes on as it is.
    Pass,
    /// It answers a statement that was denied: the client is told so instead.
    Denied(Denied),
    /// The session is ready for its first statement.
    Begun,
}

impl<P, T> Session<P, T> {
    /// A session whose startup message goes on to the server.
    pub fn new(limits: &Limits) -> Self {
        Self {
            statements: Names::new(limits.names),
            portals: Names::new(limits.names),
            settings: Settings::default(),
            unanswered: VecDeque::new(),
            round: None,
            running: VecDeque::new(),
            ran: VecDeque::new(),
            most_unanswered: limits.unanswered,
            phase: Phase::Authenticating { asked: false },
            pipeline: 0,
            skipping: false,
            copying: false,
            has_data: false,
            over: false,
        }
    }

    /// Whether a message of the client has a place now.
    ///
    /// # Errors
    /// [`STATE`].
    pub fn admits(&mut self, front: &Front<'_>) -> Result<(), Reason> {
        // Almost always.
        let is_other = !matches!(front, Front::Password | Front::CopyData | Front::CopyEnd);
        if self.phase == Phase::Ready && !self.copying && is_other {
            return Ok(());
        }
        self.spell_out()?;
        match (self.phase, front) {
            (_, Front::Terminate) => Ok(()),
            (Phase::Authenticating { asked: true }, Front::Password) => {
                self.phase = Phase::Authenticating { asked: false };
                Ok(())
            }
            (Phase::Ready, Front::Password) => Err(STATE),
            // Outside of a copy the server ignores its data: it may come before the server asks for it, or after it failed.
            (Phase::Ready, Front::CopyData) => {
                self.copy_data();
                Ok(())
            }
            (Phase::Ready, Front::CopyEnd) => {
                self.copy_end();
                Ok(())
            }
            (Phase::Ready, Front::Sync | Front::Flush) => Ok(()),
            (Phase::Ready, _) if self.copying => Err(STATE),
            (Phase::Ready, _) => Ok(()),
            _ => Err(STATE),
        }
    }

    /// Notes what goes on to the server.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn sent(&mut self, kind: SentKind) -> Result<(), Reason> {
        self.push(Sent::new(kind)).map(|_| ())
    }

    /// Notes what goes on to the server in place of a statement that was denied.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn replaced(&mut self, kind: SentKind, denied: Denied) -> Result<(), Reason> {
        self.push(Sent { denied: Some(Box::new(denied)), ..Sent::new(kind) }).map(|_| ())
    }

    /// Notes a statement that the server is to run and that may bring so many rows.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn runs(&mut self, kind: SentKind, ceiling: Option<Ceiling>, run: T) -> Result<(), Reason> {
        if kind == SentKind::Query && self.is_even() {
            self.begins(None, Running { ceiling, run });
            return Ok(());
        }
        self.push_run(kind, ceiling, run)
    }

    fn push_run(&mut self, kind: SentKind, ceiling: Option<Ceiling>, run: T) -> Result<(), Reason> {
        if self.push(Sent { runs: true, ..Sent::new(kind) })? {
            self.running.push_back(Running { ceiling, run });
        }
        Ok(())
    }

    /// The next statement that the server has run to its end, answered or failed; what it skipped it has not run.
    pub fn ran(&mut self) -> Option<Ran<T>> {
        self.ran.pop_front()
    }

    /// Whether the server will answer it.
    fn push(&mut self, mut sent: Sent) -> Result<bool, Reason> {
        self.spell_out()?;
        let is_sync = sent.kind == SentKind::Sync;
        if is_sync && self.copying {
            // Ignored as long as the copy lasts: behind data it may have failed already, and then it is answered.
            return if self.has_data { Err(STATE) } else { Ok(false) };
        }
        if self.unanswered.len() >= self.most_unanswered {
            return Err(TOO_MANY);
        }
        if self.skipping && !is_sync {
            self.skip(sent.kind);
            return Ok(false);
        }
        self.skipping = false;
        self.pipeline += u64::from(sent.ends());
        sent.newest = (self.statements.newest(), self.portals.newest());
        self.unanswered.push_back(sent);
        Ok(true)
    }

    /// Takes out what was sent first; what it runs comes to nothing.
    fn drop_first(&mut self) -> Option<SentKind> {
        let sent = self.unanswered.pop_front()?;
        if sent.runs {
            self.running.pop_front();
        }
        Some(sent.kind)
    }

    /// Takes out what was sent first: what it runs has run.
    fn end_first(&mut self) -> Option<SentKind> {
        let Sent { kind, runs, rows, failed, .. } = self.unanswered.pop_front()?;
        if runs && let Some(Running { run, .. }) = self.running.pop_front() {
            self.ran.push_back(Ran { run, rows, failed });
        }
        Some(kind)
    }

    /// The pipeline that is being sent.
    pub fn pipeline(&self) -> u64 {
        self.pipeline
    }

    /// How many messages the server has yet to answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len() + self.round.as_ref().map_or(0, Round::messages)
    }

    /// Whether the server has nothing left to answer.
    pub fn is_quiet(&self) -> bool {
        let owes = self.round.is_some() || self.unanswered.iter().any(|sent| !sent.is_of_a_copy());
        self.phase == Phase::Ready && !owes
    }

    /// Whether the server comes to an end of what it was sent without anything more of the client.
    pub fn is_ended(&self) -> bool {
        let is_within = self.copying || self.unanswered.back().is_some_and(|sent| sent.kind == SentKind::CopyData);
        !is_within && self.unanswered.iter().rev().find(|sent| !sent.is_of_a_copy()).is_none_or(Sent::ends)
    }

    /// Whether the server has ended the session, and said why.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether authentication is over and the server has been ready once.
    pub fn has_begun(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Follows a message of the server.
    ///
    /// # Errors
    /// What the server may not say now, or what is not carried.
    // In one piece with what reads the message; what comes seldom stands apart.
    #[inline(always)]
    pub fn answered(&mut self, back: Back<'_>) -> Result<Answered, Reason> {
        self.spell_out()?;
        match back {
            Back::ParseComplete | Back::BindComplete | Back::CloseComplete | Back::Described => self.done(back)?,
            Back::Ready { in_transaction } => return self.ready(in_transaction),
            Back::Complete { drops_all, rows } => self.complete(drops_all, rows)?,
            back => return self.answered_other(back),
        }
        Ok(Answered::Pass)
    }

    #[inline(never)]
    fn answered_other(&mut self, back: Back<'_>) -> Result<Answered, Reason> {
        match back {
            Back::Authenticated | Back::Challenge | Back::AuthenticationStep => self.authenticated(back)?,
            Back::Parameter { name, value } => self.parameter(name, value)?,
            Back::Error { fatal, code } => return Ok(self.failed(fatal, code)),
            Back::Row => self.brings(1)?,
            Back::CopyIn => self.copy_in()?,
            Back::CopyBoth if self.settings.replication => self.copy_in()?,
            Back::CopyBoth => return Err(UNSUPPORTED),
            _ => {}
        }
        Ok(Answered::Pass)
    }

    /// Counts rows that the server sends.
    ///
    /// # Errors
    /// [`ROWS`]: they are not to go on. [`STATE`]: nothing was asked that brings any; what was denied, does not.
    pub fn brings(&mut self, rows: u64) -> Result<(), Reason> {
        self.spell_out()?;
        let first = self.awaited().filter(|first| first.runs).ok_or(STATE)?;
        first.rows = first.rows.saturating_add(rows);
        first.bringing = true;
        let Some(ceiling) = self.running.front().and_then(|running| running.ceiling.as_ref()) else { return Ok(()) };
        ceiling.brought.set(ceiling.brought.get().saturating_add(rows));
        if ceiling.brought.get() > ceiling.most { Err(ROWS) } else { Ok(()) }
    }

    fn authenticated(&mut self, back: Back<'_>) -> Result<(), Reason> {
        let Phase::Authenticating { .. } = self.phase else { return Err(STATE) };
        self.phase = match back {
            Back::Authenticated => Phase::Starting,
            _ => Phase::Authenticating { asked: matches!(back, Back::Challenge) },
        };
        Ok(())
    }

    /// The server's word on the settings that decide how a statement is read.
    fn parameter(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reason> {
        match name {
            b"standard_conforming_strings" => self.settings.backslash = value != b"on",
            b"client_encoding" if !std::str::from_utf8(value).is_ok_and(is_safe) => return Err(ENCODING),
            _ => {}
        }
        Ok(())
    }

    fn ready(&mut self, in_transaction: bool) -> Result<Answered, Reason> {
        match self.phase {
            Phase::Authenticating { .. } => Err(STATE),
            Phase::Starting => {
                self.phase = Phase::Ready;
                Ok(Answered::Begun)
            }
            Phase::Ready => {
                self.awaited().filter(|first| first.ends()).ok_or(STATE)?;
                self.end_first();
                self.copying = false;
                if !in_transaction && self.unanswered.is_empty() {
                    // Portals end with their transaction.
                    self.portals.clear(self.portals.newest());
                }
                Ok(Answered::Pass)
            }
        }
    }

    /// What the server answers next. Copies that never began are not answered.
    fn awaited(&mut self) -> Option<&mut Sent> {
        while self.unanswered.front().is_some_and(Sent::is_of_a_copy) {
            self.unanswered.pop_front();
        }
        self.unanswered.front_mut()
    }

    /// An error ends what was asked first, and in a pipeline everything up to the next sync, texts and calls too.
    fn failed(&mut self, fatal: bool, code: [u8; 5]) -> Answered {
        self.copying = false;
        self.over |= fatal;
        if self.phase != Phase::Ready {
            return Answered::Pass;
        }
        let Some(first) = self.awaited() else { return Answered::Pass };
        if fatal {
            first.failed = Some(code);
            self.end_first();
            return Answered::Pass;
        }
        let denied = first.denied.clone().filter(|_| code == *super::emit::SYNTAX);
        first.failed = Some(code);
        if !matches!(first.kind, SentKind::Query | SentKind::Sync) {
            while let Some(first) = self.unanswered.front().filter(|sent| sent.kind != SentKind::Sync) {
                let kind = if first.failed.is_some() { self.end_first() } else { self.drop_first() };
                kind.into_iter().for_each(|kind| self.skip(kind));
            }
            self.skipping = self.unanswered.is_empty();
        }
        denied.map_or(Answered::Pass, |denied| Answered::Denied(*denied))
    }

    /// What the server skips has no effect.
    fn skip(&mut self, kind: SentKind) {
        match kind {
            SentKind::Parse { name, number } => self.statements.reject(&name, number),
            SentKind::Bind { portal, number } => self.portals.reject(&portal, number),
            _ => {}
        }
    }

    /// `rows` is what the server says it changed or sent: what has come row by row is counted already.
    fn complete(&mut self, drops_all: bool, rows: u64) -> Result<(), Reason> {
        let first = self.awaited().filter(|first| first.is_run()).ok_or(STATE)?;
        let (statement, _) = first.newest;
        if !std::mem::take(&mut first.bringing) {
            first.rows = first.rows.saturating_add(rows);
        }
        let runs = first.kind == SentKind::Execute;
        if drops_all {
            self.statements.clear_named(statement);
        }
        if runs {
            self.end_first();
        }
        Ok(())
    }

    #[inline(always)]
    fn done(&mut self, back: Back<'_>) -> Result<(), Reason> {
        let Some(first) = self.awaited() else { return Err(STATE) };
        match (&first.kind, back) {
            // Rows of a query are described too.
            (SentKind::Query | SentKind::Execute, Back::Described) => return Ok(()),
            (SentKind::Parse { .. }, Back::ParseComplete)
            | (SentKind::Bind { .. }, Back::BindComplete)
            | (SentKind::CloseStatement(_) | SentKind::ClosePortal(_), Back::CloseComplete)
            | (SentKind::Describe, Back::Described) => {}
            _ => return Err(STATE),
        }
        let Some(Sent { kind, newest: (statement, portal), .. }) = self.unanswered.pop_front() else { return Ok(()) };
        match kind {
            SentKind::Describe => {}
            SentKind::Bind { portal, number } => self.portals.confirm(&portal, number),
            SentKind::Parse { name, number } => self.statements.confirm(&name, number),
            SentKind::CloseStatement(name) => self.statements.close(&name, statement),
            SentKind::ClosePortal(name) => self.portals.close(&name, portal),
            _ => {}
        }
        Ok(())
    }

    /// Prepares a name for a statement that goes on to the server.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn parse(&mut self, name: &[u8], prepared: Rc<P>) -> Result<(), Reason> {
        self.spell_out()?;
        let number = self.statements.propose(name, self.pipeline, prepared)?;
        self.sent(SentKind::Parse { name: name.into(), number })
    }

    /// Prepares a portal that goes on to the server.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn bind(&mut self, portal: &[u8], held: Held<P>) -> Result<(), Reason> {
        self.spell_out()?;
        self.bind_portal(portal, Portal::new(held))
    }

    fn bind_portal(&mut self, name: &[u8], portal: Portal<P>) -> Result<(), Reason> {
        let number = self.portals.propose(name, self.pipeline, Rc::new(portal))?;
        self.sent(SentKind::Bind { portal: name.into(), number })
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told;
