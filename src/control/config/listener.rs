//! Where the sidecar listens and what it does with the ports behind, as they are written.

use super::seconds;
use super::upstream::UpstreamTls;
use crate::document::HumanDuration;
use crate::proxy::settings::Speaks;
use crate::proxy::tls;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One address that accepts connections: either one port of the application (`upstream`), or the target of the pod's
/// redirection (`redirected: true`), which tells the declared `ports` apart by their original destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The address to listen on. Port 0 takes any free port.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// Who calls whom: others call the pod here (inbound), or the pod calls others (outbound).
    #[serde(default)]
    pub direction: Direction,
    /// Whether connections arrive by the pod's redirection, so that the kernel knows where they wanted to go.
    #[serde(default)]
    pub redirected: bool,
    /// What is asked of those who connect: mTLS (strict), mTLS or plaintext (permissive), plaintext (off). Default:
    /// strict for inbound; outbound it is always off.
    #[serde(default)]
    pub tls: Option<tls::Mode>,
    /// The protocol that is spoken here. Nothing else is let through.
    #[serde(default)]
    pub protocol: Protocol,
    /// Where the application listens; outbound, whom it calls. Not for a redirected listener, whose ports have one each.
    #[serde(default)]
    #[schemars(extend("format" = "socket-address"))]
    pub upstream: Option<SocketAddr>,
    /// What the application speaks: http1, http2 (with prior knowledge; gRPC needs it), or auto: as its caller does.
    #[serde(default)]
    pub upstream_protocol: Speaks,
    /// What the upstream must prove before a byte is sent to it. Default: plaintext is spoken to it.
    #[serde(default)]
    pub upstream_tls: Option<UpstreamTls>,
    /// The SPIFFE IDs of gateways whose Forwarded and X-Forwarded-* headers go on to the application. What anybody else
    /// writes there is replaced by what is known of it.
    #[serde(default)]
    pub forwarders: Vec<String>,
    /// The declared ports of a redirected listener. A connection to any other port is refused; outbound, it is judged by what
    /// it speaks.
    #[serde(default)]
    pub ports: Vec<Port>,
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Others call the pod.
    #[default]
    Inbound,
    /// The pod calls others.
    Outbound,
}

/// One declared port behind a redirected listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The port that callers dial.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// What is asked of those who connect: mTLS (strict), mTLS or plaintext (permissive), plaintext (off). Default:
    /// strict for inbound; outbound it is always off.
    #[serde(default)]
    pub tls: Option<tls::Mode>,
    /// The protocol that is spoken here. Nothing else is let through.
    #[serde(default)]
    pub protocol: Protocol,
    /// Where the application listens. Default: the same port on 127.0.0.1; outbound, where the application dialled.
    #[serde(default)]
    #[schemars(extend("format" = "socket-address"))]
    pub upstream: Option<SocketAddr>,
    /// What the application speaks: http1, http2 (with prior knowledge; gRPC needs it), or auto: as its caller does.
    #[serde(default)]
    pub upstream_protocol: Speaks,
    /// What the upstream must prove before a byte is sent to it. Default: plaintext is spoken to it.
    #[serde(default)]
    pub upstream_tls: Option<UpstreamTls>,
    /// The SPIFFE IDs of gateways whose Forwarded and X-Forwarded-* headers go on to the application. What anybody else
    /// writes there is replaced by what is known of it.
    #[serde(default)]
    pub forwarders: Vec<String>,
}

/// A protocol that a port can be declared to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2, HTTP/1.1 and HTTP/1.0.
    #[default]
    Http,
    /// PostgreSQL. Statements are judged by the rules under `databases` of the allowlists.
    Postgres,
    /// MySQL and MariaDB. Statements are judged by the rules under `databases` of the allowlists.
    Mysql,
    /// What nobody takes apart: carried as bytes where a rule grants `tcp`, and overheard. Only inbound.
    Tcp,
    /// Any registered protocol of questions and answers, by its name: `redis`.
    Exchanges(&'static str),
}

/// When an upstream that the pod calls is left alone: one that is not reached, does not answer in time or breaks off, or
/// answers 502, 503 or 504, so often in a row. Each worker counts by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Failures in a row.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// For how long requests to it are then answered 503 at once. After that one request tries whether it is well again.
    pub open_for: HumanDuration,
}

impl Listener {
    /// What connections to this listener are judged and forwarded as: the port they are declared under and how.
    pub fn declared(&self) -> Vec<Port> {
        if self.redirected {
            return self.ports.clone();
        }
        let Self { tls, protocol, upstream, upstream_protocol, .. } = *self;
        let upstream_tls = self.upstream_tls.clone();
        let port = match (self.direction, upstream) {
            (Direction::Outbound, Some(upstream)) => upstream.port(),
            _ => self.listen.port(),
        };
        let forwarders = self.forwarders.clone();
        vec![Port { port, tls, protocol, upstream, upstream_protocol, upstream_tls, forwarders }]
    }

    /// What is asked of those who connect to one of its ports.
    pub fn tls(&self, port: &Port) -> tls::Mode {
        match self.direction {
            Direction::Inbound => port.tls.unwrap_or_default(),
            Direction::Outbound => tls::Mode::Off,
        }
    }

    /// Where one of its ports forwards to; nothing: where the sender dialled.
    pub fn upstream(&self, port: &Port) -> Option<SocketAddr> {
        let same = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.port);
        port.upstream.or_else(|| (self.direction == Direction::Inbound).then_some(same))
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { failures: 5, open_for: seconds(30) }
    }
}
