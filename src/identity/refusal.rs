//! Why a peer was not believed: a named reason and a sentence for the record. The peer itself is told nothing but TLS's
//! general alert `certificate_unknown`.

use crate::flow::{Kind, Reason};
use rustls::{CertificateError, Error, OtherError};
use std::fmt;
use std::io;
use std::sync::Arc;

/// A refused peer, for the record. Carried through rustls as the error of a failed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule was broken.
    pub reason: Reason,
    /// What exactly was found, at most [`Refusal::MAX_DETAIL_BYTES`]; may quote the peer, so it is redacted like
    /// everything a sender controls.
    pub detail: String,
    /// The serial number of the presented certificate, when one could be read.
    pub serial: Option<String>,
    /// The SPIFFE ID that the certificate claims, when one could be read. Not proved.
    pub claimed: Option<String>,
}

/// The peer of a strict port sent no certificate.
pub const NO_CERTIFICATE: Reason = tls("tls-no-certificate", "the peer presented no certificate");
/// More certificates than the limit.
pub const CHAIN_TOO_LONG: Reason =
    Reason::new("tls-chain-too-long", Kind::TooLarge, "the chain has more certificates than allowed");
/// More bytes of certificates than the limit.
pub const CHAIN_TOO_LARGE: Reason =
    Reason::new("tls-chain-too-large", Kind::TooLarge, "the chain has more bytes than allowed");
/// Not a certificate.
pub const BAD_CERTIFICATE: Reason = tls("tls-bad-certificate", "a certificate cannot be read");
/// A key of a kind that is not accepted.
pub const BAD_KEY: Reason = tls("tls-bad-key", "a certificate's key is of a kind that is not accepted");
/// An RSA key that is too small or too large.
pub const KEY_SIZE: Reason = tls("tls-key-size", "a certificate's key is smaller or larger than accepted");
/// No URI SAN: X.509-SVID §2.
pub const NO_SPIFFE_ID: Reason = tls("tls-no-spiffe-id", "the certificate has no URI name");
/// Several URI SANs: X.509-SVID §2.
pub const SEVERAL_IDS: Reason = tls("tls-several-ids", "the certificate has more than one URI name");
/// One URI SAN, but not the canonical SPIFFE ID of a workload.
pub const BAD_SPIFFE_ID: Reason = tls("tls-bad-spiffe-id", "the certificate's URI name is not a workload's SPIFFE ID");
/// A signing certificate as leaf: X.509-SVID §5.2.
pub const CA_AS_LEAF: Reason = tls("tls-ca-as-leaf", "the certificate may sign others, so it names no workload");
/// No bundle for the trust domain.
pub const UNKNOWN_DOMAIN: Reason = tls("tls-unknown-trust-domain", "no bundle is known for the trust domain");
/// Not signed by the trust domain's bundle.
pub const UNKNOWN_ISSUER: Reason = tls("tls-unknown-issuer", "the chain does not lead to the trust domain's bundle");
/// A signature that does not verify.
pub const BAD_SIGNATURE: Reason = tls("tls-bad-signature", "a signature does not verify");
/// Past `notAfter`.
pub const EXPIRED: Reason = tls("tls-expired", "a certificate of the chain has expired");
/// Before `notBefore`.
pub const NOT_YET_VALID: Reason = tls("tls-not-yet-valid", "a certificate of the chain is not valid yet");
/// The extended key usage does not allow this side of a connection.
pub const WRONG_PURPOSE: Reason = tls("tls-wrong-purpose", "the certificate may not be used for this");
/// Any other rule of RFC 5280: path length, name constraints, unknown critical extensions.
pub const BAD_CHAIN: Reason = tls("tls-bad-chain", "the chain breaks a rule of RFC 5280");
/// A server other than the one that was expected.
pub const OTHER_SERVER: Reason = tls("tls-other-server", "the server is not the one that is expected");
/// Nothing in common: versions, suites, groups, ALPN.
pub const NOTHING_IN_COMMON: Reason = tls("tls-nothing-in-common", "no common TLS version, suite, group or protocol");
/// Bytes that are no TLS handshake.
pub const BAD_HANDSHAKE: Reason = tls("tls-bad-handshake", "the peer broke the TLS protocol");
/// The peer answered with an alert: usually it does not believe *our* certificate.
pub const PEER_ALERT: Reason = tls("tls-peer-alert", "the peer ended the handshake with an alert");
/// The peer closed before the handshake was over.
pub const PEER_LEFT: Reason = tls("tls-peer-left", "the peer left before the handshake was over");

