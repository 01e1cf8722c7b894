//! One worker's counters, made once. A request costs a few relaxed additions on cache lines of the worker's own.

use super::metrics::{
    ACCEPTED, BYTES, CIRCUITS, CIRCUITS_OPEN, DECISIONS, DECODE, EGRESS, EGRESS_BYTES, HANDSHAKE, HANDSHAKES, JUDGE,
    LIMITS, Metric, OPEN, Process, REFUSED, REQUESTS, STATEMENTS, TOTAL, UPSTREAM_ERRORS, UPSTREAM_OPEN, counter,
    gauge, histogram,
};
use super::registry::Registry;
use crate::flow::{Direction, Kind, Mode, Reason, Verdict};
use foldhash::quality::RandomState;
use metrics::{Counter, Gauge, Histogram};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One worker's handles.
#[derive(Debug)]
pub struct Handles {
    process: Arc<Process>,
    ways: [Way; 2],
    handshake_ok: Counter,
    handshake_resumed: Counter,
    handshake_seconds: Histogram,
    upstream_open: Gauge,
    circuits: Counter,
    circuits_open: Gauge,
    /// Counters by reason. A lock of this worker's own, taken for refusals only.
    by_reason: Mutex<HashMap<ByReason, Counter>>,
    /// Counters of statements, those that came first first. A lock of this worker's own.
    statements: Mutex<Vec<(OfStatement, Counter)>>,
    /// Counters of what the pod calls. A lock of this worker's own.
    egress: Mutex<HashMap<(&'static str, &'static str, &'static str), Counter, RandomState>>,
}

/// Direction, kind, outcome.
type OfStatement = (Direction, &'static str, &'static str);

/// Metric, direction, mode, reason.
type ByReason = (&'static str, Direction, Mode, &'static str);

/// What is counted for each direction.
#[derive(Debug)]
struct Way {
    allowed: [Counter; 3],
    masked: [Counter; 3],
    answered: [Counter; 6],
    bytes_in: Counter,
    bytes_out: Counter,
    decode: Histogram,
    judge: Histogram,
    total: Histogram,
    open: Gauge,
    accepted: Counter,
}

impl Handles {
    pub(super) fn new(process: &Arc<Process>) -> Self {
        let registry = &process.registry;
        Self {
            process: Arc::clone(process),
            ways: [Direction::Inbound, Direction::Outbound].map(|direction| Way::new(registry, direction)),
            handshake_ok: counter(registry, &HANDSHAKES, &["ok", ""]),
            handshake_resumed: counter(registry, &HANDSHAKES, &["resumed", ""]),
            handshake_seconds: histogram(registry, &HANDSHAKE, &[]),
            upstream_open: gauge(registry, &UPSTREAM_OPEN, &[]),
            circuits: counter(registry, &CIRCUITS, &[]),
            circuits_open: gauge(registry, &CIRCUITS_OPEN, &[]),
            by_reason: Mutex::default(),
            statements: Mutex::default(),
            egress: Mutex::default(),
        }
    }

    /// Counts a judgement; a refusal for a limit or for the upstream's sake also under that.
    pub fn judged(&self, direction: Direction, mode: Mode, verdict: &Verdict) {
        let way = self.way(direction);
        match verdict {
            Verdict::Allow => increment(way.allowed.get(mode as usize)),
            Verdict::Mask(_) => increment(way.masked.get(mode as usize)),
            Verdict::Deny(denial) => self.denied(direction, mode, denial.reason),
        }
    }

    /// Counts an exchange's end. `status` 0: there was no answer.
    pub fn answered(&self, direction: Direction, status: u16, total: Duration) {
        let way = self.way(direction);
        increment(way.answered.get(usize::from(status / 100)).or(way.answered.first()));
        way.total.record(total.as_secs_f64());
    }

    /// Counts bytes of an exchange.
    pub fn carried(&self, direction: Direction, bytes_in: u64, bytes_out: u64) {
        let way = self.way(direction);
        way.bytes_in.increment(bytes_in);
        way.bytes_out.increment(bytes_out);
    }

    /// Time that decoding a message took.
    pub fn decoded(&self, direction: Direction, took: Duration) {
        self.way(direction).decode.record(took.as_secs_f64());
    }

    /// Time that judging a message took.
    pub fn took_judging(&self, direction: Direction, took: Duration) {
        self.way(direction).judge.record(took.as_secs_f64());
    }

