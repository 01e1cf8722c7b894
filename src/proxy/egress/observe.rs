//! What looks at an outbound connection's bytes, chunk by chunk, before they go on.

use crate::engine::egress::Opening;
use crate::flow::{Connection, Side};
use crate::protocol::identify::{Answer, identify};
use crate::proxy::stream::{Cut, Observe};
use crate::proxy::worker::Worker;

/// Bytes of a client that are kept while it is not clear what it speaks.
const MOST_BYTES: usize = 8 << 10;

/// Every observer of one connection.
pub(super) struct Observers<'w> {
    first: FirstWords<'w>,
}

impl<'w> Observers<'w> {
    /// `by` is the side whose bytes have said what is spoken.
    pub(super) fn new(worker: &'w Worker, connection: &'w Connection, by: Option<Side>) -> Self {
        let state = if by == Some(Side::Client) { None } else { Some(Vec::new()) };
        Self { first: FirstWords { worker, connection, heard: state } }
    }
}

impl Observe for Observers<'_> {
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        self.first.look(side, chunk)
    }
}

/// A greeting of the server says what it speaks, or time has run out: what the client says first must be granted all the
/// same. What is judged message by message never passes as something else.
struct FirstWords<'w> {
    worker: &'w Worker,
    connection: &'w Connection,
    /// What the client has said so far; nothing once it is clear.
    heard: Option<Vec<u8>>,
}

impl Observe for FirstWords<'_> {
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        let Some(heard) = self.heard.as_mut().filter(|_| side == Side::Client) else { return Ok(()) };
        heard.extend_from_slice(chunk.get(..chunk.len().min(MOST_BYTES)).unwrap_or_default());
        match identify(Side::Client, heard) {
            Answer::NeedMore if heard.len() < MOST_BYTES => Ok(()),
            Answer::Is(sign) if sign.protocol != self.connection.protocol => {
                self.heard = None;
                let opening = Opening { protocol: Some(sign.protocol), hello: None };
                super::tell::cut(self.worker, self.connection, &opening)
            }
            Answer::Is(_) | Answer::Unknown | Answer::NeedMore => {
                self.heard = None;
                Ok(())
            }
        }
    }
}
