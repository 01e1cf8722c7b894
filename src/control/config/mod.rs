//! The bootstrap configuration (`podwall.yaml`, `kind: Podwall`) as the platform engineer writes it: where to listen,
//! whom to believe, what to judge by, where the record goes, and every limit. The doc comments below are the
//! descriptions in the JSON Schema and in `podwall config --explain`.
//!
//! [`load()`] reads it, [`check`] holds it against itself, [`settings()`] lists every setting.

pub mod bans;
pub mod check;
pub mod dns;
pub mod load;
mod meaning;
pub mod settings;
mod upstream;
mod variables;

pub use load::{Loaded, load, load_elsewhere};
pub use settings::{Setting, settings};
pub use upstream::{UpstreamTls, roots_file};
pub use variables::Environment;

use crate::document::{ByteSize, HumanDuration};
use crate::proxy::settings::Speaks;
use crate::proxy::tls;
use crate::record::Pod;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How this sidecar runs. Read once at start; a change needs a restart. Any setting can be overridden by a variable
/// named after its path: `PODWALL_LIMITS_HEAD_BYTES` for `limits.head_bytes`, `PODWALL_LISTENERS_0_LISTEN` for
/// `listeners[0].listen`. Values may hold `${PODWALL_NAME}` or `${PODWALL_NAME:-default}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Podwall")]
pub struct Config {
    /// The version of this format.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// The kind of document.
    pub kind: Kind,
    /// Where connections are accepted, and where they are forwarded to once they are judged.
    pub listeners: Vec<Listener>,
    /// Our own certificate, and whom we believe. Needed unless every port has `tls: off`.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// CA certificates to which hosts outside of the mesh prove their names, where a rule of an allowlist says `tls`: a PEM
    /// file, or `system` for those of the image.
    #[serde(default = "default_roots")]
    pub roots: PathBuf,
    /// Files and directories of allowlists (`kind: Allowlist`). Without any, everything is denied.
    #[serde(default)]
    pub allowlists: Vec<PathBuf>,
    /// What attacks look like.
    #[serde(default)]
    pub signatures: Signatures,
    /// Where the record goes.
    #[serde(default)]
    pub record: RecordSinks,
    /// The endpoint for metrics, probes and status. It only reads.
    #[serde(default)]
    pub admin: Admin,
    /// Who is refused for a time, and for what. Without rules nobody is.
    #[serde(default)]
    pub bans: bans::Bans,
    /// The pod's resolver. Without it no DNS is served.
    #[serde(default)]
    pub dns: Option<dns::Dns>,
    /// When an upstream that the pod calls is left alone. Without it none is.
    #[serde(default)]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Every bound on what a peer can make us hold, wait for or do.
    #[serde(default)]
    pub limits: Limits,
    /// Threads that serve connections. Default: the CPUs that this process may really use (affinity and cgroup quota).
    #[serde(default)]
    #[schemars(range(min = 1, max = 256))]
    pub workers: Option<u16>,
    /// How often allowlists, signatures and certificates are looked at for changes.
    #[serde(default = "default_watch_interval")]
    pub watch_interval: HumanDuration,
    /// What the pod is called; on every line of the record.
    #[serde(default)]
    pub pod: Pod,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first version.
    #[serde(rename = "podwall.dev/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// How a sidecar runs.
    Podwall,
}

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

/// Our own certificate, and whom we believe. All files are PEM, watched, and replaced without dropping a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Our certificate chain, the leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
    /// Whom we believe: one bundle of CA certificates for each trust domain.
    pub trust: Vec<Trust>,
    /// Certificates for clients that ask for a name and verify it, as PostgreSQL's do with sslmode=verify-full. Whoever
    /// asks for no name, or another, is shown our own.
    #[serde(default)]
    pub named: Vec<NamedCertificate>,
}

/// A certificate for a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedCertificate {
    /// The name that clients ask for: `db.shop`.
    pub name: String,
    /// The chain, the leaf first. It needs no SPIFFE ID.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
}

/// The bundle of one trust domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The trust domain: `cluster.local`.
    pub domain: String,
    /// Its CA certificates.
    pub bundle: PathBuf,
}

