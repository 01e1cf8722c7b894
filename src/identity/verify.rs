//! The two sides of rustls' verification, on the same core: [`Trust::verify`].

use super::refusal::{OTHER_SERVER, Refusal};
use super::trust::{Role, Trust};
use crate::flow::Expected;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Demands a certificate of every client and verifies it.
#[derive(Debug)]
pub struct ClientVerifier(pub Arc<Trust>);

/// Verifies a server by its SPIFFE ID; host names in its certificate mean nothing.
#[derive(Debug)]
pub struct ServerVerifier {
    trust: Arc<Trust>,
    expected: Expected,
}

impl ServerVerifier {
    /// Accepts a server that proves an `expected` identity.
    pub fn new(trust: Arc<Trust>, expected: Expected) -> Self {
        Self { trust, expected }
    }
}

impl ClientCertVerifier for ClientVerifier {
    /// No hints: they would tell every stranger whom we trust.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify(leaf, others, Role::Client, system_time(now));
        verified.map(|_| ClientCertVerified::assertion()).map_err(Refusal::into_error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, self.0.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, self.0.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms().supported_schemes()
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let identity = self.trust.verify(leaf, others, Role::Server, system_time(now)).map_err(Refusal::into_error)?;
        if self.expected.is(&identity.id) {
            return Ok(ServerCertVerified::assertion());
        }
        let detail = format!("{} is there, expected is {}", identity.id, self.expected);
        let refusal = Refusal::new(OTHER_SERVER, detail);
        Err(refusal.of(&identity.serial, Some(identity.id.as_str())).into_error())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, self.trust.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, self.trust.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms().supported_schemes()
    }
}

fn system_time(time: UnixTime) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(time.as_secs())
}
