//! Who may come in: how many connections are open, over all workers.

use super::settings::Limits;
use crate::flow::{Kind, Reason};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many connections are open as may be.
pub(super) const CONNECTIONS: Reason =
    Reason::new("limit-connections", Kind::TooMany, "as many connections are open as may be");

/// Counts open connections, for all workers.
#[derive(Debug, Default)]
pub(super) struct Door {
    open: AtomicUsize,
}

/// One connection that came in; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    door: Arc<Door>,
    /// Why it may not stay.
    pub(super) refused: Option<Reason>,
}

impl Door {
    /// Open connections.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a connection, and says whether it may stay.
    pub(super) fn enter(self: &Arc<Self>, limits: &Limits) -> Inside {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        Inside { door: self.clone(), refused: (open > limits.connections).then_some(CONNECTIONS) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.door.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::settings::tests::limits;

    #[test]
    fn connections_end_at_their_limit() {
        let door = Arc::new(Door::default());
        let limits = Limits { connections: 2, ..limits() };
        let inside: Vec<_> = (0..3).map(|_| door.enter(&limits)).collect();
        assert_eq!(inside.iter().map(|one| one.refused).collect::<Vec<_>>(), [None, None, Some(CONNECTIONS)]);
        drop(inside);
        assert_eq!(door.open(), 0);
    }
}
