//! The way into the record. A [`Recorder`] is handed to everyone who has something to tell, and never makes them wait.
//! What it takes is written by the thread of the [`Writer`].

use super::aggregate::Aggregate;
use super::id::EventIds;
use super::line::{Gap, Stop};
use super::queue::{Queue, Room};
use super::repeat::{Answer, Repeats, Same};
use super::sink::Sink;
use super::writer::Writer;
use super::{Caller, Event, EventId, Handshake, Line, Origin};
use crate::flow::{Direction, Peer};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The bounds of the record.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Room for events on their way to the record thread.
    pub queue: Room,
    /// Room kept for the first event of each caller and reason, and for the process's own lines.
    pub reserve: Room,
    /// Events of one caller, reason and rule written in each window; the others are counted.
    pub repeats: u64,
    /// That window.
    pub repeat_window: Duration,
    /// Events written in one second; the others are counted.
    pub lines_per_second: u64,
    /// How often allowed traffic is written.
    pub aggregate_interval: Duration,
    /// The key of the masks' hashes; nothing: random for this process.
    pub mask_key: Option<[u8; 32]>,
}

/// Hands events to the record thread. Cheap to clone, never waits.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Shared>);

/// Lines written and lost since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Handed to at least one sink.
    pub written: u64,
    /// Counted instead of written, as repeats: told exactly by a later line, so not lost.
    pub repeated: u64,
    /// Lost because the queue was full.
    pub queue_full: u64,
    /// Lost because there were more per second than configured.
    pub over_rate: u64,
    /// Lost because a sink could not write; counted once for each sink.
    pub write_failed: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) wake: Condvar,
    pub(super) ended: Condvar,
    ids: EventIds,
    pub(super) began: Instant,
    pub(super) workers: Mutex<Vec<Arc<Aggregate>>>,
    pub(super) settings: Settings,
    pub(super) written: AtomicU64,
    pub(super) write_failed: AtomicU64,
    pub(super) build: OnceLock<String>,
    listener: OnceLock<Listener>,
}

/// Whoever is told of judgements.
struct Listener(Box<Hears>);

type Hears = dyn Fn(&Event) -> Option<Event> + Send + Sync;

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// Behind the lock: refused traffic only, for as long as a push takes; allowed traffic never comes here.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) repeats: Repeats,
    second: u64,
    lines_in_second: u64,
    /// What was lost since the record thread last asked.
    pub(super) gap: Gap,
    pub(super) losses: Losses,
    pub(super) stop: Option<Stop>,
    pub(super) closed: bool,
    pub(super) has_ended: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: Room { lines: 4096, bytes: 4 << 20 },
            reserve: Room { lines: 512, bytes: 1 << 20 },
            repeats: 20,
            repeat_window: Duration::from_secs(60),
            lines_per_second: 1000,
            aggregate_interval: Duration::from_secs(60),
            mask_key: None,
        }
    }
}

impl Recorder {
    /// Starts the record thread, which writes to each of `sinks`.
    ///
    /// # Errors
    /// When there is no randomness for the key of the masks, or no thread to be had.
    pub fn start(settings: Settings, origin: Origin, sinks: Vec<Box<dyn Sink>>) -> io::Result<(Self, Writer)> {
        let mut key = [0; 32];
        match settings.mask_key {
            Some(given) => key = given,
            None => getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?,
        }
        let shared = Arc::new(Shared::new(settings));
        let writer = Writer::start(Arc::clone(&shared), key, origin, sinks)?;
        Ok((Self(shared), writer))
    }

    /// A new event id.
    pub fn id(&self, now: SystemTime) -> EventId {
        self.0.ids.next(now)
    }

