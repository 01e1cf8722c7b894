//! What sessions of all databases have in common: who is served, how a text is judged (`grants`), what the record is told of
//! it (`report`), the two sides between which bytes move (`sides`), the turns in which they do (`turn`), and the thread on which
//! they are taken (`begin`). What a protocol says and how a denial is answered is in `proxy::postgres` and `proxy::mysql`.

mod begin;
mod grants;
mod paths;
mod report;
mod sides;
pub(in crate::proxy) mod texts;
mod turn;

pub(in crate::proxy) use begin::{Beginning, Begins, Opened};
pub(in crate::proxy) use grants::Grants;
pub(in crate::proxy) use paths::Tells;
pub(in crate::proxy) use report::{Run, decided, refused};
use sides::Moved;
pub(in crate::proxy) use sides::{Passage, Proved, Rest, Sides, pass_on};
pub(in crate::proxy) use turn::Turns;
use turn::{carry, close};

use super::waiting::Waiting;
use super::worker::Worker;
use crate::behave;
use crate::behave::sql::Asked as Seen;
use crate::engine::Engine;
use crate::engine::correlate::{PROOF, Proof};
use crate::flow::{
    Access, Connection, Direction, Hit, Judgement, Kind, Message, Now, Part, Past, Place, Reason, Scene,
    Session as Exchanges, Side, Weight,
};
use crate::record::Caller;
use crate::record::flows::Carried;
use crate::record::statements::Statement;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The server closed the connection while the session lasted.
pub(in crate::proxy) const SERVER_GONE: Reason =
    Reason::new("upstream-closed", Kind::Upstream, "the server closed the connection");

/// Pools keep sessions idle for hours; nobody keeps one silent for longer.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes on their way to one side beyond which nothing more is read for it.
pub(in crate::proxy) const HIGH_BYTES: usize = 64 << 10;
/// Bytes of statements that what one session has prepared may hold.
pub(in crate::proxy) const TEXT_BYTES: usize = 4 << 20;

/// What tells the databases apart here.
#[derive(Debug)]
pub(in crate::proxy) struct Dialect {
    /// As the record and allowlists name it: `postgres`.
    pub(in crate::proxy) name: &'static str,
    /// A text without its literals; nothing when it is none.
    pub(in crate::proxy) mask: fn(&[u8]) -> Option<Vec<u8>>,
}

impl Dialect {
    /// SQL, for detectors.
    pub(in crate::proxy) fn sql<'t>(&self, text: &'t [u8]) -> Part<'t> {
        Part::plain(Place::SqlText, self.name.as_bytes(), text)
    }

    /// A value that is opened as a path, or run, for detectors.
    pub(in crate::proxy) fn value<'t>(&self, value: &'t [u8]) -> Part<'t> {
        Part::plain(Place::SqlValue, self.name.as_bytes(), value)
    }

    /// What a text hands on as more than values: SQL in its strings, and paths.
    pub(in crate::proxy) fn hands_on<'t>(
        &self,
        texts: &'t [Box<str>],
        paths: impl Iterator<Item = &'t [u8]>,
    ) -> Vec<Part<'t>> {
        let sql = texts.iter().map(|text| self.sql(text.as_bytes()));
        sql.chain(paths.map(|path| self.value(path))).collect()
    }
}

/// A text that may run.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Granted {
    /// What it counts as, with the rule that grants it.
    pub(in crate::proxy) counts: Arc<Statement>,
    /// Rows that it may bring.
    pub(in crate::proxy) rows: Option<u64>,
    /// Observers have not been told how it ends.
    pub(in crate::proxy) fresh: bool,
    /// It asks for a piece of a value: observers are told how long each run takes.
    pub(in crate::proxy) timed: bool,
}

/// Under which policy something was judged, and on which day: rules that expire do so at the end of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Under {
    generation: u64,
    /// Counted from 1970, UTC.
    day: u64,
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Under {
    fn new(generation: u64, now: SystemTime) -> Self {
        let day = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_SECONDS;
        Self { generation, day }
    }
}

/// What was judged of a text.
pub(in crate::proxy) struct Judged {
    pub(in crate::proxy) judgement: Judgement,
    /// Rows that it may bring.
    pub(in crate::proxy) rows: Option<u64>,
    /// Something in it is a sign of an attack.
    pub(in crate::proxy) suspicious: bool,
}

/// Who opened the session, and where to.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Who {
    pub(in crate::proxy) user: String,
    pub(in crate::proxy) database: String,
    pub(in crate::proxy) application: String,
}

impl Who {
    fn says(&self) -> String {
        format!("user {}, database {}, application {}", self.user, self.database, self.application)
    }
}

/// Why a session ends before its client or its server ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum End {
    /// One side is done.
    Over,
    /// The client must be told.
    Refused(Reason),
    /// The server is at fault; the client must be told.
    Broken(Reason),
    /// The sidecar stops.
    Stopped,
}

/// A session as it is judged and told of.
pub(in crate::proxy) struct Subject<'w> {
    pub(in crate::proxy) worker: &'w Worker,
    pub(in crate::proxy) dialect: &'static Dialect,
    pub(in crate::proxy) connection: Connection,
    pub(in crate::proxy) caller: Caller,
    pub(in crate::proxy) who: Who,
    pub(in crate::proxy) exchanges: Exchanges,
    /// What was denied and goes on all the same: it waits for its statement to run.
    pub(in crate::proxy) waiting: Option<Waiting>,
    /// What observers know it as.
    kind: behave::sql::Kind,
    /// Rows that observers have not been told of, and the second of the last time.
    rows_read: (u64, u64),
    /// The time, as it was when something came to be dealt with.
    now: Cell<Option<Now>>,
    /// The generation of the policy, as it was then.
    generation: Cell<Option<u64>>,
}

