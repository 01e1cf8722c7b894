//! Statements and portals by their names, as the server holds them. What was sent but not yet answered may hold or may
//! not; whoever uses a name is judged by everything that it may stand for.

use super::TOO_MANY;
use crate::canon::sql::postgres::NAME_BYTES;
use crate::flow::Reason;
use foldhash::quality::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::rc::Rc;

/// What a name may stand for at once: what the server has confirmed, and what it has not yet answered.
const MOST_CANDIDATES: usize = 64;

/// Names, each with all that it may stand for. The server tells names apart by their first [`NAME_BYTES`] bytes.
#[derive(Debug)]
pub struct Names<T> {
    /// What has no name: most of what is made and run.
    unnamed: Candidates<T>,
    /// No candidates are empty.
    named: HashMap<Box<[u8]>, Candidates<T>, RandomState>,
    most: usize,
    next: u64,
}

/// Everything that a name may stand for: most often one.
pub type Held<T> = SmallVec<[Rc<T>; 1]>;

type Candidates<T> = SmallVec<[Candidate<T>; 1]>;

#[derive(Debug)]
struct Candidate<T> {
    number: u64,
    /// The pipeline it was sent in: what follows in the same one runs only if it succeeds.
    pipeline: u64,
    /// A text makes it when it runs, if it runs: nobody says when that was, or whether it went well.
    by_text: bool,
    value: Rc<T>,
}

impl<T> Names<T> {
    /// No names; at most so many.
    pub fn new(most: usize) -> Self {
        Self { unnamed: SmallVec::new(), named: HashMap::default(), most, next: 0 }
    }

