//! Who is refused for a time: offences are heard where judgements are recorded, bans are acted on where connections are
//! accepted and before each message.

use super::worker::{Shared, Worker};
use crate::behave::bans::{Ban, Bans, Offence, Outcome, Rule};
use crate::flow::{Connection, Cut, Denial, Direction, Kind, Mode, Reason, RuleName};
use crate::record::event::Clipped;
use crate::record::{Caller, Event, Exchange};
use std::sync::Arc;
use std::time::Duration;

/// A caller that is banned.
pub(super) const BANNED: Reason = Reason::new("banned", Kind::Policy, "the caller is banned for what it did before");
/// A ban begins.
const BAN: Reason = Reason::new("ban", Kind::Policy, "the caller is refused from now on, for a time");
/// A ban that does not begin.
const SPARED: Reason =
    Reason::new("ban-spared", Kind::Policy, "the caller is not banned: as many of all callers are as may be");

/// When callers are banned.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// In this order: the first whose measure is full bans.
    pub rules: Vec<Rule>,
    /// Of a hundred callers, so many may be banned at once.
    pub share: u32,
}

impl Shared {
    /// Hears of every judgement from now on.
    pub(super) fn hear_offences(self: &Arc<Self>) {
        if self.settings.bans.rules.is_empty() {
            return;
        }
        let own = Arc::downgrade(self);
        self.recorder.listen(move |event| {
            let own = own.upgrade()?;
            heard(&own.bans, event, own.started.elapsed())
        });
    }

    /// Who is refused now, by which rule, and for how much longer.
    pub fn banned(&self) -> Vec<(String, String, Duration)> {
        let now = self.started.elapsed();
        let shown = |(caller, ban): (Caller, Ban)| (caller.to_string(), ban.rule, ban.until.saturating_sub(now));
        self.bans.list(now).into_iter().map(shown).collect()
    }

    /// Lets a caller back in, as it was listed; all of them when none is named. Gives how many.
    pub fn lift(&self, caller: Option<&str>) -> usize {
        self.bans.lift(|banned| caller.is_none_or(|caller| banned.to_string() == caller))
    }
}

/// What is done about what was recorded: only what was acted on counts, and what is refused for a ban is no new offence.
fn heard(bans: &Bans<Caller>, event: &Event, now: Duration) -> Option<Event> {
    let reason = event.reason().filter(|reason| event.mode == Mode::Enforce && *reason != BANNED)?;
    let signs = event.evidence.iter().flat_map(|found| [found.hit.detector, &*found.hit.signature]);
    let signs: Vec<&str> = signs.collect();
    let outcome = bans.offended(&event.caller(), &Offence { reason: reason.name, signs: &signs }, now);
    let (reason, says) = told(outcome, now)?;
    Some(Event {
        denial: Some(Denial { reason, cut: Cut::Drop }),
        evidence: Vec::new(),
        detail: Some(Clipped::text(says.as_bytes())),
        ..event.clone()
    })
}

/// What the record says of an outcome.
fn told(outcome: Outcome, now: Duration) -> Option<(Reason, String)> {
    match outcome {
        Outcome::Counted => None,
        Outcome::Banned(ban) => {
            Some((BAN, format!("by rule {}, for {} s", ban.rule, ban.until.saturating_sub(now).as_secs())))
        }
        Outcome::Spared(rule) => Some((SPARED, format!("by rule {rule}"))),
    }
}

impl Worker {
    /// Refuses the other side of a connection for so long, by the action of the rule that granted it.
    pub(super) fn ban(&self, connection: &Connection, rule: &RuleName, lasts: Duration) {
        let now = self.now();
        let outcome = self.shared.bans.refuse(&Caller::of(connection), rule, lasts, self.shared.started.elapsed());
        let Some((reason, says)) = told(outcome, self.shared.started.elapsed()) else { return };
        let exchange = Exchange { action: "connect", detail: Some(&says), ..Exchange::default() };
        let (denial, recorder) = (Denial { reason, cut: Cut::Drop }, &self.shared.recorder);
        let id = recorder.id(now.wall);
        recorder.judged(Event::refused(id, now.wall, connection, denial, &exchange, &self.revision()));
    }

    /// Whether the other side of a connection is refused now.
    pub(super) fn bans(&self, connection: &Connection) -> bool {
        let shared = &self.shared;
        shared.bans.any() && shared.bans.is_banned(&Caller::of(connection), shared.started.elapsed())
    }

    /// A connection came: whether it may stay.
    pub(super) fn welcomes(&self, connection: &Connection) -> Result<(), Reason> {
        if self.bans(connection) {
            return Err(BANNED);
        }
        // A rule that lets something out may ban, without rules for bans.
        if !self.shared.settings.bans.rules.is_empty() || connection.direction == Direction::Outbound {
            self.shared.bans.saw(&Caller::of(connection), self.shared.started.elapsed());
        }
        Ok(())
    }
}
