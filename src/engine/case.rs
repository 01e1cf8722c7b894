//! The judgement of one exchange, message by message. Evidence adds up over the exchange, so an attack that is spread
//! over head and body is weighed as one.

use super::correlate::{Memory, Remembered};
use super::http::BODY_TOO_LARGE;
use super::{ATTACK, DENY_RULE, Engine, NO_RULE, OUT_OF_FUEL};
use crate::behave::Sign;
use crate::canon::path::Readings;
use crate::flow::{
    Access, Chain, Cut, Denial, Evidence, Extent, Found, Fuel, Grant, Hit, Judgement, Message, Mode, Part, Place, Rate,
    Reason, RuleName, Scene, Terms, Verdict,
};
use crate::policy::PortTerms;
use std::borrow::Cow;
use std::sync::Arc;

/// One exchange under judgement.
pub struct Case<'e> {
    engine: &'e Engine,
    pub(super) port: &'e PortTerms,
    found: Found,
    pub(super) terms: Option<Arc<Terms>>,
    /// The host that was asked for, where its rule has a budget.
    destination: Option<Box<str>>,
    rates: Vec<Arc<Rate>>,
    rows: Option<u64>,
    remembered: Option<Remembered>,
    /// Values were left out, which is to be told.
    overflowed: bool,
    pub(super) mode: Mode,
    pub(super) denied: bool,
    observed: Vec<(Part<'static>, Hit)>,
    /// Pieces of its body, or messages, that were asked what begins in them.
    pub(super) pieces: u8,
    learning: Learning,
}

/// Whether what was asked for may be learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Learning {
    /// It is granted: there is nothing to learn.
    #[default]
    Nothing,
    /// No rule grants it.
    Asked,
    /// It carries a sign of an attack, or was denied by a rule, or for what it is.
    Never,
}

/// What the policy said to a message's accesses.
#[derive(Default)]
struct Asked {
    reason: Option<Reason>,
    rules: Vec<RuleName>,
    nearest: Option<String>,
}

impl<'e> Case<'e> {
    pub(super) fn new(engine: &'e Engine, port: &'e PortTerms) -> Self {
        Self {
            engine,
            port,
            found: Found::default(),
            terms: None,
            destination: None,
            rates: Vec::new(),
            rows: None,
            remembered: None,
            overflowed: false,
            mode: port.mode,
            denied: false,
            observed: Vec::new(),
            pieces: 0,
            learning: Learning::default(),
        }
    }

    /// Judges the next message of the exchange. A policy denial is final; detectors then need not run.
    pub fn judge(&mut self, scene: &Scene<'_>, message: &Message<'_>, fuel: &mut Fuel) -> Judgement {
        let mut asked = self.ask(scene, message.accesses);
        // Where nothing is acted on, it is worth knowing what else a message without a rule carries.
        let attack = match asked.reason {
            Some(_) if self.mode == Mode::Enforce => None,
            _ => self.inspect(message.parts, fuel),
        };
        if let Some(remembered) = &mut self.remembered {
            self.overflowed |= remembered.remember(scene, message.accesses, message.parts, &self.found);
        }
        self.learn(asked.reason, attack);
        let reason = if self.mode == Mode::Learn { attack.or(asked.reason) } else { asked.reason.or(attack) };
        let verdict = match reason {
            Some(reason) => Verdict::Deny(Denial { reason, cut: Cut::Refuse }),
            None => Verdict::Allow,
        };
        self.denied |= reason.is_some();
        if asked.rules.is_empty() {
            asked.rules.extend(self.terms.iter().map(|terms| terms.rule.clone()));
        }
        asked.rules.extend_from_slice(self.found.excused());
        let evidence = if reason.is_some() { self.found.take() } else { Vec::new() };
        Judgement {
            verdict,
            mode: self.mode,
            rules: asked.rules,
            nearest: asked.nearest,
            evidence,
            effects: Vec::new(),
        }
    }

    /// Remembers what the exchange sends, as long as the case is open: statements are compared with it.
    pub fn remember(&mut self, memory: &Arc<Memory>) {
        self.remembered = Some(memory.request());
    }

    /// Whether values could not be remembered, since this was last asked.
    pub fn has_overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    /// Weighs what shows only over time, with the next message. `part` is a copy of what it is about.
    pub fn observe(&mut self, part: Part<'static>, hit: Hit) {
        self.observed.push((part, hit));
    }

    /// Weighs what an observer saw, with the next message: `text` is what is shown, the figures what it is called by.
    pub fn saw(&mut self, place: Place, text: &[u8], sign: Sign) {
        let Sign { observer, name, weight, figures } = sign;
        let hit = Hit { detector: observer, signature: name.into(), range: 0..text.len(), weight };
        let part = Part {
            place,
            name: Cow::Owned(figures.into_bytes()),
            raw: b"",
            canonical: Cow::Owned(text.to_vec()),
            chain: Chain::EMPTY,
            extent: Extent::Whole,
        };
        self.observe(part, hit);
    }

    /// A judgement for what cannot be forwarded, whatever the mode: its framing is malformed, it is too slow.
    pub fn condemn(&mut self, reason: Reason) -> Judgement {
        Judgement { mode: Mode::Enforce, ..self.object(reason) }
    }

