//! What observers see in the chunks of a connection becomes evidence, is excused or weighed as any other, and may end it.

use super::egress::SCHEME;
use super::{ATTACK, Engine};
use crate::behave::Sign;
use crate::behave::stream::{Watch, Way, beacon};
use crate::flow::{
    Access, Chain, Cut, Denial, Extent, Found, Hit, Judgement, Mode, Part, Place, RuleName, Scene, Verdict, Weight,
};
use std::borrow::Cow;

/// Bytes of a chunk that are shown as evidence.
const SHOWN: usize = 200;

/// One connection that is listened to.
#[derive(Default)]
pub struct Overheard {
    watch: Watch,
    found: Found,
    denied: bool,
    /// Whether even signals alone deny.
    beatless: bool,
    /// What was seen elsewhere, to be weighed with the next chunk.
    seen: Vec<Sign>,
}

impl Overheard {
    /// One on which even signals alone deny, or do not.
    pub fn new(beatless: bool) -> Self {
        Self { beatless, ..Self::default() }
    }

    /// Weighs what was seen elsewhere with the next chunk.
    pub fn saw(&mut self, sign: Sign) {
        self.seen.push(sign);
    }

    /// Looks at a chunk before it goes on. A judgement when the evidence suffices, once for each connection, or when there is
    /// something to tell; `mode` is asked then what is done with the verdict.
    pub fn look(
        &mut self,
        engine: &Engine,
        scene: &Scene<'_>,
        mode: impl FnOnce() -> Mode,
        (way, bytes): (Way, &[u8]),
    ) -> Option<Judgement> {
        let known = scene.connection.protocol != "tcp";
        self.watch.knows(known);
        let mut signs = self.watch.look(way, bytes, scene.now.since_start);
        signs.append(&mut self.seen);
        if signs.is_empty() || self.denied {
            return None;
        }
        let access = Access { action: "connect", scheme: SCHEME, authority: "", path: Cow::Borrowed(""), facts: &[] };
        self.found.except(engine.policy().exceptions(scene, &[access]));
        let beats = signs.iter().any(|sign| sign.observer == beacon::OBSERVER);
        signs.into_iter().for_each(|sign| self.add(sign, bytes));
        let connection = scene.connection;
        let sensitivity = engine.port(connection.direction, connection.port).sensitivity;
        if !sensitivity.denies(self.found.total_at(sensitivity)) {
            // Heartbeats of what is known are nothing to tell.
            let told = beats && !known && !self.found.is_empty();
            return told.then(|| self.judgement(Verdict::Allow, mode()));
        }
        self.denied = true;
        Some(self.judgement(Verdict::Deny(Denial { reason: ATTACK, cut: Cut::Drop }), mode()))
    }

    fn judgement(&self, verdict: Verdict, mode: Mode) -> Judgement {
        let rules: Vec<RuleName> = self.found.excused().to_vec();
        let evidence = self.found.evidence().to_vec();
        Judgement { verdict, mode, rules, nearest: None, evidence, effects: Vec::new() }
    }

    /// The chunk is what is shown, the figures are what it is called by.
    fn add(&mut self, sign: Sign, bytes: &[u8]) {
        let weight = if self.beatless && sign.observer == beacon::OBSERVER { Weight::CERTAIN } else { sign.weight };
        let shown = bytes.get(..bytes.len().min(SHOWN)).unwrap_or_default();
        let part = Part {
            place: Place::Chunk,
            name: Cow::Owned(sign.figures.into_bytes()),
            raw: shown,
            canonical: Cow::Borrowed(shown),
            chain: Chain::EMPTY,
            extent: Extent::Whole,
        };
        let range = 0..shown.len();
        self.found.add(&part, Hit { detector: sign.observer, signature: sign.name.into(), range, weight });
    }
}
