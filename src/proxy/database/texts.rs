//! Statements, understood once: a text that differs from a known one only in its literals asks for the same. What is kept is
//! bounded; when it is full, all is forgotten.

use super::{Granted, Subject};
use crate::behave::sql::is_extracting;
use crate::canon::sql::{Names, Template};
use crate::flow::{Mode, Verdict};
use foldhash::quality::RandomState;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Texts remembered by a worker, and bytes of them.
const MOST_TEXTS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// Longer texts are not remembered.
const LONGEST: usize = 8 << 10;
/// Shapes that one session remembers.
const MOST_CLEAN: usize = 64;
/// Of these, so many whole, if they are not longer than this: what has such a shape is told by comparing bytes.
const MOST_TEMPLATES: usize = 4;
const LONGEST_TEMPLATE: usize = 512;

/// What is understood of a text.
pub(in crate::proxy) trait Understanding {
    /// Whether a text with other literals asks for the same.
    fn holds_for_other_literals(&self) -> bool;

    /// Whether the session is as before when it has run.
    fn leaves_no_trace(&self) -> bool;

    /// The text without its literals.
    fn normalised(&self) -> &str;
}

/// What a worker has understood, by how texts are read and what they are without their literals.
#[derive(Debug)]
pub(in crate::proxy) struct Texts<U> {
    known: RefCell<HashMap<Box<[u8]>, Rc<U>>>,
    bytes: Cell<usize>,
    shapes: RefCell<Shapes<U>>,
}

/// Texts by their shape, which is found without cutting them into tokens.
#[derive(Debug)]
struct Shapes<U> {
    known: HashMap<Box<[u8]>, Rc<Shape<U>>, RandomState>,
    bytes: usize,
    scratch: Vec<u8>,
}

/// Texts that differ only in values that nothing depends on: what is asked for is the same, and so is what detectors see.
#[derive(Debug)]
pub(in crate::proxy) struct Shape<U>(pub(in crate::proxy) Rc<U>);

/// What is understood of a text, and its shape if it has one that is known.
pub(in crate::proxy) type Shaped<U> = (Rc<U>, Option<Rc<Shape<U>>>);

impl<U> Default for Texts<U> {
    fn default() -> Self {
        let shapes = Shapes { known: HashMap::default(), bytes: 0, scratch: Vec::new() };
        Self { known: RefCell::default(), bytes: Cell::default(), shapes: RefCell::new(shapes) }
    }
}

impl<U: Understanding> Texts<U> {
    /// What a text asks for that is this without its literals.
    pub(in crate::proxy) fn understand(&self, key: Vec<u8>, fresh: impl FnOnce() -> U) -> Rc<U> {
        if let Some(known) = self.known.borrow().get(key.as_slice()) {
            return Rc::clone(known);
        }
        let understood = Rc::new(fresh());
        if key.len() <= LONGEST && understood.holds_for_other_literals() {
            let mut known = self.known.borrow_mut();
            let bytes = self.bytes.get() + key.len();
            let full = known.len() >= MOST_TEXTS || bytes > MOST_BYTES;
            if full {
                known.clear();
            }
            self.bytes.set(if full { key.len() } else { bytes });
            known.insert(key.into_boxed_slice(), Rc::clone(&understood));
        }
        understood
    }

    /// What a text of so many bytes asks for, and its shape if it has one that is known. `spell` writes how the text is read and
    /// its shape, and says whether it has one; without a shape, `understand` tells what it asks for.
    pub(in crate::proxy) fn shape(
        &self,
        bytes: usize,
        spell: impl FnOnce(&mut Vec<u8>) -> bool,
        understand: impl FnOnce() -> Rc<U>,
    ) -> Shaped<U> {
        let mut shapes = self.shapes.borrow_mut();
        let Shapes { known, bytes: held, scratch } = &mut *shapes;
        scratch.clear();
        if bytes > LONGEST || !spell(scratch) {
            return (understand(), None);
        }
        if let Some(shape) = known.get(scratch.as_slice()) {
            return (Rc::clone(&shape.0), Some(Rc::clone(shape)));
        }
        let understood = understand();
        if !understood.holds_for_other_literals() {
            return (understood, None);
        }
        *held += scratch.len();
        if known.len() >= MOST_TEXTS || *held > MOST_BYTES {
            known.clear();
            *held = scratch.len();
        }
        let shape = Rc::new(Shape(Rc::clone(&understood)));
        known.insert(scratch.as_slice().into(), Rc::clone(&shape));
        (understood, Some(shape))
    }
}

