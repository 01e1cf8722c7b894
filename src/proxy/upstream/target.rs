//! Where an exchange goes, and whom it must find there: the key under which connections are kept for the next one.

use crate::flow::Expected;
use crate::identity::Roots;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;

/// An upstream. Two connections to equal targets are as good as each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::proxy) struct Target {
    pub(in crate::proxy) address: SocketAddr,
    pub(in crate::proxy) tls: Tls,
}

/// What must be proved before a byte is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::proxy) enum Tls {
    /// Nothing: plaintext.
    Off,
    /// An identity; ours is proved too.
    Mutual(Expected),
    /// A name, to certificates that lead to these.
    Named(ServerName<'static>, Arc<Roots>),
}
