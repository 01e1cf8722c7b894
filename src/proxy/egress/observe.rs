//! What looks at an outbound connection's bytes, chunk by chunk, before they go on.

use super::opening::Opened;
use super::tell::{self, Passed};
use crate::behave::beacons::Route;
use crate::behave::stream::Way;
use crate::engine::Overheard;
use crate::engine::egress::Opening;
use crate::flow::{Connection, Judgement, Side, Verdict};
use crate::protocol::hello::Hello;
use crate::protocol::identify::{Answer, identify};
use crate::proxy::bans::BANNED;
use crate::proxy::stream::{Cut, Observe};
use crate::proxy::worker::Worker;

/// Bytes of a client that are kept while it is not clear what it speaks.
const MOST_BYTES: usize = 8 << 10;

/// Every observer of one connection.
pub(super) struct Observers<'w> {
    standing: Standing<'w>,
    first: FirstWords<'w>,
    /// Nothing where the bytes say nothing: they are encrypted.
    overheard: Option<Overheard>,
    passed: &'w Passed,
    suspicious: bool,
    /// Nothing where it is known what is spoken.
    route: Option<Route>,
    begun: bool,
}

impl<'w> Observers<'w> {
    /// Observers of a connection that was opened so.
    pub(super) fn new(worker: &'w Worker, connection: &'w Connection, opened: Opened, passed: &'w Passed) -> Self {
        let heard = (opened.by != Some(Side::Client)).then(Vec::new);
        let generation = worker.engine().revision().generation;
        let overheard = (!matches!(connection.protocol, "tls" | "ssh"))
            .then(|| Overheard::new(passed.terms.as_ref().is_some_and(|terms| terms.leaving.beatless)));
        let destination = || passed.name.clone().unwrap_or_else(|| connection.to.host().into());
        let (port, caller) = (connection.port, connection.from.0.ip());
        let unknown = connection.protocol == "tcp";
        Self {
            route: unknown.then(|| Route { destination: destination(), port, caller }),
            begun: false,
            standing: Standing { worker, connection, opened, generation },
            first: FirstWords { worker, connection, heard },
            overheard,
            passed,
            suspicious: false,
        }
    }
}

impl Observe for Observers<'_> {
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        self.standing.look(side, chunk)?;
        self.first.look(side, chunk)?;
        self.overhear(side, chunk)?;
        if side == Side::Client { self.spend(chunk) } else { Ok(()) }
    }
}

impl Observers<'_> {
    /// Whether anything was overheard that should not be learned from.
    pub(super) fn are_suspicious(&self) -> bool {
        self.suspicious
    }

    /// What the bytes show of what goes on.
    fn overhear(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        self.beats(side, chunk);
        let Some(overheard) = &mut self.overheard else { return Ok(()) };
        let way = if side == Side::Client { Way::Out } else { Way::In };
        let (worker, connection) = (self.first.worker, self.first.connection);
        let judgement = worker.judging(connection, |scene| {
            let engine = worker.engine();
            let opening =
                Opening { protocol: Some(connection.protocol).filter(|name| *name != "tcp"), ..Opening::default() };
            let mode = || engine.connect(scene, &opening).case.mode();
            overheard.look(&engine, scene, mode, (way, chunk))
        });
        let Some(judgement) = judgement else { return Ok(()) };
        if judgement.verdict == Verdict::Allow {
            return self.tell(judgement);
        }
        self.suspicious = true;
        let terms = self.passed.terms.as_deref();
        let mode = terms.map_or(judgement.mode, |terms| worker.acts(connection, terms, judgement.mode, true));
        tell::overheard(worker, connection, Judgement { mode, ..judgement })
    }

    /// Whether connections like this one come at one pace.
    fn beats(&mut self, side: Side, chunk: &[u8]) {
        let (Some(route), Some(overheard)) = (&self.route, &mut self.overheard) else { return };
        if side == Side::Client && !std::mem::replace(&mut self.begun, true) {
            let worker = self.first.worker;
            let sign = worker.shared.beacons.begins(route, chunk, worker.now().since_start);
            sign.into_iter().for_each(|sign| overheard.saw(sign));
        }
    }

    /// Records what does not suffice, once in a while for all connections of its route.
    fn tell(&self, judgement: Judgement) -> Result<(), Box<Cut>> {
        let worker = self.first.worker;
        let now = worker.now().since_start;
        match &self.route {
            Some(route) if worker.shared.beacons.tells(route, now) => {
                tell::overheard(worker, self.first.connection, judgement)
            }
            _ => Ok(()),
        }
    }

    /// The connection is over, and so much has left on it.
    pub(super) fn ended(&self, bytes: u64) {
        if let Some(route) = &self.route {
            let worker = self.first.worker;
            worker.shared.beacons.ended(route, bytes, worker.now().since_start);
        }
    }

    /// What leaves must be within the budget.
    fn spend(&self, chunk: &[u8]) -> Result<(), Box<Cut>> {
        let Standing { worker, connection, .. } = self.standing;
        let Passed { terms: Some(terms), mode, name } = self.passed else { return Ok(()) };
        let exceeded = worker.exceeds(connection, (terms, *mode), name.as_deref(), chunk.len());
        exceeded.map_or(Ok(()), |exceeded| tell::exceeded(worker, connection, terms, exceeded))
    }
}

/// What was granted is judged again once the policy is another.
struct Standing<'w> {
    worker: &'w Worker,
    connection: &'w Connection,
    opened: Opened,
    generation: u64,
}

impl Observe for Standing<'_> {
    fn look(&mut self, _: Side, _: &[u8]) -> Result<(), Box<Cut>> {
        if self.worker.bans(self.connection) {
            return Err(Cut::new(BANNED));
        }
        let generation = self.worker.engine().revision().generation;
        if generation == self.generation {
            return Ok(());
        }
        self.generation = generation;
        tell::cut(self.worker, self.connection, &self.opened.opening())
    }
}

/// A greeting of the server says what it speaks, or time has run out: what the client says first must be granted all the
/// same. What is judged message by message never passes as something else.
struct FirstWords<'w> {
    worker: &'w Worker,
    connection: &'w Connection,
    /// What the client has said so far; nothing once it is clear.
    heard: Option<Vec<u8>>,
}

impl Observe for FirstWords<'_> {
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        let Some(heard) = self.heard.as_mut().filter(|_| side == Side::Client) else { return Ok(()) };
        heard.extend_from_slice(chunk.get(..chunk.len().min(MOST_BYTES)).unwrap_or_default());
        match identify(Side::Client, heard) {
            Answer::NeedMore if heard.len() < MOST_BYTES => Ok(()),
            Answer::Is(sign) if sign.protocol != self.connection.protocol => {
                self.heard = None;
                // A ClientHello that comes late has said no name in time.
                let hello = Hello::default();
                let opening = Opening {
                    protocol: Some(sign.protocol),
                    hello: (sign.protocol == "tls").then_some(&hello),
                    banner: b"",
                };
                tell::cut(self.worker, self.connection, &opening)
            }
            Answer::Is(_) | Answer::Unknown | Answer::NeedMore => {
                self.heard = None;
                Ok(())
            }
        }
    }
}
