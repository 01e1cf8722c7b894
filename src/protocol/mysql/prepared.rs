//! Statements by the numbers that the server has given them.

use super::TOO_MANY;
use crate::flow::Reason;
use std::collections::HashMap;
use std::rc::Rc;

/// What has been prepared in a session.
#[derive(Debug)]
pub struct Statements<T> {
    held: HashMap<u32, Rc<T>>,
    /// What the server was last asked to prepare.
    asked: Option<Rc<T>>,
    last: Option<u32>,
    most: usize,
}

impl<T> Statements<T> {
    /// No statements; at most so many.
    pub fn new(most: usize) -> Self {
        Self { held: HashMap::new(), asked: None, last: None, most }
    }

    /// The server is asked to prepare one.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn ask(&mut self, statement: Rc<T>) -> Result<(), Reason> {
        if self.held.len() >= self.most {
            return Err(TOO_MANY);
        }
        self.asked = Some(statement);
        Ok(())
    }

    /// The server has prepared what it was asked to, under a number.
    pub fn confirm(&mut self, number: u32) {
        if let Some(statement) = self.asked.take() {
            self.held.insert(number, statement);
            self.last = Some(number);
        }
    }

    /// The statement of a number; nothing when there is none.
    pub fn of(&self, number: u32) -> Option<Rc<T>> {
        let number = if number == super::command::LAST { self.last? } else { number };
        self.held.get(&number).cloned()
    }

    /// It is forgotten.
    pub fn close(&mut self, number: u32) {
        self.held.remove(&number);
    }

    /// All are forgotten.
    pub fn clear(&mut self) {
        self.held.clear();
        (self.asked, self.last) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_stands_for_what_was_prepared_under_it() {
        let mut statements = Statements::new(1);
        statements.ask(Rc::new('a')).unwrap();
        assert_eq!(statements.of(7), None);
        statements.confirm(7);
        assert_eq!(statements.of(7).as_deref(), Some(&'a'));
        assert_eq!(statements.of(u32::MAX).as_deref(), Some(&'a'));
        assert_eq!(statements.ask(Rc::new('b')), Err(TOO_MANY));
        statements.close(7);
        assert_eq!(statements.of(7), None);
        statements.ask(Rc::new('b')).unwrap();
        statements.clear();
        statements.confirm(8);
        assert_eq!(statements.of(8), None);
    }
}