/// A text that was granted.
pub(in crate::proxy) struct Cleared {
    pub(in crate::proxy) granted: Granted,
    /// Nothing in it is a sign of an attack.
    pub(in crate::proxy) clean: bool,
}

/// Shapes that one session's policy has granted and detectors have found clean: what is known of them need not be worked
/// out again. Forgotten when the policy changes, when the session's settings do, and every second, for rules that expire.
#[derive(Debug)]
pub(in crate::proxy) struct Clean<U> {
    generation: u64,
    second: u64,
    /// Few, and told apart by their address. `granted.len() <= MOST_CLEAN`.
    granted: Vec<(Rc<Shape<U>>, Granted)>,
    /// The first that came again.
    templates: Vec<(Reading, Template, usize)>,
}

/// How texts are read: what was granted to a text holds for texts that are read alike.
pub(in crate::proxy) type Reading = (Names, u64);

impl<U> Default for Clean<U> {
    fn default() -> Self {
        Self { generation: 0, second: 0, granted: Vec::new(), templates: Vec::new() }
    }
}

impl<U> Clean<U> {
    /// Forgets what was granted under another policy or in another second.
    fn refresh(&mut self, generation: u64, second: u64) {
        if (self.generation, self.second) != (generation, second) {
            (self.generation, self.second) = (generation, second);
            self.forget();
        }
    }

    /// What granted a shape before, under this policy and in this second.
    fn of(&mut self, shape: &Rc<Shape<U>>, generation: u64, second: u64) -> Option<(usize, Granted)> {
        self.refresh(generation, second);
        let at = self.granted.iter().position(|(known, _)| Rc::ptr_eq(known, shape))?;
        self.granted.get(at).map(|(_, granted)| (at, granted.clone()))
    }

    /// What a text asks for, and what granted its shape before, if it is like a text that came before.
    pub(super) fn like(&mut self, subject: &Subject<'_>, reading: Reading, text: &[u8]) -> Option<(Rc<U>, Granted)> {
        self.refresh(subject.generation(), subject.now().since_start.as_secs());
        let fits = |(read, template, _): &&(Reading, Template, usize)| *read == reading && template.fits(text);
        let (.., at) = self.templates.iter().find(fits)?;
        self.granted.get(*at).map(|(shape, granted)| (Rc::clone(&shape.0), granted.clone()))
    }

    /// What was granted is known from now on for all texts of its shape, if nothing in it asks to be looked at each time.
    pub(super) fn learn(&mut self, shape: Rc<Shape<U>>, cleared: &Cleared, normalised: &str) {
        if cleared.clean && !is_extracting(normalised) {
            self.remember(shape, &cleared.granted);
        }
    }

    fn remember(&mut self, shape: Rc<Shape<U>>, granted: &Granted) {
        if self.granted.len() >= MOST_CLEAN {
            self.forget();
        }
        let granted = Granted { fresh: false, ..granted.clone() };
        match self.granted.iter_mut().find(|(known, _)| Rc::ptr_eq(known, &shape)) {
            Some((_, known)) => *known = granted,
            None => self.granted.push((shape, granted)),
        }
    }

    /// The same, counted as a judgement; the text itself may stand for its shape from now on.
    pub(super) fn known(
        &mut self,
        subject: &Subject<'_>,
        shape: &Rc<Shape<U>>,
        (reading, text): (Reading, &[u8]),
    ) -> Option<Granted> {
        let (at, granted) = self.of(shape, subject.generation(), subject.now().since_start.as_secs())?;
        if self.templates.len() < MOST_TEMPLATES && text.len() <= LONGEST_TEMPLATE {
            let template = Template::of(text, reading.0);
            self.templates.extend(template.map(|template| (reading, template, at)));
        }
        judged(subject, &granted);
        Some(granted)
    }

