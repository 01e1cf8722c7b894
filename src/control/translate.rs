//! The bootstrap configuration, written in people's terms, becomes what the data path and the engine are told.

use super::config::dns::{Denied, Dns};
use super::config::{self, Config, Listener, Port, Protocol};
use super::judging;
use crate::document::ByteSize;
use crate::flow::{Direction, Expected, IdPattern, SpiffeId};
use crate::identity::{Alpn, Roots};
use crate::policy;
use crate::protocol::dns::{Name, Rcode};
use crate::proxy::dns as proxy_dns;
use crate::proxy::settings::{self, Settings};
use crate::proxy::tls;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;

/// What the data path is told.
pub fn data_path(config: &Config) -> Settings {
    let mut known = Vec::new();
    let roots = config::roots_file(&config.roots).unwrap_or(&config.roots);
    Settings {
        roots: known_roots(roots, &mut known),
        listeners: config.listeners.iter().map(|one| listener(one, &mut known)).collect(),
        limits: limits(config),
        bans: config.bans.settings(),
        circuit: config
            .circuit_breaker
            .as_ref()
            .map(|breaker| settings::Circuit { failures: breaker.failures, open_for: breaker.open_for.0 }),
        dns: config.dns.as_ref().map(resolver),
        workers: usize::from(config.workers()),
    }
}

/// Names were checked when the configuration was.
fn resolver(dns: &Dns) -> proxy_dns::Settings {
    proxy_dns::Settings {
        listen: dns.listen.clone(),
        upstreams: dns.upstreams.clone(),
        search: dns.search.iter().filter_map(|name| Name::parse(name)).collect(),
        inside: dns.inside.clone(),
        denied: match dns.denied {
            Denied::Refused => Rcode::REFUSED,
            Denied::NxDomain => Rcode::NXDOMAIN,
        },
        in_flight: dns.in_flight as usize,
        upstream_deadline: dns.upstream_deadline.0,
        deadline: dns.deadline.0,
        cache_bytes: bytes(dns.cache_bytes),
        pin_grace: dns.pin_grace.0,
        ttl_most: dns.ttl_most.0,
        negative_ttl_most: dns.negative_ttl_most.0,
    }
}

fn listener(listener: &Listener, roots: &mut Vec<Arc<Roots>>) -> settings::Listener {
    let ports = listener.declared();
    settings::Listener {
        listen: listener.listen,
        direction: match listener.direction {
            config::Direction::Inbound => Direction::Inbound,
            config::Direction::Outbound => Direction::Outbound,
        },
        redirected: listener.redirected,
        ports: ports.iter().map(|declared| port(listener, declared, roots)).collect(),
    }
}

fn port(listener: &Listener, port: &Port, roots: &mut Vec<Arc<Roots>>) -> settings::Port {
    let (protocol, alpn) = match port.protocol {
        Protocol::Http => (settings::Protocol::Http, Alpn::Http2),
        Protocol::Postgres => (settings::Protocol::Postgres, Alpn::Postgres),
        Protocol::Mysql => (settings::Protocol::Mysql, Alpn::default()),
        Protocol::Tcp => (settings::Protocol::Tcp, Alpn::default()),
        Protocol::Exchanges(name) => (settings::Protocol::Exchanges(name), Alpn::default()),
    };
    settings::Port {
        port: port.port,
        protocol,
        tls: tls::Port {
            mode: listener.tls(port),
            alpn,
            asked_for: port.protocol == Protocol::Postgres,
            server_first: port.protocol == Protocol::Mysql,
        },
        upstream: listener.upstream(port),
        upstream_tls: port.upstream_tls.as_ref().map(|tls| upstream_tls(tls, roots)).unwrap_or_default(),
        speaks: port.upstream_protocol,
        forwarders: port.forwarders.iter().filter_map(|id| SpiffeId::parse(id).ok()).collect(),
    }
}

/// Identities and names were checked when the configuration was. `known` holds each file of CA certificates once.
fn upstream_tls(written: &config::UpstreamTls, known: &mut Vec<Arc<Roots>>) -> settings::UpstreamTls {
    let Some(roots) = &written.roots else {
        let patterns = written.identities.iter().filter_map(|text| IdPattern::parse(text).ok());
        return settings::UpstreamTls::Mutual(Expected::one_of(patterns.collect()));
    };
    let name = written.server_name.clone().and_then(|name| ServerName::try_from(name).ok());
    settings::UpstreamTls::Named(name, known_roots(written.roots_file().unwrap_or(roots), known))
}

/// Each file once.
fn known_roots(path: &Path, known: &mut Vec<Arc<Roots>>) -> Arc<Roots> {
    let found = known.iter().find(|known| known.path() == path).cloned();
    found.unwrap_or_else(|| {
        let unread = Arc::new(Roots::unread(path.to_owned()));
        known.push(Arc::clone(&unread));
        unread
    })
}

fn limits(config: &Config) -> settings::Limits {
    let limits = &config.limits;
    settings::Limits {
        http1: limits.http1(),
        http2: limits.http2(),
        body: limits.body(),
        tls: limits.tls(),
        inspect_bytes: bytes(limits.inspect_bytes),
        grpc_message_bytes: bytes(limits.grpc_message_bytes),
        held_bytes: bytes(limits.held_bytes),
        connections: limits.connections as usize,
        rate_counters: limits.rate_counters as usize,
        requests_per_connection: u64::from(limits.requests_per_connection),
        header: limits.header_deadline.0,
        body_progress: limits.body_deadline.0,
        idle: limits.idle_deadline.0,
        write_progress: limits.send_deadline.0,
        connect: limits.connect_deadline.0,
        response: limits.response_deadline.0,
        response_progress: limits.response_body_deadline.0,
        upgraded_idle: limits.response_body_deadline.0,
        upstream_idle: limits.upstream_idle_deadline.0,
        upstream_pool: limits.upstream_idle as usize,
        drain: limits.drain_deadline.0,
    }
}

/// Where what judges is written down.
pub fn judging(config: &Config, trust_domain: Option<String>) -> judging::Sources {
    let tls = |mode| match mode {
        tls::Mode::Strict => policy::Tls::Strict,
        tls::Mode::Permissive => policy::Tls::Permissive,
        tls::Mode::Off => policy::Tls::Off,
    };
    let inbound = config.listeners.iter().filter(|listener| listener.direction == config::Direction::Inbound);
    let ports =
        inbound.flat_map(|listener| listener.declared().into_iter().map(|port| (port.port, listener.tls(&port))));
    judging::Sources {
        allowlists: config.allowlists.clone(),
        signatures: config.signatures.paths.clone(),
        shipped: config.signatures.shipped,
        trust_domain,
        tls: ports.map(|(port, mode)| (port, tls(mode))).collect(),
    }
}

/// What does not fit into an address space is no bound there.
fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}
