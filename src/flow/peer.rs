//! What TLS proved about the other side: nothing, or a SPIFFE identity.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The other side of a connection, as far as it is proved.
#[derive(Clone, Debug)]
pub enum Peer {
    /// Plaintext: nothing is known but an address.
    Unverified,
    /// A certificate that chains to the bundle of its own trust domain.
    Verified(Arc<Identity>),
}

impl Peer {
    /// The proved identity, if there is one.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Unverified => None,
            Self::Verified(identity) => Some(identity),
        }
    }

    /// How long what was proved still lasts; for ever where nothing was.
    pub fn lasts(&self, now: SystemTime) -> Duration {
        let left = |identity: &Identity| identity.not_after.duration_since(now).unwrap_or_default();
        self.identity().map_or(Duration::MAX, left)
    }
}

/// What a verified certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// From exactly one URI SAN.
    pub id: SpiffeId,
    /// The certificate's serial number, lower-case hex without separators.
    pub serial: String,
    /// When the certificate ends; the connection ends no later.
    pub not_after: SystemTime,
}

/// A SPIFFE ID with a non-empty path (SPIFFE-ID §2): `spiffe://trust.domain/segment/segment`.
///
/// Invariant: at most [`SpiffeId::MAX_BYTES`] bytes, no empty or dot segment, only the characters the standard allows;
/// so two IDs are equal exactly when their spellings are.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    spelling: Arc<str>,
    path_at: usize,
}

/// Why a text is not the SPIFFE ID of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSpiffeId(pub &'static str);

const SCHEME: &str = "spiffe://";

impl SpiffeId {
    /// SPIFFE-ID §2.3: implementations must support URIs up to 2,048 bytes and must not make longer ones.
    pub const MAX_BYTES: usize = 2048;
    /// SPIFFE-ID §2.1: the longest trust domain.
    pub const MAX_TRUST_DOMAIN_BYTES: usize = 255;

    /// Reads a workload's SPIFFE ID. Nothing is normalised: a spelling that is not canonical is refused.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidSpiffeId> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidSpiffeId("longer than 2048 bytes"));
        }
        let rest = text.strip_prefix(SCHEME).ok_or(InvalidSpiffeId("does not start with spiffe://"))?;
        let (domain, path) = rest.split_once('/').ok_or(InvalidSpiffeId("has no path, so it names no workload"))?;
        check_trust_domain(domain)?;
        for segment in path.split('/') {
            check_segment(segment)?;
        }
        Ok(Self { spelling: text.into(), path_at: SCHEME.len() + domain.len() })
    }

    /// `cluster.local` of `spiffe://cluster.local/ns/shop/sa/orders`.
    pub fn trust_domain(&self) -> &str {
        self.spelling.get(SCHEME.len()..self.path_at).unwrap_or_default()
    }

    /// `/ns/shop/sa/orders`: never empty, starts with a slash.
    pub fn path(&self) -> &str {
        self.spelling.get(self.path_at..).unwrap_or_default()
    }

    /// `ns`, `shop`, `sa`, `orders`: never an empty one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/').skip(1)
    }

    /// `shop` of `/ns/shop/sa/orders`, the form that Istio and SPIRE give Kubernetes workloads; otherwise nothing.
    pub fn namespace(&self) -> Option<&str> {
        self.kubernetes().map(|(namespace, _)| namespace)
    }

    /// `orders` of `/ns/shop/sa/orders`; otherwise nothing.
    pub fn service_account(&self) -> Option<&str> {
        self.kubernetes().map(|(_, account)| account)
    }

    /// The whole spelling.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    fn kubernetes(&self) -> Option<(&str, &str)> {
        let mut segments = self.segments();
        match (segments.next(), segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some("ns"), Some(namespace), Some("sa"), Some(account), None) => Some((namespace, account)),
            _ => None,
        }
    }
}

/// Checks a trust domain's spelling (SPIFFE-ID §2.1).
///
/// # Errors
/// The rule that is broken.
pub fn check_trust_domain(domain: &str) -> Result<(), InvalidSpiffeId> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    if domain.is_empty() {
        return Err(InvalidSpiffeId("has an empty trust domain"));
    }
    if domain.len() > SpiffeId::MAX_TRUST_DOMAIN_BYTES {
        return Err(InvalidSpiffeId("has a trust domain longer than 255 bytes"));
    }
    if !domain.bytes().all(allowed) {
        return Err(InvalidSpiffeId("has a trust domain with other characters than a-z 0-9 . - _"));
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), InvalidSpiffeId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    match segment {
        "" => Err(InvalidSpiffeId("has an empty path segment")),
        "." | ".." => Err(InvalidSpiffeId("has a dot segment")),
        _ if !segment.bytes().all(allowed) => {
            Err(InvalidSpiffeId("has a path segment with other characters than a-z A-Z 0-9 . - _"))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

impl fmt::Display for InvalidSpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidSpiffeId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_id_is_taken_apart() {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/orders").unwrap();
        assert_eq!(id.trust_domain(), "cluster.local");
        assert_eq!(id.path(), "/ns/shop/sa/orders");
        assert_eq!((id.namespace(), id.service_account()), (Some("shop"), Some("orders")));
    }

    #[test]
    fn longer_path_is_no_kubernetes_id() {
        let id = SpiffeId::parse("spiffe://d/ns/shop/sa/orders/more").unwrap();
        assert_eq!(id.namespace(), None);
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for text in [
            "spiffe://d",
            "spiffe://d/",
            "spiffe:///a",
            "spiffe://D/a",
            "Spiffe://d/a",
            "spiffe://d//a",
            "spiffe://d/a/",
            "spiffe://d/../a",
            "spiffe://d/a?b",
            "spiffe://d/a#b",
            "spiffe://d:1/a",
            "spiffe://u@d/a",
            "spiffe://d/%61",
            "https://d/a",
            "",
        ] {
            assert!(SpiffeId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn length_is_limited_at_2048() {
        let longest = format!("spiffe://d/{}", "a".repeat(SpiffeId::MAX_BYTES - 11));
        assert!(SpiffeId::parse(&longest).is_ok());
        assert!(SpiffeId::parse(&format!("{longest}a")).is_err());
    }

    #[test]
    fn trust_domain_is_limited_at_255() {
        assert!(check_trust_domain(&"d".repeat(255)).is_ok());
        assert!(check_trust_domain(&"d".repeat(256)).is_err());
    }
}
