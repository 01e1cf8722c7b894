//! Rounds, judged as the messages are that they are made of, in one step.

use super::Wire;
use crate::protocol::postgres::round;
use crate::protocol::postgres::session::Ceiling;
use crate::proxy::database::End;
use std::rc::Rc;

impl Wire<'_> {
    /// Judges what the client asks if it is a round, of a statement that is known to be granted; whether it was. It goes on
    /// as it is then.
    pub(super) fn round(&mut self, bytes: &[u8]) -> Result<bool, End> {
        let Some(asked) = round::asked(bytes) else { return Ok(false) };
        let under = self.under();
        let known = self.session.in_a_round(asked.statement);
        let Some(statement) = known.filter(|known| known.is_plain && known.under.get() == under) else {
            return Ok(false);
        };
        // What is bound may belong to an event.
        if self.subject.waiting.is_some() {
            return Ok(false);
        }
        let statement = Rc::clone(statement);
        self.still_welcome().map_err(End::Refused)?;
        let granted = statement.runs();
        let ceiling = granted.rows.map(Ceiling::new);
        self.subject.carries(&granted, statement.text.len());
        let run = self.subject.run(granted);
        self.session.runs_prepared(statement, asked.described, ceiling, run);
        Ok(true)
    }
}
