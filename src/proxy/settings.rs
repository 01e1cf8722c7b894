//! What the data path needs to know before it starts: fixed for the life of the process. The bootstrap configuration is
//! written in people's terms and becomes these.

use crate::flow::{Direction, Expected, OriginalDestination, Proof, SpiffeId};
use crate::identity::Roots;
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::http2;
use super::tls;
pub use super::upstream::Circuit;
use super::upstream::{Target, Tls};
use crate::protocol::{body, http1};
pub use http2::Bounds;

/// Everything the data path is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// How much and how long.
    pub limits: Limits,
    /// The CA certificates to which hosts outside of the mesh prove their names.
    pub roots: Arc<Roots>,
    /// Who is refused for a time, and for what.
    pub bans: super::bans::Settings,
    /// When a called upstream is left alone; nothing: never.
    pub circuit: Option<Circuit>,
    /// The pod's resolver, if it is one.
    pub dns: Option<super::dns::Settings>,
    /// Worker threads, each with a runtime, listeners and an upstream pool of its own. At least 1.
    pub workers: usize,
}

/// One listening address.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Whether others call the pod here, or the pod calls others.
    pub direction: Direction,
    /// Whether the kernel redirects connections here; their original destination then names the port.
    pub redirected: bool,
    /// The declared ports; exactly one when nothing is redirected.
    pub ports: Vec<Port>,
}

impl Settings {
    /// The CA certificates that upstreams are verified with, each file once. Those for hosts outside are of use only where
    /// the pod calls others; an image without any believes nobody there.
    pub fn all_roots(&self) -> Vec<Arc<Roots>> {
        let outbound = self.listeners.iter().any(|listener| listener.direction == Direction::Outbound);
        let outside = (outbound && self.roots.path().exists()).then(|| Arc::clone(&self.roots));
        let mut found: Vec<Arc<Roots>> = outside.into_iter().collect();
        for port in self.listeners.iter().flat_map(|listener| &listener.ports) {
            if let UpstreamTls::Named(_, roots) = &port.upstream_tls
                && !found.contains(roots)
            {
                found.push(Arc::clone(roots));
            }
        }
        found
    }
}

impl Listener {
    /// The declared port that a connection to `dialled` is judged under.
    pub(super) fn port(&self, dialled: SocketAddr) -> Option<&Port> {
        if self.redirected { self.ports.iter().find(|port| port.port == dialled.port()) } else { self.ports.first() }
    }
}

/// One declared port.
#[derive(Clone, Debug)]
pub struct Port {
    /// The number that policies and records know it by.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// How its connections begin.
    pub tls: tls::Port,
    /// Where granted requests go; nothing: where the sender dialled.
    pub upstream: Option<SocketAddr>,
    /// What must be proved there.
    pub upstream_tls: UpstreamTls,
    /// What is spoken there.
    pub speaks: Speaks,
    /// Those whose word about the callers before them is believed.
    pub forwarders: Arc<[SpiffeId]>,
}

/// What an upstream must prove before a byte is sent to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UpstreamTls {
    /// Nothing: plaintext.
    #[default]
    Off,
    /// An identity; ours is proved too.
    Mutual(Expected),
    /// A name, to certificates that lead to these; the one that is asked for, when none is given.
    Named(Option<ServerName<'static>>, Arc<Roots>),
}

impl Port {
    /// Where its upstream is.
    pub(super) fn address(&self, dialled: OriginalDestination) -> SocketAddr {
        self.upstream.unwrap_or(dialled.0)
    }

