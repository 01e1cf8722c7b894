//! What a certificate says of itself, before anything is proved. The input is hostile: it is bounded before it is
//! parsed, and nothing of it is believed until [`Trust`](super::Trust) has verified the chain.

use super::hex;
use super::refusal::{
    BAD_CERTIFICATE, BAD_KEY, BAD_SPIFFE_ID, CA_AS_LEAF, CHAIN_TOO_LARGE, CHAIN_TOO_LONG, KEY_SIZE, NO_CERTIFICATE,
    NO_SPIFFE_ID, Refusal, SEVERAL_IDS,
};
use crate::flow::SpiffeId;
use rustls::pki_types::CertificateDer;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Bounds on a presented chain, checked before any signature is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Certificates in a chain, the leaf included. Each costs a signature check and memory for as long as the
    /// connection lives.
    pub chain_length: usize,
    /// Bytes of all certificates of a chain; a connection keeps them.
    pub chain_bytes: usize,
    /// Accepted sizes of RSA keys: smaller ones are weak, larger ones make every check dear.
    pub rsa_bits: RangeInclusive<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chain_length: 5, chain_bytes: 16 * 1024, rsa_bits: 2048..=8192 }
    }
}

/// What a leaf certificate claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its only URI name.
    pub id: SpiffeId,
    /// Its serial number, lower-case hex.
    pub serial: String,
    /// When it begins to be valid.
    pub not_before: SystemTime,
    /// When the first certificate of the chain ends.
    pub not_after: SystemTime,
}

impl Claim {
    /// Reads the chain of a workload: bounded, every key of an accepted kind, exactly one SPIFFE ID in the leaf, and
    /// the leaf no CA. Nothing is verified.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn read(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], limits: &Limits) -> Result<Self, Refusal> {
        within(leaf, others, limits)?;
        let leaf = parse(leaf)?;
        let serial = serial(&leaf);
        let claimed = first_uri(&leaf);
        let named = |refusal: Refusal| refusal.of(&serial, claimed.as_deref());
        let id = spiffe_id(&leaf).map_err(named)?;
        no_ca(&leaf).map_err(named)?;
        accepted_key(leaf.public_key(), limits).map_err(named)?;
        let mut not_after = end(&leaf);
        for other in others {
            let other = parse(other).map_err(named)?;
            accepted_key(other.public_key(), limits).map_err(named)?;
            not_after = not_after.min(end(&other));
        }
        Ok(Self { id, serial, not_before: time(leaf.validity().not_before), not_after })
    }
}

/// Whether a certificate may sign others, and when it ends: what a bundle's certificates are asked.
pub(super) fn anchor(der: &CertificateDer<'_>, limits: &Limits) -> Result<SystemTime, Refusal> {
    let certificate = parse(der)?;
    if !certificate.is_ca() {
        return Err(Refusal::new(BAD_CERTIFICATE, "is no CA certificate"));
    }
    accepted_key(certificate.public_key(), limits)?;
    Ok(end(&certificate))
}

fn within(leaf: &[u8], others: &[CertificateDer<'_>], limits: &Limits) -> Result<(), Refusal> {
    let length = 1 + others.len();
    if length > limits.chain_length {
        return Err(Refusal::new(CHAIN_TOO_LONG, format!("{length} certificates, at most {}", limits.chain_length)));
    }
    let bytes = others.iter().fold(leaf.len(), |sum, other| sum.saturating_add(other.len()));
    if bytes > limits.chain_bytes {
        return Err(Refusal::new(CHAIN_TOO_LARGE, format!("{bytes} bytes, at most {}", limits.chain_bytes)));
    }
    if leaf.is_empty() {
        return Err(Refusal::new(NO_CERTIFICATE, "the leaf is empty"));
    }
    Ok(())
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Refusal> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(Refusal::new(BAD_CERTIFICATE, "bytes follow the certificate")),
        Err(error) => Err(Refusal::new(BAD_CERTIFICATE, error.to_string())),
    }
}

