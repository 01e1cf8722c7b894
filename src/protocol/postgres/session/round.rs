//! A round that was asked and is not yet answered, kept in one piece as long as nothing else is said by either side. Whatever
//! else is said finds the session as if its messages had been followed one by one ([`Session::spell_out`]).

use super::sent::Running;
use super::{Ceiling, Phase, Portal, Ran, SentKind, Session};
use crate::flow::Reason;
use crate::protocol::postgres::prepared::Held;
use crate::protocol::postgres::round::{self, Form};
use std::cell::OnceCell;
use std::rc::Rc;

/// Messages that a round has at most.
const MOST_MESSAGES: usize = 4;

/// What was asked in one piece.
#[derive(Debug)]
pub(super) struct Round<P, T> {
    /// The prepared statement that it runs, and whether it describes it; nothing when it is a text.
    prepared: Option<(Rc<P>, bool)>,
    running: Running<T>,
}

impl<P, T> Round<P, T> {
    fn form(&self) -> Form {
        self.prepared.as_ref().map_or(Form::Text, |(_, described)| Form::Prepared { described: *described })
    }

    /// How many messages the server answers.
    pub(super) fn messages(&self) -> usize {
        match self.form() {
            Form::Text => 1,
            Form::Prepared { described } => MOST_MESSAGES - usize::from(!described),
        }
    }
}

impl<P, T> Session<P, T> {
    /// Whether neither side owes the other anything: what is asked now may be a round.
    pub(super) fn is_even(&self) -> bool {
        let owes = self.round.is_some() || !self.unanswered.is_empty() || self.copying || self.skipping;
        self.phase == Phase::Ready && !owes && self.most_unanswered >= MOST_MESSAGES
    }

    /// The statement that a round would run by this name, if it can be no other.
    pub fn in_a_round(&self, name: &[u8]) -> Option<&Rc<P>> {
        let may = self.is_even() && self.portals.has_room();
        may.then(|| self.statements.only(name, self.pipeline)).flatten()
    }

    /// Notes a round that goes on to the server, of a statement told by [`Session::in_a_round`].
    pub fn runs_prepared(&mut self, statement: Rc<P>, described: bool, ceiling: Option<Ceiling>, run: T) {
        self.begins(Some((statement, described)), Running { ceiling, run });
    }

    pub(super) fn begins(&mut self, prepared: Option<(Rc<P>, bool)>, running: Running<T>) {
        self.pipeline += 1;
        self.round = Some(Round { prepared, running });
    }

    /// What has run, if these bytes of the server are the whole answer to a round that is waited for, and nothing is to be
    /// done but to let them go on.
    pub fn answered_at_once(&mut self, bytes: &[u8]) -> Option<Ran<T>> {
        let known = self.round.as_ref()?;
        let answer = round::answered(bytes, known.form())?;
        // The portal outlives the round in a transaction.
        let is_done = known.prepared.is_none() || !answer.in_transaction;
        let is_within = known.running.ceiling.as_ref().is_none_or(|ceiling| answer.brought <= ceiling.left());
        if !is_done || !is_within {
            return None;
        }
        let Round { running: Running { ceiling, run }, .. } = self.round.take()?;
        if let Some(ceiling) = ceiling {
            ceiling.brought.set(ceiling.brought.get() + answer.brought);
        }
        if !answer.in_transaction && !self.portals.is_empty() {
            self.portals.clear(self.portals.newest());
        }
        Some(Ran { run, rows: answer.rows(), failed: None })
    }

    /// Follows the messages of a round one by one.
    ///
    /// # Errors
    /// [`TOO_MANY`](crate::protocol::postgres::TOO_MANY).
    #[inline]
    pub fn spell_out(&mut self) -> Result<(), Reason> {
        match self.round.take() {
            Some(round) => self.spell(round),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn spell(&mut self, round: Round<P, T>) -> Result<(), Reason> {
        let Round { prepared, running: Running { ceiling, run } } = round;
        // As it was when they were sent: nothing was said since.
        self.pipeline -= 1;
        let Some((statement, described)) = prepared else { return self.push_run(SentKind::Query, ceiling, run) };
        let brought = ceiling.as_ref().map_or_else(OnceCell::new, |ceiling| Rc::clone(&ceiling.brought).into());
        self.bind_portal(b"", Portal { held: Held::from_buf([statement]), brought })?;
        if described {
            self.sent(SentKind::Describe)?;
        }
        self.push_run(SentKind::Execute, ceiling, run)?;
        self.sent(SentKind::Sync)
    }
}
