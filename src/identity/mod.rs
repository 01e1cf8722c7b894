//! Floor 1: certificates, and whom we believe. Files become [`Material`] (our own key and certificate, the bundles of
//! the trust domains we know); a peer's chain becomes an [`Identity`](crate::flow::Identity) or a named [`Refusal`].
//! Nothing here opens a socket or keeps a timer: `proxy` terminates TLS with it, whoever watches files calls
//! [`Store::reload`].
//!
//! A chain is read (bounded, exactly one SPIFFE ID), the bundle of *its* trust domain is looked up, and it is verified
//! against that bundle alone: a CA of one trust domain cannot speak for another.

mod certificate;
pub mod dev;
pub mod load;
pub mod refusal;
mod roots;
pub mod rotate;
mod ticket;
pub mod trust;
mod verify;

pub use certificate::{Claim, Limits};
pub use load::{BundleFile, NamedFiles, Own, Problem, Sources};
pub use refusal::Refusal;
pub use roots::{Roots, system_roots};
pub use rotate::{Alpn, Material, Outcome, Store};
pub use trust::{Role, Trust};
pub use verify::{ClientVerifier, ServerVerifier};

use crate::flow::SpiffeId;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// The cryptography of every connection: aws-lc-rs with its AEAD suites, TLS 1.3 first, and the hybrid post-quantum
/// key agreement before the classical ones.
pub fn provider() -> Arc<CryptoProvider> {
    let groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    Arc::new(CryptoProvider { kx_groups: groups, ..default_provider() })
}

/// The value of `x-forwarded-client-cert` for a verified peer: `By=<us>;Hash=<sha-256 of its certificate>;URI=<it>`.
/// Constant for a connection, so it is made once.
pub fn xfcc(ours: &SpiffeId, leaf: &CertificateDer<'_>, peer: &SpiffeId) -> String {
    format!("By={ours};Hash={};URI={peer}", hex(&Sha256::digest(leaf)))
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    #[test]
    fn the_hybrid_group_is_offered_first() {
        let groups: Vec<_> = provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768));
        assert!(groups.contains(&NamedGroup::X25519));
    }

    #[test]
    fn xfcc_names_both_sides() {
        let ours = SpiffeId::parse("spiffe://d/us").unwrap();
        let peer = SpiffeId::parse("spiffe://d/them").unwrap();
        let value = xfcc(&ours, &CertificateDer::from(vec![1, 2, 3]), &peer);
        assert_eq!(
            value,
            "By=spiffe://d/us;\
             Hash=039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81;URI=spiffe://d/them"
        );
    }
}