/// X.509-SVID §2: exactly one URI SAN. Other kinds of names may stand beside it.
fn spiffe_id(leaf: &X509Certificate<'_>) -> Result<SpiffeId, Refusal> {
    let mut uris = uris(leaf)?;
    match (uris.pop(), uris.len()) {
        (None, _) => Err(Refusal::new(NO_SPIFFE_ID, "no URI among the subject alternative names")),
        (Some(uri), 0) => {
            let uri = uri.ok_or_else(|| Refusal::new(BAD_SPIFFE_ID, "the URI is not UTF-8"))?;
            SpiffeId::parse(uri).map_err(|broken| Refusal::new(BAD_SPIFFE_ID, format!("{uri} {broken}")))
        }
        (Some(_), more) => Err(Refusal::new(SEVERAL_IDS, format!("{} URI names", more + 1))),
    }
}

/// The URI names; nothing in the place of one that is not UTF-8.
fn uris<'a>(leaf: &'a X509Certificate<'_>) -> Result<Vec<Option<&'a str>>, Refusal> {
    /// `uniformResourceIdentifier [6]`, RFC 5280 §4.2.1.6.
    const URI: u32 = 6;
    let extension = leaf.subject_alternative_name();
    let names = extension.map_err(|error| Refusal::new(BAD_CERTIFICATE, error.to_string()))?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uri = |name: &'a GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some(Some(*uri)),
        GeneralName::Invalid(tag, _) if tag.0 == URI => Some(None),
        _ => None,
    };
    Ok(names.iter().filter_map(uri).collect())
}

fn first_uri(leaf: &X509Certificate<'_>) -> Option<String> {
    uris(leaf).ok()?.into_iter().flatten().next().map(String::from)
}

/// X.509-SVID §5.2: a leaf is no CA, and signs neither certificates nor revocation lists.
fn no_ca(leaf: &X509Certificate<'_>) -> Result<(), Refusal> {
    if leaf.is_ca() {
        return Err(Refusal::new(CA_AS_LEAF, "basicConstraints says CA"));
    }
    let usage = leaf.key_usage().map_err(|error| Refusal::new(BAD_CERTIFICATE, error.to_string()))?;
    match usage {
        Some(usage) if usage.value.key_cert_sign() || usage.value.crl_sign() => {
            Err(Refusal::new(CA_AS_LEAF, "keyUsage says keyCertSign or cRLSign"))
        }
        _ => Ok(()),
    }
}

/// RSA within the limits, P-256, P-384 or Ed25519.
fn accepted_key(key: &SubjectPublicKeyInfo<'_>, limits: &Limits) -> Result<(), Refusal> {
    let kind = &key.algorithm.algorithm;
    if *kind == OID_PKCS1_RSAENCRYPTION {
        return accepted_rsa(rsa_bits(key), limits);
    }
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let accepted = match &curve {
        Some(curve) => *kind == OID_KEY_TYPE_EC_PUBLIC_KEY && [OID_EC_P256, OID_NIST_EC_P384].contains(curve),
        None => *kind == OID_SIG_ED25519,
    };
    if accepted {
        return Ok(());
    }
    let name = curve.as_ref().unwrap_or(kind).to_id_string();
    Err(Refusal::new(BAD_KEY, format!("key or curve {name} is not accepted")))
}

fn accepted_rsa(bits: usize, limits: &Limits) -> Result<(), Refusal> {
    let (least, most) = (limits.rsa_bits.start(), limits.rsa_bits.end());
    match limits.rsa_bits.contains(&bits) {
        true => Ok(()),
        false => Err(Refusal::new(KEY_SIZE, format!("RSA with {bits} bits, accepted are {least} to {most}"))),
    }
}

/// Significant bits of the modulus; 0 when there is none.
fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> usize {
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return 0 };
    let significant = rsa.modulus.iter().skip_while(|byte| **byte == 0);
    let first = significant.clone().next().map_or(0, |byte| byte.leading_zeros() as usize);
    (significant.count() * 8).saturating_sub(first)
}

fn serial(certificate: &X509Certificate<'_>) -> String {
    let bytes = certificate.raw_serial();
    hex(bytes.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(bytes))
}

fn end(certificate: &X509Certificate<'_>) -> SystemTime {
    time(certificate.validity().not_after)
}

fn time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