/// What attacks look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Signatures {
    /// Whether the signatures that are part of the program are used.
    pub shipped: bool,
    /// Files and directories of more signatures.
    pub paths: Vec<PathBuf>,
}

/// Where the record goes, and how much of it there may be. See `deploy/record.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordSinks {
    /// Whether lines go to the standard output.
    pub stdout: bool,
    /// The file that lines go to.
    pub file: Option<RecordFile>,
    /// A file of at least 32 random bytes that keys the hashes in masks, so that they compare across pods and restarts.
    /// Default: random for each process.
    pub mask_key: Option<PathBuf>,
    /// Events on their way to the sinks; what is over is lost and counted.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_lines: u32,
    /// Bytes of memory for them.
    pub queue_bytes: ByteSize,
    /// Events of one caller, reason and rule that are written in each window; the others are told by one line with their
    /// count.
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// That window.
    pub repeat_window: HumanDuration,
    /// Events written per second; what is over is lost and counted, the first of each caller and reason excepted.
    #[schemars(range(min = 1))]
    pub lines_per_second: u32,
    /// How often allowed traffic is written, one line per caller and rule.
    pub aggregate_interval: HumanDuration,
}

/// A file that is rotated by size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordFile {
    /// Its path. Made if it is not there, readable by its owner only.
    pub path: PathBuf,
    /// Its size at most; then it becomes `path.1`, and so on.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: ByteSize,
    /// Older files that are kept.
    #[serde(default = "default_keep")]
    #[schemars(range(max = 1000))]
    pub keep: u32,
}

/// The endpoint for metrics, probes and status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Its address; only a loopback address is taken.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
}

/// Every bound on what a peer can make us hold, wait for or do. None of them can be switched off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a head, first line included.
    pub head_bytes: ByteSize,
    /// Header lines of a head.
    #[schemars(range(min = 1, max = 256))]
    pub headers: u16,
    /// Bytes of one header line.
    pub header_bytes: ByteSize,
    /// Bytes of a request target.
    pub target_bytes: ByteSize,
    /// Bytes of all trailers of a message.
    pub trailer_bytes: ByteSize,
    /// Bytes of a body that are held and judged whole; a larger body is denied unless its route says `stream`.
    pub inspect_bytes: ByteSize,
    /// Bytes of a gRPC message, which is held and judged whole; a larger one is denied.
    pub grpc_message_bytes: ByteSize,
    /// Bytes of a body after its content codings (gzip …) are undone.
    pub decoded_bytes: ByteSize,
    /// Bytes of messages that the whole process holds until they are judged.
    pub held_bytes: ByteSize,
    /// Connections of the whole process.
    #[schemars(range(min = 1))]
    pub connections: u32,
    /// Pairs of rate and caller that are counted apart; callers beyond share one counter per rate.
    #[schemars(range(min = 1))]
    pub rate_counters: u32,
    /// Requests on one connection; then it is closed.
    #[schemars(range(min = 1))]
    pub requests_per_connection: u32,
    /// HTTP/2: streams at once on one connection.
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams: u32,
    /// HTTP/2: bytes that a client may send on one stream before they are taken.
    pub http2_stream_window: ByteSize,
    /// HTTP/2: bytes that a client may send on all streams of a connection before they are taken.
    pub http2_connection_window: ByteSize,
    /// HTTP/2: frames that carry nothing (PING, SETTINGS, empty DATA …) of one connection in a second.
    #[schemars(range(min = 1))]
    pub http2_control_frames: u32,
    /// HTTP/2: streams that a client may reset in a second, on one connection. A head that is too large counts for up to 80; one that
    /// names the same fields again and again ends the connection.
    #[schemars(range(min = 1))]
    pub http2_resets: u32,
    /// Idle connections kept to each upstream, for each worker.
    #[schemars(range(max = 65_536))]
    pub upstream_idle: u32,
    /// Until the first byte of a connection.
    pub first_byte_deadline: HumanDuration,
    /// From the first byte of a TLS handshake to its end.
    pub handshake_deadline: HumanDuration,
    /// From the first byte of a head to its last.
    pub header_deadline: HumanDuration,
    /// Between two pieces of a request's body.
    pub body_deadline: HumanDuration,
    /// Between two requests on a connection.
    pub idle_deadline: HumanDuration,
    /// HTTP/2: how long a connection with open streams goes without being asked whether its client still lives.
    pub http2_ping_interval: HumanDuration,
    /// HTTP/2: for the client's answer to that.
    pub http2_ping_deadline: HumanDuration,
    /// For a peer to take what we send.
    pub send_deadline: HumanDuration,
    /// Until an upstream takes a connection.
    pub connect_deadline: HumanDuration,
    /// From the end of a request to the head of its answer.
    pub response_deadline: HumanDuration,
    /// Between two pieces of an answer's body. Event streams are silent for long.
    pub response_body_deadline: HumanDuration,
    /// For an idle connection to an upstream; below what the upstream itself allows.
    pub upstream_idle_deadline: HumanDuration,
    /// From SIGTERM until what is still in flight is cut; below the pod's grace period.
    pub drain_deadline: HumanDuration,
    /// TLS handshakes at once, for each worker.
    #[schemars(range(min = 1))]
    pub handshakes: u32,
    /// TLS handshakes per second, for each worker.
    #[schemars(range(min = 1))]
    pub handshakes_per_second: u32,
    /// Certificates in a peer's chain.
    #[schemars(range(min = 1, max = 16))]
    pub chain_length: u8,
    /// Bytes of all certificates of a peer's chain.
    pub chain_bytes: ByteSize,
    /// Bits of a peer's RSA key, at least.
    #[schemars(range(min = 2048, max = 16_384))]
    pub rsa_bits_least: u16,
    /// Bits of a peer's RSA key, at most.
    #[schemars(range(min = 2048, max = 16_384))]
    pub rsa_bits_most: u16,
}

