//! Values that are more than values: what a text hands on in its strings, and what is bound to a statement that takes paths or
//! programs, which is judged each time it is run. Of all other statements nothing of this is asked.

use super::Wire;
use super::report::DIALECT;
use super::texts::Statement;
use crate::canon::sql::mysql::{literals, tokens};
use crate::flow::{Part, Verdict};
use crate::protocol::mysql::VALUE;
use crate::protocol::mysql::accesses::{Asked, Understood};
use crate::protocol::mysql::emit::DENIED;
use crate::protocol::mysql::values::Binding;
use crate::record::EventId;

impl Wire<'_> {
    /// SQL in the strings of a text, and paths.
    pub(super) fn hands_on<'t>(&self, text: &'t [u8], understood: &'t Understood) -> Vec<Part<'t>> {
        let tokens = understood.reaches().then(|| tokens(text, self.settings.mode).unwrap_or_default());
        DIALECT.hands_on(&understood.texts, literals(text, &tokens.unwrap_or_default()))
    }

    /// Judges what is bound to a statement that may take paths or programs.
    pub(super) fn paths_granted(
        &mut self,
        number: u32,
        statement: &Statement,
        binding: Binding<'_>,
    ) -> Result<(), (EventId, (u16, &'static str))> {
        let mut values = Some(Vec::new());
        let read = self.statements.bind(number, binding, |bound| {
            values = bound.is_held().then(|| bound.texts().map(|text| text.into_owned()).collect());
        });
        let Some(values) = values.filter(|_| read.is_ok()) else {
            return Err((self.subject.note_end(VALUE), DENIED));
        };
        let parts: Vec<_> = values.iter().map(|value| DIALECT.value(value)).collect();
        let asked = Asked::of(&statement.understood, &self.subject.who.user, &statement.settings);
        let judgement = self.subject.decide(&asked.accesses(), &parts);
        if judgement.verdict == Verdict::Allow {
            return Ok(());
        }
        let counts = self.counts(&statement.understood, &asked, &judgement, true);
        match self.note(&statement.text, &counts, judgement, None) {
            Some(event) => Err((event, DENIED)),
            None => Ok(()),
        }
    }
}
