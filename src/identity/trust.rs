//! Whom we believe: one bundle of CA certificates per trust domain. A chain is verified against the bundle of the trust
//! domain that its leaf claims, and against no other (X.509-SVID §5, SPIFFE Trust Domain and Bundle §3).

use super::certificate::{Claim, Limits};
use super::refusal::{BAD_SIGNATURE, EXPIRED, NOT_YET_VALID, Refusal, UNKNOWN_DOMAIN, UNKNOWN_ISSUER};
use crate::flow::{Identity, check_trust_domain};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{Error, RootCertStore};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The side of a connection that a certificate is presented for; decides which extended key usage it needs, if it has
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It calls us.
    Client,
    /// We call it.
    Server,
}

/// Bundles by trust domain, and the limits on chains. Immutable: a changed bundle is a new `Trust`.
#[derive(Debug)]
pub struct Trust {
    bundles: HashMap<String, Bundle>,
    limits: Limits,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The CA certificates of one trust domain.
#[derive(Debug)]
struct Bundle {
    roots: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
    ends: Ends,
}

/// When the CA certificates of a bundle end. webpki does not look at it; from the first end on the bundle is due for a
/// reload that leaves the ended one out, from the last end on it speaks for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The first.
    pub first: SystemTime,
    /// The last.
    pub last: SystemTime,
}

impl Ends {
    /// Of one certificate.
    pub fn at(end: SystemTime) -> Self {
        Self { first: end, last: end }
    }

    /// With one certificate more.
    #[must_use]
    pub fn and(self, end: SystemTime) -> Self {
        Self { first: self.first.min(end), last: self.last.max(end) }
    }
}

impl Trust {
    /// Nobody, yet.
    pub fn new(limits: Limits, provider: &CryptoProvider) -> Self {
        Self { bundles: HashMap::new(), limits, algorithms: provider.signature_verification_algorithms }
    }

    /// Believes these CA certificates when they speak for `domain`.
    ///
    /// # Errors
    /// What is wrong with the name, or with the roots.
    pub fn add(
        &mut self,
        domain: &str,
        roots: RootCertStore,
        ends: Ends,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(), String> {
        check_trust_domain(domain).map_err(|broken| format!("the trust domain {domain:?} {broken}"))?;
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .build()
            .map_err(|error| error.to_string())?;
        match self.bundles.insert(domain.into(), Bundle { roots, clients, ends }) {
            None => Ok(()),
            Some(_) => Err(format!("the trust domain {domain:?} has two bundles")),
        }
    }

    /// Verifies a chain: limits, exactly one SPIFFE ID, its trust domain's bundle, validity at `now`, purpose.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        role: Role,
        now: SystemTime,
    ) -> Result<Identity, Refusal> {
        let claim = Claim::read(leaf, others, &self.limits)?;
        let refuse = |refusal: Refusal| refusal.of(&claim.serial, Some(claim.id.as_str()));
        let bundle = self.bundles.get(claim.id.trust_domain()).ok_or_else(|| {
            refuse(Refusal::new(UNKNOWN_DOMAIN, format!("no bundle for {}", claim.id.trust_domain())))
        })?;
        in_time(&claim, bundle.ends, now).map_err(refuse)?;
        bundle.check(leaf, others, role, now, self.algorithms).map_err(|error| refuse(of_chain(&error)))?;
        Ok(claim.into())
    }

    /// The identity in a chain that the handshake has just verified against this trust, without verifying it again.
    ///
    /// # Errors
    /// None that [`Trust::verify`] would not have given.
    pub fn identify_verified(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<Identity, Refusal> {
        Claim::read(leaf, others, &self.limits).map(Identity::from)
    }

    /// The trust domains with a bundle, and when its CA certificates end.
    pub fn domains(&self) -> impl Iterator<Item = (&str, Ends)> {
        self.bundles.iter().map(|(domain, bundle)| (domain.as_str(), bundle.ends))
    }

    /// The limits on chains.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }
}

impl Bundle {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        role: Role,
        now: SystemTime,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO));
        match role {
            Role::Client => self.clients.verify_client_cert(leaf, others, now).map(|_| ()),
            Role::Server => {
                let leaf = ParsedCertificate::try_from(leaf)?;
                verify_server_cert_signed_by_trust_anchor(&leaf, &self.roots, others, now, algorithms.all)
            }
        }
    }
}

/// A CA of the issuer's name is in the bundle, but its key is another: to the reader that is an unknown issuer.
fn of_chain(error: &Error) -> Refusal {
    let refusal = Refusal::of_tls(error);
    if refusal.reason == BAD_SIGNATURE {
        return Refusal::new(UNKNOWN_ISSUER, "a CA of the issuer's name is known, but did not sign this");
    }
    refusal
}

impl From<Claim> for Identity {
    fn from(claim: Claim) -> Self {
        Self { id: claim.id, serial: claim.serial, not_after: claim.not_after }
    }
}

