//! Statements, understood once: a text that differs from a known one only in its literals asks for the same.

use crate::canon::sql::postgres::{normalised, tokens};
use crate::protocol::postgres::accesses::Understood;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Texts remembered by a worker, and bytes of them; when either is full, all are forgotten.
const MOST_TEXTS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// Longer texts are not remembered.
const LONGEST: usize = 8 << 10;

/// How strings are quoted, and the text without its literals.
type Key = (bool, Box<[u8]>);

/// What a worker has understood.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Texts {
    known: RefCell<HashMap<Key, Rc<Understood>>>,
    bytes: Cell<usize>,
}

impl Texts {
    /// What a text asks for.
    pub(super) fn understand(&self, text: &[u8], backslash: bool) -> Rc<Understood> {
        let fresh = || Rc::new(Understood::of(text, backslash));
        let Ok(tokens) = tokens(text, backslash) else { return fresh() };
        let key = (backslash, normalised(text, &tokens).into_boxed_slice());
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let understood = fresh();
        if key.1.len() <= LONGEST && understood.is_by_fingerprint() {
            self.remember(key, &understood);
        }
        understood
    }

    fn remember(&self, key: Key, understood: &Rc<Understood>) {
        let mut known = self.known.borrow_mut();
        let bytes = self.bytes.get() + key.1.len();
        if known.len() >= MOST_TEXTS || bytes > MOST_BYTES {
            known.clear();
            self.bytes.set(key.1.len());
        } else {
            self.bytes.set(bytes);
        }
        known.insert(key, Rc::clone(understood));
    }
}

/// A prepared statement: its text, which is judged again when the policy changes.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) text: Box<[u8]>,
    pub(super) understood: Rc<Understood>,
    /// The policy's generation under which it was last granted.
    pub(super) granted: Cell<u64>,
    held: Rc<Cell<usize>>,
}

impl Statement {
    /// A statement whose text counts in `held` as long as it is there.
    pub(super) fn new(text: &[u8], understood: Rc<Understood>, granted: u64, held: &Rc<Cell<usize>>) -> Rc<Self> {
        held.set(held.get() + text.len());
        Rc::new(Self { text: text.into(), understood, granted: Cell::new(granted), held: Rc::clone(held) })
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.held.set(self.held.get().saturating_sub(self.text.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_other_literals_is_known() {
        let texts = Texts::default();
        let one = texts.understand(b"SELECT a FROM t WHERE b = 1", false);
        assert!(Rc::ptr_eq(&one, &texts.understand(b"select a from t where b = 'x'", false)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = 1", true)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE c = 1", false)));
    }

    #[test]
    fn text_whose_literals_count_is_understood_each_time() {
        let texts = Texts::default();
        let one = texts.understand(b"SET search_path = 'a'", false);
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SET search_path = 'a'", false)));
    }

    #[test]
    fn texts_end_at_their_limit() {
        let texts = Texts::default();
        for number in 0..=MOST_TEXTS {
            texts.understand(format!("SELECT a{number}").as_bytes(), false);
        }
        assert_eq!(texts.known.borrow().len(), 1);
    }

    #[test]
    fn statement_counts_while_it_is_held() {
        let held = Rc::new(Cell::new(0));
        let statement = Statement::new(b"12345", Rc::new(Understood::of(b"", false)), 0, &held);
        assert_eq!(held.get(), 5);
        drop(statement);
        assert_eq!(held.get(), 0);
    }
}
