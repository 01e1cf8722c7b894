//! Proof of injection: a value of an inbound request that is still in flight stands in an outbound statement, and changes
//! it. Whatever the value looks like, and however little a port is set to notice.
//!
//! Values are remembered decoded, and looked for in any letter case. Only those are remembered that could change a
//! statement ([`change::could`]): of two tokens or more, or with a quote in them. What a value must do in the statement is
//! in [`change`]. A statement that was seen before without a value that changes it is the application's own: then only a
//! literal that is cut in two or a comment that hides the rest proves anything.
//!
//! Memory is bounded per request and over all; what is over is not remembered, and told as [`OVERFLOW`].

pub mod change;

use crate::canon::sql::Reading;
use crate::detect::peeled;
use crate::flow::{Access, Found, Hit, Kind, Part, Place, Reason, Scene, Weight};
pub use change::Change;
use dashmap::{DashMap, DashSet};
use foldhash::quality::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A value of a request in flight changes what a statement does.
pub const PROOF: Reason =
    Reason::new("sql-injection-proved", Kind::Attack, "a value of a request in flight changes what the statement does");
/// Not every value could be remembered.
pub const OVERFLOW: Reason = Reason::new(
    "correlate-overflow",
    Kind::TooMany,
    "requests hold more values than are remembered: statements are not compared with all of them",
);

/// Values remembered of one request, and bytes of them.
const MOST_VALUES: usize = 256;
const MOST_BYTES: usize = 64 << 10;
/// Bytes of one value; of a longer one, its beginning is looked for.
const LONGEST: usize = 8 << 10;
/// Bytes remembered of all requests.
const MOST_IN_ALL: usize = 32 << 20;
/// Values that begin alike.
const MOST_ALIKE: usize = 256;
/// Bytes by which values are sought; shorter ones are sought only while there are some.
const SOUGHT: usize = 4;
/// Shorter values are not remembered, unless they hold a quote, end with a backslash or open a comment.
const SHORTEST: usize = 3;
/// Statements known to be the application's own.
const MOST_OWN: usize = 65_536;
/// What stands for a sign in an exception: `signs: [correlate]`.
const DETECTOR: &str = "correlate";

/// The first bytes of a value, in lower case, the rest zero.
type Beginning = [u8; SOUGHT];

/// What all requests in flight have sent.
#[derive(Debug, Default)]
pub struct Memory {
    values: DashMap<Beginning, Vec<Arc<Value>>>,
    /// Values of fewer bytes than a beginning has.
    short: AtomicUsize,
    count: AtomicUsize,
    bytes: AtomicUsize,
    next: AtomicU64,
    /// The pod sends statements through us.
    active: AtomicBool,
    own: DashSet<u64, RandomState>,
}

/// One value.
#[derive(Debug)]
pub struct Value {
    request: u64,
    /// In lower case.
    lower: Box<[u8]>,
    place: Place,
    name: Box<str>,
    about: Arc<str>,
}

/// The values of one request, remembered as long as this lives.
#[derive(Debug)]
pub struct Remembered {
    memory: Arc<Memory>,
    number: u64,
    about: Option<Arc<str>>,
    held: Vec<Arc<Value>>,
    bytes: usize,
    overflowed: bool,
}

/// Which value changes a statement, and how.
#[derive(Debug)]
pub struct Proof {
    /// What it does.
    pub change: Change,
    /// Where in the request it stood, and of which request: `query-value id of GET http://shop/items, …`.
    pub source: String,
    /// Where it stands in the statement.
    pub range: std::ops::Range<usize>,
}

impl Memory {
    /// A request whose values are to be remembered.
    pub fn request(self: &Arc<Self>) -> Remembered {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Remembered { memory: Arc::clone(self), number, about: None, held: Vec::new(), bytes: 0, overflowed: false }
    }

    /// Says that the pod sends statements: from now on, what requests send is remembered.
    pub fn activate(&self) {
        self.active.store(true, Ordering::Relaxed);
    }

    /// Whether there are statements to compare anything with.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether nothing is remembered that a statement could be compared with.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// What a value of a request in flight does to a statement, if one stands in it and changes it. `fingerprint` is that
    /// of the statement, if it has one; `reading` is its server's.
    pub fn proof(&self, text: &[u8], fingerprint: Option<u64>, reading: Reading) -> Option<Proof> {
        let is_own = fingerprint.is_some_and(|fingerprint| self.own.contains(&fingerprint));
        let proof = if self.is_empty() { None } else { self.compare(text, is_own, reading) };
        if let (None, Some(fingerprint), false) = (&proof, fingerprint, is_own || self.own.len() >= MOST_OWN) {
            self.own.insert(fingerprint);
        }
        proof
    }

