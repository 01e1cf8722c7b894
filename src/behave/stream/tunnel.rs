//! Tunnels in disguise: a protocol that carries others begins inside of one that does not.

use super::{Chunk, Observer, Way, certain};
use crate::behave::Sign;
use memchr::memmem::find;

const OBSERVER: &str = "tunnel";
/// Bytes at the beginning of a chunk in which another protocol's first words are looked for: behind a head, or the head of
/// a WebSocket frame.
const LOOKED_AT: usize = 4096;

/// What is remembered of a connection.
#[derive(Debug, Default)]
pub struct Tunnel {
    /// Which way a SOCKS greeting went that is not answered.
    greeted: Option<Way>,
}

impl Observer for Tunnel {
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        let head = chunk.bytes.get(..chunk.bytes.len().min(LOOKED_AT)).unwrap_or_default();
        self.ssh(chunk, head).or_else(|| self.socks(chunk))
    }
}

impl Tunnel {
    /// SSH that opens a connection is told by its first bytes; anywhere else it is hidden.
    fn ssh(&self, chunk: &Chunk<'_>, head: &[u8]) -> Option<Sign> {
        let at = [b"SSH-2.0-".as_slice(), b"SSH-1.99-"].iter().filter_map(|words| find(head, words)).min()?;
        let before = head.get(..at).unwrap_or_default();
        let opens = chunk.first && at == 0;
        // Behind a head of HTTP, behind the head of a frame, or at the beginning of a later chunk.
        let hidden = before.ends_with(b"\r\n\r\n") || before.is_empty() || before.len() <= 14 && is_frame(before);
        (!opens && hidden).then(|| certain(OBSERVER, "tunnel-ssh", format!("SSH begins after {at} bytes of a chunk")))
    }

    /// A greeting with its methods, and an answer that takes one (RFC 1928 §3), not at the beginning of the connection.
    fn socks(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        let greeted = self.greeted.take().filter(|way| *way != chunk.way);
        if greeted.is_some() && matches!(chunk.bytes, [5, 0 | 2]) {
            return Some(certain(OBSERVER, "tunnel-socks", "a SOCKS greeting is answered".into()));
        }
        let is_greeting = match chunk.bytes {
            [5, count, methods @ ..] => usize::from(*count) == methods.len() && (1..=4).contains(count),
            _ => false,
        };
        self.greeted = (is_greeting && !chunk.first).then_some(chunk.way);
        None
    }
}

/// The head of one frame of text or bytes (RFC 6455 §5.2).
fn is_frame(head: &[u8]) -> bool {
    matches!(head.first(), Some(0x81 | 0x82))
}
