//! Statements and portals by their names, as the server holds them. What was sent but not yet answered may hold or may
//! not; whoever uses a name is judged by everything that it may stand for.

use super::TOO_MANY;
use crate::flow::Reason;
use foldhash::quality::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::rc::Rc;

/// What a name may stand for at once: what the server has confirmed, and what it has not yet answered.
const MOST_CANDIDATES: usize = 64;

/// Names, each with all that it may stand for.
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
        if self.len() >= self.most && self.candidates(name).is_empty() {
            return Err(TOO_MANY);
        }
        self.next += 1;
        let candidates = if name.is_empty() { &mut self.unnamed } else { self.named.entry(name.into()).or_default() };
        candidates.retain(|candidate| candidate.pipeline != pipeline);
        if candidates.len() >= MOST_CANDIDATES {
            return Err(TOO_MANY);
        }
        candidates.push(Candidate { number: self.next, pipeline, value });
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
        let sure = candidates.last().filter(|last| last.pipeline == pipeline);
        let may = sure.map_or(candidates, std::slice::from_ref);
        may.iter().map(|candidate| Rc::clone(&candidate.value)).collect()
    }

    /// What a name stands for in a pipeline, if it can be nothing else.
    pub fn only(&self, name: &[u8], pipeline: u64) -> Option<&Rc<T>> {
        match self.candidates(name) {
            [only] => Some(&only.value),
            [.., last] if last.pipeline == pipeline => Some(&last.value),
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
            self.named.retain(|_, candidates| {
                candidates.retain(|candidate| candidate.number > newest);
                !candidates.is_empty()
            });
        }
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
        self.named.get(name).map_or(&[], |candidates| candidates.as_slice())
    }

    fn keep(&mut self, name: &[u8], kept: impl Fn(&Candidate<T>) -> bool) {
        if name.is_empty() {
            return self.unnamed.retain(|candidate| kept(candidate));
        }
        let Some(candidates) = self.named.get_mut(name) else { return };
        candidates.retain(|candidate| kept(candidate));
        if candidates.is_empty() {
            self.named.remove(name);
        }
    }
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
