//! Every metric: its name, its labels, its help, and the handles that count it. Nothing else in the house names a metric.
//!
//! Labels come from fixed lists, and from reasons, which are constants of the program: no sender can make a series.

use super::handles::Handles;
use super::recorder::Losses;
use super::registry::Registry;
use crate::flow::Reason;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A metric as documented.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What is counted.
    pub sort: Sort,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence for `# HELP`.
    pub help: &'static str,
}

/// What sort of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds in fixed buckets.
    Histogram,
}

macro_rules! metrics {
    ($($constant:ident = $sort:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub(super) const $constant: Metric =
            Metric { name: $name, sort: Sort::$sort, labels: &[$($label),*], help: $help };)*
        /// Every metric there is.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    DECISIONS = Counter "podwall_decisions_total" ["direction" "mode" "verdict" "kind" "reason"]
        "Judgements, by what was decided and why; the verdict counts whatever the mode did with it.";
    REQUESTS = Counter "podwall_requests_total" ["direction" "code"]
        "Exchanges that were answered, by the class of the answer's status; none: the connection ended without one.";
    BYTES = Counter "podwall_bytes_total" ["direction" "way"]
        "Bytes of the application protocol, from the caller (in) or to the caller (out).";
    DECODE = Histogram "podwall_decode_seconds" ["direction"]
        "Time to decode a message, without waiting for its bytes.";
    JUDGE = Histogram "podwall_judge_seconds" ["direction"]
        "Time to judge a message.";
    TOTAL = Histogram "podwall_request_seconds" ["direction"]
        "Time from an exchange's first byte to the last byte of its answer.";
    STATEMENTS = Counter "podwall_statements_total" ["direction" "kind" "outcome"]
        "SQL statements by their kind (SELECT, BEGIN, …): granted, or denied.";
    EGRESS = Counter "podwall_egress_connections_total" ["protocol" "verdict"]
        "Redirected outbound connections by what they speak (unknown: nobody knows it): allow, deny, or judged message by message.";
    EGRESS_BYTES = Counter "podwall_egress_bytes_total" ["protocol" "way"]
        "Bytes that left the pod (out) and came back (in), by what was spoken.";
    OPEN = Gauge "podwall_connections_open" ["direction"]
        "Connections that are open.";
    ACCEPTED = Counter "podwall_connections_accepted_total" ["direction"]
        "Connections accepted.";
    REFUSED = Counter "podwall_connections_refused_total" ["direction" "reason"]
        "Connections refused before any request was read.";
    HANDSHAKES = Counter "podwall_handshakes_total" ["outcome" "reason"]
        "TLS handshakes: ok, resumed, or failed and why.";
    HANDSHAKE = Histogram "podwall_handshake_seconds" []
        "Time of a TLS handshake that succeeded, waiting for the peer included.";
    CERTIFICATE = Gauge "podwall_certificate_expiry_timestamp_seconds" ["certificate"]
        "When a certificate in use ends, in seconds since 1970.";
    RELOADS = Counter "podwall_reloads_total" ["what" "outcome"]
        "Reloads of allowlists, signatures and identity; failed: the old one goes on serving.";
    RELOAD_OK = Gauge "podwall_reload_last_ok" ["what"]
        "1 when the last reload succeeded or none was needed, 0 while a broken one waits to be repaired.";
    RECORD_LINES = Counter "podwall_record_lines_total" []
        "Lines of the record that were written.";
    RECORD_REPEATED = Counter "podwall_record_repeated_total" []
        "Events told by a count instead of a line of their own.";
    RECORD_LOST = Counter "podwall_record_lost_total" ["cause"]
        "Lines of the record that were lost, and why; a gap line in the record tells of them too.";
    HELD = Gauge "podwall_held_bytes" []
        "Bytes of messages that are held until they are judged.";
    UPSTREAM_ERRORS = Counter "podwall_upstream_errors_total" ["direction" "reason"]
        "Exchanges that failed at the upstream.";
    UPSTREAM_OPEN = Gauge "podwall_upstream_connections_open" []
        "Connections to upstreams, idle ones included.";
    CIRCUITS = Counter "podwall_circuits_opened_total" []
        "Called upstreams that were left alone because they had failed too often.";
    CIRCUITS_OPEN = Gauge "podwall_circuits_open" []
        "Called upstreams that are left alone, counted for each worker.";
    LIMITS = Counter "podwall_limits_hit_total" ["direction" "reason"]
        "Refusals and ends because of a size, a deadline or a number.";
    PANICS = Counter "podwall_panics_total" []
        "Defects of ours; each cost one connection.";
    BUILD = Gauge "podwall_build_info" ["version"]
        "Always 1.";
    GENERATION = Gauge "podwall_generation" []
        "Reloads of policy and signatures that succeeded.";
    STARTED = Gauge "process_start_time_seconds" []
        "When the process began, in seconds since 1970.";
    MEMORY = Gauge "process_resident_memory_bytes" []
        "Resident memory.";
    CPU = Counter "process_cpu_seconds_total" []
        "User and system time, whole seconds.";
}

/// Different reasons that get a series of their own; the others are counted as `other`.
pub(super) const MAX_REASONS: usize = 256;

/// The metrics of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Process>);

#[derive(Debug)]
pub(super) struct Process {
    pub(super) registry: Registry,
    reasons: Mutex<HashSet<&'static str>>,
    singles: Mutex<HashMap<(&'static str, String), Gauge>>,
    reloads: Mutex<HashMap<(&'static str, bool), Counter>>,
    generation: Gauge,
    held: Gauge,
    panics: Counter,
    record: [Counter; 5],
    started: Gauge,
    memory: Gauge,
    cpu: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// With every metric described and nothing counted.
    pub fn new() -> Self {
        let registry = Registry::default();
        for metric in METRICS {
            describe(&registry, metric);
        }
        gauge(&registry, &BUILD, &[env!("CARGO_PKG_VERSION")]).set(1);
        let causes =
            ["queue-full", "over-rate", "write-failed"].map(|cause| counter(&registry, &RECORD_LOST, &[cause]));
        let [full, rate, failed] = causes;
        Self(Arc::new(Process {
            reasons: Mutex::default(),
            singles: Mutex::default(),
            reloads: Mutex::default(),
            generation: gauge(&registry, &GENERATION, &[]),
            held: gauge(&registry, &HELD, &[]),
            panics: counter(&registry, &PANICS, &[]),
            record: [
                counter(&registry, &RECORD_LINES, &[]),
                counter(&registry, &RECORD_REPEATED, &[]),
                full,
                rate,
                failed,
            ],
            started: gauge(&registry, &STARTED, &[]),
            memory: gauge(&registry, &MEMORY, &[]),
            cpu: counter(&registry, &CPU, &[]),
            registry,
        }))
    }

    /// Handles for one worker.
    pub fn worker(&self) -> Handles {
        Handles::new(&self.0)
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        self.0.registry.render()
    }

    /// When a certificate in use ends. `certificate` is its name in the configuration, never its content.
    pub fn certificate_ends(&self, certificate: &str, not_after: SystemTime) {
        self.0.single(&CERTIFICATE, certificate).set(seconds(not_after));
    }

    /// Counts a reload of `allowlists`, `signatures` or `identity`.
    pub fn reloaded(&self, what: &'static str, succeeded: bool) {
        let outcome = if succeeded { "ok" } else { "failed" };
        let fresh = || counter(&self.0.registry, &RELOADS, &[what, outcome]);
        let mut reloads = self.0.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        reloads.entry((what, succeeded)).or_insert_with(fresh).increment(1);
        self.0.single(&RELOAD_OK, what).set(f64::from(u8::from(succeeded)));
    }

    /// Reloads that succeeded.
    pub fn generation(&self, generation: u64) {
        self.0.generation.set(generation as f64);
    }

    /// Bytes of messages held at this moment.
    pub fn held_bytes(&self, bytes: u64) {
        self.0.held.set(bytes as f64);
    }

    /// Counts a defect of ours.
    pub fn panicked(&self) {
        self.0.panics.increment(1);
    }

    /// Takes over what the recorder has counted.
    pub fn recorded(&self, losses: &Losses) {
        let Losses { written, repeated, queue_full, over_rate, write_failed } = *losses;
        for (counter, value) in self.0.record.iter().zip([written, repeated, queue_full, over_rate, write_failed]) {
            counter.absolute(value);
        }
    }

    /// What the operating system says of the process.
    pub fn process(&self, started: SystemTime, resident_bytes: u64, cpu: Duration) {
        self.0.started.set(seconds(started));
        self.0.memory.set(resident_bytes as f64);
        self.0.cpu.absolute(cpu.as_secs());
    }
}

impl Process {
    /// The reason's name, or `other` when there are too many.
    pub(super) fn reason(&self, reason: Reason) -> &'static str {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let known = reasons.contains(reason.name) || (reasons.len() < MAX_REASONS && reasons.insert(reason.name));
        if known { reason.name } else { "other" }
    }

    /// A gauge that has one cell, however often it is asked for.
    fn single(&self, metric: &'static Metric, label: &str) -> Gauge {
        let mut singles = self.singles.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || gauge(&self.registry, metric, &[label]);
        singles.entry((metric.name, label.to_owned())).or_insert_with(fresh).clone()
    }
}

const ANY: Metadata<'static> = Metadata::new("podwall", Level::INFO, None);

fn describe(registry: &Registry, metric: &Metric) {
    match metric.sort {
        Sort::Counter => registry.describe_counter(metric.name.into(), None, metric.help.into()),
        Sort::Gauge => registry.describe_gauge(metric.name.into(), None, metric.help.into()),
        Sort::Histogram => registry.describe_histogram(metric.name.into(), None, metric.help.into()),
    }
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    let labels = metric.labels.iter().zip(values).map(|(label, value)| Label::new(*label, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

pub(super) fn counter(registry: &Registry, metric: &Metric, values: &[&str]) -> Counter {
    registry.register_counter(&key(metric, values), &ANY)
}

pub(super) fn gauge(registry: &Registry, metric: &Metric, values: &[&str]) -> Gauge {
    registry.register_gauge(&key(metric, values), &ANY)
}

pub(super) fn histogram(registry: &Registry, metric: &Metric, values: &[&str]) -> Histogram {
    registry.register_histogram(&key(metric, values), &ANY)
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn certificate_has_one_end() {
        let metrics = Metrics::new();
        [10, 20].into_iter().for_each(|at| metrics.certificate_ends("server", UNIX_EPOCH + Duration::from_secs(at)));
        assert!(metrics.render().contains("expiry_timestamp_seconds{certificate=\"server\"} 20\n"));
    }

    #[test]
    fn names_are_of_one_house() {
        for metric in METRICS {
            let known = metric.name.starts_with("podwall_") || metric.name.starts_with("process_");
            let counts = metric.name.ends_with("_total") == (metric.sort == Sort::Counter);
            assert!(known && counts && metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
