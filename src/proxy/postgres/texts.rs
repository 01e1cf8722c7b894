//! Statements, understood once: a text that differs from a known one only in its literals asks for the same.

use crate::canon::sql::postgres::{normalised, shape, tokens};
use crate::protocol::postgres::accesses::Understood;
use crate::proxy::database::Granted;
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
    shapes: RefCell<Shapes>,
}

/// Texts by their shape, which is found without cutting them into tokens.
#[derive(Debug, Default)]
struct Shapes {
    known: HashMap<Box<[u8]>, Rc<Shape>>,
    bytes: usize,
    scratch: Vec<u8>,
}

/// Texts that differ only in values that nothing depends on: what is asked for is the same, and so is what detectors see.
#[derive(Debug)]
pub(super) struct Shape(pub(super) Rc<Understood>);

/// Shapes that one session's policy has granted and detectors have found clean: what is known of them need not be worked
/// out again. Forgotten when the policy changes, when the session's settings do, and every second, for rules that expire.
#[derive(Debug, Default)]
pub(super) struct Clean {
    generation: u64,
    second: u64,
    /// Few, and told apart by their address. `granted.len() <= MOST_CLEAN`.
    granted: Vec<(Rc<Shape>, Granted)>,
}

/// Shapes that one session remembers; when it is full, all are forgotten.
const MOST_CLEAN: usize = 64;

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

    /// What a text asks for, and its shape if it has one that is known.
    pub(super) fn shape(&self, text: &[u8], backslash: bool) -> (Rc<Understood>, Option<Rc<Shape>>) {
        let mut shapes = self.shapes.borrow_mut();
        let Shapes { known, bytes, scratch } = &mut *shapes;
        scratch.clear();
        scratch.push(u8::from(backslash));
        if text.len() > LONGEST || !shape(text, scratch) {
            return (self.understand(text, backslash), None);
        }
        if let Some(shape) = known.get(scratch.as_slice()) {
            return (Rc::clone(&shape.0), Some(Rc::clone(shape)));
        }
        let understood = self.understand(text, backslash);
        if !understood.is_by_fingerprint() {
            return (understood, None);
        }
        *bytes += scratch.len();
        if known.len() >= MOST_TEXTS || *bytes > MOST_BYTES {
            known.clear();
            *bytes = scratch.len();
        }
        let shape = Rc::new(Shape(Rc::clone(&understood)));
        known.insert(scratch.as_slice().into(), Rc::clone(&shape));
        (understood, Some(shape))
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

impl Clean {
    /// What granted a shape before, under this policy and in this second.
    pub(super) fn of(&mut self, shape: &Rc<Shape>, generation: u64, second: u64) -> Option<&Granted> {
        if (self.generation, self.second) != (generation, second) {
            *self = Self { generation, second, granted: std::mem::take(&mut self.granted) };
            self.granted.clear();
        }
        self.granted.iter().find(|(known, _)| Rc::ptr_eq(known, shape)).map(|(_, granted)| granted)
    }

    pub(super) fn remember(&mut self, shape: Rc<Shape>, granted: &Granted) {
        if self.granted.len() >= MOST_CLEAN {
            self.granted.clear();
        }
        let granted = Granted { fresh: false, ..granted.clone() };
        self.granted.retain(|(known, _)| !Rc::ptr_eq(known, &shape));
        self.granted.push((shape, granted));
    }

    /// The session's settings have changed, and with them what names mean.
    pub(super) fn forget(&mut self) {
        self.granted.clear();
    }
}

/// What a judgement of a statement depends on, besides its session: the policy's generation, and changes of what names mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Under {
    pub(super) generation: u64,
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
        let (under, granted) = (Cell::new(under), RefCell::new(granted));
        Rc::new(Self { text: text.into(), understood, under, granted, held: Rc::clone(held) })
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
    use crate::flow;
    use crate::record::Caller;
    use crate::record::event::Clipped;
    use crate::record::statements;

    fn granted(rows: Option<u64>) -> Granted {
        let peer = flow::Peer::Unverified;
        let what = statements::What {
            caller: Caller::new(&peer, std::net::Ipv4Addr::LOCALHOST.into(), flow::Direction::Inbound),
            dialect: "postgres",
            user: "app".into(),
            database: "shop".into(),
            application: "".into(),
            kind: "SELECT",
            fingerprint: "".into(),
            text: Clipped::default(),
            asks: Box::default(),
            functions: Box::default(),
            rule: None,
            reason: None,
            suspicious: false,
        };
        Granted { counts: statements::Statement::new(what), rows, fresh: true }
    }

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
    fn clean_shape_is_clean_under_one_policy_in_one_second() {
        let shape = Rc::new(Shape(Rc::new(Understood::of(b"", false))));
        let mut clean = Clean::default();
        for (generation, second) in [(1, 1), (2, 1), (2, 2)] {
            assert!(clean.of(&shape, generation, second).is_none());
            clean.remember(Rc::clone(&shape), &granted(Some(1)));
            assert_eq!(clean.of(&shape, generation, second).unwrap().rows, Some(1));
        }
        clean.forget();
        assert!(clean.of(&shape, 2, 2).is_none());
        for _ in 0..=MOST_CLEAN {
            clean.remember(Rc::new(Shape(Rc::clone(&shape.0))), &granted(None));
        }
        assert_eq!(clean.granted.len(), 1);
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