    /// What an application's own statement holds is its own, but no value cuts its literals or hides a part of it.
    fn compare(&self, text: &[u8], is_own: bool, reading: Reading) -> Option<Proof> {
        let lower = text.to_ascii_lowercase();
        let mut statement = None;
        for at in 0..lower.len() {
            let rest = lower.get(at..)?;
            let lengths = if self.short.load(Ordering::Relaxed) > 0 { 1..=SOUGHT } else { SOUGHT..=SOUGHT };
            for length in lengths {
                let Some(first) = rest.get(..length) else { break };
                let Some(alike) = self.values.get(&beginning(first)) else { continue };
                let here = |value: &&Arc<Value>| value.lower.len() >= length && rest.starts_with(&value.lower);
                for value in alike.iter().filter(here) {
                    let statement = statement.get_or_insert_with(|| change::Statement::new(text, reading));
                    let range = at..at + value.lower.len();
                    let change = if is_own { statement.change_of_own(&range) } else { statement.change(&range) };
                    if let Some(change) = change {
                        return Some(Proof { change, source: value.source(), range });
                    }
                }
            }
        }
        None
    }
}

impl Value {
    fn source(&self) -> String {
        format!("{} {} of {}", self.place.name(), self.name, self.about)
    }
}

impl Remembered {
    /// Remembers what a request sends, unless an exception of its route says that it may change statements. Says whether
    /// something was left out for the first time.
    pub fn remember(&mut self, scene: &Scene<'_>, accesses: &[Access<'_>], parts: &[Part<'_>], found: &Found) -> bool {
        if self.about.is_none() {
            self.about = Some(about(scene, accesses).into());
        }
        let before = self.overflowed;
        for part in parts.iter().filter(|part| is_value(part)) {
            let hit = Hit { detector: DETECTOR, signature: DETECTOR.into(), range: 0..0, weight: Weight::CERTAIN };
            if !found.excuses(part, &hit) {
                self.layers(part);
            }
        }
        self.overflowed && !before
    }

    /// The value as it is, and with every further encoding in it undone.
    fn layers(&mut self, part: &Part<'_>) {
        self.value(part, &part.canonical);
        for inner in peeled(part) {
            self.value(part, &inner.canonical);
        }
    }

    fn value(&mut self, part: &Part<'_>, bytes: &[u8]) {
        let bytes = bytes.trim_ascii();
        let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
        if bytes.len() < SHORTEST && !change::is_marked(bytes) || !change::could(bytes) {
            return;
        }
        let over = self.held.len() >= MOST_VALUES || self.bytes + bytes.len() > MOST_BYTES;
        if over || self.memory.bytes.load(Ordering::Relaxed) + bytes.len() > MOST_IN_ALL {
            self.overflowed = true;
            return;
        }
        let lower = bytes.to_ascii_lowercase().into_boxed_slice();
        if self.held.iter().any(|value| value.lower == lower) {
            return;
        }
        let name = String::from_utf8_lossy(part.name.get(..64).unwrap_or(&part.name)).into_owned().into();
        let about = self.about.clone().unwrap_or_default();
        let value = Arc::new(Value { request: self.number, lower, place: part.place, name, about });
        let mut alike = self.memory.values.entry(beginning(&value.lower)).or_default();
        if alike.len() >= MOST_ALIKE {
            self.overflowed = true;
            return;
        }
        alike.push(Arc::clone(&value));
        drop(alike);
        self.memory.count.fetch_add(1, Ordering::Relaxed);
        self.memory.short.fetch_add(usize::from(bytes.len() < SOUGHT), Ordering::Relaxed);
        self.memory.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        self.bytes += bytes.len();
        self.held.push(value);
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        for value in &self.held {
            let key = beginning(&value.lower);
            if let Some(mut alike) = self.memory.values.get_mut(&key) {
                alike.retain(|other| other.request != self.number || !Arc::ptr_eq(other, value));
            }
            self.memory.values.remove_if(&key, |_, alike| alike.is_empty());
            self.memory.short.fetch_sub(usize::from(value.lower.len() < SOUGHT), Ordering::Relaxed);
            self.memory.count.fetch_sub(1, Ordering::Relaxed);
        }
        self.memory.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Whether an application may take it for a value. Headers that describe the message are none.
fn is_value(part: &Part<'_>) -> bool {
    const OF_THE_MESSAGE: &[&str] = &[
        "accept",
        "cache-control",
        "connection",
        "content-",
        "expect",
        "host",
        "if-",
        "keep-alive",
        "pragma",
        "range",
        "sec-",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    match part.place {
        Place::Method | Place::Path | Place::HeaderName | Place::TrailerName | Place::CookieName => false,
        Place::BodyBinary | Place::FileBinary | Place::BodyOpaque | Place::FileContent => false,
        Place::Response | Place::SqlText | Place::SqlValue | Place::DnsName => false,
        Place::HeaderValue => {
            let begins = |start: &&str| {
                part.name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start.as_bytes()))
            };
            !OF_THE_MESSAGE.iter().any(begins)
        }
        _ => true,
    }
}

fn beginning(bytes: &[u8]) -> Beginning {
    let mut first = Beginning::default();
    first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    first
}

/// Who asked for what, for the record.
fn about(scene: &Scene<'_>, accesses: &[Access<'_>]) -> String {
    let asked = accesses.first().map(|access| format!("{} {}", access.action, access.resource())).unwrap_or_default();
    let caller = match scene.connection.peer.identity() {
        Some(identity) => identity.id.to_string(),
        None => scene.connection.from.0.ip().to_string(),
    };
    let asked: String = asked.chars().take(200).collect();
    format!("{asked}, caller {caller}, connection {}, exchange {}", scene.connection.id.0, scene.session.exchanges)
}

