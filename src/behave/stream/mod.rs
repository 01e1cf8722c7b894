//! What shows in the bytes of a connection that nobody takes apart: shells (`shell`), miners (`miner`), tunnels and
//! signals of life (`tunnel`, `beacon`). Each chunk is looked at before it goes on; a line that is cut into chunks is put
//! together again. Every observer remembers a bounded amount for its connection, and spends time linear in the bytes.
//!
//! Which way bytes go decides what they are: who telnets to a machine and reads a prompt is a client; a pod that sends a
//! prompt to whom it called has been taken over.

pub mod beacon;
pub mod lines;
pub mod miner;
pub mod shell;
pub mod tunnel;

use super::Sign;
use crate::flow::Weight;
use lines::Lines;
use std::time::Duration;

/// Which way a chunk goes, seen from the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It arrives.
    In,
    /// It leaves.
    Out,
}

/// A chunk, as observers see it.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Which way it goes.
    pub way: Way,
    /// All of it.
    pub bytes: &'a [u8],
    /// Its whole lines, without line ends and terminal escapes, the first together with what came before.
    pub lines: &'a [&'a [u8]],
    /// What stands behind its last line end: a prompt, or the beginning of a line.
    pub rest: &'a [u8],
    /// Whether it is the first that goes this way.
    pub first: bool,
    /// Whether it is known what is spoken.
    pub known: bool,
    /// When.
    pub now: Duration,
}

/// Looks for one kind of misuse.
pub trait Observer {
    /// What the chunk shows, given those before.
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign>;
}

/// An observer for a connection that begins.
pub type Begin = fn() -> Box<dyn Observer>;

/// Every observer. One file and one line each.
pub static OBSERVERS: &[Begin] = &[
    || Box::<shell::Shell>::default(),
    || Box::<miner::Miner>::default(),
    || Box::<tunnel::Tunnel>::default(),
    || Box::<beacon::Beacon>::default(),
];

/// What the observers are called, and what they call what they see: what exceptions may name.
pub static SIGNS: &[&str] = &[
    "shell-stream",
    "shell-output",
    "shell-prompt",
    "shell-echo",
    "shell-command",
    "shell-stager",
    "miner",
    "miner-login",
    "miner-job",
    "tunnel",
    "tunnel-ssh",
    "tunnel-socks",
    "tunnel-tls",
    "tunnel-rdp",
    "tunnel-smb",
    "beacon",
    "beacon-regular",
    "beacon-sealed",
];

/// The observers of one connection.
pub struct Watch {
    observers: Vec<Box<dyn Observer>>,
    arriving: Direction,
    leaving: Direction,
    known: bool,
}

#[derive(Default)]
struct Direction {
    lines: Lines,
    begun: bool,
}

impl Default for Watch {
    fn default() -> Self {
        let observers = OBSERVERS.iter().map(|begin| begin()).collect();
        Self { observers, arriving: Direction::default(), leaving: Direction::default(), known: false }
    }
}

impl Watch {
    /// Says whether it is known what is spoken; at first it is not.
    pub fn knows(&mut self, known: bool) {
        self.known = known;
    }

    /// What a chunk shows. It is remembered, whether it goes on or not.
    pub fn look(&mut self, way: Way, bytes: &[u8], now: Duration) -> Vec<Sign> {
        let Self { observers, arriving, leaving, known } = self;
        let known = *known;
        let direction = match way {
            Way::In => arriving,
            Way::Out => leaving,
        };
        let first = !std::mem::replace(&mut direction.begun, true);
        let mut signs = Vec::new();
        direction.lines.take(bytes, |lines, rest| {
            let chunk = Chunk { way, bytes, lines, rest, first, known, now };
            signs.extend(observers.iter_mut().filter_map(|observer| observer.look(&chunk)));
        });
        signs
    }
}

/// A sign that is enough by itself.
fn certain(observer: &'static str, name: &'static str, figures: String) -> Sign {
    Sign { observer, name, weight: Weight::CERTAIN, figures }
}

/// Whether one text stands in another.
fn contains(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

#[cfg(test)]
mod tests;