impl Config {
    /// Threads that serve connections, 1 to 256. By default one for each CPU that this process may use; the standard
    /// library looks at affinity and at cgroup quotas, v1 and v2.
    pub fn workers(&self) -> u16 {
        let cpus = || thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX));
        self.workers.unwrap_or_else(cpus).min(256)
    }
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

impl Default for Signatures {
    fn default() -> Self {
        Self { shipped: true, paths: Vec::new() }
    }
}

impl Default for RecordSinks {
    fn default() -> Self {
        Self {
            stdout: true,
            file: None,
            mask_key: None,
            queue_lines: 4096,
            queue_bytes: ByteSize(4 << 20),
            repeats: 20,
            repeat_window: seconds(60),
            lines_per_second: 1000,
            aggregate_interval: seconds(60),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 15020) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: kib(32),
            headers: 100,
            header_bytes: kib(16),
            target_bytes: kib(8),
            trailer_bytes: kib(8),
            inspect_bytes: kib(256),
            grpc_message_bytes: kib(4096),
            decoded_bytes: kib(1024),
            held_bytes: kib(64 * 1024),
            connections: 8192,
            rate_counters: 65_536,
            requests_per_connection: 100_000,
            http2_streams: 100,
            http2_stream_window: kib(64),
            http2_connection_window: kib(256),
            http2_control_frames: 500,
            http2_resets: 200,
            upstream_idle: 64,
            first_byte_deadline: seconds(30),
            handshake_deadline: seconds(10),
            header_deadline: seconds(10),
            body_deadline: seconds(20),
            idle_deadline: seconds(75),
            http2_ping_interval: seconds(30),
            http2_ping_deadline: seconds(20),
            send_deadline: seconds(30),
            connect_deadline: seconds(5),
            response_deadline: seconds(60),
            response_body_deadline: seconds(300),
            upstream_idle_deadline: seconds(30),
            drain_deadline: seconds(25),
            handshakes: 512,
            handshakes_per_second: 4000,
            chain_length: 5,
            chain_bytes: kib(16),
            rsa_bits_least: 2048,
            rsa_bits_most: 8192,
        }
    }
}

fn default_roots() -> PathBuf {
    "system".into()
}

fn default_watch_interval() -> HumanDuration {
    seconds(2)
}

fn default_max_bytes() -> ByteSize {
    ByteSize(64 << 20)
}

fn default_keep() -> u32 {
    4
}

fn seconds(seconds: u64) -> HumanDuration {
    HumanDuration(Duration::from_secs(seconds))
}

fn kib(kib: u64) -> ByteSize {
    ByteSize(kib << 10)
}
