//! Messages back to bytes. What goes on is what was judged: method, target and header spellings as they came, in their
//! order; hop-by-hop fields left out; framing and connection written by us. Decoded again by this codec, what is
//! written here is what was read.

use super::{Framing, RequestView, ResponseView, Version};
use crate::protocol::forwarded::{Fate, Forwarded};
use crate::protocol::head::Header;
use crate::protocol::names::Is;

/// How a request goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite<'a> {
    /// How its body will be sent. [`Framing::Chunked`] only to HTTP/1.1.
    pub framing: Framing,
    /// The value of our own `x-forwarded-client-cert`.
    pub client_certificate: Option<&'a str>,
    /// What is known of the sender, in place of what the request says of those before it.
    pub forwarded: Option<Forwarded<'a>>,
    /// Whether the upstream connection ends with this exchange.
    pub close: bool,
    /// Whether the answer must come whole and without a content coding, because it will be looked at.
    pub readable: bool,
}

/// Writes a request's head.
///
/// A request of HTTP/1.0 without Host stays HTTP/1.0 and closes: HTTP/1.1 would need a Host that nobody judged.
pub fn request_head(out: &mut Vec<u8>, view: RequestView<'_>, rewrite: &Rewrite<'_>) {
    let hostless = view.head.version == Version::Http10 && !view.has_host();
    out.extend_from_slice(view.method().as_bytes());
    out.push(b' ');
    out.extend_from_slice(view.target().as_bytes());
    out.extend_from_slice(if hostless { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    let wanted = |header: &Header<'_>| {
        goes_on(header, rewrite.framing)
            && !(view.head.websocket && is_extension(header))
            && !(rewrite.readable && asks_for_less(header))
    };
    for header in view.headers().filter(wanted) {
        match rewrite.forwarded.map_or(Fate::GoesOn, |forwarded| forwarded.fate(&header)) {
            Fate::GoesOn => spelled(out, &header),
            Fate::Becomes(value) => ours(out, header.name, value),
            Fate::Ends => {}
        }
    }
    if let Some(forwarded) = rewrite.forwarded {
        sender(out, view, forwarded);
    }
    if rewrite.readable {
        ours(out, "accept-encoding", "identity");
    }
    if let Some(certificate) = rewrite.client_certificate {
        ours(out, "x-forwarded-client-cert", certificate);
    }
    framing(out, rewrite.framing);
    let trailers = view.head.takes_trailers;
    let options = [("close", rewrite.close || hostless), ("upgrade", view.head.websocket), ("te", trailers)];
    connection(out, &options);
    if view.head.websocket {
        out.extend_from_slice(b"upgrade: websocket\r\n");
    }
    if trailers {
        out.extend_from_slice(b"te: trailers\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn sender(out: &mut Vec<u8>, view: RequestView<'_>, forwarded: Forwarded<'_>) {
    out.extend_from_slice(b"x-forwarded-for: ");
    forwarded.addresses(view.headers(), out);
    out.extend_from_slice(b"\r\n");
    if let Some(proto) = forwarded.proto(view.headers()) {
        ours(out, "x-forwarded-proto", proto);
    }
}

/// How a response goes on.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// How its body will be sent; see [`ResponseHead::framing_for`](super::ResponseHead::framing_for).
    pub framing: Framing,
    /// The client's version.
    pub client: Version,
    /// Whether the client's connection lives on. [`Framing::UntilClose`] closes in any case.
    pub keep_alive: bool,
}

/// Writes a response's head, interim ones too.
pub fn response_head(out: &mut Vec<u8>, view: ResponseView<'_>, reply: &Reply) {
    status_line(out, view.head.status, view.reason());
    view.headers().filter(|header| goes_on(header, reply.framing)).for_each(|header| spelled(out, &header));
    match (reply.framing, view.head.length) {
        // What HEAD and 304 tell of the body that they leave out.
        (Framing::None, Some(length)) if view.head.status >= 200 && view.head.status != 204 && !view.head.tunnel => {
            framing(out, Framing::Length(length));
        }
        (given, _) => framing(out, given),
    }
    let keep_alive = reply.keep_alive && reply.framing != Framing::UntilClose;
    let last = !view.head.is_interim() && !view.head.websocket && !view.head.tunnel;
    connection(
        out,
        &[
            ("close", last && !keep_alive),
            ("keep-alive", last && keep_alive && reply.client == Version::Http10),
            ("upgrade", view.head.websocket),
        ],
    );
    if view.head.websocket {
        out.extend_from_slice(b"upgrade: websocket\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// `100 (Continue)`, when we answer an expectation ourselves.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes one chunk; nothing for no bytes, because an empty chunk is the last.
pub fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    chunk_line(out, bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes the line before a chunk of `len > 0` bytes; CRLF must follow the bytes.
pub fn chunk_line(out: &mut Vec<u8>, len: usize) {
    number(out, len as u64, 16);
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailers.
pub fn last_chunk<'a>(out: &mut Vec<u8>, trailers: impl IntoIterator<Item = Header<'a>>) {
    out.extend_from_slice(b"0\r\n");
    trailers.into_iter().for_each(|trailer| spelled(out, &trailer));
    out.extend_from_slice(b"\r\n");
}

/// `HTTP/1.1 200 OK`.
pub(super) fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, u64::from(status), 10);
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// A field that we write ourselves. A control byte in the value, which would end the line, becomes a question mark.
pub(super) fn ours(out: &mut Vec<u8>, name: impl AsRef<[u8]>, value: &str) {
    out.extend_from_slice(name.as_ref());
    out.extend_from_slice(b": ");
    let start = out.len();
    out.extend_from_slice(value.as_bytes());
    let written = out.get_mut(start..).unwrap_or_default();
    written.iter_mut().filter(|b| b.is_ascii_control()).for_each(|b| *b = b'?');
    out.extend_from_slice(b"\r\n");
}

pub(super) fn framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            number(out, length, 10);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
}

/// Extensions change what frames mean; none is spoken (RFC 6455 §9).
fn is_extension(header: &Header<'_>) -> bool {
    header.is_named("sec-websocket-extensions")
}

/// Trailers travel in chunks only, and so does their announcement.
fn goes_on(header: &Header<'_>, framing: Framing) -> bool {
    let announces_trailers = header.known.is_some_and(|known| known.is == Is::Trailer);
    header.forwarded && (!announces_trailers || framing == Framing::Chunked)
}

/// Asks for a coded answer (RFC 9110 §12.5.3), or for a range of it (§14.2): a leak could hide behind either.
fn asks_for_less(header: &Header<'_>) -> bool {
    ["accept-encoding", "range", "if-range"].iter().any(|name| header.is_named(name))
}

fn spelled(out: &mut Vec<u8>, header: &Header<'_>) {
    out.extend_from_slice(header.name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(header.value);
    out.extend_from_slice(b"\r\n");
}

fn connection(out: &mut Vec<u8>, options: &[(&str, bool)]) {
    let mut separator = "connection: ";
    for (option, _) in options.iter().filter(|(_, wanted)| *wanted) {
        out.extend_from_slice(separator.as_bytes());
        out.extend_from_slice(option.as_bytes());
        separator = ", ";
    }
    if separator == ", " {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes `value` in base 10 or 16.
fn number(out: &mut Vec<u8>, mut value: u64, base: u64) {
    let mut digits = [0u8; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef".get((value % base) as usize).copied().unwrap_or(b'0');
        used += 1;
        value /= base;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}
