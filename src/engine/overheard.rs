//! What observers see in the chunks of a connection becomes evidence, is excused or weighed as any other, and may end it.

use super::egress::SCHEME;
use super::{ATTACK, Engine};
use crate::behave::Sign;
use crate::behave::stream::{Watch, Way};
use crate::flow::{
    Access, Chain, Cut, Denial, Extent, Found, Hit, Judgement, Mode, Part, Place, RuleName, Scene, Verdict,
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
}

impl Overheard {
    /// Looks at a chunk before it goes on. A judgement when the evidence suffices, once for each connection; `mode` is asked
    /// then what is done with the verdict.
    pub fn look(
        &mut self,
        engine: &Engine,
        scene: &Scene<'_>,
        mode: impl FnOnce() -> Mode,
        (way, bytes): (Way, &[u8]),
    ) -> Option<Judgement> {
        let signs = self.watch.look(way, bytes, scene.now.since_start);
        if signs.is_empty() || self.denied {
            return None;
        }
        let access = Access { action: "connect", scheme: SCHEME, authority: "", path: Cow::Borrowed(""), facts: &[] };
        self.found.except(engine.policy().exceptions(scene, &[access]));
        signs.into_iter().for_each(|sign| self.add(sign, bytes));
        let connection = scene.connection;
        let sensitivity = engine.port(connection.direction, connection.port).sensitivity;
        if !sensitivity.denies(self.found.total_at(sensitivity)) {
            return None;
        }
        self.denied = true;
        let rules: Vec<RuleName> = self.found.excused().to_vec();
        Some(Judgement {
            verdict: Verdict::Deny(Denial { reason: ATTACK, cut: Cut::Drop }),
            mode: mode(),
            rules,
            nearest: None,
            evidence: self.found.take(),
            effects: Vec::new(),
        })
    }

    /// The chunk is what is shown, the figures are what it is called by.
    fn add(&mut self, sign: Sign, bytes: &[u8]) {
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
        self.found.add(&part, Hit { detector: sign.observer, signature: sign.name.into(), range, weight: sign.weight });
    }
}
