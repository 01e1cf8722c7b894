//! The way into the record. A [`Recorder`] is handed to everyone who has something to tell and never makes them wait;
//! the [`Writer`] owns the thread that masks, spells, chains and writes.

use super::aggregate::{self, Aggregate};
use super::chain::Chain;
use super::id::EventIds;
use super::line::{Gap, Stop};
use super::queue::{Queue, Room};
use super::redact::Redactor;
use super::render::Renderer;
use super::repeat::{Answer, Repeats, Same};
use super::sink::Sink;
use super::{Event, EventId, Handshake, Line, Origin};
use crate::flow::{Direction, Peer};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
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

/// Owns the record thread. Dropped without [`Writer::stop`], it lets the thread end by itself.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

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
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    ended: Condvar,
    ids: EventIds,
    began: Instant,
    workers: Mutex<Vec<Arc<Aggregate>>>,
    settings: Settings,
    written: AtomicU64,
    write_failed: AtomicU64,
    build: OnceLock<String>,
}

/// Behind the lock: refused traffic only, for as long as a push takes; allowed traffic never comes here.
#[derive(Debug)]
struct State {
    queue: Queue,
    repeats: Repeats,
    second: u64,
    lines_in_second: u64,
    /// What was lost since the record thread last asked.
    gap: Gap,
    losses: Losses,
    stop: Option<Stop>,
    closed: bool,
    has_ended: bool,
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
        let thread = RecordThread { shared: Arc::clone(&shared), sinks: sinks.into_iter().map(Outlet::new).collect() };
        thread::Builder::new().name("record".into()).spawn(move || thread.run(&key, origin))?;
        Ok((Self(Arc::clone(&shared)), Writer(shared)))
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

    /// Records a judgement.
    pub fn judged(&self, event: Event) {
        let same = event.reason().map(|reason| {
            let rule = event.rules.first().cloned();
            Same { caller: event.caller(), reason, rule }
        });
        self.offer(same, event.id, Line::Judged(Box::new(event)));
    }

