//! How much may leave the pod under a rule, and what is done about it when it is misused.

use std::time::Duration;

/// What holds for connections that a rule lets out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// How much may leave; nothing: any amount.
    pub budget: Option<Budget>,
    /// What is done about more than that, and about a connection that shows a shell, a miner or a tunnel.
    pub action: Action,
    /// Whether even signals alone are misuse: nothing that beats is expected there.
    pub beatless: bool,
}

/// Bytes within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many may leave,
    pub bytes: u64,
    /// counted anew after so long.
    pub per: Duration,
}

/// What is done about misuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is recorded, and goes on.
    Record,
    /// What shows it does not go on, and the connection or the request ends.
    #[default]
    Cut,
    /// And whoever was called is not called again for so long.
    Ban(Duration),
}

impl Leaving {
    /// Whether this is nowhere laxer than the other.
    pub fn is_as_strict_as(&self, other: &Self) -> bool {
        let budget = other
            .budget
            .is_none_or(|theirs| self.budget.is_some_and(|mine| mine.bytes <= theirs.bytes && mine.per >= theirs.per));
        let rank = |action| match action {
            Action::Record => (0, Duration::ZERO),
            Action::Cut => (1, Duration::ZERO),
            Action::Ban(lasts) => (2, lasts),
        };
        let beats = self.beatless || !other.beatless;
        budget && beats && rank(self.action) >= rank(other.action)
    }
}