    /// What a name stands for from `pipeline` on, if the server takes it; with the number to confirm or reject it by.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn propose(&mut self, name: &[u8], pipeline: u64, value: Rc<T>) -> Result<u64, Reason> {
        // What has no name makes way; a name that is taken is not given away, and what asks for it fails.
        if name.is_empty() {
            self.unnamed.retain(|candidate| candidate.pipeline != pipeline);
        }
        self.add(name, Candidate { number: 0, pipeline, by_text: false, value })
    }

    /// What a name may stand for once a text of `pipeline` has run, besides what it stands for without. One that is the
    /// `same` takes its place.
    ///
    /// # Errors
    /// [`TOO_MANY`].
    pub fn may_become(
        &mut self,
        name: &[u8],
        pipeline: u64,
        value: Rc<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<(), Reason> {
        self.keep(name, |candidate| !(candidate.by_text && same(&candidate.value, &value)));
        self.add(name, Candidate { number: 0, pipeline, by_text: true, value }).map(|_| ())
    }

    fn add(&mut self, name: &[u8], candidate: Candidate<T>) -> Result<u64, Reason> {
        if self.len() >= self.most && self.candidates(name).is_empty() {
            return Err(TOO_MANY);
        }
        let name = key(name);
        let candidates = if name.is_empty() { &mut self.unnamed } else { self.named.entry(name.into()).or_default() };
        if candidates.len() >= MOST_CANDIDATES {
            return Err(TOO_MANY);
        }
        self.next += 1;
        candidates.push(Candidate { number: self.next, ..candidate });
        Ok(self.next)
    }

    /// The server holds it: what the name stood for before is gone.
    pub fn confirm(&mut self, name: &[u8], number: u64) {
        self.keep(name, |candidate| candidate.number >= number);
    }

    /// The server does not hold it.
    pub fn reject(&mut self, name: &[u8], number: u64) {
        self.keep(name, |candidate| candidate.number != number);
    }

    /// Everything a name may stand for in a pipeline; empty when nothing was ever sent under it.
    pub fn of(&self, name: &[u8], pipeline: u64) -> Held<T> {
        let candidates = self.candidates(name);
        let sure = candidates.last().filter(|last| last.is_sure(pipeline));
        let may = sure.map_or(candidates, std::slice::from_ref);
        may.iter().map(|candidate| Rc::clone(&candidate.value)).collect()
    }

    /// What a name stands for in a pipeline, if it can be nothing else.
    pub fn only(&self, name: &[u8], pipeline: u64) -> Option<&Rc<T>> {
        match self.candidates(name) {
            [only] => Some(&only.value),
            [.., last] if last.is_sure(pipeline) => Some(&last.value),
            _ => None,
        }
    }

    /// Whether there is room for one more without a name.
    pub fn has_room(&self) -> bool {
        !self.unnamed.is_empty() || self.named.len() < self.most
    }

    /// The number of the last proposal: what is closed from here on is at most as new.
    pub fn newest(&self) -> u64 {
        self.next
    }

    /// The server has closed it, as it was when `newest` was the last proposal.
    pub fn close(&mut self, name: &[u8], newest: u64) {
        self.keep(name, |candidate| candidate.number > newest);
    }

    /// The server has closed all, as they were when `newest` was the last proposal.
    pub fn clear(&mut self, newest: u64) {
        self.unnamed.retain(|candidate| candidate.number > newest);
        if !self.named.is_empty() {
            self.clear_named(newest);
        }
    }

    /// The server has closed all that have a name, as they were then.
    pub fn clear_named(&mut self, newest: u64) {
        self.named.retain(|_, candidates| {
            candidates.retain(|candidate| candidate.number > newest);
            !candidates.is_empty()
        });
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.named.len() + usize::from(!self.unnamed.is_empty())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn candidates(&self, name: &[u8]) -> &[Candidate<T>] {
        if name.is_empty() {
            return &self.unnamed;
        }
        self.named.get(key(name)).map_or(&[], |candidates| candidates.as_slice())
    }

    fn keep(&mut self, name: &[u8], kept: impl Fn(&Candidate<T>) -> bool) {
        if name.is_empty() {
            return self.unnamed.retain(|candidate| kept(candidate));
        }
        let name = key(name);
        let Some(candidates) = self.named.get_mut(name) else { return };
        candidates.retain(|candidate| kept(candidate));
        if candidates.is_empty() {
            self.named.remove(name);
        }
    }
}

impl<T> Candidate<T> {
    /// What follows in its pipeline runs only if the server holds it.
    fn is_sure(&self, pipeline: u64) -> bool {
        self.pipeline == pipeline && !self.by_text
    }
}

/// What the server tells a name by.
fn key(name: &[u8]) -> &[u8] {
    name.get(..NAME_BYTES).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_stands_for_all_that_it_may() {
        for name in [&b"n"[..], b""] {
            let mut names = Names::new(2);
            let of = |names: &Names<u8>, pipeline: u64| -> Vec<u8> {
                names.of(name, pipeline).iter().map(|value| **value).collect()
            };
            let one = names.propose(name, 1, Rc::new(1)).unwrap();
            assert_eq!(of(&names, 1), [1]);
            let two = names.propose(name, 2, Rc::new(2)).unwrap();
            assert_eq!((of(&names, 2), of(&names, 3)), (vec![2], vec![1, 2]));
            names.confirm(name, one);
            assert_eq!(of(&names, 3), [1, 2]);
            assert_eq!((names.only(name, 3), names.only(name, 2)), (None, Some(&Rc::new(2))));
            names.reject(name, two);
            assert_eq!((of(&names, 3), names.len()), (vec![1], 1));
            assert_eq!(names.only(name, 3), Some(&Rc::new(1)));
            let newest = names.newest();
            names.propose(name, 3, Rc::new(3)).unwrap();
            names.close(name, newest);
            assert_eq!(of(&names, 3), [3]);
            names.clear(newest);
            assert_eq!(of(&names, 3), [3]);
            names.clear(names.newest());
            assert!(of(&names, 3).is_empty() && names.is_empty());
        }
    }

    #[test]
    fn what_a_text_makes_takes_nothing_away() {
        let mut names = Names::new(2);
        let one = names.propose(b"a", 1, Rc::new(1)).unwrap();
        names.confirm(b"a", one);
        let same = |one: &i32, other: &i32| one == other;
        for _ in 0..=MOST_CANDIDATES {
            names.may_become(b"a", 2, Rc::new(2), same).unwrap();
        }
        assert_eq!((names.of(b"a", 2).len(), names.only(b"a", 2)), (2, None));
        // What is prepared before the text has run again does not end what it makes.
        let three = names.propose(b"a", 3, Rc::new(3)).unwrap();
        names.may_become(b"a", 3, Rc::new(2), same).unwrap();
        names.confirm(b"a", three);
        assert_eq!((names.of(b"a", 3).len(), names.only(b"a", 3)), (2, None));
        let four = names.propose(b"a", 3, Rc::new(4)).unwrap();
        names.confirm(b"a", four);
        assert_eq!(names.only(b"a", 4), Some(&Rc::new(4)));
    }

    #[test]
    fn name_that_is_taken_is_not_given_away() {
        let mut names = Names::new(2);
        let one = names.propose(b"a", 1, Rc::new(1)).unwrap();
        let two = names.propose(b"a", 1, Rc::new(2)).unwrap();
        names.confirm(b"a", one);
        names.reject(b"a", two);
        assert_eq!(names.only(b"a", 2), Some(&Rc::new(1)));
        names.propose(b"", 1, Rc::new(1)).unwrap();
        names.propose(b"", 1, Rc::new(2)).unwrap();
        names.clear_named(names.newest());
        assert_eq!((names.of(b"a", 2).len(), names.of(b"", 2).as_slice()), (0, &[Rc::new(2)][..]));
    }

    #[test]
    fn names_are_told_apart_as_the_server_does() {
        let mut names = Names::new(2);
        let long = |last: &[u8]| [&[b'n'; NAME_BYTES], last].concat();
        let one = names.propose(&long(b"1"), 1, Rc::new(1)).unwrap();
        names.confirm(&long(b"2"), one);
        assert_eq!((names.len(), names.only(&long(b""), 2)), (1, Some(&Rc::new(1))));
        names.close(&long(b"34"), names.newest());
        assert!(names.is_empty() && names.of(&long(b"1"), 2).is_empty());
    }

    #[test]
    fn names_end_at_their_limit() {
        let mut names = Names::new(1);
        names.propose(b"a", 1, Rc::new(0)).unwrap();
        assert_eq!(names.propose(b"b", 1, Rc::new(0)), Err(TOO_MANY));
        assert_eq!((names.propose(b"", 1, Rc::new(0)), names.has_room()), (Err(TOO_MANY), false));
        for pipeline in 2..=MOST_CANDIDATES as u64 {
            names.propose(b"a", pipeline, Rc::new(0)).unwrap();
        }
        assert_eq!(names.propose(b"a", 1000, Rc::new(0)), Err(TOO_MANY));
    }
}
