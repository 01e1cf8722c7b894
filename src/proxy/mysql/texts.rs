//! Statements, understood once: a text that differs from a known one only in its literals asks for the same.

use crate::canon::sql::mysql::{Mode, normalised, tokens};
use crate::canon::sql::{Names, shape};
use crate::protocol::mysql::accesses::Understood;
use crate::protocol::mysql::settings::Settings;
pub(super) use crate::proxy::database::texts::Reading;
use crate::proxy::database::texts::{self, Understanding};
use crate::proxy::database::{Granted, Under};
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

impl Texts {
    /// What a text asks for.
    pub(super) fn understand(&self, text: &[u8], settings: &Settings) -> Rc<Understood> {
        let (mode, either) = (settings.mode, settings.either_quotes && memchr::memchr(b'"', text).is_some());
        let fresh = || Understood::of(text, mode, either);
        let Ok(tokens) = tokens(text, mode) else { return Rc::new(fresh()) };
        let mut key = Vec::with_capacity(text.len() + 8);
        key.extend(read_as(mode, either).to_le_bytes());
        // Under another reading other literals may be names: then the text stands for itself.
        if either {
            key.extend_from_slice(text);
        } else {
            key.extend(normalised(text, &tokens));
        }
        self.0.understand(key, fresh)
    }

    /// What a text asks for, and its shape if it has one that is known.
    pub(super) fn shape(&self, text: &[u8], settings: &Settings) -> (Rc<Understood>, Option<Rc<Shape>>) {
        let spell = |out: &mut Vec<u8>| {
            out.extend(read_as(settings.mode, false).to_le_bytes());
            shape(text, Names::Backtick, out)
        };
        self.0.shape(text.len(), spell, || self.understand(text, settings))
    }
}

/// How a session's texts are read.
pub(super) fn reading(settings: &Settings) -> Reading {
    (Names::Backtick, read_as(settings.mode, false))
}

/// How a text is read, and whether `"` has both meanings in it.
fn read_as(mode: Mode, either: bool) -> u64 {
    let Mode { backslash, ansi_quotes, utf8, server } = mode;
    let all = [backslash, ansi_quotes, utf8, server.mariadb, either];
    u64::from(server.version) << 8 | all.iter().fold(0, |bits, bit| bits << 1 | u64::from(*bit))
}

/// A prepared statement: its text, which is judged again when the policy changes.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) text: Box<[u8]>,
    pub(super) understood: Rc<Understood>,
    /// What its names mean: the session as it was when the statement was prepared.
    pub(super) settings: Settings,
    /// Under which policy it was last granted, and what was.
    pub(super) under: Cell<Under>,
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
        (under, granted): (Under, Granted),
        held: &Rc<Cell<usize>>,
    ) -> Rc<Self> {
        held.set(held.get() + text.len());
        let (under, granted) = (Cell::new(under), RefCell::new(granted));
        let (brought, held) = (Rc::default(), Rc::clone(held));
        Rc::new(Self { text: text.into(), understood, settings, under, granted, brought, held })
    }

    /// Whether it is the same text, prepared in a session that was the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.text == other.text && self.settings == other.settings
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

    fn settings(server: &[u8]) -> Settings {
        Settings::new(Server::of(server), 45, "")
    }

    #[test]
    fn text_with_other_literals_is_known() {
        let (texts, mut settings) = (Texts::default(), settings(b"10.11.6-MariaDB"));
        let one = texts.understand(b"SELECT a FROM t WHERE b = 1", &settings);
        assert!(Rc::ptr_eq(&one, &texts.understand(b"select a from t where b = 'x'", &settings)));
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE c = 1", &settings)));
        settings.mode.backslash = false;
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = 1", &settings)));
    }

    #[test]
    fn where_quotes_have_two_meanings_each_text_stands_for_itself() {
        let (texts, settings) = (Texts::default(), settings(b"8.0.36"));
        let one = texts.understand(b"SELECT a FROM t WHERE b = \"c\"", &settings);
        assert!(!Rc::ptr_eq(&one, &texts.understand(b"SELECT a FROM t WHERE b = \"d\"", &settings)));
        assert!(texts.shape(b"SELECT a FROM t WHERE b = \"d\"", &settings).1.is_none());
    }

    #[test]
    fn shape_is_one_for_all_values_under_one_reading() {
        let (texts, mut settings) = (Texts::default(), settings(b"10.11.6-MariaDB"));
        let one = texts.shape(b"SELECT `a` FROM t WHERE b = 1", &settings).1.unwrap();
        assert!(Rc::ptr_eq(&one, &texts.shape(b"SELECT `a` FROM t WHERE b = 22", &settings).1.unwrap()));
        for text in
            ["SELECT `a` FROM t WHERE b = 1 -- c", "USE other", "SET a = 1", "LOAD DATA LOCAL INFILE 'a' INTO TABLE t"]
        {
            assert!(texts.shape(text.as_bytes(), &settings).1.is_none_or(|shape| !shape.0.leaves_no_trace()), "{text}");
        }
        settings.mode.server = Server::of(b"8.0.36");
        assert!(!Rc::ptr_eq(&one, &texts.shape(b"SELECT `a` FROM t WHERE b = 1", &settings).1.unwrap()));
    }
}
