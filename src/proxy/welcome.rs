//! Trust ends when it ends: whether the other side of an open connection may go on, asked before each of its messages by
//! whatever carries it.

use super::bans::BANNED;
use super::tls::Handshake;
use super::worker::Worker;
use crate::flow::{Connection, Kind, Reason};
use rustls::pki_types::CertificateDer;
use std::time::SystemTime;

/// The peer's certificate has ended since the handshake.
const ENDED: Reason = Reason::new("tls-ended", Kind::Tls, "the peer's certificate ended while the connection lasted");

/// Why a connection is no longer trusted, and what explains it.
pub(super) type Unwelcome = (Reason, String);

impl Worker {
    /// Whether the other side is neither banned nor past the end of its certificate.
    ///
    /// # Errors
    /// [`BANNED`] or [`ENDED`].
    pub(super) fn still_welcomes(&self, connection: &Connection, now: SystemTime) -> Result<(), Unwelcome> {
        if self.bans(connection) {
            return Err((BANNED, "banned".into()));
        }
        if connection.peer.identity().is_some_and(|identity| identity.not_after <= now) {
            return Err((ENDED, "at notAfter".into()));
        }
        Ok(())
    }

    /// Whether the peer of a handshake, with this chain, would be accepted under the certificates in place.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn still_trusts(
        &self,
        handshake: &mut Option<Handshake>,
        chain: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), Unwelcome> {
        let (Some(handshake), Some(store)) = (handshake, &self.shared.identity) else { return Ok(()) };
        let trusted = handshake.still_trusted(store, chain, now);
        trusted.map_err(|refusal| (refusal.reason, refusal.detail))
    }
}
