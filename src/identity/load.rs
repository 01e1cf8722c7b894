//! PEM files become our own certificate and key, and the bundles of those we believe. Every file is checked wholly
//! before any of it is used; every problem is reported at once, with its file and its remedy.

use super::certificate::{Claim, Limits, anchor};
use super::trust::{Ends, Role, Trust};
use crate::flow::SpiffeId;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where certificates, key and bundles are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Our chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// The leaf's private key, PEM (PKCS#8, SEC1 or PKCS#1).
    pub key: PathBuf,
    /// Whom we believe.
    pub bundles: Vec<BundleFile>,
    /// What clients are shown that ask for a name (SNI).
    pub named: Vec<NamedFiles>,
}

/// A certificate for clients that ask for a name and verify it, as `sslmode=verify-full` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFiles {
    /// `db.shop`.
    pub name: String,
    /// The chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// The leaf's private key, PEM.
    pub key: PathBuf,
}

/// The CA certificates of one trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFile {
    /// `cluster.local`.
    pub domain: String,
    /// PEM, one or more CA certificates.
    pub path: PathBuf,
}

impl Sources {
    /// Every file, in a fixed order.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let own = [self.certificate.as_path(), self.key.as_path()];
        let bundles = self.bundles.iter().map(|bundle| bundle.path.as_path());
        let named = self.named.iter().flat_map(|named| [named.certificate.as_path(), named.key.as_path()]);
        own.into_iter().chain(bundles).chain(named)
    }
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.remedy)
    }
}

/// What our own certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Who we are.
    pub id: SpiffeId,
    /// Its serial number, lower-case hex.
    pub serial: String,
    /// When the first certificate of our chain ends.
    pub not_after: SystemTime,
}

/// Everything that the files hold, checked.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) own: Own,
    pub(super) certified: Arc<CertifiedKey>,
    /// By the name that a client asks for.
    pub(super) named: ResolvesServerCertUsingSni,
    pub(super) trust: Arc<Trust>,
    /// Of every file's content.
    pub(super) fingerprint: [u8; 32],
    /// What is odd, but not in the way.
    pub(super) warnings: Vec<Problem>,
}

/// A file larger than this is none of ours.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads and checks every file.
pub(super) fn load(
    sources: &Sources,
    limits: &Limits,
    provider: &Arc<CryptoProvider>,
    now: SystemTime,
) -> Result<Loaded, Vec<Problem>> {
    let mut reading = Reading { hash: Sha256::new(), problems: Vec::new(), warnings: Vec::new() };
    let own = reading.own(sources, limits, provider, now);
    let mut trust = Trust::new(limits.clone(), provider);
    for bundle in &sources.bundles {
        reading.bundle(bundle, &mut trust, provider, now);
    }
    let named = reading.named(&sources.named, provider);
    let Reading { hash, problems, mut warnings } = reading;
    let (Some((own, certified)), true) = (own, problems.is_empty()) else { return Err(problems) };
    warnings.extend(not_in_our_own_bundle(sources, &certified, &trust, now));
    Ok(Loaded { own, certified, named, trust: Arc::new(trust), fingerprint: hash.finalize().into(), warnings })
}

