//! One worker: one thread, one current-thread runtime, listening sockets and an upstream pool of its own. What workers
//! share is immutable and swapped whole, or made for sharing (the byte account, counters, the recorder).

use super::clock::Clock;
use super::deadline::Timers;
use super::door::Door;
use super::held::{Account, Holding};
use super::http2::Connections;
use super::inbox::Scratch;
use super::reactor::Reactor;
use super::settings::{Limits, Settings};
use super::upstream::{Circuits, Pool};
use super::{connection, dns, mysql, postgres, tls};
use crate::behave::bans::Bans;
use crate::behave::dns::Watch;
use crate::behave::{self, Beacons, Budgets, Pins, Rates};
use crate::engine::Engine;
use crate::engine::correlate::Memory;
use crate::flow::{ClientAddr, ConnectionId, Now};
use crate::identity;
use crate::record::{Aggregate, Caller, Handles, Metrics, Recorder, Revision};
use arc_swap::ArcSwap;
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// What all workers share.
pub struct Shared {
    pub(super) settings: Settings,
    pub(super) engine: ArcSwap<Engine>,
    /// The generation of the policy in place, for who needs to know only whether it is another one.
    generation: AtomicU64,
    pub(super) identity: Option<Arc<identity::Store>>,
    pub(super) recorder: Recorder,
    pub(super) metrics: Metrics,
    pub(super) held: Arc<Account>,
    pub(super) rates: Arc<Rates<Caller>>,
    /// What cancels statements of open PostgreSQL sessions.
    pub(super) cancel: Arc<postgres::Keys>,
    /// What shows in databases' sessions only over time.
    pub(super) sessions: behave::sql::Watch,
    /// What requests in flight have sent; only once the pod sends statements.
    pub(super) correlate: Arc<Memory>,
    pub(super) door: Arc<Door>,
    /// Who is refused for a time.
    pub(super) bans: Bans<Caller>,
    /// How much has left under rules that have budgets.
    pub(super) budgets: Budgets,
    /// Connections that come at one pace.
    pub(super) beacons: Beacons,
    pub(super) started: Instant,
    /// What the pod looks up.
    pub(super) lookups: Option<Arc<Watch>>,
    /// Which names led where; nothing where the pod's names are looked up elsewhere.
    pub(super) pins: Option<Pins>,
    next_connection: AtomicU64,
}

impl Shared {
    /// What workers need, before the first of them starts.
    pub fn new(
        settings: Settings,
        engine: Engine,
        identity: Option<Arc<identity::Store>>,
        recorder: Recorder,
        metrics: Metrics,
    ) -> Arc<Self> {
        let shared = Arc::new(Self {
            cancel: Arc::default(),
            sessions: behave::sql::Watch::default(),
            correlate: Arc::default(),
            rates: Rates::new(settings.limits.rate_counters),
            held: Account::new(settings.limits.held_bytes),
            bans: Bans::new(settings.bans.rules.clone(), settings.bans.share),
            budgets: Budgets::default(),
            beacons: Beacons::default(),
            lookups: settings.dns.as_ref().map(|dns| Arc::new(dns.watch())),
            pins: settings.dns.as_ref().map(dns::Settings::pins),
            settings,
            generation: AtomicU64::new(engine.revision().generation),
            engine: ArcSwap::from_pointee(engine),
            identity,
            recorder,
            metrics,
            door: Arc::default(),
            started: Instant::now(),
            next_connection: AtomicU64::new(1),
        });
        shared.hear_offences();
        shared
    }

    /// Puts another engine in place; open connections meet it with their next message.
    pub fn replace_engine(&self, engine: Engine) {
        let generation = engine.revision().generation;
        self.engine.store(Arc::new(engine));
        // After it: who sees the number sees the engine.
        self.generation.store(generation, Ordering::Release);
    }

    /// The generation of the policy in place, or of the one before while it is being replaced.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The engine in place.
    pub fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Bytes held back for judging.
    pub fn held_bytes(&self) -> usize {
        self.held.held()
    }

