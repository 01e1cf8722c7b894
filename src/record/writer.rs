//! The thread that writes the record: it takes what the [`super::Recorder`] queued, masks, spells, chains, and hands it
//! to the sinks. Only here is anything waited for.

use super::chain::Chain;
use super::line::{Gap, Stop};
use super::recorder::{Shared, State};
use super::redact::Redactor;
use super::render::Renderer;
use super::sink::Sink;
use super::{Line, Origin};
use super::{aggregate, flows, learned, statements};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Owns the record thread. Dropped without [`Writer::stop`], it lets the thread end by itself.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

impl Writer {
    pub(super) fn start(
        shared: Arc<Shared>,
        key: [u8; 32],
        origin: Origin,
        sinks: Vec<Box<dyn Sink>>,
    ) -> io::Result<Self> {
        let sinks = sinks.into_iter().map(Outlet::new).collect();
        let thread = RecordThread { shared: Arc::clone(&shared), sinks };
        thread::Builder::new().name("record".into()).spawn(move || thread.run(&key, origin))?;
        Ok(Self(shared))
    }

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
                batch.lines.extend(self.counted(since, until));
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

    /// What the workers counted since they were last asked.
    fn counted(&self, since: SystemTime, until: SystemTime) -> Vec<Line> {
        let workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut counts: Vec<_> = workers.iter().map(|worker| worker.take()).collect();
        let learned = counts.iter_mut().map(|counts| std::mem::take(&mut counts.learned));
        let learned = learned::lines(learned, since, until).into_iter().map(Line::Learned);
        let flows = counts.iter_mut().map(|counts| std::mem::take(&mut counts.flows)).collect::<Vec<_>>();
        let flows = flows::lines(flows.into_iter(), since, until).into_iter().map(Line::Flow);
        let ran = counts.iter_mut().map(|counts| std::mem::take(&mut counts.statements)).collect::<Vec<_>>();
        let ran = statements::lines(ran.into_iter(), since, until).into_iter().map(Line::Executed);
        let allowed = aggregate::lines(counts.into_iter(), since, until).into_iter().map(Line::Allowed);
        allowed.chain(flows).chain(learned).chain(ran).collect()
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
