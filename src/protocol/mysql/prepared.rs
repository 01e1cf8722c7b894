//! Statements by the numbers that the server has given them, and what is remembered of the values of each.

use super::values::{Binding, Bound, Values};
use super::{Limits, TOO_MANY};
use crate::flow::Reason;
use std::collections::HashMap;
use std::rc::Rc;

/// What has been prepared in a session.
#[derive(Debug)]
pub struct Statements<T> {
    held: HashMap<u32, (Rc<T>, Values)>,
    /// What the server was last asked to prepare.
    asked: Option<Rc<T>>,
    last: Option<u32>,
    limits: Limits,
    /// What is held of values. `bytes <= limits.value_bytes`
    bytes: usize,
}

impl<T> Statements<T> {
    /// No statements; at most so many.
    pub fn new(limits: Limits) -> Self {
        Self { held: HashMap::new(), asked: None, last: None, limits, bytes: 0 }
    }

    /// The server is asked to prepare one.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn ask(&mut self, statement: Rc<T>) -> Result<(), Reason> {
        if self.held.len() >= self.limits.statements {
            return Err(TOO_MANY);
        }
        self.asked = Some(statement);
        Ok(())
    }

    /// The server has prepared what it was asked to, under a number, with so many values.
    pub fn confirm(&mut self, number: u32, values: u16) {
        if let Some(statement) = self.asked.take() {
            self.close(number);
            self.held.insert(number, (statement, Values::new(values)));
            self.last = Some(number);
        }
    }

    /// The statement of a number; nothing when there is none.
    pub fn of(&self, number: u32) -> Option<Rc<T>> {
        self.held.get(&self.known(number)?).map(|(statement, _)| Rc::clone(statement))
    }

    /// A piece of a value of a statement is sent ahead, if there is such a statement.
    ///
    /// # Errors
    /// A value that it does not have; [`TOO_MANY`].
    pub fn send_ahead(&mut self, number: u32, value: u16, piece: &[u8]) -> Result<(), Reason> {
        self.with(number, |values, most| values.send_ahead(value, piece, most)).unwrap_or(Ok(()))
    }

    /// What was sent ahead of a statement's values is forgotten.
    pub fn forget_ahead(&mut self, number: u32) {
        self.with(number, |values, _| values.forget_ahead());
    }

    /// Lets `look` see what an execution of a statement brings, if there is such a statement.
    ///
    /// # Errors
    /// It breaks its form; [`TOO_MANY`].
    pub fn bind(&mut self, number: u32, binding: Binding<'_>, look: impl FnOnce(&Bound<'_>)) -> Result<(), Reason> {
        let bound = self.with(number, |values, most| values.bind(binding, most).map(|bound| look(&bound)));
        bound.unwrap_or(Ok(()))
    }

    /// It is forgotten.
    pub fn close(&mut self, number: u32) {
        if let Some((_, values)) = self.known(number).and_then(|number| self.held.remove(&number)) {
            self.bytes -= values.bytes();
        }
    }

    /// All are forgotten.
    pub fn clear(&mut self) {
        self.held.clear();
        (self.asked, self.last, self.bytes) = (None, None, 0);
    }

    /// Bytes that are held of values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn known(&self, number: u32) -> Option<u32> {
        if number == super::command::LAST { self.last } else { Some(number) }
    }

    /// Lets `change` have the values of a statement, which may hold so many bytes.
    fn with<R>(&mut self, number: u32, change: impl FnOnce(&mut Values, usize) -> R) -> Option<R> {
        let (_, values) = self.known(number).and_then(|number| self.held.get_mut(&number))?;
        let others = self.bytes - values.bytes();
        let changed = change(values, self.limits.value_bytes - others);
        self.bytes = others + values.bytes();
        Some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_stands_for_what_was_prepared_under_it() {
        let mut statements = Statements::new(Limits { statements: 1, ..Limits::default() });
        statements.ask(Rc::new('a')).unwrap();
        assert_eq!(statements.of(7), None);
        statements.confirm(7, 0);
        assert_eq!(statements.of(7).as_deref(), Some(&'a'));
        assert_eq!(statements.of(u32::MAX).as_deref(), Some(&'a'));
        assert_eq!(statements.ask(Rc::new('b')), Err(TOO_MANY));
        statements.close(7);
        assert_eq!(statements.of(7), None);
        statements.ask(Rc::new('b')).unwrap();
        statements.clear();
        statements.confirm(8, 0);
        assert_eq!(statements.of(8), None);
    }

    #[test]
    fn values_are_those_of_their_statement() {
        let mut statements = Statements::new(Limits { value_bytes: 80, ..Limits::default() });
        for number in [1, 2] {
            statements.ask(Rc::new(number)).unwrap();
            statements.confirm(number, 1);
        }
        let mut seen = Vec::new();
        let mut bind = |statements: &mut Statements<u32>, number, held: &[u8]| {
            let binding = Binding { held, len: Some(held.len()) };
            statements.bind(number, binding, |bound| seen.extend(bound.texts().map(|text| text.into_owned())))
        };
        assert_eq!(bind(&mut statements, 1, &[0, 1, 1, 0, 7]), Ok(()));
        assert_eq!(bind(&mut statements, 2, &[0, 0, 7]), Err(crate::protocol::mysql::FORM));
        assert_eq!(bind(&mut statements, 1, &[0, 0, 8]), Ok(()));
        assert_eq!(bind(&mut statements, 3, &[0, 0, 8]), Ok(()));
        assert_eq!((seen, statements.bytes()), (vec![b"7".to_vec(), b"8".to_vec()], 2));
        assert_eq!(statements.send_ahead(u32::MAX, 0, b"a"), Ok(()));
        assert_eq!(statements.bytes(), 2 + 1 + size_of::<(u16, Vec<u8>)>());
        assert_eq!(statements.send_ahead(1, 0, &[0; 80]), Err(TOO_MANY));
        statements.forget_ahead(1);
        statements.close(2);
        assert_eq!(statements.bytes(), 2);
    }
}