    /// Counts for one worker; collected for as long as the process lives.
    pub fn worker(&self) -> Arc<Aggregate> {
        let aggregate = Arc::new(Aggregate::default());
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&aggregate));
        aggregate
    }

    /// Who is told of each judgement before it is recorded, and may have an event to add. Only the first is taken.
    pub fn listen(&self, listener: impl Fn(&Event) -> Option<Event> + Send + Sync + 'static) {
        let _ = self.0.listener.set(Listener(Box::new(listener)));
    }

    /// Records a judgement.
    pub fn judged(&self, event: Event) {
        let more = self.0.listener.get().and_then(|listener| (listener.0)(&event));
        self.record(event);
        if let Some(more) = more {
            self.record(Event { id: self.id(more.time), ..more });
        }
    }

    fn record(&self, event: Event) {
        let same = event.reason().map(|reason| {
            let rule = event.rules.first().cloned();
            Same { caller: event.caller(), reason, rule }
        });
        self.offer(same, event.id, Line::Judged(Box::new(event)));
    }

    /// Records a refused handshake.
    pub fn handshake(&self, refused: Handshake) {
        let caller = Caller::new(&Peer::Unverified, refused.from.0.ip(), Direction::Inbound);
        let same = Same { caller, reason: refused.reason, rule: None };
        self.offer(Some(same), refused.id, Line::Handshake(Box::new(refused)));
    }

    /// Records what the process itself has to say: a start, a reload, a panic.
    pub fn line(&self, line: Line) {
        let mut state = self.0.state();
        state.push(line, true);
        self.0.wake.notify_one();
    }

    /// What was written and lost so far.
    pub fn losses(&self) -> Losses {
        let written = self.0.written.load(Ordering::Relaxed);
        let write_failed = self.0.write_failed.load(Ordering::Relaxed);
        Losses { written, write_failed, ..self.0.state().losses }
    }

    /// Whether the record thread still lives.
    pub fn is_writing(&self) -> bool {
        !self.0.state().has_ended
    }

    /// The hash of the running program, once the record thread has found it out.
    pub fn build(&self) -> Option<&str> {
        self.0.build.get().map(String::as_str)
    }

    fn offer(&self, same: Option<Same>, id: EventId, line: Line) {
        let at = self.0.began.elapsed();
        let mut state = self.0.state();
        let answer = same.map_or(Answer::Write, |same| state.repeats.note(same, id, at));
        match answer {
            Answer::Counted => state.losses.repeated += 1,
            Answer::First => state.push(line, true),
            Answer::Write if state.is_over_rate(at, self.0.settings.lines_per_second) => {
                state.gap.over_rate += 1;
                state.losses.over_rate += 1;
            }
            Answer::Write => state.push(line, false),
        }
        drop(state);
        self.0.wake.notify_one();
    }
}

