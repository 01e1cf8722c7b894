//! Where an exchange goes, and whom it must find there: the key under which connections are kept for the next one.

use crate::flow::Expected;
use crate::identity::Roots;
use rustls::pki_types::ServerName;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An upstream. Two connections to equal targets are as good as each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Target {
    pub(in crate::proxy) address: SocketAddr,
    pub(in crate::proxy) tls: Tls,
}

/// Looked up for each exchange: the address tells most targets apart.
impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.address.ip() {
            IpAddr::V4(ip) => state.write_u64(u64::from(ip.to_bits()) << 16 | u64::from(self.address.port())),
            IpAddr::V6(ip) => state.write_u128(ip.to_bits().rotate_left(16) ^ u128::from(self.address.port())),
        }
    }
}

/// What must be proved before a byte is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Tls {
    /// Nothing: plaintext.
    Off,
    /// An identity; ours is proved too.
    Mutual(Expected),
    /// A name, to certificates that lead to these.
    Named(ServerName<'static>, Arc<Roots>),
}
