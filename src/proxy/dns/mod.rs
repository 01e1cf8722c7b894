//! The pod's resolver: questions over UDP and TCP, judged one by one, answered from the cache or by the cluster's
//! resolvers, whose answers are looked at before the pod sees them.
//!
//! ```text
//! udp, tcp → lookup (decode, judge) → cache | upstream (UDP, then TCP; one after the other) → vet → emit
//! ```
//!
//! A question waits in a task of its own, so that a slow upstream blocks nobody; how many wait is bounded.

mod cache;
mod lookup;
mod tcp;
mod tell;
mod udp;
mod upstream;
mod vet;
mod waiting;
mod watched;

use super::CannotListen;
use super::listen;
use super::worker::Worker;
use crate::behave::Pins;
use crate::behave::dns::Watch;
use crate::protocol::dns::{Name, Rcode};
use cache::Cache;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use upstream::Upstreams;
use waiting::Queue;
use watched::Watched;

/// What the resolver is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens, over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Whom it asks, in this order.
    pub upstreams: Vec<SocketAddr>,
    /// The search domains of the pod.
    pub search: Vec<Name>,
    /// Domains whose names may lead to private addresses.
    pub inside: Vec<String>,
    /// What a denied question is answered with.
    pub denied: Rcode,
    /// Questions that wait for an upstream at once, for each worker; for more, those that have waited longest give way.
    pub in_flight: usize,
    /// For one upstream to answer.
    pub upstream_deadline: Duration,
    /// For an answer, however many upstreams are asked.
    pub deadline: Duration,
    /// Bytes of answers that are kept, for each worker.
    pub cache_bytes: usize,
    /// How much longer than its TTL a name counts as leading to its addresses.
    pub pin_grace: Duration,
    /// An answer is kept no longer.
    pub ttl_most: Duration,
    /// That there is none is kept no longer.
    pub negative_ttl_most: Duration,
}

/// One worker's sockets, UDP and TCP, by address.
pub(super) type Sockets = Vec<(SocketAddr, std::net::UdpSocket, std::net::TcpListener)>;

/// One worker's resolver.
struct Resolver {
    worker: Rc<Worker>,
    settings: Settings,
    watch: std::sync::Arc<Watch>,
    cache: Cache,
    upstreams: Upstreams,
    waiting: Rc<Queue>,
}

impl Settings {
    /// Which names led where; all workers share it.
    pub(super) fn pins(&self) -> Pins {
        Pins::new(self.pin_grace)
    }

    /// An observer of what the pod looks up; all workers share it.
    pub(super) fn watch(&self) -> Watch {
        let search = self.search.iter().map(Name::canonical);
        Watch::new(&self.inside.iter().cloned().chain(search).collect::<Vec<_>>())
    }

    /// Opens a worker's sockets. An address whose port is 0 becomes the one that the kernel gave.
    pub(super) fn bind(&mut self) -> Result<Sockets, CannotListen> {
        let bind = |address: &mut SocketAddr| {
            let opened = open(*address).map_err(|error| CannotListen { address: *address, error })?;
            *address = opened.0;
            Ok(opened)
        };
        self.listen.iter_mut().map(bind).collect()
    }
}

fn open(address: SocketAddr) -> io::Result<(SocketAddr, std::net::UdpSocket, std::net::TcpListener)> {
    let tcp = listen::bind(address)?;
    let address = tcp.local_addr()?;
    let udp = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        udp.set_only_v6(true)?;
    }
    udp.set_reuse_port(true)?;
    udp.set_nonblocking(true)?;
    udp.bind(&address.into())?;
    Ok((address, udp.into(), tcp))
}

/// Serves a worker's sockets until the sidecar is told to stop.
pub(super) fn serve(
    worker: &Rc<Worker>,
    settings: &Settings,
    watcher: std::sync::Arc<Watch>,
    sockets: Sockets,
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let resolver = Rc::new(Resolver {
        worker: worker.clone(),
        cache: Cache::new(settings.cache_bytes),
        upstreams: Upstreams::new(settings),
        settings: settings.clone(),
        watch: watcher,
        waiting: Queue::new(settings.in_flight),
    });
    for (address, udp, tcp) in sockets {
        let (udp, tcp) = (Watched::new(udp)?, TcpListener::from_std(tcp)?);
        tasks.spawn_local(udp::serve(resolver.clone(), address, Rc::new(udp), stop.clone()));
        tasks.spawn_local(tcp::serve(resolver.clone(), address, tcp, stop.clone()));
    }
    Ok(())
}
