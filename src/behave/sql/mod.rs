//! What shows in a database's sessions only over time: passwords that are tried out (`logins`), statements that fail in one way
//! after the other or ask for one character at a time (`probing`), further statements where there never were any
//! (`stacked`), answers that are told by how long they take (`timing`), and many more rows than ever (`reads`).
//!
//! A session's kind is its caller, user and database: what is remembered of it outlives its sessions. Statements that it has
//! run before without failing are its own, and are held against nobody.

mod logins;
mod probing;
mod reads;
mod stacked;
mod timing;

pub use probing::{asks_for_a_piece, is_extracting};

use super::Sign;
use super::seen::Seen;
use super::store::Store;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// What is remembered of all sessions.
#[derive(Debug)]
pub struct Watch {
    kinds: Store<Kind, Past>,
    callers: Store<Kind, logins::Past>,
    /// No sender can make two kinds look like one.
    hashes: RandomState,
}

/// A kind of session, or a caller, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(u64);

/// A text of statements that is about to run, as observers see it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name of what is left of it without its literals.
    pub fingerprint: &'a str,
    /// What is left of it without its literals.
    pub normalised: &'a str,
    /// Its statements, those left out that only begin or end transactions.
    pub statements: usize,
}

/// How a text ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The name of what is left of it without its literals.
    pub fingerprint: &'a str,
    /// The server's code, if it failed.
    pub failed: Option<[u8; 5]>,
}

/// What is remembered of one kind of session; 2 KiB at most.
#[derive(Debug, Default)]
struct Past {
    /// Texts that have run without failing.
    own: Seen,
    probing: probing::Past,
    stacked: stacked::Past,
    reads: reads::Past,
    timing: timing::Past,
}

/// What the observers are called, and what they call what they see: what exceptions may name.
pub static SIGNS: &[&str] = &[
    "sql-logins",
    "sql-password-guessing",
    "sql-probing",
    "sql-failing-variants",
    "sql-blind",
    "sql-blind-extraction",
    "sql-stacked",
    "sql-first-stacked",
];

/// Kinds of session, and callers, remembered at once: 2 MiB and 64 KiB altogether.
const MOST_KINDS: usize = 1024;
/// Texts of one kind of session that are known to be its own.
const MOST_OWN: usize = 256;

impl Default for Watch {
    fn default() -> Self {
        Self { kinds: Store::new(MOST_KINDS), callers: Store::new(MOST_KINDS), hashes: RandomState::new() }
    }
}

impl Watch {
    /// What tells a kind of session, or a caller, from others.
    pub fn kind(&self, what: impl Hash) -> Kind {
        Kind(self.hashes.hash_one(what))
    }

    /// A caller opens a session: what was tried before.
    pub fn opens(&self, caller: Kind, now: Duration) -> Option<Sign> {
        self.callers.find(&caller, |past| past.opens(now)).flatten()
    }

    /// The server did not take what a caller proved itself with.
    pub fn login_failed(&self, caller: Kind, now: Duration) {
        self.callers.with(&caller, now, |past| past.failed(now));
    }

    /// A text is to run: what it shows, given all that ran before.
    pub fn asked(&self, kind: Kind, asked: &Asked<'_>, now: Duration) -> Vec<Sign> {
        let text = self.text(asked.fingerprint);
        self.kinds.with(&kind, now, |past| {
            let own = past.own.has(text);
            let stacked = past.stacked.asked(asked.statements, own);
            past.probing.asked(asked.normalised, own, now).into_iter().chain(stacked).collect()
        })
    }

    /// A text has run, or failed.
    pub fn ended(&self, kind: Kind, ended: &Ended<'_>, now: Duration) {
        let text = self.text(ended.fingerprint);
        self.kinds.with(&kind, now, |past| match ended.failed {
            Some(code) if !past.own.has(text) => past.probing.failed(text, code, now),
            Some(_) => {}
            None => {
                past.own.again(text, MOST_OWN);
            }
        });
    }

    /// A text that asks for a piece of a value has run, in this time: figures when how long its runs take tells something, once for each
    /// text.
    pub fn took(&self, kind: Kind, fingerprint: &str, took: Duration, now: Duration) -> Option<String> {
        let text = self.text(fingerprint);
        self.kinds.with(&kind, now, |past| past.timing.ran(text, took, now))
    }

    /// So many rows went to a kind of session: figures when that is far more than ever, once for each such time.
    pub fn read(&self, kind: Kind, rows: u64, now: Duration) -> Option<String> {
        self.kinds.with(&kind, now, |past| past.reads.read(rows, now))
    }

    fn text(&self, fingerprint: &str) -> u32 {
        self.hashes.hash_one(fingerprint) as u32
    }
}

#[cfg(test)]
mod tests;
