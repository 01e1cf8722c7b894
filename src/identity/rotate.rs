//! Certificates that are replaced while connections live. [`Store`] holds one immutable [`Material`], swapped whole;
//! a set of files that does not validate leaves the old one serving. Nothing here keeps a timer: whoever watches calls
//! [`Store::changed`] (a few `stat`s) and [`Store::reload`].
//!
//! Trust ends when it ends. rustls restores a client's chain from a resumption ticket without verifying it, so every
//! generation has ticket keys of its own (a ticket dies with the material it was issued under), and the chain in a
//! ticket is verified before it is restored. Connections that are open, and handshakes that began under the material
//! before, are held against the current one by its generation.

use super::load::{Loaded, Own, Problem, Sources, load};
use super::refusal::Refusal;
use super::ticket::Tickets;
use super::trust::{Role, Trust};
use super::verify::{ClientVerifier, ServerVerifier};
use super::{Limits, provider};
use crate::flow::{Expected, Identity};
use arc_swap::{ArcSwap, Guard};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ResolvesServerCertUsingSni};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The application protocols that a port speaks, as ALPN offers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Alpn {
    /// No ALPN: the protocol is known from elsewhere.
    None,
    /// `http/1.1`.
    #[default]
    Http1,
    /// `h2`, then `http/1.1`.
    Http2,
    /// `h2` and nothing else.
    OnlyHttp2,
    /// `postgresql`, as clients offer it that begin with TLS.
    Postgres,
}

impl Alpn {
    pub(super) const ALL: [Self; 5] = [Self::None, Self::Http1, Self::Http2, Self::OnlyHttp2, Self::Postgres];

    /// What is taken from clients. A client that speaks HTTP/1.0 only may say so.
    fn served(self) -> Vec<Vec<u8>> {
        let older = matches!(self, Self::Http1 | Self::Http2).then(|| b"http/1.0".to_vec());
        self.names().into_iter().chain(older).collect()
    }

    /// What servers are offered.
    pub(super) fn names(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::None => &[],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2", b"http/1.1"],
            Self::OnlyHttp2 => &[b"h2"],
            Self::Postgres => &[b"postgresql"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// One generation of certificates, key and bundles, and what TLS needs of them.
#[derive(Debug)]
pub struct Material {
    /// Counts up by one with each replacement; the first is 1.
    pub generation: u64,
    /// What our own certificate says.
    pub own: Own,
    /// Whom we believe.
    pub trust: Arc<Trust>,
    /// What is odd about the files, but not in the way.
    pub warnings: Vec<Problem>,
    certified: Arc<CertifiedKey>,
    servers: [(Alpn, Arc<ServerConfig>); Alpn::ALL.len()],
    fingerprint: [u8; 32],
}

impl Material {
    fn new(mut loaded: Loaded, generation: u64, provider: &Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let named = std::mem::replace(&mut loaded.named, ResolvesServerCertUsingSni::new());
        let base = server_config(&loaded, named, provider)?;
        let servers = Alpn::ALL.map(|alpn| {
            let mut config = base.clone();
            config.alpn_protocols = alpn.served();
            (alpn, Arc::new(config))
        });
        let Loaded { own, certified, trust, fingerprint, warnings, .. } = loaded;
        Ok(Self { generation, own, trust, warnings, certified, servers, fingerprint })
    }

    /// What a listening port needs to terminate TLS.
    pub fn server(&self, alpn: Alpn) -> Arc<ServerConfig> {
        let [first, rest @ ..] = &self.servers;
        let found = rest.iter().find(|(each, _)| *each == alpn).unwrap_or(first);
        Arc::clone(&found.1)
    }

    /// What a connection to a server needs that must prove an `expected` identity. Sessions are not resumed:
    /// each connection verifies the server anew.
    ///
    /// # Errors
    /// When our own certificate cannot be offered.
    pub fn client(&self, expected: Expected, alpn: Alpn) -> Result<ClientConfig, rustls::Error> {
        let verifier = Arc::new(ServerVerifier::new(Arc::clone(&self.trust), expected));
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified))));
        config.alpn_protocols = alpn.names();
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }

    /// When the first CA certificate of any bundle ends; from then on [`Store::changed`] asks for a reload.
    pub fn bundles_end(&self) -> Option<SystemTime> {
        self.trust.domains().map(|(_, ends)| ends.first).min()
    }
}

/// What clients are shown: the certificate for the name that they ask for, else our own.
#[derive(Debug)]
struct Shown {
    named: ResolvesServerCertUsingSni,
    own: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.named.resolve(hello).or_else(|| Some(Arc::clone(&self.own)))
    }
}