    /// The session's settings have changed, and with them what names mean.
    pub(in crate::proxy) fn forget(&mut self) {
        self.granted.clear();
        self.templates.clear();
    }
}

/// Counts a text that is known to be granted.
pub(super) fn judged(subject: &Subject<'_>, granted: &Granted) {
    subject.worker.metrics.judged(subject.connection.direction, Mode::Enforce, &Verdict::Allow);
    subject.worker.metrics.statement(subject.connection.direction, granted.counts.what().kind, "granted");
}

#[cfg(test)]
pub(in crate::proxy) mod tests {
    use super::*;
    use crate::flow;
    use crate::record::Caller;
    use crate::record::event::Clipped;
    use crate::record::statements;

    /// A text that is understood as its first byte, and whose literals count where that is `!`.
    #[derive(Debug)]
    struct First(u8);

    impl Understanding for First {
        fn holds_for_other_literals(&self) -> bool {
            self.0 != b'!'
        }

        fn leaves_no_trace(&self) -> bool {
            true
        }

        fn normalised(&self) -> &str {
            ""
        }
    }

    /// A text that was granted, with so many rows.
    pub(in crate::proxy) fn granted(rows: Option<u64>) -> Granted {
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
        Granted { counts: statements::Statement::new(what), rows, fresh: true, timed: false }
    }

    #[test]
    fn text_is_understood_once() {
        let texts = Texts::default();
        let one = texts.understand(b"a".to_vec(), || First(b'a'));
        assert!(Rc::ptr_eq(&one, &texts.understand(b"a".to_vec(), || First(b'b'))));
        let other = texts.understand(b"!".to_vec(), || First(b'!'));
        assert!(!Rc::ptr_eq(&other, &texts.understand(b"!".to_vec(), || First(b'!'))));
    }

    #[test]
    fn texts_end_at_their_limit() {
        let texts = Texts::default();
        for number in 0..=MOST_TEXTS {
            texts.understand(number.to_le_bytes().to_vec(), || First(b'a'));
            let spell = |out: &mut Vec<u8>| {
                out.extend(number.to_le_bytes());
                true
            };
            texts.shape(8, spell, || Rc::new(First(b'a')));
        }
        assert_eq!((texts.known.borrow().len(), texts.shapes.borrow().known.len()), (1, 1));
    }

    #[test]
    fn shape_is_one_for_all_values() {
        let texts = Texts::default();
        let ask = |first: u8, bytes: usize, has_shape: bool| {
            let spell = |out: &mut Vec<u8>| {
                out.push(first);
                has_shape
            };
            texts.shape(bytes, spell, || Rc::new(First(first))).1
        };
        assert!(Rc::ptr_eq(&ask(b'a', 1, true).unwrap(), &ask(b'a', 1, true).unwrap()));
        assert!(
            ask(b'a', 1, false).is_none() && ask(b'a', LONGEST + 1, true).is_none() && ask(b'!', 1, true).is_none()
        );
    }

    #[test]
    fn clean_shape_is_clean_under_one_policy_in_one_second() {
        let shape = || Rc::new(Shape(Rc::new(First(b'a'))));
        let one = shape();
        let mut clean = Clean::default();
        for (generation, second) in [(1, 1), (2, 1), (2, 2)] {
            assert!(clean.of(&one, generation, second).is_none());
            clean.remember(Rc::clone(&one), &granted(Some(1)));
            assert_eq!(clean.of(&one, generation, second).unwrap().1.rows, Some(1));
        }
        clean.forget();
        assert!(clean.of(&one, 2, 2).is_none());
        for _ in 0..=MOST_CLEAN {
            clean.remember(shape(), &granted(None));
        }
        assert_eq!(clean.granted.len(), 1);
    }
}
