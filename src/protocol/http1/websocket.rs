//! The proof that a server understood a WebSocket handshake (RFC 6455 §4.2.2): without it, a 101 is somebody's
//! invention, and what follows is no stream of frames.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

/// The value of `Sec-WebSocket-Accept`.
pub type Accept = [u8; 28];

/// Bytes of a `Sec-WebSocket-Key`: 16 in base64.
const KEY_BYTES: usize = 24;

/// Whether this can be a `Sec-WebSocket-Key`.
pub fn is_key(value: &[u8]) -> bool {
    value.len() == KEY_BYTES && BASE64_STANDARD.decode(value).is_ok()
}

/// A `Sec-WebSocket-Key` of these bytes.
pub fn key(random: [u8; 16]) -> String {
    BASE64_STANDARD.encode(random)
}

/// What the server must answer to a key.
pub fn accept(key: &[u8]) -> Accept {
    let mut digest = Sha1::new();
    digest.update(key);
    digest.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut answer = [0; 28];
    // 20 bytes are 28 in base64, so there is always room.
    let _ = BASE64_STANDARD.encode_slice(digest.finalize(), &mut answer);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(&accept(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert!(!is_key(b"dGhlIHNhbXBsZSBub25jZQ"));
        assert!(!is_key(b"dGhlIHNhbXBsZSBub25jZQ=!"));
    }
}