impl Shared {
    fn new(settings: Settings) -> Self {
        let state = State {
            queue: Queue::new(settings.queue, settings.reserve),
            repeats: Repeats::new(settings.repeats, settings.repeat_window),
            second: 0,
            lines_in_second: 0,
            gap: Gap::default(),
            losses: Losses::default(),
            stop: None,
            closed: false,
            has_ended: false,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            ended: Condvar::new(),
            ids: EventIds::default(),
            began: Instant::now(),
            workers: Mutex::default(),
            settings,
            written: AtomicU64::new(0),
            write_failed: AtomicU64::new(0),
            build: OnceLock::new(),
            listener: OnceLock::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing behind this lock is left half-changed by a panic: counters and a queue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, line: Line, keep: bool) {
        if self.queue.push(line, keep).is_err() {
            self.gap.queue_full += 1;
            self.losses.queue_full += 1;
        }
    }

    fn is_over_rate(&mut self, at: Duration, most: u64) -> bool {
        if self.second != at.as_secs() {
            self.second = at.as_secs();
            self.lines_in_second = 0;
        }
        self.lines_in_second += 1;
        self.lines_in_second > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::chain::Chain;
    use crate::record::event::tests::{denied, noon};
    use crate::record::{Traffic, line};
    use serde_json::Value;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::thread;

    /// Takes batches when it is told to, and fails when it is told to.
    struct Held {
        gate: Receiver<bool>,
        out: Arc<Mutex<String>>,
    }

    impl Sink for Held {
        fn write(&mut self, lines: &str) -> io::Result<()> {
            if !self.gate.recv().unwrap_or(true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.out.lock().unwrap().push_str(lines);
            Ok(())
        }
    }

    struct Bench {
        recorder: Recorder,
        writer: Writer,
        gate: SyncSender<bool>,
        out: Arc<Mutex<String>>,
    }

    fn bench(settings: Settings) -> Bench {
        let (gate, held) = sync_channel(100);
        let out = Arc::<Mutex<String>>::default();
        let origin = Origin { build: "test".into(), ..Origin::default() };
        let sink = Held { gate: held, out: Arc::clone(&out) };
        let (recorder, writer) = Recorder::start(settings, origin, vec![Box::new(sink)]).unwrap();
        Bench { recorder, writer, gate, out }
    }

    impl Bench {
        /// Waits until the thread has taken the line, so that what comes next meets a blocked thread.
        fn block(&self) {
            self.recorder.judged(distinct(0));
            while !self.recorder.0.state().queue.is_empty() {
                thread::yield_now();
            }
        }

        fn finish(self) -> (Vec<Value>, Losses) {
            drop(self.gate);
            let stop = Stop { time: noon(), why: "test".into(), cut: 0 };
            assert!(self.writer.stop(stop, Duration::from_secs(60)));
            let losses = self.recorder.losses();
            let text = self.out.lock().unwrap().clone();
            let mut chain = Chain::default();
            assert!(text.lines().all(|line| chain.follow(line).is_ok()));
            (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), losses)
        }
    }

    /// An event unlike any other, so that repeats are not at work.
    fn distinct(number: usize) -> Event {
        let mut event = denied("/");
        event.peer = Peer::Unverified;
        event.from.0.set_ip(std::net::Ipv4Addr::from_bits(number as u32).into());
        event
    }

    fn small() -> Settings {
        let room = |lines| Room { lines, bytes: 1 << 20 };
        Settings { queue: room(2), reserve: room(1), ..Settings::default() }
    }

    fn lost(lines: &[Value]) -> u64 {
        lines.iter().filter(|line| line["line"] == "gap").map(|line| line["lost"].as_u64().unwrap()).sum()
    }

    fn judged(lines: &[Value]) -> usize {
        lines.iter().filter(|line| line["line"] == "judged").count()
    }

    #[test]
    fn full_queue_loses_with_an_exact_count() {
        let bench = bench(small());
        bench.block();
        (1..=10).for_each(|number| bench.recorder.judged(distinct(number)));
        let (lines, losses) = bench.finish();
        assert_eq!((judged(&lines), lost(&lines), losses.queue_full), (4, 7, 7));
        assert_eq!(lines.last().unwrap()["line"], "stop");
    }

    #[test]
    fn first_of_a_caller_survives_a_flood_of_another() {
        let bench = bench(small());
        bench.block();
        (0..10).for_each(|_| bench.recorder.judged(distinct(0)));
        bench.recorder.judged(distinct(99));
        let (lines, _) = bench.finish();
        assert!(lines.iter().any(|line| line["from"] == "0.0.0.99:5555"));
    }

    #[test]
    fn repeats_end_in_one_line_with_their_count() {
        let bench = bench(Settings { repeats: 3, ..Settings::default() });
        (0..10).for_each(|_| bench.recorder.judged(denied("/")));
        let (lines, losses) = bench.finish();
        let repeat = lines.iter().find(|line| line["line"] == "repeat").unwrap();
        assert_eq!((judged(&lines), repeat["count"].as_u64(), losses.repeated), (3, Some(7), 7));
    }

    #[test]
    fn lines_per_second_are_bounded() {
        let settings = Settings { lines_per_second: 0, repeats: 100, ..Settings::default() };
        let bench = bench(settings);
        (0..10).for_each(|_| bench.recorder.judged(denied("/")));
        let (lines, losses) = bench.finish();
        assert_eq!((judged(&lines), lost(&lines), losses.over_rate), (1, 9, 9));
    }

    #[test]
    fn failed_write_is_told_when_writing_works_again() {
        let bench = bench(Settings::default());
        bench.gate.send(false).unwrap();
        bench.recorder.judged(distinct(1));
        while bench.recorder.losses().write_failed == 0 {
            thread::yield_now();
        }
        bench.recorder.judged(distinct(2));
        let (lines, losses) = bench.finish();
        assert_eq!((judged(&lines), lost(&lines), losses.write_failed), (1, 1, 1));
    }

    #[test]
    fn allowed_traffic_is_written_at_the_end() {
        let bench = bench(Settings::default());
        let worker = bench.recorder.worker();
        worker.note(&denied("/").caller(), &"read".into(), Traffic::exchange(10, 20));
        let (lines, _) = bench.finish();
        let allowed = lines.iter().find(|line| line["line"] == "allowed").unwrap();
        assert_eq!(
            (&allowed["rule"], &allowed["requests"], &allowed["bytes_out"]),
            (&"read".into(), &1.into(), &20.into())
        );
    }

    #[test]
    fn reload_tells_its_problems() {
        let bench = bench(Settings::default());
        let reload = line::Reload {
            time: noon(),
            what: "allowlists",
            problems: vec!["a.yaml:3:1: password=hunter2".into()],
            warnings: Vec::new(),
            weakens: Vec::new(),
            revision: Arc::default(),
        };
        bench.recorder.line(Line::Reload(reload));
        let (lines, _) = bench.finish();
        assert_eq!(lines[0]["outcome"], "failed");
        assert!(!lines[0].to_string().contains("hunter2"));
    }
}