/// Tickets are stateless, so an idle session costs no memory and every worker can resume it; one is sent, since a
/// resumed handshake brings the next. No 0-RTT. TLS 1.2 only with the extended master secret (RFC 7627).
fn server_config(
    loaded: &Loaded,
    named: ResolvesServerCertUsingSni,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(ClientVerifier(Arc::clone(&loaded.trust))))
        .with_cert_resolver(Arc::new(Shown { named, own: Arc::clone(&loaded.certified) }));
    config.ticketer = Arc::new(Tickets::new(Ticketer::new()?, Arc::clone(&loaded.trust)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    config.require_ems = true;
    Ok(config)
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The files hold what is in use.
    Unchanged,
    /// Another generation is in use.
    Replaced {
        /// Its number.
        generation: u64,
    },
    /// The files cannot be used; the old generation goes on.
    Kept(Vec<Problem>),
}

/// The material in use.
#[derive(Debug)]
pub struct Store {
    sources: Sources,
    limits: Limits,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Material>,
    /// The files as they were last looked at; also makes reloads take turns.
    seen: Mutex<Seen>,
}

impl Store {
    /// Loads the first generation.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn open(sources: Sources, limits: Limits) -> Result<Self, Vec<Problem>> {
        let provider = provider();
        let seen = Seen::now(&sources);
        let material = make(&sources, &limits, &provider, 1)?;
        Ok(Self { sources, limits, provider, current: ArcSwap::from_pointee(material), seen: Mutex::new(seen) })
    }

    /// The material in use. Cheap; hold it for one handshake or one message, not longer.
    pub fn current(&self) -> Guard<Arc<Material>> {
        self.current.load()
    }

    /// The generation in use.
    pub fn generation(&self) -> u64 {
        self.current.load().generation
    }

    /// Whether a file is another than the one last looked at, also behind symbolic links, or a CA certificate in use
    /// has ended since. A few `stat` calls.
    pub fn changed(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.current.load().bundles_end().is_some_and(|end| seen.is_before(end, SystemTime::now()));
        ended || seen.stamps != stamps(&self.sources)
    }

    /// Reads every file anew and puts it to use if all is well and anything is different. Blocks on file reads.
    pub fn reload(&self) -> Outcome {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen::now(&self.sources);
        let outcome = self.replace();
        // Files that were replaced while they were read do not fit together: once more.
        let torn = matches!(outcome, Outcome::Kept(_)) && stamps(&self.sources) != seen.stamps;
        if !torn {
            return outcome;
        }
        *seen = Seen::now(&self.sources);
        self.replace()
    }

    /// Whether the chain of an open connection's peer would be accepted by the material in use.
    ///
    /// # Errors
    /// Why not.
    pub fn still_trusted(
        &self,
        chain: &[CertificateDer<'_>],
        role: Role,
        now: SystemTime,
    ) -> Result<Identity, Refusal> {
        let (leaf, others) =
            chain.split_first().ok_or_else(|| Refusal::new(super::refusal::NO_CERTIFICATE, "no chain was kept"))?;
        self.current.load().trust.verify(leaf, others, role, now)
    }

    fn replace(&self) -> Outcome {
        let old = self.current.load();
        match make(&self.sources, &self.limits, &self.provider, old.generation + 1) {
            Err(problems) => Outcome::Kept(problems),
            Ok(new) if new.fingerprint == old.fingerprint && new.bundles_end() == old.bundles_end() => {
                Outcome::Unchanged
            }
            Ok(new) => {
                let generation = new.generation;
                self.current.store(Arc::new(new));
                Outcome::Replaced { generation }
            }
        }
    }
}

fn make(
    sources: &Sources,
    limits: &Limits,
    provider: &Arc<CryptoProvider>,
    generation: u64,
) -> Result<Material, Vec<Problem>> {
    let loaded = load(sources, limits, provider, SystemTime::now())?;
    Material::new(loaded, generation, provider).map_err(|error| {
        let remedy = "report this: the files are valid, but TLS cannot be set up with them";
        vec![Problem { file: sources.certificate.clone(), what: error.to_string(), remedy }]
    })
}

/// What the files looked like, and when. Taken before they are read, so that a change meanwhile is seen later.
#[derive(Debug)]
struct Seen {
    stamps: Vec<Option<Stamp>>,
    at: SystemTime,
}

impl Seen {
    fn now(sources: &Sources) -> Self {
        Self { stamps: stamps(sources), at: SystemTime::now() }
    }

    /// Whether `end` has passed by `now`, and had not when the files were looked at.
    fn is_before(&self, end: SystemTime, now: SystemTime) -> bool {
        self.at <= end && end < now
    }
}

/// What tells one content of a path from another without reading it. Kubernetes replaces a mounted directory by
/// pointing the symbolic link `..data` elsewhere: the path stays, its inode does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// One stamp per file; nothing in the place of one that is missing.
fn stamps(sources: &Sources) -> Vec<Option<Stamp>> {
    sources.files().map(Stamp::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bundle_that_ends_is_due_once() {
        let second = Duration::from_secs(1);
        let seen = Seen { stamps: Vec::new(), at: SystemTime::now() };
        assert!(!seen.is_before(seen.at + second, seen.at + second));
        assert!(seen.is_before(seen.at + second, seen.at + 2 * second));
        assert!(!seen.is_before(seen.at - second, seen.at + second), "it had ended before the last look");
    }
}
