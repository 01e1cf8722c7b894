//! Values that are more than values: what a text hands on in its strings, and what is bound to a statement that takes paths or
//! programs, which is judged each time it is run. Of all other statements nothing of this is asked.

use super::Wire;
use super::report::DIALECT;
use super::texts::Statement;
use crate::canon::sql::mysql::{literals, tokens};
use crate::flow::Part;
use crate::protocol::mysql::accesses::{Asked, Understood};
use crate::protocol::mysql::emit::DENIED;
use crate::protocol::mysql::values::Binding;
use crate::proxy::database::Tells;
use crate::record::EventId;

impl Wire<'_> {
    /// SQL in the strings of a text, and paths.
    pub(super) fn hands_on<'t>(&self, text: &'t [u8], understood: &'t Understood) -> Vec<Part<'t>> {
        let tokens = understood.reaches().then(|| tokens(text, self.settings.mode).unwrap_or_default());
        DIALECT.hands_on(&understood.texts, literals(text, &tokens.unwrap_or_default()))
    }

    /// Judges what is bound to a statement that may take paths or programs.
    pub(super) fn bound_granted(
        &mut self,
        number: u32,
        statement: &Statement,
        binding: Binding<'_>,
    ) -> Result<(), (EventId, (u16, &'static str))> {
        let mut values = Some(Vec::new());
        let read = self.statements.bind(number, binding, |bound| {
            values = bound.is_held().then(|| bound.texts().map(|text| text.into_owned()).collect());
        });
        let values = values.filter(|_| read.is_ok());
        let asked = Asked::of(&statement.understood, &self.subject.who.user, &statement.settings);
        self.paths_granted((&statement.text, &*statement.understood), (&asked, &asked.accesses()), values)
            .map_err(|event| (event, DENIED))
    }
}
