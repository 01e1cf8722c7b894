//! Statements, understood once: a text that differs from a known one only in its literals asks for the same.

use crate::canon::sql::postgres::{normalised, tokens};
use crate::canon::sql::{Names, shape};
use crate::protocol::postgres::accesses::Understood;
pub(super) use crate::proxy::database::texts::Reading;
use crate::proxy::database::texts::{self, Understanding};
use crate::proxy::database::{self, Granted};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(super) type Shape = texts::Shape<Understood>;
pub(super) type Clean = texts::Clean<Understood>;

/// What a worker has understood.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Texts(texts::Texts<Understood>);

impl Understanding for Understood {
    fn holds_for_other_literals(&self) -> bool {
        self.is_by_fingerprint()
    }

    fn leaves_no_trace(&self) -> bool {
        self.leaves_no_trace()
    }

    fn normalised(&self) -> &str {
        &self.normalised
    }
}

/// How a session's texts are read.
pub(super) fn reading(backslash: bool) -> Reading {
    (Names::Double, u64::from(backslash))
}

impl Texts {
    /// What a text asks for.
    fn understand(&self, text: &[u8], backslash: bool) -> Rc<Understood> {
        let fresh = || Understood::of(text, backslash);
        let Ok(tokens) = tokens(text, backslash) else { return Rc::new(fresh()) };
        let mut key = vec![u8::from(backslash)];
        key.extend(normalised(text, &tokens));
        self.0.understand(key, fresh)
    }

    /// What a text asks for, and its shape if it has one that is known.
    pub(super) fn shape(&self, text: &[u8], backslash: bool) -> (Rc<Understood>, Option<Rc<Shape>>) {
        let spell = |out: &mut Vec<u8>| {
            out.push(u8::from(backslash));
            shape(text, Names::Double, out)
        };
        self.0.shape(text.len(), spell, || self.understand(text, backslash))
    }
}

/// What a judgement of a statement depends on, besides its session: the policy, and changes of what names mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Under {
    pub(super) policy: database::Under,
    pub(super) changes: usize,
}

/// A prepared statement: its text, which is judged again when the policy changes, or what its names mean.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) text: Box<[u8]>,
    pub(super) understood: Rc<Understood>,
    /// Under what it was last granted, and what was.
    pub(super) under: Cell<Under>,
    pub(super) granted: RefCell<Granted>,
    /// Nothing depends on what is bound to it, or on what ran before; and nothing on its having run.
    pub(super) is_plain: bool,
    held: Rc<Cell<usize>>,
}

impl Statement {
    /// A statement whose text counts in `held` as long as it is there.
    pub(super) fn new(
        text: &[u8],
        understood: Rc<Understood>,
        under: Under,
        granted: Granted,
        held: &Rc<Cell<usize>>,
    ) -> Rc<Self> {
        held.set(held.get() + text.len());
        let is_plain =
            understood.leaves_no_trace() && !understood.reaches() && understood.live_values().next().is_none();
        let (under, granted) = (Cell::new(under), RefCell::new(granted));
        Rc::new(Self { text: text.into(), understood, under, granted, is_plain, held: Rc::clone(held) })
    }

    /// What it counts as when it runs.
    pub(super) fn runs(&self) -> Granted {
        let mut granted = self.granted.borrow_mut();
        let runs = granted.clone();
        granted.fresh = false;
        runs
    }

    /// Rows that it may bring.
    pub(super) fn rows(&self) -> Option<u64> {
        self.granted.borrow().rows
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
    use crate::proxy::database::texts::tests::granted;

    #[test]
    fn text_with_other_literals_is_known() {
        let texts = Texts::default();
        let one = texts.understand(b"SELECT a FROM t WHERE b = 1", false);
        assert!(Rc::ptr_eq(&one, &texts.understand(b"select a from t where b = 'x'", false)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = 1", true)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE c = 1", false)));
        let one = texts.understand(b"SET search_path = 'a'", false);
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SET search_path = 'a'", false)));
    }

    #[test]
    fn shape_is_one_for_all_values() {
        let texts = Texts::default();
        let (_, one) = texts.shape(b"SELECT a FROM t WHERE b = 1", false);
        let (understood, other) = texts.shape(b"SELECT a FROM t WHERE b = 22", false);
        assert!(Rc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert_eq!(understood.verb(), "SELECT");
        assert!(texts.shape(b"SELECT a FROM t WHERE b = 1 -- c", false).1.is_none());
        assert!(texts.shape(b"SET search_path = 'a'", false).1.is_none());
    }

    #[test]
    fn statement_counts_while_it_is_held() {
        let held = Rc::new(Cell::new(0));
        let statement =
            Statement::new(b"12345", Rc::new(Understood::of(b"", false)), Under::default(), granted(None), &held);
        assert_eq!(held.get(), 5);
        drop(statement);
        assert_eq!(held.get(), 0);
    }
}
