//! Values that are more than values: what is bound to a statement that takes SQL, paths or programs is judged each time it is
//! bound, whatever is known of the statement. Of all other statements nothing of this is asked.

use super::Wire;
use super::report::DIALECT;
use super::texts::Statement;
use crate::canon::sql::postgres::{literals, tokens};
use crate::flow::Part;
use crate::protocol::postgres::VALUE;
use crate::protocol::postgres::accesses::{Asked, Understood};
use crate::protocol::postgres::emit::DENIED;
use crate::protocol::postgres::front;
use crate::proxy::database::{Grants, Tells};
use crate::record::EventId;
use std::rc::Rc;

impl Wire<'_> {
    /// Judges what is bound to statements, as far as it is more than values.
    pub(super) fn values_granted(
        &mut self,
        held: &[Rc<Statement>],
        bound: &[u8],
    ) -> Result<(), (EventId, &'static str)> {
        for statement in held {
            for number in statement.understood.live_values() {
                match front::all_values(bound).nth(usize::from(number)) {
                    Some(Some(sql)) => self.sql_granted(sql)?,
                    Some(None) => {}
                    None => return Err((self.subject.note_end(VALUE), DENIED)),
                }
            }
            if statement.understood.reaches() {
                self.bound_granted(statement, bound)?;
            }
        }
        Ok(())
    }

    /// SQL in a value is a statement like any other; what it sets may hold from now on.
    fn sql_granted(&mut self, sql: &[u8]) -> Result<(), (EventId, &'static str)> {
        let understood = Understood::of_value(sql, self.session.settings.backslash);
        self.is_not_proved(sql, &understood)?;
        self.judge(sql, &understood)?;
        if !understood.leaves_no_trace() {
            self.clean.forget();
            understood.follow(&mut self.session.settings, &self.subject.who.user);
        }
        Ok(())
    }

    /// Judges what is bound to a statement that may take paths or programs.
    fn bound_granted(&mut self, statement: &Statement, bound: &[u8]) -> Result<(), (EventId, &'static str)> {
        let values: Vec<_> = front::all_values(bound).collect();
        let whole = front::count(bound) == Some(values.len());
        let values = whole.then(|| values.into_iter().flatten().collect());
        let (understood, who) = (&statement.understood, &self.subject.who);
        let asked = Asked::of(understood, &who.user, &who.database, &self.session.settings);
        self.paths_granted((&statement.text, understood), (&asked, &asked.accesses()), values)
            .map_err(|event| (event, DENIED))
    }

    /// What a text hands on as more than values: SQL in its strings, and paths.
    pub(super) fn hands_on<'t>(&self, text: &'t [u8], understood: &'t Understood) -> Vec<Part<'t>> {
        let tokens = understood.reaches().then(|| tokens(text, self.session.settings.backslash).unwrap_or_default());
        DIALECT.hands_on(&understood.texts, literals(text, &tokens.unwrap_or_default()))
    }
}