    /// Open connections.
    pub fn open_connections(&self) -> usize {
        self.door.open()
    }

    pub(super) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the connections of one worker share.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) scratch: Scratch,
    /// SQL statements that were understood before.
    pub(super) texts: postgres::Texts,
    pub(super) mysql_texts: mysql::Texts,
    pub(super) pool: Pool,
    pub(super) connections: Connections,
    pub(super) circuits: Circuits,
    /// What the sidecar's listeners listen on.
    pub(super) own: Arc<[SocketAddr]>,
    pub(super) acceptor: tls::Acceptor,
    pub(super) timers: Timers,
    clock: Clock,
    pub(super) held: Rc<Holding>,
    pub(super) stop: watch::Receiver<bool>,
    /// Counts what this worker lets through.
    pub(super) aggregate: Arc<Aggregate>,
    pub(super) metrics: Rc<Handles>,
    /// The engine in place, counted by this worker alone: judging touches no counter that workers share.
    engine: RefCell<Rc<InPlace>>,
    alive: Cell<usize>,
    ended: Notify,
    /// Drives databases' sessions over plain sockets; nothing where the kernel has none for us. Started with the first.
    reactor: OnceCell<Option<Reactor<Rc<Worker>>>>,
}

impl Worker {
    fn new(shared: Arc<Shared>, own: Arc<[SocketAddr]>, stop: watch::Receiver<bool>) -> Rc<Self> {
        let limits = &shared.settings.limits;
        let metrics = Rc::new(shared.metrics.worker());
        Rc::new(Self {
            scratch: Scratch::new(),
            texts: postgres::Texts::default(),
            mysql_texts: mysql::Texts::default(),
            pool: Pool::new(limits.upstream_pool, limits.upstream_idle),
            connections: Connections::new(limits.upstream_idle),
            circuits: Circuits::new(shared.settings.circuit, &metrics),
            own,
            acceptor: tls::Acceptor::new(shared.identity.clone(), limits.tls),
            timers: Timers::default(),
            clock: Clock::new(shared.started),
            held: Holding::new(&shared.held),
            stop,
            aggregate: shared.recorder.worker(),
            metrics,
            engine: RefCell::new(Rc::new(InPlace::new(shared.engine()))),
            alive: Cell::new(0),
            ended: Notify::new(),
            reactor: OnceCell::new(),
            shared,
        })
    }