const fn tls(name: &'static str, says: &'static str) -> Reason {
    Reason::new(name, Kind::Tls, says)
}

impl Refusal {
    /// Bytes kept of a detail and of a claimed name.
    pub const MAX_DETAIL_BYTES: usize = 300;

    /// A refusal of which nothing but the reason and its detail is known.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: cut(detail.into()), serial: None, claimed: None }
    }

    /// The same, with what is known of the presented certificate.
    #[must_use]
    pub fn of(mut self, serial: &str, claimed: Option<&str>) -> Self {
        self.serial = Some(serial.into());
        self.claimed = claimed.map(|uri| cut(uri.into()));
        self
    }

    /// What rustls is told, so that it fails the handshake and hands this refusal back in its error.
    pub fn into_error(self) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }

    /// The reason in an error of a handshake: the one this module gave, or the nearest name for rustls' own.
    pub fn of_io(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::of_tls(error),
            None => Self::new(PEER_LEFT, error.to_string()),
        }
    }

    /// The reason in an error of rustls.
    pub fn of_tls(error: &Error) -> Self {
        let reason = match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                return other
                    .downcast_ref::<Self>()
                    .cloned()
                    .unwrap_or_else(|| Self::new(BAD_CHAIN, other.to_string()));
            }
            Error::InvalidCertificate(inner) => of_certificate(inner),
            Error::NoCertificatesPresented => NO_CERTIFICATE,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => NOTHING_IN_COMMON,
            Error::AlertReceived(_) => PEER_ALERT,
            _ => BAD_HANDSHAKE,
        };
        Self::new(reason, error.to_string())
    }
}

fn of_certificate(error: &CertificateError) -> Reason {
    match error {
        CertificateError::BadEncoding => BAD_CERTIFICATE,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => EXPIRED,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => NOT_YET_VALID,
        CertificateError::UnknownIssuer => UNKNOWN_ISSUER,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => WRONG_PURPOSE,
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => BAD_SIGNATURE,
        _ => BAD_CHAIN,
    }
}

fn cut(mut text: String) -> String {
    let end = (0..=Refusal::MAX_DETAIL_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name, self.detail)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_reason_survives_the_way_through_rustls() {
        let ours = Refusal::new(SEVERAL_IDS, "2 URI names").of("01ab", Some("spiffe://d/a"));
        let io = io::Error::new(io::ErrorKind::InvalidData, ours.clone().into_error());
        assert_eq!(Refusal::of_io(&io), ours);
    }

    #[test]
    fn other_errors_get_the_nearest_name() {
        assert_eq!(Refusal::of_tls(&Error::NoCertificatesPresented).reason, NO_CERTIFICATE);
        let expired = Error::InvalidCertificate(CertificateError::Expired);
        assert_eq!(Refusal::of_tls(&expired).reason, EXPIRED);
        assert_eq!(Refusal::of_io(&io::ErrorKind::UnexpectedEof.into()).reason, PEER_LEFT);
    }

    #[test]
    fn details_are_cut_between_characters() {
        assert_eq!(Refusal::new(BAD_CHAIN, "a".repeat(300)).detail.len(), 300);
        assert_eq!(Refusal::new(BAD_CHAIN, "a".repeat(301)).detail.len(), 300);
        assert_eq!(Refusal::new(BAD_CHAIN, "€".repeat(200)).detail.len(), 300);
        assert_eq!(Refusal::new(BAD_CHAIN, format!("a{}", "€".repeat(200))).detail.len(), 298);
        assert_eq!(Refusal::new(BAD_CHAIN, "kurz").detail, "kurz");
    }
}
