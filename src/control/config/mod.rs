//! The bootstrap configuration (`podwall.yaml`, `kind: Podwall`) as the platform engineer writes it: where to listen,
//! whom to believe, what to judge by, where the record goes, and every limit. The doc comments of these types are the
//! descriptions in the JSON Schema and in `podwall config --explain`.
//!
//! [`load()`] reads it, [`check`] holds it against itself, [`settings()`] lists every setting.

pub mod bans;
pub mod check;
pub mod dns;
mod limits;
mod listener;
pub mod load;
mod meaning;
pub mod settings;
mod sinks;
mod upstream;
mod variables;

pub use limits::Limits;
pub use listener::{CircuitBreaker, Direction, Listener, Port, Protocol};
pub use load::{Loaded, load, load_elsewhere};
pub use settings::{Setting, settings};
pub use sinks::{RecordFile, RecordSinks};
pub use upstream::{UpstreamTls, roots_file};
pub use variables::Environment;

use crate::document::{ByteSize, HumanDuration};
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

/// The endpoint for metrics, probes and status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Its address; only a loopback address is taken.
    #[schemars(extend("format" = "socket-address"))]
    pub listen: SocketAddr,
}

impl Config {
    /// Threads that serve connections, 1 to 256. By default one for each CPU that this process may use; the standard
    /// library looks at affinity and at cgroup quotas, v1 and v2.
    pub fn workers(&self) -> u16 {
        let cpus = || thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX));
        self.workers.unwrap_or_else(cpus).min(256)
    }
}

impl Default for Signatures {
    fn default() -> Self {
        Self { shipped: true, paths: Vec::new() }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 15020) }
    }
}

fn default_roots() -> PathBuf {
    "system".into()
}

fn default_watch_interval() -> HumanDuration {
    seconds(2)
}

fn seconds(seconds: u64) -> HumanDuration {
    HumanDuration(Duration::from_secs(seconds))
}

fn kib(kib: u64) -> ByteSize {
    ByteSize(kib << 10)
}