/// Files being read, with what is wrong with them.
struct Reading {
    hash: Sha256,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reading {
    fn own(
        &mut self,
        sources: &Sources,
        limits: &Limits,
        provider: &CryptoProvider,
        now: SystemTime,
    ) -> Option<(Own, Arc<CertifiedKey>)> {
        let chain = self.certificates(&sources.certificate);
        let claim = chain.as_deref().and_then(|chain| self.claim(&sources.certificate, chain, limits, now));
        let certified = self.pair(chain, &sources.certificate, &sources.key, provider);
        let (claim, certified) = (claim?, certified?);
        Some((Own { id: claim.id, serial: claim.serial, not_after: claim.not_after }, Arc::new(certified)))
    }

    /// A chain and its key.
    fn pair(
        &mut self,
        chain: Option<Vec<CertificateDer<'static>>>,
        certificate: &Path,
        file: &Path,
        provider: &CryptoProvider,
    ) -> Option<CertifiedKey> {
        let key = self.read(file).and_then(|text| self.key(file, &text, provider));
        let certified = CertifiedKey::new(chain?, key?);
        if certified.keys_match().is_err() {
            let what = format!("the key does not belong to the certificate in {}", certificate.display());
            return self.problem(file, what, "give the certificate and the key of one issuance");
        }
        Some(certified)
    }

    /// Certificates by the names they are for.
    fn named(&mut self, all: &[NamedFiles], provider: &CryptoProvider) -> ResolvesServerCertUsingSni {
        let mut named = ResolvesServerCertUsingSni::new();
        for NamedFiles { name, certificate, key } in all {
            let chain = self.certificates(certificate);
            let Some(pair) = self.pair(chain, certificate, key, provider) else { continue };
            if let Err(error) = named.add(name, pair) {
                let what = format!("is not for `{name}` ({error})");
                let _: Option<()> = self.problem(certificate, what, "clients that verify the name would refuse it");
            }
        }
        named
    }

    fn claim(&mut self, file: &Path, chain: &[CertificateDer<'_>], limits: &Limits, now: SystemTime) -> Option<Claim> {
        let (leaf, others) = chain.split_first()?;
        let claim = match Claim::read(leaf, others, limits) {
            Ok(claim) => claim,
            Err(refusal) => return self.problem(file, refusal.to_string(), "issue an X.509-SVID: peers refuse this"),
        };
        if now > claim.not_after {
            return self.problem(file, "the chain has expired".into(), "issue a new one, or correct the clock");
        }
        if now < claim.not_before {
            return self.problem(file, "the certificate is not valid yet".into(), "correct the clock, or wait");
        }
        Some(claim)
    }

    fn key(
        &mut self,
        file: &Path,
        text: &[u8],
        provider: &CryptoProvider,
    ) -> Option<Arc<dyn rustls::sign::SigningKey>> {
        let remedy = "give an unencrypted PEM key: RSA, P-256, P-384 or Ed25519";
        let key = match PrivateKeyDer::from_pem_slice(text) {
            Ok(key) => key,
            Err(error) => return self.problem(file, format!("holds no private key ({error})"), remedy),
        };
        match provider.key_provider.load_private_key(key) {
            Ok(key) => Some(key),
            Err(error) => self.problem(file, format!("the key cannot be used ({error})"), remedy),
        }
    }

    fn bundle(&mut self, bundle: &BundleFile, trust: &mut Trust, provider: &Arc<CryptoProvider>, now: SystemTime) {
        let Some(certificates) = self.certificates(&bundle.path) else { return };
        let mut roots = RootCertStore::empty();
        let mut ends: Option<Ends> = None;
        for (index, certificate) in certificates.into_iter().enumerate() {
            let nth = index + 1;
            match anchor(&certificate, trust.limits()) {
                Ok(end) if end < now => self.warning(&bundle.path, format!("certificate {nth} has expired")),
                Ok(end) => {
                    ends = Some(ends.map_or(Ends::at(end), |ends| ends.and(end)));
                    if let Err(error) = roots.add(certificate) {
                        self.bad_anchor(&bundle.path, nth, &error.to_string());
                    }
                }
                Err(refusal) => self.bad_anchor(&bundle.path, nth, &refusal.detail),
            }
        }
        let added = match ends {
            Some(ends) => trust.add(&bundle.domain, roots, ends, provider),
            None => Err("no certificate in it is usable".into()),
        };
        if let Err(what) = added {
            let _: Option<()> =
                self.problem(&bundle.path, what, "give each trust domain one file with its CA certificates");
        }
    }

    fn bad_anchor(&mut self, file: &Path, nth: usize, why: &str) {
        let what = format!("certificate {nth}: {why}");
        let _: Option<()> = self.problem(file, what, "a bundle holds CA certificates only");
    }

    fn certificates(&mut self, file: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let text = self.read(file)?;
        let remedy = "give PEM certificates (-----BEGIN CERTIFICATE-----)";
        match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) if certificates.is_empty() => self.problem(file, "holds no certificate".into(), remedy),
            Ok(certificates) => Some(certificates),
            Err(error) => self.problem(file, format!("is no PEM ({error})"), remedy),
        }
    }

    fn read(&mut self, file: &Path) -> Option<Vec<u8>> {
        let text = match read_bounded(file) {
            Ok(text) => text,
            Err(what) => return self.problem(file, what, "check the path, the mount and its permissions"),
        };
        self.hash.update((text.len() as u64).to_be_bytes());
        self.hash.update(&text);
        Some(text)
    }

    fn problem<T>(&mut self, file: &Path, what: String, remedy: &'static str) -> Option<T> {
        self.problems.push(Problem { file: file.into(), what, remedy });
        None
    }

    fn warning(&mut self, file: &Path, what: String) {
        self.warnings.push(Problem { file: file.into(), what, remedy: "it is left out; remove it" });
    }
}

pub(super) fn read_bounded(file: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut text));
    match read {
        Err(error) => Err(format!("cannot be read ({error})")),
        Ok(_) if text.len() as u64 > MAX_FILE_BYTES => Err(format!("is larger than {MAX_FILE_BYTES} bytes")),
        Ok(_) => Ok(text),
    }
}

