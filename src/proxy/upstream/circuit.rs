//! Upstreams that fail again and again are left alone for a while: an application is told at once what it would learn only
//! after a deadline, and an upstream that comes up again is not met by all that has waited for it. Off unless configured.
//!
//! One worker's view of each target: closed, until so many failures in a row have opened it; open, for so long; then
//! half-open: one request tries whether it is well again. State is kept only of targets that have failed.

use super::Target;
use crate::flow::{Kind, Reason};
use crate::record::Handles;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The upstream has failed too often to be asked.
pub(in crate::proxy) const OPEN: Reason = Reason::new(
    "upstream-circuit-open",
    Kind::Upstream,
    "the upstream has failed so often in a row that it is left alone for a while",
);

/// When an upstream is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Failures in a row. At least 1.
    pub failures: u32,
    /// For how long.
    pub open_for: Duration,
}

/// Targets of which state is kept; of others, failures are not counted.
const MOST: usize = 1024;

/// One worker's circuits.
pub(in crate::proxy) struct Circuits {
    settings: Option<Circuit>,
    failing: RefCell<HashMap<Arc<Target>, State>>,
    metrics: Rc<Handles>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Failures in a row.
    Closed(u32),
    Open {
        until: Instant,
    },
    /// One request tries.
    HalfOpen,
}

/// A request that may be sent. It counts as what it is told to have been; as nothing, when it is told nothing.
pub(in crate::proxy) struct Attempt<'c> {
    circuits: &'c Circuits,
    target: Option<Arc<Target>>,
}

impl Circuits {
    pub(in crate::proxy) fn new(settings: Option<Circuit>, metrics: &Rc<Handles>) -> Self {
        Self { settings, failing: RefCell::default(), metrics: Rc::clone(metrics) }
    }

    /// Whether a request may go to a target.
    ///
    /// # Errors
    /// How long it may not.
    pub(in crate::proxy) fn attempt(&self, target: &Arc<Target>) -> Result<Attempt<'_>, Duration> {
        let Some(settings) = self.settings else { return Ok(Attempt { circuits: self, target: None }) };
        if let Some(state) = self.failing.borrow_mut().get_mut(target) {
            let now = Instant::now();
            match *state {
                State::Closed(_) => {}
                State::Open { until } if now < until => return Err(until - now),
                State::Open { .. } => *state = State::HalfOpen,
                State::HalfOpen => return Err(settings.open_for),
            }
        }
        Ok(Attempt { circuits: self, target: Some(Arc::clone(target)) })
    }

    fn failed(&self, target: Arc<Target>) {
        let Some(settings) = self.settings else { return };
        let mut failing = self.failing.borrow_mut();
        if failing.len() >= MOST && !failing.contains_key(&target) {
            return;
        }
        let state = failing.entry(target).or_insert(State::Closed(0));
        let opens = match state {
            State::Closed(failures) => {
                *failures += 1;
                *failures >= settings.failures
            }
            State::HalfOpen => true,
            // Asked before it was opened.
            State::Open { .. } => false,
        };
        if opens {
            if matches!(state, State::Closed(_)) {
                self.metrics.circuit_opened();
            }
            *state = State::Open { until: Instant::now() + settings.open_for };
        }
    }

    fn succeeded(&self, target: &Target) {
        if let Some(State::Open { .. } | State::HalfOpen) = self.failing.borrow_mut().remove(target) {
            self.metrics.circuit_closed();
        }
    }

    /// Forgets upstreams that have been left alone, and that nobody has asked for since.
    pub(in crate::proxy) fn sweep(&self) {
        let Some(settings) = self.settings else { return };
        let now = Instant::now();
        self.failing.borrow_mut().retain(|_, state| {
            let forgotten = matches!(state, State::Open { until } if *until + settings.open_for < now);
            if forgotten {
                self.metrics.circuit_closed();
            }
            !forgotten
        });
    }
}

impl Attempt<'_> {
    /// The upstream has answered.
    pub(in crate::proxy) fn succeeded(mut self) {
        if let Some(target) = self.target.take() {
            self.circuits.succeeded(&target);
        }
    }

    /// The upstream has not answered, or that it cannot.
    pub(in crate::proxy) fn failed(mut self) {
        if let Some(target) = self.target.take() {
            self.circuits.failed(target);
        }
    }
}

impl Drop for Attempt<'_> {
    /// One that tried and came to no end leaves the next one to try.
    fn drop(&mut self) {
        let Some(target) = self.target.take() else { return };
        if let Some(state @ State::HalfOpen) = self.circuits.failing.borrow_mut().get_mut(&target) {
            *state = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::upstream::Tls;
    use crate::record::Metrics;
    use std::net::{Ipv4Addr, SocketAddr};

    const AWHILE: Duration = Duration::from_secs(30);

    fn circuits(failures: u32) -> Circuits {
        let metrics = Rc::new(Metrics::new().worker());
        Circuits::new(Some(Circuit { failures, open_for: AWHILE }), &metrics)
    }

    fn target(number: u32) -> Arc<Target> {
        let address = SocketAddr::new(Ipv4Addr::from_bits(number).into(), 80);
        Arc::new(Target { address, tls: Tls::Off })
    }

    fn fail(circuits: &Circuits, target: &Arc<Target>, times: u32) {
        (0..times).for_each(|_| circuits.attempt(target).ok().unwrap().failed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_circuit_opens_at_so_many_failures_in_a_row() {
        let (circuits, target) = (circuits(3), target(1));
        fail(&circuits, &target, 2);
        circuits.attempt(&target).ok().unwrap().succeeded();
        fail(&circuits, &target, 3);
        assert_eq!(circuits.attempt(&target).err(), Some(AWHILE));
        assert!(circuits.attempt(&self::target(2)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_tries_whether_it_is_well_again() {
        let (circuits, target) = (circuits(1), target(1));
        fail(&circuits, &target, 1);
        tokio::time::advance(AWHILE).await;
        let trying = circuits.attempt(&target).ok().unwrap();
        assert!(circuits.attempt(&target).is_err());
        trying.failed();
        assert_eq!(circuits.attempt(&target).err(), Some(AWHILE));
        tokio::time::advance(AWHILE).await;
        drop(circuits.attempt(&target).ok().unwrap());
        circuits.attempt(&target).ok().unwrap().succeeded();
        assert!(circuits.failing.borrow().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn state_is_kept_of_so_many() {
        let circuits = circuits(2);
        (0..MOST as u32 + 1).for_each(|number| fail(&circuits, &target(number), 1));
        assert_eq!(circuits.failing.borrow().len(), MOST);
        fail(&circuits, &target(0), 1);
        assert!(circuits.attempt(&target(0)).is_err());
        tokio::time::advance(AWHILE * 3).await;
        circuits.sweep();
        assert_eq!(circuits.failing.borrow().len(), MOST - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_off_unless_it_is_configured() {
        let circuits = Circuits::new(None, &Rc::new(Metrics::new().worker()));
        fail(&circuits, &target(1), 100);
        assert!(circuits.attempt(&target(1)).is_ok() && circuits.failing.borrow().is_empty());
    }
}
