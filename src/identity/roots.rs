//! Servers outside of every trust domain: verified by the name in their certificate and the CA certificates of one file,
//! as browsers do (RFC 5280, RFC 9525). The file is watched like our own; one that cannot be used leaves the old roots in
//! place, and as long as there never were any nobody is believed.

use super::load::{Problem, read_bounded};
use super::provider;
use super::rotate::{Alpn, Outcome, Stamp};
use arc_swap::ArcSwapOption;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where distributions keep the CA certificates of their system: Debian and Alpine, Fedora, SUSE, BSD.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The system's CA certificates: the first file that is there.
pub fn system_roots() -> Option<&'static Path> {
    SYSTEM.iter().map(Path::new).find(|path| path.is_file())
}

/// The CA certificates of one file, as they are in use. Two of the same file are equal.
pub struct Roots {
    path: PathBuf,
    current: ArcSwapOption<Usable>,
    /// The file as it was last looked at; also makes reloads take turns.
    seen: Mutex<Option<Stamp>>,
}

/// What TLS needs of them.
struct Usable {
    generation: u64,
    /// Of the file's content.
    fingerprint: [u8; 32],
    clients: [(Alpn, Arc<ClientConfig>); Alpn::ALL.len()],
}

impl Roots {
    /// Nothing is read yet, so that nobody is believed until [`Roots::reload`].
    pub fn unread(path: PathBuf) -> Self {
        Self { path, current: ArcSwapOption::empty(), seen: Mutex::new(None) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts up by one with each replacement; 0 as long as nothing could be used.
    pub fn generation(&self) -> u64 {
        self.current.load().as_ref().map_or(0, |usable| usable.generation)
    }

    /// What a connection needs whose server must prove its name; nothing as long as nobody is believed. No certificate of
    /// ours is shown.
    pub fn client(&self, alpn: Alpn) -> Option<(u64, Arc<ClientConfig>)> {
        let current = self.current.load();
        let usable = current.as_ref()?;
        let found = usable.clients.iter().find(|(each, _)| *each == alpn)?;
        Some((usable.generation, Arc::clone(&found.1)))
    }

    /// Whether the file is another than the one last looked at, also behind symbolic links. One `stat`.
    pub fn changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != Stamp::of(&self.path)
    }

    /// Reads the file and puts it to use if all is well. Blocks on reading.
    pub fn reload(&self) -> Outcome {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Stamp::of(&self.path);
        let generation = self.generation() + 1;
        match Usable::read(&self.path, generation) {
            Err(problem) => Outcome::Kept(vec![problem]),
            Ok(usable) if self.current.load().as_ref().is_some_and(|old| old.fingerprint == usable.fingerprint) => {
                Outcome::Unchanged
            }
            Ok(usable) => {
                self.current.store(Some(Arc::new(usable)));
                Outcome::Replaced { generation }
            }
        }
    }
}

impl Usable {
    fn read(path: &Path, generation: u64) -> Result<Self, Problem> {
        let problem = |what: String, remedy| Problem { file: path.into(), what, remedy };
        let text = read_bounded(path).map_err(|what| problem(what, "check the path, the mount and its permissions"))?;
        let remedy = "give PEM certificates (-----BEGIN CERTIFICATE-----) of CAs";
        let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| problem(format!("is no PEM ({error})"), remedy))?;
        let mut roots = RootCertStore::empty();
        // A system's file may hold one that webpki cannot read: the others are no worse for it.
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(problem("holds no certificate that can be used".into(), remedy));
        }
        let config = config(roots).map_err(|error| problem(error.to_string(), remedy))?;
        let clients = Alpn::ALL.map(|alpn| {
            let mut config = config.clone();
            config.alpn_protocols = alpn.names();
            (alpn, Arc::new(config))
        });
        Ok(Self { generation, fingerprint: Sha256::digest(&text).into(), clients })
    }
}

/// Sessions are not resumed: each connection verifies the server anew.
fn config(roots: RootCertStore) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let provider = provider();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Roots {}

impl Hash for Roots {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("path", &self.path).field("generation", &self.generation()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::dev::Authority;
    use std::fs;
    use std::time::{Duration, SystemTime};

    fn bundle() -> String {
        let end = SystemTime::now() + Duration::from_secs(3600);
        Authority::new("outside.test", end).unwrap().certificate_pem()
    }

    #[test]
    fn nobody_is_believed_before_there_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::unread(folder.path().join("ca.crt"));
        assert!(roots.client(Alpn::Http1).is_none());
        assert!(matches!(roots.reload(), Outcome::Kept(_)));
        fs::write(roots.path(), bundle()).unwrap();
        assert!(roots.changed());
        assert_eq!(roots.reload(), Outcome::Replaced { generation: 1 });
        assert!(roots.client(Alpn::Http1).is_some() && !roots.changed());
    }

    #[test]
    fn what_cannot_be_used_leaves_the_old_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::unread(folder.path().join("ca.crt"));
        fs::write(roots.path(), bundle()).unwrap();
        roots.reload();
        assert_eq!(roots.reload(), Outcome::Unchanged);
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(roots.path(), text).unwrap();
            assert!(matches!(roots.reload(), Outcome::Kept(_)), "{text}");
            assert_eq!(roots.generation(), 1);
        }
        fs::write(roots.path(), bundle()).unwrap();
        assert_eq!(roots.reload(), Outcome::Replaced { generation: 2 });
    }
}