/// A peer of our own trust domain would refuse us: legal while a CA is being replaced, usually a mistake.
fn not_in_our_own_bundle(
    sources: &Sources,
    certified: &CertifiedKey,
    trust: &Trust,
    now: SystemTime,
) -> Option<Problem> {
    let (leaf, others) = certified.cert.split_first()?;
    let refusal = trust.verify(leaf, others, Role::Server, now).err()?;
    Some(Problem {
        file: sources.certificate.clone(),
        what: format!("our own certificate is not trusted by our own bundles ({refusal})"),
        remedy: "peers with the same bundles will refuse us: compare bundle and issuer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::dev::{Authority, Issued, Key, Order};
    use crate::identity::provider;
    use std::fs;
    use std::time::Duration;
    use tempfile::TempDir;

    const HOUR: Duration = Duration::from_secs(3600);

    fn authority() -> Authority {
        Authority::new("cluster.test", SystemTime::now() + 2 * HOUR).unwrap()
    }

    fn orders(root: &Authority) -> Order {
        Order::workload(&root.id("shop", "orders").unwrap())
    }

    struct Files(TempDir);

    impl Files {
        fn new(own: &Issued, bundle: &str) -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.put("server.crt", &own.chain_pem);
            files.put("server.key", &own.key_pem);
            files.put("ca.crt", bundle);
            files
        }

        fn put(&self, name: &str, content: &str) {
            fs::write(self.0.path().join(name), content).unwrap();
        }

        fn sources(&self) -> Sources {
            let path = |name| self.0.path().join(name);
            let bundles = vec![BundleFile { domain: "cluster.test".into(), path: path("ca.crt") }];
            Sources { certificate: path("server.crt"), key: path("server.key"), bundles, named: Vec::new() }
        }

        /// What was loaded, or every problem in one text.
        fn load(&self) -> Result<Loaded, String> {
            self.load_with(&self.sources(), &Limits::default())
        }

        fn load_with(&self, sources: &Sources, limits: &Limits) -> Result<Loaded, String> {
            let loaded = load(sources, limits, &provider(), SystemTime::now());
            loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }

    #[test]
    fn every_kind_of_key_is_loaded() {
        let root = authority();
        for key in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa2048] {
            let own = root.issue(&Order { key, ..orders(&root) }).unwrap();
            let loaded = Files::new(&own, &root.certificate_pem()).load().unwrap();
            assert_eq!(loaded.own.id.as_str(), "spiffe://cluster.test/ns/shop/sa/orders");
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_a_problem() {
        let root = authority();
        let files = Files::new(&root.issue(&orders(&root)).unwrap(), &root.certificate_pem());
        files.put("server.key", &root.issue(&orders(&root)).unwrap().key_pem);
        let told = files.load().unwrap_err();
        assert!(told.contains("server.key: the key does not belong to the certificate"), "{told}");
    }

    #[test]
    fn our_own_certificate_is_an_svid() {
        let root = authority();
        let own = root.issue(&Order { uris: vec![], ..orders(&root) }).unwrap();
        let told = Files::new(&own, &root.certificate_pem()).load().unwrap_err();
        assert!(told.contains("server.crt: tls-no-spiffe-id"), "{told}");
    }

    #[test]
    fn a_certificate_of_tomorrow_is_a_problem() {
        let root = authority();
        let own = root.issue(&Order { not_before: SystemTime::now() + HOUR / 2, ..orders(&root) }).unwrap();
        let told = Files::new(&own, &root.certificate_pem()).load().unwrap_err();
        assert!(told.contains("not valid yet"), "{told}");
    }

    #[test]
    fn an_ended_ca_certificate_is_left_out() {
        let root = authority();
        let ended = Authority::new("cluster.test", SystemTime::now() - Duration::from_secs(2)).unwrap();
        let own = root.issue(&orders(&root)).unwrap();
        let files = Files::new(&own, &(ended.certificate_pem() + &root.certificate_pem()));
        let loaded = files.load().unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].what.contains("certificate 1 has expired"));
        assert!(loaded.trust.domains().all(|(_, ends)| ends.first > SystemTime::now()));
        files.put("ca.crt", &ended.certificate_pem());
        assert!(files.load().unwrap_err().contains("no certificate in it is usable"));
    }

    #[test]
    fn a_trust_domain_has_one_bundle() {
        let root = authority();
        let files = Files::new(&root.issue(&orders(&root)).unwrap(), &root.certificate_pem());
        let mut sources = files.sources();
        sources.bundles.extend(sources.bundles.clone());
        let told = files.load_with(&sources, &Limits::default()).unwrap_err();
        assert!(told.contains("two bundles"), "{told}");
        sources.bundles.truncate(1);
        sources.bundles[0].domain = "Cluster.test".into();
        assert!(files.load_with(&sources, &Limits::default()).unwrap_err().contains("trust domain"));
    }

    #[test]
    fn limits_hold_for_our_own_chain() {
        let root = authority();
        let own = root.intermediate().unwrap().issue(&orders(&root)).unwrap();
        let files = Files::new(&own, &root.certificate_pem());
        let within = |chain_length| files.load_with(&files.sources(), &Limits { chain_length, ..Limits::default() });
        assert!(within(2).is_ok());
        assert!(within(1).unwrap_err().contains("tls-chain-too-long"));
    }

    #[test]
    fn file_size_is_limited_at_n() {
        let root = authority();
        let files = Files::new(&root.issue(&orders(&root)).unwrap(), &root.certificate_pem());
        let pem = root.certificate_pem();
        let most = usize::try_from(MAX_FILE_BYTES).unwrap();
        files.put("ca.crt", &format!("{pem}{}", "\n".repeat(most - pem.len())));
        assert!(files.load().is_ok());
        files.put("ca.crt", &format!("{pem}{}", "\n".repeat(most - pem.len() + 1)));
        assert!(files.load().unwrap_err().contains("is larger than"));
    }
}