    /// Records a refused handshake.
    pub fn handshake(&self, refused: Handshake) {
        let caller = super::Caller::new(&Peer::Unverified, refused.from.0.ip(), Direction::Inbound);
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

impl Writer {
    /// Writes what is left, the allowed traffic, and `stop` as the last line. Whether that was done in time.
    pub fn stop(self, stop: Stop, within: Duration) -> bool {
        let mut state = self.0.state();
        state.stop = Some(stop);
        state.closed = true;
        self.0.wake.notify_one();
        let waited = self.0.ended.wait_timeout_while(state, within, |state| !state.has_ended);
        waited.is_ok_and(|(state, _)| state.has_ended)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.state().closed = true;
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
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
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

/// The thread that writes.
struct RecordThread {
    shared: Arc<Shared>,
    sinks: Vec<Outlet>,
}

/// A sink with its chain, and what it has yet to be told of its losses.
struct Outlet {
    sink: Box<dyn Sink>,
    chain: Chain,
    owed: Gap,
}

/// What the thread found when it looked.
struct Batch {
    lines: Vec<Line>,
    gap: Gap,
    stop: Option<Stop>,
    closed: bool,
}

/// How often the thread looks whether a window has ended.
const TICK: Duration = Duration::from_secs(1);

impl RecordThread {
    fn run(mut self, key: &[u8; 32], mut origin: Origin) {
        // However the thread ends, those who wait for it must learn of it.
        let _end = TellEnd(Arc::clone(&self.shared));
        if origin.build.is_empty() {
            origin.build = build_hash().unwrap_or_default();
        }
        // Set only here, once.
        let _ = self.shared.build.set(origin.build.clone());
        let renderer = Renderer::new(Redactor::new(key), origin);
        let mut since = SystemTime::now();
        let mut collected = Instant::now();
        loop {
            let mut batch = self.wait();
            if batch.closed || collected.elapsed() >= self.shared.settings.aggregate_interval {
                let until = SystemTime::now();
                batch.lines.extend(self.allowed(since, until).into_iter().map(Line::Allowed));
                (since, collected) = (until, Instant::now());
            }
            self.write(&renderer, &batch.lines, &batch.gap);
            if let Some(stop) = batch.stop.take() {
                self.write(&renderer, &[Line::Stop(stop)], &Gap::default());
            }
            if batch.closed {
                return;
            }
        }
    }

    /// Waits until there is something to write, or for a tick.
    fn wait(&self) -> Batch {
        let idle = |state: &mut State| state.queue.is_empty() && !state.closed;
        let waited = self.shared.wake.wait_timeout_while(self.shared.state(), TICK, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let closed = state.closed;
        let mut lines = state.queue.take();
        if state.repeats.is_counting() {
            let at = (!closed).then(|| self.shared.began.elapsed());
            lines.extend(state.repeats.ended(at, SystemTime::now()).into_iter().map(Line::Repeat));
        }
        Batch { lines, gap: std::mem::take(&mut state.gap), stop: state.stop.take(), closed }
    }

    fn allowed(&self, since: SystemTime, until: SystemTime) -> Vec<super::line::Allowed> {
        let workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        aggregate::lines(workers.iter().map(|worker| worker.take()), since, until)
    }

    fn write(&mut self, renderer: &Renderer, lines: &[Line], gap: &Gap) {
        let now = SystemTime::now();
        let render = |line: &Line| {
            // A defect in spelling one line must not end the record of all others.
            catch_unwind(AssertUnwindSafe(|| renderer.render(line, now)))
                .unwrap_or_else(|_| "{\"line\":\"unwritable\"}".to_owned())
        };
        let spelled: Vec<String> = lines.iter().map(render).collect();
        let mut best = 0;
        for outlet in &mut self.sinks {
            outlet.owed.add(gap);
            let owed = (!outlet.owed.is_empty()).then(|| renderer.render(&Line::Gap(outlet.owed), now));
            match outlet.write(&spelled, owed.as_deref()) {
                Ok(()) => best = best.max(spelled.len() as u64),
                Err(lost) => {
                    self.shared.write_failed.fetch_add(lost, Ordering::Relaxed);
                }
            }
        }
        self.shared.written.fetch_add(best, Ordering::Relaxed);
    }
}

impl Outlet {
    fn new(mut sink: Box<dyn Sink>) -> Self {
        let (chain, torn_bytes) = sink.resume();
        Self { sink, chain, owed: Gap { torn_bytes, ..Gap::default() } }
    }

    /// Writes lines, then the gap that is owed. All or nothing; nothing means so many lost.
    fn write(&mut self, lines: &[String], gap: Option<&str>) -> Result<(), u64> {
        let mut chain = self.chain;
        let mut text = String::new();
        for line in lines.iter().map(String::as_str).chain(gap) {
            let (linked, next) = chain.link(line);
            text.push_str(&linked);
            chain = next;
        }
        if text.is_empty() {
            return Ok(());
        }
        let lost = lines.len() as u64;
        if self.sink.write(&text).is_err() {
            self.owed.write_failed += lost;
            return Err(lost);
        }
        self.chain = chain;
        self.owed = Gap::default();
        Ok(())
    }
}

impl Gap {
    fn add(&mut self, other: &Self) {
        self.queue_full += other.queue_full;
        self.over_rate += other.over_rate;
        self.write_failed += other.write_failed;
    }
}

struct TellEnd(Arc<Shared>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        self.0.state().has_ended = true;
        self.0.ended.notify_all();
    }
}

/// SHA-256 of the running program, its first 16 hex digits.
fn build_hash() -> io::Result<String> {
    let mut program = std::fs::File::open("/proc/self/exe")?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = program.read(&mut buffer)?;
        if read == 0 {
            let digest = hash.finalize();
            return Ok(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::tests::{denied, noon};
    use crate::record::{Traffic, line};
    use serde_json::Value;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

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
            weakens: Vec::new(),
            revision: Arc::default(),
        };
        bench.recorder.line(Line::Reload(reload));
        let (lines, _) = bench.finish();
        assert_eq!(lines[0]["outcome"], "failed");
        assert!(!lines[0].to_string().contains("hunter2"));
    }
}