    /// Counts an SQL statement by its kind, which is one of a fixed list, and by what became of it.
    pub fn statement(&self, direction: Direction, kind: &'static str, outcome: &'static str) {
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (direction, kind, outcome);
        // Words of fixed lists: most often they are the same in memory.
        let same = |known: &(Direction, &'static str, &'static str)| {
            known.0 == direction && std::ptr::eq(known.1, kind) && std::ptr::eq(known.2, outcome)
        };
        let known = statements.iter().find(|(known, _)| same(known));
        if let Some((_, counter)) = known.or_else(|| statements.iter().find(|(known, _)| *known == key)) {
            return counter.increment(1);
        }
        let fresh = counter(&self.process.registry, &STATEMENTS, &[direction.name(), kind, outcome]);
        fresh.increment(1);
        statements.push((key, fresh));
    }

    /// Counts a redirected outbound connection, by what it speaks, which is one of a fixed list, and what was decided.
    pub fn called(&self, protocol: Option<&'static str>, verdict: &'static str) {
        self.egress(&EGRESS, protocol.unwrap_or("unknown"), verdict, 1);
    }

    /// Counts bytes of what the pod calls.
    pub fn left(&self, protocol: &'static str, bytes_out: u64, bytes_in: u64) {
        self.egress(&EGRESS_BYTES, protocol, "out", bytes_out);
        self.egress(&EGRESS_BYTES, protocol, "in", bytes_in);
    }

    fn egress(&self, metric: &'static Metric, protocol: &'static str, which: &'static str, count: u64) {
        let mut counters = self.egress.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || counter(&self.process.registry, metric, &[protocol, which]);
        counters.entry((metric.name, protocol, which)).or_insert_with(fresh).increment(count);
    }

    /// Counts an accepted connection.
    pub fn opened(&self, direction: Direction) {
        let way = self.way(direction);
        way.accepted.increment(1);
        way.open.increment(1);
    }

    /// An accepted connection has ended.
    pub fn closed(&self, direction: Direction) {
        self.way(direction).open.decrement(1);
    }

    /// Counts a connection that was refused before a request was read.
    pub fn refused(&self, direction: Direction, reason: Reason) {
        self.by_reason(&REFUSED, direction, Mode::Enforce, reason).increment(1);
        self.by_kind(direction, reason);
    }

    /// Counts a connection that a limit ended without a refusal: it was idle, or had carried all that it may.
    pub fn limited(&self, direction: Direction, reason: Reason) {
        self.by_kind(direction, reason);
    }

    /// Counts a handshake that succeeded.
    pub fn handshake(&self, resumed: bool, took: Duration) {
        let counter = if resumed { &self.handshake_resumed } else { &self.handshake_ok };
        counter.increment(1);
        self.handshake_seconds.record(took.as_secs_f64());
    }

    /// Counts a handshake that failed.
    pub fn handshake_failed(&self, reason: Reason) {
        self.by_reason(&HANDSHAKES, Direction::Inbound, Mode::Enforce, reason).increment(1);
        self.by_kind(Direction::Inbound, reason);
    }

    /// A connection to an upstream was opened.
    pub fn upstream_opened(&self) {
        self.upstream_open.increment(1);
    }

    /// A connection to an upstream has ended.
    pub fn upstream_closed(&self) {
        self.upstream_open.decrement(1);
    }

    /// An upstream is left alone from here on.
    pub fn circuit_opened(&self) {
        self.circuits.increment(1);
        self.circuits_open.increment(1);
    }

    /// An upstream is asked again.
    pub fn circuit_closed(&self) {
        self.circuits_open.decrement(1);
    }

    fn denied(&self, direction: Direction, mode: Mode, reason: Reason) {
        self.by_reason(&DECISIONS, direction, mode, reason).increment(1);
        self.by_kind(direction, reason);
    }

    fn by_kind(&self, direction: Direction, reason: Reason) {
        match reason.kind {
            Kind::TooLarge | Kind::TooSlow | Kind::TooMany => {
                self.by_reason(&LIMITS, direction, Mode::Enforce, reason).increment(1);
            }
            Kind::Upstream => self.by_reason(&UPSTREAM_ERRORS, direction, Mode::Enforce, reason).increment(1),
            _ => {}
        }
    }

