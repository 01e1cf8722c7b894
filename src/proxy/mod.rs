//! Floor 3: the data path. Sockets, TLS, HTTP: bytes come in, judged messages go on. `Sidecar::start` opens every
//! listening socket before the first worker runs, so that what cannot work fails at once.

pub mod bans;
mod budget;
mod clock;
mod connection;
mod database;
mod deadline;
pub mod dns;
mod door;
mod egress;
mod exchange;
mod halves;
mod held;
mod http1;
mod http2;
mod inbox;
mod listen;
mod mysql;
mod outbox;
mod postgres;
mod rates;
mod raw;
mod reactor;
pub mod settings;
mod stream;
mod tell;
pub mod tls;
mod tunnel;
mod upstream;
mod waiting;
mod welcome;
mod wire;
mod worker;

pub use settings::Settings;
pub use worker::Shared;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use tokio::sync::watch;

/// A running data path.
pub struct Sidecar {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<io::Result<usize>>>,
}

/// An address that could not be listened on.
#[derive(Debug)]
pub struct CannotListen {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

impl Sidecar {
    /// Opens every listening socket, then starts the workers.
    ///
    /// # Errors
    /// The address that could not be listened on, and why; or no thread was to be had.
    pub fn start(shared: Arc<Shared>) -> Result<Self, CannotListen> {
        let workers = shared.settings.workers.max(1);
        let (mut addresses, mut sockets) = bind(&shared.settings, workers)?;
        let own: Arc<[SocketAddr]> = addresses.as_slice().into();
        let mut resolver = shared.settings.dns.clone();
        let mut asked =
            (0..workers).map(|_| resolver.as_mut().map(|dns| dns.bind()).transpose()).collect::<Result<Vec<_>, _>>()?;
        addresses.extend(resolver.iter().flat_map(|dns| dns.listen.iter().copied()));
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        for number in 0..workers {
            let (http, dns) = (sockets.pop().unwrap_or_default(), asked.pop().flatten());
            let own = worker::Own { addresses: Arc::clone(&own), http, dns };
            let (shared, stopped) = (shared.clone(), stopped.clone());
            let thread = Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || worker::run(shared, own, stopped))
                .map_err(|error| CannotListen { address: addresses.first().copied().unwrap_or(NOWHERE), error })?;
            threads.push(thread);
        }
        Ok(Self { shared, addresses, stop, workers: threads })
    }

    /// The addresses listened on, in the order of the settings; ports that were 0 are the ones the kernel chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the workers share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether every worker still runs.
    pub fn is_alive(&self) -> bool {
        self.workers.iter().all(|worker| !worker.is_finished())
    }

    /// Stops accepting, lets what is in flight end within the drain limit, and gives the number of connections that had
    /// not ended by then.
    pub fn stop(self) -> usize {
        // No receiver left means that every worker has ended already.
        let _ = self.stop.send(true);
        // A worker that has failed has said so when it happened.
        self.workers.into_iter().filter_map(|worker| worker.join().ok()?.ok()).sum()
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

type Sockets = Vec<(usize, std::net::TcpListener)>;

/// One socket per worker and listener; all workers share the port that the first was given.
fn bind(settings: &Settings, workers: usize) -> Result<(Vec<SocketAddr>, Vec<Sockets>), CannotListen> {
    let mut addresses = Vec::new();
    let mut sockets: Vec<Sockets> = (0..workers).map(|_| Vec::new()).collect();
    for (index, listener) in settings.listeners.iter().enumerate() {
        let mut address = listener.listen;
        for own in &mut sockets {
            let bound = listen::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (given, socket) = bound.map_err(|error| CannotListen { address, error })?;
            address = given;
            own.push((index, socket));
        }
        addresses.push(address);
    }
    Ok((addresses, sockets))
}
