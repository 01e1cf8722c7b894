//! How the sidecar fares, in one place: what is told here reaches the record, the metrics and `/status` together, so
//! that none of them can say something else than the others.

use crate::record::line::{Reload, Start};
use crate::record::render::timestamp;
use crate::record::{Line, Metrics, Pod, Recorder, Revision};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How the sidecar fares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Status(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    recorder: Recorder,
    metrics: Metrics,
    pod: Pod,
    started: SystemTime,
    is_listening: AtomicBool,
    is_draining: AtomicBool,
    board: Mutex<Board>,
}

/// What changes seldom.
#[derive(Debug, Default)]
struct Board {
    revision: Arc<Revision>,
    listeners: Vec<String>,
    warnings: Vec<String>,
    reloads: BTreeMap<&'static str, LastReload>,
    certificates: BTreeMap<String, SystemTime>,
}

/// How the last reload of something ended.
#[derive(Clone, Debug, Serialize)]
struct LastReload {
    time: String,
    outcome: &'static str,
    problems: Vec<String>,
    warnings: Vec<String>,
    weakens: Vec<String>,
}

/// `/status`.
#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    build: Option<&'a str>,
    pod: &'a Pod,
    started: String,
    ready: bool,
    draining: bool,
    policy: &'a str,
    signatures: &'a str,
    generation: u64,
    listeners: &'a [String],
    warnings: &'a [String],
    reloads: &'a BTreeMap<&'static str, LastReload>,
    certificates: Vec<Certificate<'a>>,
    record: Written,
}

#[derive(Serialize)]
struct Certificate<'a> {
    name: &'a str,
    ends: String,
    /// 0 when it has ended.
    ends_in_seconds: u64,
}

#[derive(Serialize)]
struct Written {
    writing: bool,
    written: u64,
    repeated: u64,
    queue_full: u64,
    over_rate: u64,
    write_failed: u64,
}

impl Status {
    /// Of a process that has begun at `started`.
    pub fn new(recorder: Recorder, metrics: Metrics, pod: Pod, started: SystemTime) -> Self {
        Self(Arc::new(Shared {
            recorder,
            metrics,
            pod,
            started,
            is_listening: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            board: Mutex::default(),
        }))
    }

    /// Every listener is open: from now on the sidecar is ready.
    pub fn started(&self, start: Start) {
        {
            let mut board = self.board();
            board.revision = Arc::clone(&start.revision);
            board.listeners.clone_from(&start.listeners);
            board.warnings.clone_from(&start.warnings);
        }
        self.0.metrics.generation(start.revision.generation);
        self.0.recorder.line(Line::Start(start));
        self.0.is_listening.store(true, Ordering::Release);
    }

    /// No more connections are accepted: the sidecar is not ready any longer.
    pub fn draining(&self) {
        self.0.is_draining.store(true, Ordering::Release);
    }

    /// Something was read again, with success or not.
    pub fn reloaded(&self, reload: Reload) {
        let succeeded = reload.problems.is_empty();
        let last = LastReload {
            time: timestamp(reload.time),
            outcome: if succeeded { "ok" } else { "failed" },
            problems: reload.problems.clone(),
            warnings: reload.warnings.clone(),
            weakens: reload.weakens.clone(),
        };
        {
            let mut board = self.board();
            board.revision = Arc::clone(&reload.revision);
            board.reloads.insert(reload.what, last);
        }
        self.0.metrics.reloaded(reload.what, succeeded);
        self.0.metrics.generation(reload.revision.generation);
        self.0.recorder.line(Line::Reload(reload));
    }

    /// When a certificate in use ends: our own (`own`), or a bundle's first (its trust domain).
    pub fn certificate(&self, name: &str, ends: SystemTime) {
        self.0.metrics.certificate_ends(name, ends);
        self.board().certificates.insert(name.to_owned(), ends);
    }

    /// Whether connections are accepted.
    pub fn is_ready(&self) -> bool {
        self.0.is_listening.load(Ordering::Acquire) && !self.0.is_draining.load(Ordering::Acquire)
    }

    /// Whether the process does what it is for: a sidecar that can leave no evidence is to be restarted.
    pub fn is_alive(&self) -> bool {
        self.0.recorder.is_writing()
    }

    /// The metrics in the Prometheus text format, with what the recorder and the operating system say at this moment.
    pub fn metrics(&self) -> String {
        let Shared { recorder, metrics, started, .. } = &*self.0;
        metrics.recorded(&recorder.losses());
        let (resident_bytes, cpu) = process();
        metrics.process(*started, resident_bytes, cpu);
        metrics.render()
    }