    /// Where its exchanges go. `asked` tells the name of the host that is asked for, `proof` what the rule demands that grants
    /// it, `roots` what names are proved to where the port says nothing of it. Where port and rule disagree, more must be
    /// proved. Nothing when the upstream is to prove the name that is asked for and there is none.
    pub(super) fn target(
        &self,
        dialled: OriginalDestination,
        asked: impl Fn() -> Option<String>,
        proof: &Proof,
        roots: &Arc<Roots>,
    ) -> Option<Target> {
        let named = |name: Option<&ServerName<'static>>, roots: &Arc<Roots>| {
            let asked = || {
                let host = asked()?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                ServerName::try_from(host).ok().map(|name| name.to_owned())
            };
            Some(Tls::Named(name.cloned().or_else(asked)?, Arc::clone(roots)))
        };
        let tls = match (&self.upstream_tls, proof) {
            (UpstreamTls::Mutual(port), Proof::Identity(rule)) => Tls::Mutual(port.and(rule)),
            (UpstreamTls::Mutual(expected), _) | (_, Proof::Identity(expected)) => Tls::Mutual(expected.clone()),
            (UpstreamTls::Named(name, roots), _) => named(name.as_ref(), roots)?,
            (UpstreamTls::Off, Proof::Name) => named(None, roots)?,
            (UpstreamTls::Off, Proof::Unasked) => Tls::Off,
        };
        Some(Target { address: self.address(dialled), tls })
    }
}

/// What a port is declared to speak. Nothing else is let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 and HTTP/1.
    #[default]
    Http,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// What nobody takes apart. Only inbound.
    Tcp,
    /// One that is carried as questions and answers, by its registered name.
    Exchanges(&'static str),
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaks {
    /// HTTP/1.1, whatever the client speaks.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge, whatever the client speaks: what gRPC needs.
    Http2,
    /// What the client of the exchange speaks.
    Auto,
}

/// How much and how long. Every one of them refuses by its own name.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Heads, header fields, targets, chunks.
    pub http1: http1::Limits,
    /// What HTTP/2 alone has.
    pub http2: Bounds,
    /// Depth, count and size of what is inside bodies.
    pub body: body::Limits,
    /// TLS handshakes.
    pub tls: tls::Limits,
    /// A body up to this size is held whole and judged before a byte of it goes on.
    pub inspect_bytes: usize,
    /// A gRPC message up to this size is held whole and judged before a byte of it goes on.
    pub grpc_message_bytes: usize,
    /// Bytes that all connections together may hold back.
    pub held_bytes: usize,
    /// Open connections, over all workers.
    pub connections: usize,
    /// Pairs of rate and caller that are counted apart; callers beyond share one counter per rate.
    pub rate_counters: usize,
    /// Requests on one connection.
    pub requests_per_connection: u64,
    /// From the first byte of a head to its last.
    pub header: Duration,
    /// For each KiB of a held body, and for anything at all of a streamed one.
    pub body_progress: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For a client to take some of an answer.
    pub write_progress: Duration,
    /// For an upstream to take a connection.
    pub connect: Duration,
    /// For an upstream to begin its answer, and to take some of a request.
    pub response: Duration,
    /// Between two pieces of an answer (server-sent events are silent for long).
    pub response_progress: Duration,
    /// Between two pieces, either way, of an upgraded connection.
    pub upgraded_idle: Duration,
    /// How long an unused upstream connection is kept.
    pub upstream_idle: Duration,
    /// Unused upstream connections kept per worker and address.
    pub upstream_pool: usize,
    /// For what is in flight when the sidecar is told to stop.
    pub drain: Duration,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Limits that no test meets unless it sets them.
    pub(in crate::proxy) fn limits() -> Limits {
        let minute = Duration::from_secs(60);
        Limits {
            http1: http1::Limits::default(),
            http2: Bounds::default(),
            body: body::Limits::default(),
            tls: tls::Limits::default(),
            inspect_bytes: 256 << 10,
            grpc_message_bytes: 4 << 20,
            held_bytes: 64 << 20,
            connections: 1000,
            rate_counters: 1000,
            requests_per_connection: 1000,
            header: minute,
            body_progress: minute,
            idle: minute,
            write_progress: minute,
            connect: minute,
            response: minute,
            response_progress: minute,
            upgraded_idle: minute,
            upstream_idle: minute,
            upstream_pool: 8,
            drain: minute,
        }
    }
}
