//! Statements, understood once: a text that differs from a known one only in its literals asks for the same.

use crate::canon::sql::mysql::{Mode, normalised, tokens};
use crate::protocol::mysql::accesses::Understood;
use crate::protocol::mysql::settings::Settings;
use crate::proxy::database::Granted;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Texts remembered by a worker, and bytes of them; when either is full, all are forgotten.
const MOST_TEXTS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// Longer texts are not remembered.
const LONGEST: usize = 8 << 10;

/// How the text is read, whether `"` has both meanings, and the text without its literals.
type Key = (Mode, bool, Box<[u8]>);

/// What a worker has understood.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Texts {
    known: RefCell<HashMap<Key, Rc<Understood>>>,
    bytes: Cell<usize>,
}

impl Texts {
    /// What a text asks for.
    pub(super) fn understand(&self, text: &[u8], settings: &Settings) -> Rc<Understood> {
        let (mode, either) = (settings.mode, settings.either_quotes && memchr::memchr(b'"', text).is_some());
        let fresh = || Rc::new(Understood::of(text, mode, either));
        let Ok(tokens) = tokens(text, mode) else { return fresh() };
        // Under another reading other literals may be names: then the text stands for itself.
        let normal = if either { text.to_vec() } else { normalised(text, &tokens) };
        let key = (mode, either, normal.into_boxed_slice());
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let understood = fresh();
        if key.2.len() <= LONGEST && understood.is_by_fingerprint() {
            self.remember(key, &understood);
        }
        understood
    }

    fn remember(&self, key: Key, understood: &Rc<Understood>) {
        let mut known = self.known.borrow_mut();
        let bytes = self.bytes.get() + key.2.len();
        if known.len() >= MOST_TEXTS || bytes > MOST_BYTES {
            known.clear();
            self.bytes.set(key.2.len());
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
    /// What its names mean: the session as it was when the statement was prepared.
    pub(super) settings: Settings,
    /// Under which policy it was last granted, and what was.
    pub(super) generation: Cell<u64>,
    pub(super) granted: RefCell<Granted>,
    /// Rows that its open cursor has brought.
    pub(super) brought: Rc<Cell<u64>>,
    held: Rc<Cell<usize>>,
}

impl Statement {
    /// A statement whose text counts in `held` as long as it is there.
    pub(super) fn new(
        text: &[u8],
        understood: Rc<Understood>,
        settings: Settings,
        (generation, granted): (u64, Granted),
        held: &Rc<Cell<usize>>,
    ) -> Rc<Self> {
        held.set(held.get() + text.len());
        let (generation, granted) = (Cell::new(generation), RefCell::new(granted));
        let (brought, held) = (Rc::default(), Rc::clone(held));
        Rc::new(Self { text: text.into(), understood, settings, generation, granted, brought, held })
    }

    /// What it counts as when it runs.
    pub(super) fn runs(&self) -> Granted {
        let mut granted = self.granted.borrow_mut();
        let runs = granted.clone();
        granted.fresh = false;
        runs
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
    use crate::canon::sql::mysql::Server;

    #[test]
    fn text_with_other_literals_is_known() {
        let (texts, mut settings) = (Texts::default(), Settings::new(Server::of(b"10.11.6-MariaDB"), 45, ""));
        let one = texts.understand(b"SELECT a FROM t WHERE b = 1", &settings);
        assert!(Rc::ptr_eq(&one, &texts.understand(b"select a from t where b = 'x'", &settings)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE c = 1", &settings)));
        settings.mode.backslash = false;
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = 1", &settings)));
    }

    #[test]
    fn where_quotes_have_two_meanings_each_text_stands_for_itself() {
        let (texts, settings) = (Texts::default(), Settings::new(Server::of(b"8.0.36"), 45, ""));
        let one = texts.understand(b"SELECT a FROM t WHERE b = \"c\"", &settings);
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = \"d\"", &settings)));
    }

    #[test]
    fn texts_end_at_their_limit() {
        let (texts, settings) = (Texts::default(), Settings::new(Server::default(), 45, ""));
        for number in 0..=MOST_TEXTS {
            texts.understand(format!("SELECT a{number}").as_bytes(), &settings);
        }
        assert_eq!(texts.known.borrow().len(), 1);
    }
}
