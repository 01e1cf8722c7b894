//! A certificate authority for development, the demo and tests: keys are generated here and lie around unprotected.
//! It can also issue what must be refused (expired, several names, wrong purpose), so that refusals can be tested.

use crate::flow::{InvalidSpiffeId, SpiffeId, check_trust_domain};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, RsaKeySize, SanType,
};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// A CA certificate with its key, and those above it.
pub struct Authority {
    domain: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// From this one up to, and without, the root.
    intermediates: Vec<CertificateDer<'static>>,
    intermediates_pem: String,
}

/// Why nothing was issued.
#[derive(Debug)]
pub enum Failure {
    /// The name of a workload or trust domain is none.
    Name(InvalidSpiffeId),
    /// The key or certificate could not be made.
    Issue(rcgen::Error),
}

/// What to issue. [`Order::workload`] is a sound X.509-SVID; every field may be changed to something unsound.
#[derive(Clone, Debug)]
pub struct Order {
    /// URI names: exactly one in a sound certificate.
    pub uris: Vec<String>,
    /// DNS names, for clients that check host names.
    pub dns: Vec<String>,
    /// Addresses, for clients that check them.
    pub addresses: Vec<IpAddr>,
    /// When it begins.
    pub not_before: SystemTime,
    /// When it ends.
    pub not_after: SystemTime,
    /// Extended key usage: server, client, both or (empty) none stated.
    pub purposes: Vec<Purpose>,
    /// Whether it says that it is a CA.
    pub ca: bool,
    /// The kind of its key.
    pub key: Key,
}

/// An extended key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// serverAuth
    Server,
    /// clientAuth
    Client,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521, which is not accepted.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits; slow to make.
    Rsa3072,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Leaf first, up to, and without, the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The same as PEM.
    pub chain_pem: String,
    /// The leaf's key, PKCS#8 PEM.
    pub key_pem: String,
}

impl Order {
    /// An X.509-SVID for one hour, beginning a minute ago.
    pub fn workload(id: &SpiffeId) -> Self {
        let now = SystemTime::now();
        Self {
            uris: vec![id.to_string()],
            dns: Vec::new(),
            addresses: Vec::new(),
            not_before: now - Duration::from_secs(60),
            not_after: now + Duration::from_secs(3600),
            purposes: vec![Purpose::Server, Purpose::Client],
            ca: false,
            key: Key::P256,
        }
    }

    /// The same with names and addresses of this machine, for clients that check them.
    #[must_use]
    pub fn local(mut self) -> Self {
        self.dns.push("localhost".into());
        self.addresses.extend([IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST.octets())]);
        self
    }

    /// The same, ending at another time.
    #[must_use]
    pub fn until(mut self, not_after: SystemTime) -> Self {
        self.not_after = not_after;
        self
    }

    fn parameters(&self) -> Result<CertificateParams, rcgen::Error> {
        let mut parameters = parameters("podwall development", self.not_before, self.not_after);
        for uri in &self.uris {
            parameters.subject_alt_names.push(SanType::URI(Ia5String::try_from(uri.as_str())?));
        }
        for name in &self.dns {
            parameters.subject_alt_names.push(SanType::DnsName(Ia5String::try_from(name.as_str())?));
        }
        parameters.subject_alt_names.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        parameters.is_ca = if self.ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = self.purposes.iter().map(|purpose| purpose.usage()).collect();
        parameters.use_authority_key_identifier_extension = true;
        Ok(parameters)
    }
}

impl Purpose {
    fn usage(self) -> ExtendedKeyUsagePurpose {
        match self {
            Self::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Self::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

impl Key {
    fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::P521 => KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512),
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
        }
    }
}

impl Authority {
    /// A root for a trust domain, from a minute ago until `not_after`.
    ///
    /// # Errors
    /// When `domain` is no trust domain, or no key can be made.
    pub fn new(domain: &str, not_after: SystemTime) -> Result<Self, Failure> {
        check_trust_domain(domain).map_err(Failure::Name)?;
        let parameters = ca_parameters(domain, not_after)?;
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        Ok(Self { domain: domain.into(), issuer, intermediates: Vec::new(), intermediates_pem: String::new() })
    }

    /// A CA below this one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn intermediate(&self) -> Result<Self, Failure> {
        let name = format!("{} {}", self.domain, self.intermediates.len() + 1);
        let parameters = ca_parameters(&name, SystemTime::now() + Duration::from_secs(3600))?;
        let issuer = CertifiedIssuer::signed_by(parameters, KeyPair::generate()?, &self.issuer)?;
        let mut intermediates = vec![issuer.der().clone()];
        intermediates.extend(self.intermediates.iter().cloned());
        let intermediates_pem = issuer.pem() + &self.intermediates_pem;
        Ok(Self { domain: self.domain.clone(), issuer, intermediates, intermediates_pem })
    }

    /// The SPIFFE ID of a Kubernetes workload of this trust domain.
    ///
    /// # Errors
    /// When namespace or service account cannot be part of one.
    pub fn id(&self, namespace: &str, service_account: &str) -> Result<SpiffeId, Failure> {
        let text = format!("spiffe://{}/ns/{namespace}/sa/{service_account}", self.domain);
        SpiffeId::parse(&text).map_err(Failure::Name)
    }

    /// Issues what is ordered, whether it is sound or not.
    ///
    /// # Errors
    /// When no key can be made, or a name cannot be encoded.
    pub fn issue(&self, order: &Order) -> Result<Issued, Failure> {
        let key = order.key.generate()?;
        let certificate = order.parameters()?.signed_by(&key, &self.issuer)?;
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.intermediates.iter().cloned());
        let chain_pem = certificate.pem() + &self.intermediates_pem;
        Ok(Issued { chain, chain_pem, key_pem: key.serialize_pem() })
    }

    /// This CA's certificate: of a root, the bundle.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// This CA's key, PKCS#8 PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The trust domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

fn ca_parameters(name: &str, not_after: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let not_before = SystemTime::now() - Duration::from_secs(60);
    let mut parameters = parameters(name, not_before, not_after);
    let domain = name.split(' ').next().unwrap_or_default();
    parameters.subject_alt_names.push(SanType::URI(Ia5String::try_from(format!("spiffe://{domain}"))?));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

fn parameters(name: &str, not_before: SystemTime, not_after: SystemTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.not_before = not_before.into();
    parameters.not_after = not_after.into();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self::Issue(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(broken) => write!(f, "the name {broken}"),
            Self::Issue(error) => write!(f, "the certificate cannot be made: {error}"),
        }
    }
}

impl std::error::Error for Failure {}
