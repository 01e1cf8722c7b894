//! HTTP/2 as far as it is ours (RFC 9113): its first bytes, a stream's message as the text of HTTP/1.1 (`text`), and what
//! its frames are and cost (`frames`, `flood`). Frames, HPACK and flow control are the `h2` crate's.
//!
//! A stream is judged as the HTTP/1.1 message that says the same, by the same codec: one grammar, one set of limits, one
//! set of names for what is refused, whatever version carried a request and whatever version carries it on.

pub mod flood;
pub mod frames;
pub mod text;

use super::{Carriage, Guess, Protocol};
use crate::flow::Side;

/// HTTP/2, over TLS or with prior knowledge.
pub const PROTOCOL: Protocol =
    Protocol { name: "http2", speaks_first: Side::Client, identify, carriage: Carriage::Own };

/// What a client's connection begins with (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether bytes begin with the preface.
pub fn identify(bytes: &[u8]) -> Guess {
    if bytes.starts_with(PREFACE) {
        Guess::Yes
    } else if PREFACE.starts_with(bytes) {
        Guess::NeedMore
    } else {
        Guess::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preface_is_told_from_requests() {
        assert_eq!(identify(PREFACE), Guess::Yes);
        for end in 0..PREFACE.len() {
            assert_eq!(identify(&PREFACE[..end]), Guess::NeedMore);
        }
        for other in ["POST / HTTP/1.1", "PRI * HTTP/1.1\r\n", "PRI / HTTP/2.0", "\r\nPRI"] {
            assert_eq!(identify(other.as_bytes()), Guess::No, "{other}");
        }
    }
}