    /// Everything as JSON.
    pub fn report(&self, now: SystemTime) -> String {
        let Shared { recorder, pod, started, is_draining, .. } = &*self.0;
        let losses = recorder.losses();
        let board = self.board();
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            build: recorder.build(),
            pod,
            started: timestamp(*started),
            ready: self.is_ready(),
            draining: is_draining.load(Ordering::Acquire),
            policy: &board.revision.policy,
            signatures: &board.revision.signatures,
            generation: board.revision.generation,
            listeners: &board.listeners,
            warnings: &board.warnings,
            reloads: &board.reloads,
            certificates: board.certificates.iter().map(|(name, ends)| Certificate::of(name, *ends, now)).collect(),
            record: Written {
                writing: recorder.is_writing(),
                written: losses.written,
                repeated: losses.repeated,
                queue_full: losses.queue_full,
                over_rate: losses.over_rate,
                write_failed: losses.write_failed,
            },
        };
        // Strings and numbers under string keys: there is nothing that JSON could not say.
        serde_json::to_string_pretty(&report).unwrap_or_default()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Whole values are put behind it, so a panic leaves it whole.
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Certificate<'a> {
    fn of(name: &'a str, ends: SystemTime, now: SystemTime) -> Self {
        let left = ends.duration_since(now).unwrap_or_default();
        Self { name, ends: timestamp(ends), ends_in_seconds: left.as_secs() }
    }
}

/// Resident bytes and CPU time of this process, as procfs says (proc(5)); zero where there is no procfs.
fn process() -> (u64, Duration) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let status = read("/proc/self/status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let stat = read("/proc/self/stat");
    // The command may contain anything but ends at the last bracket; user and system time are the 14th and 15th field,
    // in ticks of which Linux counts 100 a second for every process.
    let after = stat.rsplit_once(") ").map(|(_, after)| after).unwrap_or_default();
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    (resident.unwrap_or(0_u64) * 1024, Duration::from_millis(ticks * 10))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::Settings;
    use crate::record::line::Origin;

    pub(in crate::control) fn status() -> Status {
        let origin = Origin { build: "test".into(), ..Origin::default() };
        let (recorder, writer) = Recorder::start(Settings::default(), origin, Vec::new()).unwrap();
        // Dropped, it would end the record thread.
        std::mem::forget(writer);
        Status::new(recorder, Metrics::new(), Pod::default(), SystemTime::now())
    }

    fn reload(problems: &[&str]) -> Reload {
        Reload {
            time: SystemTime::now(),
            what: "allowlists",
            problems: problems.iter().map(|text| (*text).to_owned()).collect(),
            warnings: Vec::new(),
            weakens: Vec::new(),
            revision: Arc::new(Revision {
                policy: "p".into(),
                signatures: "s".into(),
                generation: 3,
                about: Arc::default(),
            }),
        }
    }

    fn report(status: &Status) -> serde_json::Value {
        serde_json::from_str(&status.report(SystemTime::now())).unwrap()
    }

    #[test]
    fn failed_reload_is_told_everywhere() {
        let status = status();
        status.reloaded(reload(&["a.yaml:1:1: error: x"]));
        assert_eq!(report(&status)["reloads"]["allowlists"]["outcome"], "failed");
        let metrics = status.metrics();
        assert!(metrics.contains("podwall_reloads_total{what=\"allowlists\",outcome=\"failed\"} 1\n"), "{metrics}");
        assert!(metrics.contains("podwall_reload_last_ok{what=\"allowlists\"} 0\n"));
        status.reloaded(reload(&[]));
        assert!(status.metrics().contains("podwall_reload_last_ok{what=\"allowlists\"} 1\n"));
        assert_eq!(report(&status)["generation"], 3);
    }

    #[test]
    fn ready_begins_with_the_start_until_the_drain() {
        let status = status();
        assert!(!status.is_ready());
        let start =
            Start { time: SystemTime::now(), revision: Arc::default(), listeners: Vec::new(), warnings: Vec::new() };
        status.started(start);
        assert!(status.is_ready());
        status.draining();
        assert!(!status.is_ready());
    }

    #[test]
    fn certificate_that_has_ended_has_nothing_left() {
        let status = status();
        status.certificate("own", SystemTime::UNIX_EPOCH);
        assert_eq!(report(&status)["certificates"][0]["ends_in_seconds"], 0);
    }

    #[test]
    fn process_uses_memory() {
        assert!(process().0 > 100_000);
    }
}