    /// What drives databases' sessions over plain sockets: a thread of this worker, with a worker of its own for what threads
    /// do not share.
    pub(super) fn reactor(&self) -> Option<&Reactor<Rc<Self>>> {
        let start = || {
            let (shared, own, stop) = (Arc::clone(&self.shared), Arc::clone(&self.own), self.stop.clone());
            let name = format!("{}-db", std::thread::current().name().unwrap_or("worker"));
            Reactor::start(name, Handle::current(), move || Self::new(shared, own, stop)).ok()
        };
        self.reactor.get_or_init(start).as_ref()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    /// The time, as judgements are told it.
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// The moment so long after the start, for deadlines.
    pub(super) fn moment(&self, since_start: Duration) -> Instant {
        self.clock.moment(since_start)
    }

    /// Whether the sidecar has been told to stop.
    pub(super) fn stopping(&self) -> bool {
        // Nothing but a stop is ever said.
        self.stop.has_changed().unwrap_or(true) && *self.stop.borrow()
    }

    /// Whether a connection that we opened to an address leads back to one of our listeners.
    pub(super) fn is_own(&self, address: SocketAddr, socket: &TcpStream) -> bool {
        let ip = address.ip();
        let here = || ip.is_loopback() || socket.local_addr().is_ok_and(|local| local.ip() == ip);
        let leads = |own: &SocketAddr| own.ip() == ip || own.ip().is_unspecified() && here();
        self.own.iter().any(|own| own.port() == address.port() && leads(own))
    }

    /// Ready when the sidecar is told to stop.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stop = self.stop.clone();
        async move {
            // An error means that no one is left to say stop, which is a stop.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    /// The engine in place.
    pub(super) fn engine(&self) -> Rc<InPlace> {
        let latest = self.shared.engine.load();
        let mut mine = self.engine.borrow_mut();
        if !Arc::ptr_eq(&latest, &mine.engine) {
            *mine = Rc::new(InPlace::new(Arc::clone(&latest)));
        }
        mine.clone()
    }
}

/// The engine that a worker judges by.
pub(super) struct InPlace {
    engine: Arc<Engine>,
    /// A copy of its own, so that exchanges count references to it without touching what workers share.
    revision: Arc<Revision>,
}

impl InPlace {
    fn new(engine: Arc<Engine>) -> Self {
        let revision = Arc::new((**engine.revision()).clone());
        Self { engine, revision }
    }

    /// Which policy and signatures these are.
    pub(super) fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }
}

impl Deref for InPlace {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// One open connection, counted while it lasts, however it ends.
struct Alive(Rc<Worker>);

impl Alive {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.alive.set(worker.alive.get() + 1);
        Self(worker.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get() - 1);
        self.0.ended.notify_one();
    }
}

/// The listening sockets of one worker.
pub(super) struct Own {
    /// The addresses of all listeners.
    pub(super) addresses: Arc<[SocketAddr]>,
    /// By the number of their listener.
    pub(super) http: Vec<(usize, std::net::TcpListener)>,
    /// The resolver's.
    pub(super) dns: Option<dns::Sockets>,
}

/// How often a worker looks after its idle upstream connections.
const SWEEP: Duration = Duration::from_secs(5);

/// Runs a worker until it is told to stop and its connections have ended, or the drain limit has passed. Gives the number
/// of connections that were cut then.
pub(super) fn run(shared: Arc<Shared>, sockets: Own, stop: watch::Receiver<bool>) -> io::Result<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async move {
        let worker = Worker::new(Arc::clone(&shared), Arc::clone(&sockets.addresses), stop.clone());
        let mut accepting = tokio::task::JoinSet::new();
        for (index, socket) in sockets.http {
            let socket = TcpListener::from_std(socket)?;
            accepting.spawn_local(accept(worker.clone(), index, socket, stop.clone()));
        }
        if let (Some(dns), Some(settings), Some(lookups)) = (sockets.dns, &shared.settings.dns, &shared.lookups) {
            dns::serve(&worker, settings, lookups.clone(), dns, &stop, &mut accepting)?;
        }
        accepting.spawn_local(sweep(worker.clone(), stop.clone()));
        while accepting.join_next().await.is_some() {}
        drain(&worker).await;
        let cut = worker.alive.get();
        if let Some(reactor) = worker.reactor.get().and_then(Option::as_ref) {
            reactor.stop();
        }
        Ok(cut)
    })
}

/// After an accept that failed for want of something (file descriptors, memory), before the next.
const BREATH: Duration = Duration::from_millis(50);

async fn accept(worker: Rc<Worker>, index: usize, socket: TcpListener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((socket, from)) => {
                let alive = Alive::new(&worker);
                let worker = worker.clone();
                tokio::task::spawn_local(async move {
                    connection::serve(&worker, index, socket, ClientAddr(from)).await;
                    drop(alive);
                });
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn sweep(worker: Rc<Worker>, mut stop: watch::Receiver<bool>) {
    while tokio::time::timeout(SWEEP, stop.wait_for(|stop| *stop)).await.is_err() {
        worker.pool.sweep(worker.now());
        worker.connections.sweep();
        worker.circuits.sweep();
    }
}

/// Lets what is in flight end, within the limit.
async fn drain(worker: &Worker) {
    let ended = async {
        while worker.alive.get() > 0 {
            worker.ended.notified().await;
        }
    };
    // What has not ended by then ends with the runtime; the record says how many there were.
    let _ = tokio::time::timeout(worker.limits().drain, ended).await;
}
