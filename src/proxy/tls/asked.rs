//! TLS that is asked for in the clear: PostgreSQL's SSLRequest, answered with one byte (PostgreSQL 15 §55.2.10). What
//! follows the request must be TLS: not a byte that came with it is kept, so nothing can be slipped in before the handshake.

use super::{Acceptor, SILENT};
use crate::identity::Refusal;
use crate::protocol::postgres::startup::{self, First};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Requests before a client must begin: one for GSS, which is refused, and one for TLS.
const MOST_REQUESTS: usize = 4;
/// Bytes of a request for encryption.
const REQUEST: usize = 8;

/// Whether the client asks for TLS; if it does, it has been told to begin.
///
/// # Errors
/// Nothing came in time.
pub(super) async fn asked_for(acceptor: &Acceptor, tcp: &mut TcpStream) -> Result<bool, Refusal> {
    let asking = async {
        for _ in 0..MOST_REQUESTS {
            let mut request = [0; REQUEST];
            let came = tcp.peek(&mut request).await.ok()?;
            // A request that comes in pieces is none: the protocol's own reader then refuses encryption.
            let (first, _) = startup::first(request.get(..came)?).ok()??;
            let granted = match first {
                First::Tls => b"S",
                First::Gss => b"N",
                First::Startup(_) | First::Cancel(_) => return None,
            };
            tcp.read_exact(&mut request).await.ok()?;
            tcp.write_all(granted).await.ok()?;
            if granted == b"S" {
                return Some(());
            }
        }
        None
    };
    match timeout(acceptor.limits.first_byte, asking).await {
        Ok(asked) => Ok(asked.is_some()),
        Err(_) => Err(Refusal::new(SILENT, format!("nothing in {:?}", acceptor.limits.first_byte))),
    }
}