#[cfg(test)]
mod chance;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        ClientAddr, Connection, ConnectionId, Direction, Names, Now, OriginalDestination, Past, Peer, Session,
    };
    use std::time::{Duration, SystemTime};

    pub(super) fn remember(memory: &Arc<Memory>, values: &[&str]) -> (Remembered, bool) {
        let connection = Connection {
            id: ConnectionId(7),
            direction: Direction::Inbound,
            from: ClientAddr("10.0.0.1:1".parse().unwrap()),
            to: OriginalDestination("127.0.0.1:80".parse().unwrap()),
            port: 80,
            peer: Peer::Unverified,
            names: Names::default(),
            protocol: "http",
            opened: SystemTime::UNIX_EPOCH,
        };
        let (session, past) = (Session::default(), Past::default());
        let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: Duration::ZERO };
        let scene = Scene { connection: &connection, session: &session, past: &past, now };
        let parts: Vec<_> = values.iter().map(|value| Part::plain(Place::QueryValue, b"q", value.as_bytes())).collect();
        let mut remembered = memory.request();
        let overflowed = remembered.remember(&scene, &[], &parts, &Found::default());
        (remembered, overflowed)
    }

    #[test]
    fn value_is_evidence_while_its_request_lasts() {
        let memory = Arc::new(Memory::default());
        let text = b"SELECT a FROM t WHERE b = 'x' OR 1=1 --'";
        let (remembered, _) = remember(&memory, &["X' or 1=1 --"]);
        let proof = memory.proof(text, Some(1), Reading::POSTGRES).unwrap();
        assert_eq!((proof.change, proof.range), (Change::ClosesQuote, 27..39));
        assert!(proof.source.starts_with("query-value q of"), "{}", proof.source);
        drop(remembered);
        assert!(memory.is_empty() && memory.values.is_empty() && memory.bytes.load(Ordering::Relaxed) == 0);
        assert!(memory.proof(text, Some(2), Reading::POSTGRES).is_none());
    }

    #[test]
    fn encoded_value_is_found() {
        let memory = Arc::new(Memory::default());
        let _remembered = remember(&memory, &["MSBPUiAxPTEgVU5JT04gU0VMRUNUIGEgRlJPTSB1"]);
        assert!(
            memory
                .proof(b"SELECT a FROM t WHERE b = 1 OR 1=1 UNION SELECT a FROM u", Some(1), Reading::POSTGRES)
                .is_some()
        );
    }

    #[test]
    fn statement_that_is_known_proves_nothing() {
        let memory = Arc::new(Memory::default());
        assert!(memory.proof(b"SELECT a FROM t WHERE b = 1", Some(1), Reading::POSTGRES).is_none());
        let _remembered = remember(&memory, &["a FROM t WHERE b = 1"]);
        assert!(memory.proof(b"SELECT a FROM t WHERE b = 1", Some(1), Reading::POSTGRES).is_none());
        assert!(memory.proof(b"SELECT a FROM t WHERE b = 1 AND c", Some(2), Reading::POSTGRES).is_some());
        assert!(
            memory.proof(b"SELECT a FROM t WHERE b = 1 AND c", Some(2), Reading::POSTGRES).is_some(),
            "a denied statement is not known"
        );
    }

    #[test]
    fn own_statement_closes_no_quote_of_a_value() {
        let memory = Arc::new(Memory::default());
        assert!(memory.proof(b"SELECT a FROM t WHERE b = 'x'", Some(1), Reading::POSTGRES).is_none());
        let _remembered = remember(&memory, &["x'--"]);
        assert!(memory.proof(b"SELECT a FROM t WHERE b = 'x'--'", Some(1), Reading::POSTGRES).is_some());
    }

    #[test]
    fn values_end_at_their_limits() {
        let memory = Arc::new(Memory::default());
        let values: Vec<String> = (0..=MOST_VALUES).map(|n| format!("{n:04} = {n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let (remembered, overflowed) = remember(&memory, &values[..MOST_VALUES]);
        assert_eq!((remembered.held.len(), overflowed), (MOST_VALUES, false));
        let (remembered, overflowed) = remember(&memory, &values);
        assert_eq!((remembered.held.len(), overflowed), (MOST_VALUES, true));
        let long = format!("' or {}", "x ".repeat(LONGEST));
        let (remembered, _) = remember(&memory, &[&long]);
        assert_eq!(remembered.bytes, LONGEST);
    }

    #[test]
    fn short_and_single_values_are_not_remembered() {
        let memory = Arc::new(Memory::default());
        let (remembered, _) = remember(&memory, &["1;", "name", "12345", "()", "hello world", "2026"]);
        assert!(remembered.held.is_empty(), "{:?}", remembered.held);
        let (remembered, _) = remember(&memory, &["1+1", "'", "--x", "name desc, id"]);
        assert_eq!(remembered.held.len(), 3);
    }
}