    /// A judgement for content that cannot be judged: malformed, over a limit. What is done with it is the mode's.
    pub fn object(&mut self, reason: Reason) -> Judgement {
        self.denied = true;
        if reason != BODY_TOO_LARGE {
            self.learning = Learning::Never;
        }
        Judgement {
            verdict: Verdict::Deny(Denial { reason, cut: Cut::CloseSession }),
            mode: self.mode,
            rules: self.terms.iter().map(|terms| terms.rule.clone()).collect(),
            nearest: None,
            evidence: self.found.take(),
            effects: Vec::new(),
        }
    }

    /// A judgement for what is proved to be an attack, and shown by this.
    pub fn prove(&mut self, reason: Reason, part: &Part<'_>, hit: Hit) -> Judgement {
        self.denied = true;
        self.learning = Learning::Never;
        Judgement {
            verdict: Verdict::Deny(Denial { reason, cut: Cut::Refuse }),
            mode: self.mode,
            rules: Vec::new(),
            nearest: None,
            evidence: vec![Evidence::of(part, hit)],
            effects: Vec::new(),
        }
    }

    /// A judgement for what is told and not acted on.
    pub fn tell(&self, reason: Reason) -> Judgement {
        Judgement {
            verdict: Verdict::Deny(Denial { reason, cut: Cut::Refuse }),
            mode: Mode::Shadow,
            rules: Vec::new(),
            nearest: None,
            evidence: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// A judgement for what is granted, but not so often, or not so much of it at once.
    pub fn postpone(&mut self, reason: Reason, rate: RuleName) -> Judgement {
        self.denied = true;
        Judgement {
            verdict: Verdict::Deny(Denial { reason, cut: Cut::Refuse }),
            mode: self.mode,
            rules: vec![rate],
            nearest: None,
            evidence: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// How the port's application reads paths.
    pub fn readings(&self) -> &'e Readings {
        &self.port.readings
    }

    /// What is done with the verdict.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The terms of the grant, once the accesses have been granted.
    pub fn terms(&self) -> Option<&Arc<Terms>> {
        self.terms.as_ref()
    }

    /// The host that was asked for, where the rule that granted it has a budget.
    pub fn destination(&self) -> Option<&str> {
        self.destination.as_deref()
    }

    /// Rows that what was granted may bring: the least that one of the grants allows.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// What was found so far and is not in a judgement yet: signs that do not suffice.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The ceilings that count the exchange.
    pub fn rates(&self) -> &[Arc<Rate>] {
        &self.rates
    }

    /// Whether the exchange, now that it is over, is to be noted for its owner: it was watched in learn mode, no rule
    /// granted it, and nothing in it was a sign of an attack.
    pub fn is_to_be_learned(&self) -> bool {
        self.mode == Mode::Learn && self.learning == Learning::Asked
    }

    fn learn(&mut self, policy: Option<Reason>, attack: Option<Reason>) {
        let suspicious = attack.is_some() || self.found.total() > 0 || policy == Some(DENY_RULE);
        if suspicious {
            self.learning = Learning::Never;
        } else if policy == Some(NO_RULE) && self.learning == Learning::Nothing {
            self.learning = Learning::Asked;
        }
    }

    /// Whether any message of the exchange was denied, acted on or not.
    pub fn denied(&self) -> bool {
        self.denied
    }

    /// Asks the policy about every access, under every reading. All must be granted; any denial wins.
    fn ask(&mut self, scene: &Scene<'_>, accesses: &[Access<'_>]) -> Asked {
        let mut asked = Asked::default();
        if !accesses.is_empty() {
            self.found.except(self.engine.policy().exceptions(scene, accesses));
            self.rates = self.engine.policy().rates(scene, accesses);
        }
        for access in accesses {
            match self.engine.policy().grants(scene, access) {
                Grant::Granted(terms) => {
                    let counted = terms.leaving.budget.is_some() && !access.authority.is_empty();
                    if counted && self.destination.is_none() {
                        self.destination = Some(access.authority.into());
                    }
                    self.grant(&terms, &mut asked);
                }
                Grant::Denied(rule) => {
                    return Asked { reason: Some(DENY_RULE), rules: vec![rule], nearest: None };
                }
                Grant::NoRule { nearest } if asked.reason.is_none() => {
                    asked.reason = Some(NO_RULE);
                    asked.nearest = nearest;
                }
                Grant::NoRule { .. } => {}
            }
        }
        asked
    }

    /// Where readings are granted by different rules, the stricter terms hold.
    fn grant(&mut self, terms: &Arc<Terms>, asked: &mut Asked) {
        if !asked.rules.contains(&terms.rule) {
            asked.rules.push(terms.rule.clone());
        }
        self.mode = self.mode.max(terms.mode);
        self.rows = [self.rows, terms.rows].into_iter().flatten().min();
        self.terms = Some(match self.terms.take() {
            None => terms.clone(),
            Some(before) => {
                let stricter = if before.stream { terms } else { &before };
                let proof = before.proof.and(&terms.proof);
                if stricter.proof == proof {
                    stricter.clone()
                } else {
                    Arc::new(Terms { proof, ..(**stricter).clone() })
                }
            }
        });
    }

    /// Whether the evidence so far, with what these parts add to it, is reason to deny.
    pub(super) fn inspect(&mut self, parts: &[Part<'_>], fuel: &mut Fuel) -> Option<Reason> {
        for (part, hit) in self.observed.drain(..) {
            self.found.add(&part, hit);
        }
        self.engine.detectors().inspect(parts, &mut self.found, fuel);
        if self.port.sensitivity.denies(self.found.total_at(self.port.sensitivity)) {
            return Some(ATTACK);
        }
        fuel.is_empty().then_some(OUT_OF_FUEL)
    }
}
