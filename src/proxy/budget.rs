//! How much leaves under a rule that has a budget: asked before bytes go on, by whatever carries them.

use super::worker::Worker;
use crate::behave::budgets::{DESTINATIONS, Pair, Spent};
use crate::engine::Case;
use crate::flow::{Action, Connection, Judgement, Kind, Mode, Reason, Terms};

/// More is to leave than may.
pub(super) const BUDGET: Reason =
    Reason::new("egress-budget", Kind::Policy, "more is to leave under the rule than its budget allows");

/// Bytes that are beyond a budget.
pub(super) struct Exceeded {
    /// What is done about it.
    pub(super) mode: Mode,
    pub(super) detail: String,
}

impl Worker {
    /// Counts bytes that are to leave under these terms, to a name; without one, to the address that was dialled. What is
    /// beyond, where it is to be told or acted on.
    pub(super) fn exceeds(
        &self,
        connection: &Connection,
        (terms, mode): (&Terms, Mode),
        name: Option<&str>,
        bytes: usize,
    ) -> Option<Exceeded> {
        let budget = terms.leaving.budget?;
        let dialled = name.is_none().then(|| connection.to.host());
        let destination = name.or(dialled.as_deref()).unwrap_or_default();
        let pair = Pair { destination, caller: connection.from.0.ip() };
        let spent = self.shared.budgets.spend(&terms.rule, pair, budget, bytes as u64, self.now().since_start);
        let mode = self.acts(connection, terms, mode, spent != Spent::Within);
        let (limit, seconds) = (budget.bytes, budget.per.as_secs());
        let detail = match spent {
            Spent::Within => return None,
            Spent::Beyond if mode != Mode::Enforce => return None,
            Spent::Beyond => format!("{limit} bytes per {seconds} s have left to {destination}"),
            Spent::First { sum, shared: false } => {
                format!("{sum} bytes of {limit} per {seconds} s would have left to {destination}")
            }
            Spent::First { sum, shared: true } => format!(
                "{sum} bytes of {limit} per {seconds} s would have left to {destination} and all others beside the first \
                 {DESTINATIONS} destinations"
            ),
        };
        Some(Exceeded { mode, detail })
    }

    /// What is done about misuse of what these terms grant: the action of the rule, where the mode acts at all.
    pub(super) fn acts(&self, connection: &Connection, terms: &Terms, mode: Mode, misused: bool) -> Mode {
        match terms.leaving.action {
            Action::Record if mode == Mode::Enforce => return Mode::Shadow,
            Action::Ban(lasts) if misused && mode == Mode::Enforce => self.ban(connection, &terms.rule, lasts),
            Action::Record | Action::Cut | Action::Ban(_) => {}
        }
        mode
    }

    /// The same for a case that was granted: a judgement when it is to be told or acted on.
    pub(super) fn over_budget(&self, connection: &Connection, case: &mut Case<'_>, bytes: usize) -> Option<Judgement> {
        let terms = case.terms().filter(|terms| terms.leaving.budget.is_some())?.clone();
        let exceeded = self.exceeds(connection, (&terms, case.mode()), case.destination(), bytes)?;
        Some(Judgement { mode: exceeded.mode, ..case.postpone(BUDGET, terms.rule.clone()) })
    }
}