    /// `mode` only tells decisions apart.
    fn by_reason(&self, metric: &'static Metric, direction: Direction, mode: Mode, reason: Reason) -> Counter {
        let name = self.process.reason(reason);
        let mut counters = self.by_reason.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let (way, mode, kind) = (direction.name(), mode.name(), reason.kind.name());
            let registry = &self.process.registry;
            match metric.labels {
                ["outcome", "reason"] => counter(registry, metric, &["failed", name]),
                ["direction", "reason"] => counter(registry, metric, &[way, name]),
                _ => counter(registry, metric, &[way, mode, "deny", kind, name]),
            }
        };
        counters.entry((metric.name, direction, mode, name)).or_insert_with(fresh).clone()
    }

    fn way(&self, direction: Direction) -> &Way {
        let [inbound, outbound] = &self.ways;
        match direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        }
    }
}

impl Way {
    fn new(registry: &Registry, direction: Direction) -> Self {
        let way = direction.name();
        let decided = |verdict| {
            [Mode::Learn, Mode::Shadow, Mode::Enforce]
                .map(|mode| counter(registry, &DECISIONS, &[way, mode.name(), verdict, "", ""]))
        };
        let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            allowed: decided("allow"),
            masked: decided("mask"),
            answered: classes.map(|class| counter(registry, &REQUESTS, &[way, class])),
            bytes_in: counter(registry, &BYTES, &[way, "in"]),
            bytes_out: counter(registry, &BYTES, &[way, "out"]),
            decode: histogram(registry, &DECODE, &[way]),
            judge: histogram(registry, &JUDGE, &[way]),
            total: histogram(registry, &TOTAL, &[way]),
            open: gauge(registry, &OPEN, &[way]),
            accepted: counter(registry, &ACCEPTED, &[way]),
        }
    }
}

fn increment(counter: Option<&Counter>) {
    if let Some(counter) = counter {
        counter.increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Cut, Denial};
    use crate::record::Metrics;
    use crate::record::metrics::MAX_REASONS;

    fn deny(name: &'static str, kind: Kind) -> Verdict {
        Verdict::Deny(Denial { reason: Reason::new(name, kind, ""), cut: Cut::Refuse })
    }

    #[test]
    fn decisions_are_told_apart() {
        let metrics = Metrics::new();
        let [one, two] = [metrics.worker(), metrics.worker()];
        one.judged(Direction::Inbound, Mode::Enforce, &Verdict::Allow);
        two.judged(Direction::Inbound, Mode::Enforce, &Verdict::Allow);
        one.judged(Direction::Inbound, Mode::Shadow, &deny("head-too-large", Kind::TooLarge));
        let text = metrics.render();
        let decided = "podwall_decisions_total{direction=\"inbound\",mode=";
        assert!(
            text.contains(&format!("{decided}\"enforce\",verdict=\"allow\",kind=\"\",reason=\"\"}} 2\n")),
            "{text}"
        );
        let denied = "\"shadow\",verdict=\"deny\",kind=\"too-large\",reason=\"head-too-large\"} 1\n";
        assert!(text.contains(&format!("{decided}{denied}")), "{text}");
        assert!(text.contains("podwall_limits_hit_total{direction=\"inbound\",reason=\"head-too-large\"} 1\n"));
    }

    #[test]
    fn reasons_are_bounded() {
        let metrics = Metrics::new();
        let handles = metrics.worker();
        for number in 0..=MAX_REASONS {
            let name: &'static str = Box::leak(format!("reason-{number}").into_boxed_str());
            handles.judged(Direction::Inbound, Mode::Enforce, &deny(name, Kind::Policy));
        }
        let text = metrics.render();
        assert!(text.contains(&format!("reason=\"reason-{}\"", MAX_REASONS - 1)));
        assert!(!text.contains(&format!("reason=\"reason-{MAX_REASONS}\"")));
        assert!(text.contains("reason=\"other\"} 1"));
    }

    #[test]
    fn status_beyond_the_classes_counts_as_none() {
        let metrics = Metrics::new();
        let handles = metrics.worker();
        [0, 99, 200, 599, 600]
            .into_iter()
            .for_each(|status| handles.answered(Direction::Inbound, status, Duration::ZERO));
        let text = metrics.render();
        assert!(text.contains("code=\"none\"} 3\n") && text.contains("code=\"2xx\"} 1\n"), "{text}");
    }
}