/// webpki checks the presented chain as well; here it costs no signature check and gets its own name.
fn in_time(claim: &Claim, bundle: Ends, now: SystemTime) -> Result<(), Refusal> {
    if now < claim.not_before {
        return Err(Refusal::new(NOT_YET_VALID, "the certificate begins later"));
    }
    if now > claim.not_after {
        return Err(Refusal::new(EXPIRED, "the certificate, or one above it, has ended"));
    }
    if now > bundle.last {
        return Err(Refusal::new(EXPIRED, "every CA certificate of the bundle has ended"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Reason, SpiffeId};
    use crate::identity::dev::{Authority, Key, Order, Purpose};
    use crate::identity::refusal::{
        BAD_KEY, BAD_SPIFFE_ID, CA_AS_LEAF, CHAIN_TOO_LARGE, CHAIN_TOO_LONG, KEY_SIZE, NO_SPIFFE_ID, SEVERAL_IDS,
        WRONG_PURPOSE,
    };
    use crate::identity::{Limits, provider};
    use rustls::pki_types::pem::PemObject;

    const HOUR: Duration = Duration::from_secs(3600);

    fn soon() -> SystemTime {
        SystemTime::now() + HOUR
    }

    fn authority(domain: &str) -> Authority {
        Authority::new(domain, soon() + HOUR).unwrap()
    }

    fn trusting(authorities: &[&Authority], limits: Limits) -> Trust {
        let provider = provider();
        let mut trust = Trust::new(limits, &provider);
        for authority in authorities {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
            trust.add(authority.domain(), roots, Ends::at(soon() + HOUR), &provider).unwrap();
        }
        trust
    }

    fn frontend(authority: &Authority) -> Order {
        Order::workload(&authority.id("shop", "frontend").unwrap())
    }

    fn verify(trust: &Trust, authority: &Authority, order: &Order) -> Result<Identity, Reason> {
        let chain = authority.issue(order).unwrap().chain;
        let (leaf, others) = chain.split_first().unwrap();
        trust.verify(leaf, others, Role::Client, SystemTime::now()).map_err(|refusal| refusal.reason)
    }

    /// What a changed order is answered.
    fn answer(change: impl FnOnce(&mut Order)) -> Result<Identity, Reason> {
        let authority = authority("cluster.test");
        let mut order = frontend(&authority);
        change(&mut order);
        verify(&trusting(&[&authority], Limits::default()), &authority, &order)
    }

    #[test]
    fn a_sound_certificate_is_an_identity() {
        let identity = answer(|_| ()).unwrap();
        assert_eq!(identity.id, SpiffeId::parse("spiffe://cluster.test/ns/shop/sa/frontend").unwrap());
        assert!(identity.not_after > SystemTime::now() && identity.not_after <= soon());
        assert!(identity.serial.bytes().all(|byte| byte.is_ascii_hexdigit()) && identity.serial.len() >= 16);
    }

    #[test]
    fn other_names_may_stand_beside_the_id() {
        assert!(answer(|order| *order = order.clone().local()).is_ok());
    }

    #[test]
    fn exactly_one_uri_is_an_identity() {
        let second = "spiffe://cluster.test/ns/shop/sa/admin";
        assert_eq!(answer(|order| order.uris.clear()), Err(NO_SPIFFE_ID));
        assert_eq!(answer(|order| order.uris.push(second.into())), Err(SEVERAL_IDS));
        assert_eq!(answer(|order| order.uris = vec!["https://cluster.test/x".into()]), Err(BAD_SPIFFE_ID));
        assert_eq!(answer(|order| order.uris = vec!["spiffe://cluster.test".into()]), Err(BAD_SPIFFE_ID));
    }

    #[test]
    fn validity_is_kept() {
        let now = SystemTime::now();
        assert_eq!(answer(|order| order.not_after = now - Duration::from_secs(5)), Err(EXPIRED));
        assert_eq!(answer(|order| order.not_before = now + HOUR / 2), Err(NOT_YET_VALID));
    }

    #[test]
    fn a_signing_certificate_is_no_leaf() {
        assert_eq!(answer(|order| order.ca = true), Err(CA_AS_LEAF));
    }

    #[test]
    fn purpose_is_kept() {
        assert_eq!(answer(|order| order.purposes = vec![Purpose::Server]), Err(WRONG_PURPOSE));
        assert!(answer(|order| order.purposes = vec![Purpose::Client]).is_ok());
        assert!(answer(|order| order.purposes.clear()).is_ok());
    }

    #[test]
    fn accepted_kinds_of_keys() {
        for key in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa2048] {
            assert!(answer(|order| order.key = key).is_ok(), "{key:?}");
        }
        assert_eq!(answer(|order| order.key = Key::P521), Err(BAD_KEY));
    }

    #[test]
    fn rsa_size_is_limited() {
        let authority = authority("cluster.test");
        let order = Order { key: Key::Rsa2048, ..frontend(&authority) };
        let within = |rsa_bits| trusting(&[&authority], Limits { rsa_bits, ..Limits::default() });
        assert!(verify(&within(1024..=2048), &authority, &order).is_ok());
        assert_eq!(verify(&within(1024..=2047), &authority, &order), Err(KEY_SIZE));
        assert_eq!(verify(&within(2049..=4096), &authority, &order), Err(KEY_SIZE));
    }

    #[test]
    fn one_trust_domain_cannot_speak_for_another() {
        let (ours, theirs) = (authority("cluster.test"), authority("other.test"));
        let trust = trusting(&[&ours, &theirs], Limits::default());
        assert!(verify(&trust, &theirs, &frontend(&theirs)).is_ok());
        assert_eq!(verify(&trust, &theirs, &frontend(&ours)), Err(UNKNOWN_ISSUER));
    }

    #[test]
    fn an_unknown_trust_domain_is_refused() {
        let (ours, theirs) = (authority("cluster.test"), authority("other.test"));
        let trust = trusting(&[&ours], Limits::default());
        assert_eq!(verify(&trust, &theirs, &frontend(&theirs)), Err(UNKNOWN_DOMAIN));
        assert_eq!(verify(&trust, &ours, &frontend(&theirs)), Err(UNKNOWN_DOMAIN));
    }

    #[test]
    fn another_ca_of_the_same_name_is_refused() {
        let (ours, impostor) = (authority("cluster.test"), authority("cluster.test"));
        let trust = trusting(&[&ours], Limits::default());
        assert_eq!(verify(&trust, &impostor, &frontend(&impostor)), Err(UNKNOWN_ISSUER));
    }

    #[test]
    fn chain_length_is_limited_at_n() {
        let root = authority("cluster.test");
        let mut issuer = root.intermediate().unwrap();
        let trust = trusting(&[&root], Limits { chain_length: 3, ..Limits::default() });
        issuer = issuer.intermediate().unwrap();
        assert!(verify(&trust, &issuer, &frontend(&root)).is_ok());
        issuer = issuer.intermediate().unwrap();
        assert_eq!(verify(&trust, &issuer, &frontend(&root)), Err(CHAIN_TOO_LONG));
    }

    #[test]
    fn chain_bytes_are_limited_at_n() {
        let root = authority("cluster.test");
        let chain = root.intermediate().unwrap().issue(&frontend(&root)).unwrap().chain;
        let (leaf, others) = chain.split_first().unwrap();
        let bytes = chain.iter().map(|certificate| certificate.len()).sum::<usize>();
        let within = |chain_bytes| {
            let trust = trusting(&[&root], Limits { chain_bytes, ..Limits::default() });
            trust.verify(leaf, others, Role::Client, SystemTime::now()).map_err(|refusal| refusal.reason)
        };
        assert!(within(bytes).is_ok());
        assert_eq!(within(bytes - 1), Err(CHAIN_TOO_LARGE));
    }

    #[test]
    fn the_chain_ends_with_its_first_certificate() {
        let root = authority("cluster.test");
        let issuer = root.intermediate().unwrap(); // ends within the hour
        let order = frontend(&root).until(soon() + HOUR);
        let identity = verify(&trusting(&[&root], Limits::default()), &issuer, &order).unwrap();
        assert!(identity.not_after <= soon());
    }

    #[test]
    fn a_bundle_that_has_ended_speaks_for_nobody() {
        let authority = authority("cluster.test");
        let chain = authority.issue(&frontend(&authority).until(soon() + 8 * HOUR)).unwrap().chain;
        let (leaf, others) = chain.split_first().unwrap();
        let trust = trusting(&[&authority], Limits::default());
        let then = soon() + 2 * HOUR;
        assert_eq!(trust.verify(leaf, others, Role::Client, then).unwrap_err().reason, EXPIRED);
    }

    #[test]
    fn a_refusal_names_the_certificate() {
        let (ours, theirs) = (authority("cluster.test"), authority("other.test"));
        let chain = theirs.issue(&frontend(&theirs)).unwrap().chain;
        let trust = trusting(&[&ours], Limits::default());
        let refusal = trust.verify(&chain[0], &[], Role::Client, SystemTime::now()).unwrap_err();
        assert_eq!(refusal.claimed.as_deref(), Some("spiffe://other.test/ns/shop/sa/frontend"));
        assert!(refusal.serial.is_some());
    }

    /// Whatever is done to a certificate's bytes: an answer, never a panic, and never another identity.
    #[test]
    fn damaged_certificates_are_no_identity() {
        let authority = authority("cluster.test");
        let trust = trusting(&[&authority], Limits::default());
        let leaf = authority.issue(&frontend(&authority)).unwrap().chain.remove(0);
        for at in 0..leaf.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = leaf.to_vec();
                damaged[at] ^= flip;
                let answer = trust.verify(&damaged.into(), &[], Role::Client, SystemTime::now());
                assert!(answer.is_err(), "byte {at} ^ {flip:02x} is believed");
            }
            let cut = CertificateDer::from(leaf[..at].to_vec());
            assert!(trust.verify(&cut, &[], Role::Client, SystemTime::now()).is_err());
        }
    }
}
