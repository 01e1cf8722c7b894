//! Values that are opened as paths, or run: what is bound to a statement that takes such is judged each time it is run, whatever
//! is known of the statement. How values are read, and how a denial is answered, is in `proxy::postgres` and `proxy::mysql`.

use super::Turns;
use crate::flow::{Access, Judgement, Part, Reason, Verdict};
use crate::record::EventId;
use crate::record::statements::Statement;
use std::sync::Arc;

/// A session, as the record is told of its texts.
pub(in crate::proxy) trait Tells<'w>: Turns<'w> {
    /// A text, understood.
    type Understood;
    /// What one asks for.
    type Asked;
    /// A value that cannot be judged: not all of it is held, or it breaks its form.
    const VALUE: Reason;

    /// What a text counts as that asks for this.
    fn counts(
        &self,
        understood: &Self::Understood,
        asked: &Self::Asked,
        judgement: &Judgement,
        suspicious: bool,
    ) -> Arc<Statement>;

    /// Records a judgement that denies; gives the event's id if the denial must be acted on.
    fn note(
        &mut self,
        text: &[u8],
        counts: &Arc<Statement>,
        judgement: Judgement,
        more: Option<&str>,
    ) -> Option<EventId>;

    /// Judges what is bound to a text, if all of it is held.
    ///
    /// # Errors
    /// The event of a denial that must be acted on.
    fn paths_granted<V: AsRef<[u8]>>(
        &mut self,
        (text, understood): (&[u8], &Self::Understood),
        (asked, accesses): (&Self::Asked, &[Access<'_>]),
        values: Option<Vec<V>>,
    ) -> Result<(), EventId> {
        let (subject, ..) = self.parts();
        let Some(values) = values else { return Err(subject.note_end(Self::VALUE)) };
        let parts: Vec<Part<'_>> = values.iter().map(|value| subject.dialect.value(value.as_ref())).collect();
        let judgement = subject.decide(accesses, &parts);
        if judgement.verdict == Verdict::Allow {
            return Ok(());
        }
        let counts = self.counts(understood, asked, &judgement, true);
        self.note(text, &counts, judgement, None).map_or(Ok(()), Err)
    }
}
