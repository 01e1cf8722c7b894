//! SQL statements that ran, counted per session kind and fingerprint: who ran what on which tables, how often, how long, how
//! many rows. Each worker has counts of its own; the record thread collects them every interval. What is kept of a
//! statement has no literals.

use super::Caller;
use super::caller::AsHashed;
use super::event::Clipped;
use super::line::Executed;
use crate::flow::RuleName;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

/// A statement of an application, the same whatever its values are.
#[derive(Debug)]
pub struct Statement {
    what: What,
    hash: u64,
}

/// What tells statements apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct What {
    /// Who ran it; outbound, where.
    pub caller: Caller,
    /// What the database speaks: `postgres`, `mysql`.
    pub dialect: &'static str,
    /// As whom the session was opened.
    pub user: Box<str>,
    /// In which database.
    pub database: Box<str>,
    /// What the application calls itself.
    pub application: Box<str>,
    /// Its verb.
    pub kind: &'static str,
    /// The name of what is left without its literals.
    pub fingerprint: Box<str>,
    /// What is left without its literals.
    pub text: Clipped,
    /// `SELECT orders`, `DELETE log without WHERE`, at most [`MOST_ASKED`]; nothing when there are more.
    pub asks: Box<[Box<str>]>,
    /// Functions that it calls, at most [`MOST_ASKED`].
    pub functions: Box<[Box<str>]>,
    /// The rule that grants it.
    pub rule: Option<RuleName>,
    /// Why it was denied, where it went all the same.
    pub reason: Option<&'static str>,
    /// It carries a sign of an attack.
    pub suspicious: bool,
}

/// How often, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// How often.
    pub times: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Rows brought or changed.
    pub rows: u64,
    /// How long they took, from being sent to the end of the answer, added up.
    pub took: Duration,
    /// The longest of them.
    pub longest: Duration,
}

/// What one worker saw in one interval. `seen.len() <= MAX_SEEN`.
#[derive(Debug, Default)]
pub(super) struct Seen {
    seen: HashMap<Arc<Statement>, Ran, AsHashed>,
    beyond: Ran,
}

/// Tables, and functions, that are told of one statement.
pub const MOST_ASKED: usize = 32;
/// Statements told apart by one worker in one interval; what is over is counted together. An application has dozens.
const MAX_SEEN: usize = 512;

/// One key for the process: no sender can choose statements that collide.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Statement {
    /// Hashed once, so that counting it costs no second look.
    pub fn new(what: What) -> Arc<Self> {
        let hash = KEY.hash_one(&what);
        Arc::new(Self { what, hash })
    }

    /// What tells it apart.
    pub fn what(&self) -> &What {
        &self.what
    }

    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let What { user, database, application, text, asks, functions, .. } = &self.what;
        let names = asks.iter().chain(functions).map(|name| name.len() + size_of::<Box<str>>());
        size_of::<Self>() + user.len() + database.len() + application.len() + text.bytes.len() + names.sum::<usize>()
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.hash == other.hash && self.what == other.what
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Ran {
    /// Once.
    pub fn once(rows: u64, failed: bool, took: Duration) -> Self {
        Self { times: 1, failed: u64::from(failed), rows, took, longest: took }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.times += other.times;
        self.failed += other.failed;
        self.rows = self.rows.saturating_add(other.rows);
        self.took += other.took;
        self.longest = self.longest.max(other.longest);
    }
}

impl Seen {
    /// The same statement, as it was counted first.
    pub(super) fn known(&self, statement: Arc<Statement>) -> Arc<Statement> {
        self.seen.get_key_value(&statement).map_or(statement, |(known, _)| Arc::clone(known))
    }

    pub(super) fn note(&mut self, statement: &Arc<Statement>, ran: Ran) {
        if let Some(known) = self.seen.get_mut(statement) {
            return known.add(ran);
        }
        if self.seen.len() >= MAX_SEEN {
            return self.beyond.add(ran);
        }
        self.seen.insert(Arc::clone(statement), ran);
    }
}

/// The lines of an interval, workers added up; those that took longest come first.
pub(super) fn lines(workers: impl Iterator<Item = Seen>, since: SystemTime, until: SystemTime) -> Vec<Executed> {
    let mut sums: HashMap<Arc<Statement>, Ran, AsHashed> = HashMap::default();
    let mut beyond = Ran::default();
    for worker in workers {
        beyond.add(worker.beyond);
        worker.seen.into_iter().for_each(|(statement, ran)| sums.entry(statement).or_default().add(ran));
    }
    let mut known: Vec<_> = sums.into_iter().collect();
    known.sort_by_key(|(statement, ran)| (std::cmp::Reverse(ran.took), statement.what.fingerprint.clone()));
    let known = known.into_iter().map(|(statement, ran)| (Some(statement), ran));
    let beyond = (beyond != Ran::default()).then_some((None, beyond));
    known.chain(beyond).map(|(statement, ran)| Executed { since, until, statement, ran }).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::event::tests::{connection, noon};

    pub(in crate::record) fn statement(number: usize) -> Arc<Statement> {
        Statement::new(What {
            caller: Caller::of(&connection()),
            dialect: "postgres",
            user: "app".into(),
            database: "shop".into(),
            application: "orders".into(),
            kind: "SELECT",
            fingerprint: format!("{number:016x}").into(),
            text: Clipped::text(b"select a from t"),
            asks: Box::new(["SELECT t".into()]),
            functions: Box::default(),
            rule: Some("read".into()),
            reason: None,
            suspicious: false,
        })
    }

    #[test]
    fn workers_are_added_up() {
        let worker = |rows, failed, seconds| {
            let mut seen = Seen::default();
            seen.note(&statement(1), Ran::once(rows, failed, Duration::from_secs(seconds)));
            seen
        };
        let lines = lines([worker(2, false, 3), worker(5, true, 1)].into_iter(), noon(), noon());
        let [took, longest] = [4, 3].map(Duration::from_secs);
        assert_eq!((lines.len(), lines[0].ran), (1, Ran { times: 2, failed: 1, rows: 7, took, longest }));
    }

    #[test]
    fn statements_beyond_the_limit_are_counted_together() {
        let mut seen = Seen::default();
        (0..=MAX_SEEN).for_each(|number| seen.note(&statement(number), Ran::once(1, false, Duration::ZERO)));
        let lines = lines([seen].into_iter(), noon(), noon());
        assert_eq!((lines.len(), lines[MAX_SEEN].statement.is_none()), (MAX_SEEN + 1, true));
        assert_eq!(lines.iter().map(|line| line.ran.times).sum::<u64>(), MAX_SEEN as u64 + 1);
    }
}