impl<'w> Subject<'w> {
    pub(in crate::proxy) fn new(
        worker: &'w Worker,
        dialect: &'static Dialect,
        connection: Connection,
        who: Who,
    ) -> Self {
        let caller = Caller::of(&connection);
        let kind = worker.shared.sessions.kind((&caller, &who.user, &who.database));
        let exchanges = Exchanges::default();
        Self {
            worker,
            dialect,
            connection,
            caller,
            who,
            exchanges,
            waiting: None,
            kind,
            rows_read: (0, 0),
            now: Cell::default(),
            generation: Cell::default(),
        }
    }

    /// The time. It is looked up once for all that is dealt with before the session waits again.
    pub(in crate::proxy) fn now(&self) -> Now {
        let now = self.now.get().unwrap_or_else(|| self.worker.now());
        self.now.set(Some(now));
        now
    }

    /// The generation of the policy in place. What is known to be granted by it need not be judged again; like the time, it is
    /// looked up once, and before anything is judged: what is judged under a later one is judged again, never too seldom.
    pub(in crate::proxy) fn generation(&self) -> u64 {
        let generation = self.generation.get().unwrap_or_else(|| self.worker.shared.generation());
        self.generation.set(Some(generation));
        generation
    }

    /// Under what is judged now: what was granted under another policy, or on another day, is judged again.
    pub(in crate::proxy) fn under(&self) -> Under {
        Under::new(self.generation(), self.now().wall)
    }

    /// The session waits: time passes, and policies change.
    pub(in crate::proxy) fn waits(&self) {
        self.now.set(None);
        self.generation.set(None);
    }

    /// How long the session may be silent: no longer than its caller's certificate lasts.
    pub(in crate::proxy) fn may_idle(&self) -> Duration {
        IDLE.min(self.connection.peer.lasts(self.now().wall))
    }

    /// Another user has the session.
    pub(in crate::proxy) fn becomes(&mut self, who: Who) {
        self.who = who;
        self.kind = self.worker.shared.sessions.kind((&self.caller, &self.who.user, &self.who.database));
    }

    pub(in crate::proxy) fn scene<'a>(&'a self, past: &'a Past) -> Scene<'a> {
        Scene { connection: &self.connection, session: &self.exchanges, past, now: self.now() }
    }

    /// Judges a text that asks for this; with it, what it hands on as more than values.
    pub(in crate::proxy) fn judge(
        &self,
        text: &[u8],
        hands_on: &[Part<'_>],
        seen: &Seen<'_>,
        accesses: &[Access<'_>],
    ) -> Judged {
        // Before the engine is asked: what is judged counts as judged under no later policy than it was.
        self.generation();
        let past = Past::default();
        let scene = self.scene(&past);
        let engine = self.worker.engine();
        let whole = [self.dialect.sql(text)];
        let all = if hands_on.is_empty() { Vec::new() } else { [&whole, hands_on].concat() };
        let parts = if all.is_empty() { &whole } else { all.as_slice() };
        let bytes = parts.iter().map(|part| part.raw.len()).sum();
        let message = Message { side: Side::Client, accesses, parts, last: true };
        let mut case = engine.open(&scene);
        let signs = self.worker.shared.sessions.asked(self.kind, seen, scene.now.since_start);
        signs.into_iter().for_each(|sign| case.saw(Place::SqlText, text, sign));
        let judgement = case.judge(&scene, &message, &mut Engine::budget(bytes));
        let suspicious = case.found().total() > 0 || !judgement.evidence.is_empty();
        Judged { judgement, rows: case.rows(), suspicious }
    }

    /// Judges what is no text, with the values that come with it.
    pub(in crate::proxy) fn decide(&self, accesses: &[Access<'_>], parts: &[Part<'_>]) -> Judgement {
        let past = Past::default();
        let scene = self.scene(&past);
        let message = Message { side: Side::Client, accesses, parts, last: true };
        let bytes = parts.iter().map(|part| part.raw.len()).sum();
        self.worker.engine().open(&scene).judge(&scene, &message, &mut Engine::budget(bytes))
    }

    /// The judgement of a text that a value of a request changes.
    pub(in crate::proxy) fn prove(&self, text: &[u8], proof: &Proof) -> Judgement {
        let part = self.dialect.sql(text);
        let signature = proof.change.says().into();
        let hit = Hit { detector: "correlate", signature, range: proof.range.clone(), weight: Weight::CERTAIN };
        self.worker.engine().open(&self.scene(&Past::default())).prove(PROOF, &part, hit)
    }

    /// Counts a text of so many bytes that goes on to be run.
    pub(in crate::proxy) fn carries(&self, granted: &Granted, bytes: usize) {
        let Some(rule) = &granted.counts.what().rule else { return };
        self.worker.aggregate.goes_on(&granted.counts, bytes as u64);
        if self.connection.direction == Direction::Outbound {
            let carried = Carried::once(bytes as u64, 0, Duration::ZERO);
            self.worker.flowed(&self.connection, None, Some(rule), carried);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_is_judged_again_on_the_next_day() {
        let at = |day: u64, seconds: u64| {
            Under::new(1, SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY_SECONDS + seconds))
        };
        assert_eq!(at(20_000, 0), at(20_000, DAY_SECONDS - 1));
        assert_ne!(at(20_000, DAY_SECONDS - 1), at(20_001, 0));
        assert_ne!(at(20_000, 0), Under { generation: 2, ..at(20_000, 0) });
    }
}
