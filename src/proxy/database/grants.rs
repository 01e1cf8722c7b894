//! What a text may do: first whether it is proved to be injected, then what is known of texts like it, then judging. What a
//! text asks for, and how a denial is answered, is in `proxy::postgres` and `proxy::mysql`.

use super::texts::{Clean, Cleared, Reading, Shape, Shaped, Understanding, judged};
use super::{Granted, Subject};
use std::rc::Rc;

/// What a text asks for, and what it may do.
type Answered<T, D> = (Rc<T>, Result<Granted, D>);

/// A session whose texts are judged.
pub(in crate::proxy) trait Grants<'w> {
    /// A text, understood.
    type Text: Understanding;
    /// A denial that must be acted on.
    type Denied;

    /// Whose texts they are, and those that need not be judged again.
    fn clean(&mut self) -> (&Subject<'w>, &mut Clean<Self::Text>);

    /// How texts are read now.
    fn reading(&self) -> Reading;

    /// What a text asks for, and its shape if it has one that is known.
    fn understands(&self, text: &[u8]) -> Shaped<Self::Text>;

    /// Whether no value of a request in flight changes what a text does that the pod sends.
    ///
    /// # Errors
    /// The denial.
    fn is_not_proved(&mut self, text: &[u8], understood: &Self::Text) -> Result<(), Self::Denied>;

    /// Judges a text.
    ///
    /// # Errors
    /// The denial.
    fn judge(&mut self, text: &[u8], understood: &Self::Text) -> Result<Cleared, Self::Denied>;

    /// What a text asks for and may do, if it is like one that came before: it leaves no trace in the session.
    fn liked(&mut self, text: &[u8]) -> Option<Answered<Self::Text, Self::Denied>> {
        let reading = self.reading();
        let (subject, clean) = self.clean();
        let (understood, granted) = clean.like(subject, reading, text)?;
        let proved = self.is_not_proved(text, &understood);
        if proved.is_ok() {
            judged(self.clean().0, &granted);
        }
        Some((understood, proved.map(|()| granted)))
    }

    /// What a text asks for, and what it may do.
    fn granted(&mut self, text: &[u8]) -> Answered<Self::Text, Self::Denied> {
        if let Some(liked) = self.liked(text) {
            return liked;
        }
        let (understood, shape) = self.understands(text);
        let granted = self.known_or_judged(text, &understood, shape);
        (understood, granted)
    }

    /// What a text may do: known from texts of the same shape, or judged.
    ///
    /// # Errors
    /// The denial.
    fn known_or_judged(
        &mut self,
        text: &[u8],
        understood: &Self::Text,
        shape: Option<Rc<Shape<Self::Text>>>,
    ) -> Result<Granted, Self::Denied> {
        self.is_not_proved(text, understood)?;
        let Some(shape) = shape.filter(|_| understood.leaves_no_trace()) else {
            return self.judge(text, understood).map(|cleared| cleared.granted);
        };
        let reading = self.reading();
        let (subject, clean) = self.clean();
        if let Some(granted) = clean.known(subject, &shape, (reading, text)) {
            return Ok(granted);
        }
        let cleared = self.judge(text, understood)?;
        self.clean().1.learn(shape, &cleared, understood.normalised());
        Ok(cleared.granted)
    }
}
