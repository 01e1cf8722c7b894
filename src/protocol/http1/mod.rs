//! HTTP/1.1 and 1.0, sans-io: heads and bodies from bytes, and back to bytes (RFC 9110, RFC 9112).
//!
//! Strict where strictness is safety. `httparse` reads the head; what it tolerates and others read differently is
//! refused here, each with a named reason beside its check: `scan` (line ends, limits), `line` (request, status and
//! header lines), `fields` (names, framing, `Connection`), `target`, `request`, `response`, `body`, `trailers`.
//! The same rule broken by an upstream keeps its name and becomes [`Kind::Upstream`](crate::flow::Kind::Upstream).
//!
//! Tolerates: one empty line before a request, any letter case of names, optional whitespace around values, visible
//! ASCII outside RFC 3986 in targets (`"<>[\]^{|}` and the backtick) but no `#` and nothing over 7 bits, and bytes over
//! 7 bits in values.
//!
//! ```
//! use podwall::protocol::http1::{self, BodyDecoder, Framing, Limits, RequestHead, emit};
//!
//! let limits = Limits::default();
//! let buffer = b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi";
//! let head = RequestHead::decode(buffer, &limits).unwrap().expect("all of it is here");
//! let view = head.view(buffer);
//! assert_eq!((view.method(), view.target(), head.framing), ("POST", "/orders", Framing::Length(2)));
//!
//! let (mut body, mut decoder) = (Vec::new(), BodyDecoder::new(head.framing, &limits));
//! let progress = decoder.decode(&buffer[head.len..], &mut body).unwrap();
//! assert_eq!((progress.consumed, progress.done, &body[..]), (2, true, &b"hi"[..]));
//!
//! let mut out = Vec::new();
//! emit::request_head(&mut out, view, &emit::Rewrite { framing: Framing::Length(2), ..Default::default() });
//! assert_eq!(out, b"POST /orders HTTP/1.1\r\nHost: shop\r\ncontent-length: 2\r\n\r\n");
//! ```

pub mod body;
pub mod emit;
pub mod fields;
pub mod line;
pub mod refusal;
pub mod request;
pub mod response;
pub mod scan;
pub mod target;
pub mod trailers;
pub mod websocket;

pub use body::{BodyDecoder, Piece, Progress};
pub use refusal::{Refusal, status};
pub use request::{RequestHead, RequestView};
pub use response::{Asked, ResponseHead, ResponseView};
pub use scan::Scan;
pub use trailers::Trailers;

use super::{Carriage, Protocol};
use crate::flow::Side;

/// HTTP/1.0 and 1.1.
pub const PROTOCOL: Protocol =
    Protocol { name: "http1", speaks_first: Side::Client, identify: request::identify, carriage: Carriage::Own };

/// Header lines that fit any configuration; `Limits::headers` above it means this.
pub const MAX_HEADERS: usize = 256;

/// What a message may at most have. A value is allowed at its limit and refused one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, first line and empty line included. Not below 64.
    pub head_bytes: usize,
    /// Header lines, at most [`MAX_HEADERS`].
    pub headers: usize,
    /// Bytes of a request target (of a reason phrase, in responses).
    pub target_bytes: usize,
    /// Bytes of one header line, name to value, without its line end.
    pub header_bytes: usize,
    /// Bytes of all trailer lines together, line ends included.
    pub trailer_bytes: usize,
}

impl Default for Limits {
    /// What nginx, Node and gunicorn accept, and no more: larger heads would be judged in vain.
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            headers: 100,
            target_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            trailer_bytes: 8 * 1024,
        }
    }
}

/// The version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body, and nothing says that there is.
    #[default]
    None,
    /// After this many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection; responses only.
    UntilClose,
}

impl Framing {
    /// Whether a body follows the head.
    pub fn has_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

/// Bytes of a buffer, as offsets: outlives the borrow of it. `start <= end <= buffer.len()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Where `part`, a slice of `whole`, stands in it. `offset` is added to both ends.
    fn of(whole: &[u8], part: &[u8], offset: usize) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        let start = if start <= whole.len() { start + offset } else { offset };
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    fn bytes(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// As text; spans of names and targets are ASCII, checked when they were made.
    fn text(self, buffer: &[u8]) -> &str {
        std::str::from_utf8(self.bytes(buffer)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
