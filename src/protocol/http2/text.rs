//! The message of a stream as the text of HTTP/1.1. What HTTP/2 has and HTTP/1.1 has not is refused here by name; what is
//! left is for the HTTP/1.1 codec to judge: hosts, targets, names, lengths, limits.

use crate::canon::host;
use crate::flow::{Kind, Reason};

/// `:authority` and `host` name different places.
pub const HOST_DISAGREES: Reason =
    Reason::new("http2-host-disagrees", Kind::Malformed, "`:authority` and `host` name different places");
/// A field that belongs to an HTTP/1.1 connection (RFC 9113 §8.2.2).
pub const CONNECTION_FIELD: Reason =
    Reason::new("http2-connection-field", Kind::Malformed, "a field that belongs to an HTTP/1.1 connection");
/// A value with whitespace at its ends (RFC 9113 §8.2.1), or a byte that ends a line.
pub const VALUE: Reason =
    Reason::new("http2-value", Kind::Malformed, "a value begins or ends in whitespace, or holds a line end");
/// A name that is no token in lower case (RFC 9113 §8.2.1).
pub const NAME: Reason = Reason::new("http2-name", Kind::Malformed, "a name is no token in lower case");
/// Neither http nor https.
pub const SCHEME: Reason = Reason::new("http2-scheme", Kind::Malformed, "`:scheme` is neither http nor https");
/// An extended CONNECT that asks for something else than a WebSocket (RFC 8441 §4).
pub const CONNECT: Reason =
    Reason::new("http2-connect", Kind::Unsupported, "an extended CONNECT for anything but a WebSocket");
/// A pseudo-header that cannot stand in a request line, or not in that of a tunnel (RFC 9113 §8.5).
pub const PSEUDO: Reason = Reason::new(
    "http2-pseudo",
    Kind::Malformed,
    "a pseudo-header is missing, or has no place in such a request's line",
);

/// The pseudo-headers of a request (RFC 9113 §8.3.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Pseudo<'a> {
    /// `:method`.
    pub method: &'a str,
    /// `:scheme`, where the library tells it.
    pub scheme: Option<&'a str>,
    /// `:authority`.
    pub authority: Option<&'a str>,
    /// `:path`.
    pub path: &'a str,
    /// `:protocol` (RFC 8441 §4).
    pub protocol: Option<&'a str>,
    /// What stands for the `sec-websocket-key` that HTTP/2 does without.
    pub key: &'a str,
    /// Content up to so many bytes is held whole before it goes on: how it was framed is of no account then, and room is
    /// left for trailers.
    pub held: u64,
}

impl Pseudo<'_> {
    /// Whether it asks for a tunnel for bytes of any kind.
    pub fn is_tunnel(&self) -> bool {
        self.method == "CONNECT" && self.protocol.is_none()
    }
}

/// A protocol that a stream is switched to: the one of RFC 8441.
pub const WEBSOCKET: &str = "websocket";

/// A field of a head or of trailers: its name, its value.
pub type Field<'a> = (&'a str, &'a [u8]);

/// How the content of a message follows its head in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// There is none.
    None,
    /// As it is; the head says how long it is. Trailers have no place behind it and are left out.
    Plain,
    /// In chunks, with room for trailers.
    Chunked,
    /// As it is, to the end of the stream: what the stream is switched to.
    Tunnel,
}

/// Writes the head of a request. `ended` says that no content follows. An extended CONNECT for a WebSocket is written as
/// the handshake that HTTP/1.1 has for it, any other CONNECT (RFC 9113 §8.5) as what it is.
///
/// # Errors
/// What HTTP/1.1 could not say, or would understand differently.
pub fn request(out: &mut Vec<u8>, pseudo: &Pseudo<'_>, fields: &[Field<'_>], ended: bool) -> Result<Content, Reason> {
    let switches = pseudo.protocol.is_some();
    let (method, target) = match pseudo.protocol {
        None if pseudo.is_tunnel() => (pseudo.method, pseudo.authority.unwrap_or_default()),
        None => (pseudo.method, pseudo.path),
        Some(protocol) if pseudo.method == "CONNECT" && protocol.eq_ignore_ascii_case(WEBSOCKET) => {
            ("GET", pseudo.path)
        }
        _ => return Err(CONNECT),
    };
    if !is_visible(method) || !is_visible(target) || pseudo.is_tunnel() && !pseudo.path.is_empty() {
        return Err(PSEUDO);
    }
    if pseudo.scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https"))
    {
        return Err(SCHEME);
    }
    for piece in [method, " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    if let Some(authority) = pseudo.authority {
        if !is_visible(authority) {
            return Err(PSEUDO);
        }
        agree(authority, pseudo.scheme, fields)?;
        line(out, "host", authority.as_bytes());
    }
    let tunnel = switches || pseudo.is_tunnel();
    let content = if tunnel { Content::Tunnel } else { content(fields, ended, pseudo.held) };
    write_fields(out, fields, content, pseudo.authority.is_some())?;
    if switches {
        line(out, "connection", b"upgrade");
        line(out, "upgrade", WEBSOCKET.as_bytes());
        line(out, "sec-websocket-key", pseudo.key.as_bytes());
    }
    if content == Content::Chunked {
        line(out, "transfer-encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(content)
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b > b' ' && b != 0x7f)
}

/// Writes the head of an answer that switches a stream to a WebSocket as the 101 of HTTP/1.1. `accept` proves that the
/// handshake was understood, which HTTP/2 says with its 200.
///
/// # Errors
/// What HTTP/1.1 could not say.
pub fn switched(out: &mut Vec<u8>, accept: &[u8], fields: &[Field<'_>]) -> Result<Content, Reason> {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    write_fields(out, fields, Content::Tunnel, false)?;
    line(out, "connection", b"upgrade");
    line(out, "upgrade", WEBSOCKET.as_bytes());
    line(out, "sec-websocket-accept", accept);
    out.extend_from_slice(b"\r\n");
    Ok(Content::Tunnel)
}

/// Writes the head of a response. `ended` says that no content follows; `silent` that none can: HEAD was asked, or the
/// status has none.
///
/// # Errors
/// What HTTP/1.1 could not say.
pub fn response(
    out: &mut Vec<u8>,
    status: u16,
    fields: &[Field<'_>],
    (ended, silent): (bool, bool),
) -> Result<Content, Reason> {
    out.extend_from_slice(format!("HTTP/1.1 {status} \r\n").as_bytes());
    let content = content(fields, ended || silent, 0);
    let sized = fields.iter().any(|(name, _)| *name == "content-length");
    write_fields(out, fields, content, false)?;
    match content {
        Content::Chunked => line(out, "transfer-encoding", b"chunked"),
        // Without it, the end of the connection would be the end of the content.
        Content::None if !silent && !sized => line(out, "content-length", b"0"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    Ok(content)
}

/// Writes what stands before a piece of chunked content; [`CHUNK_END`] follows the piece.
pub fn chunk_start(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
}

/// What follows a piece of chunked content.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Writes the end of chunked content, with its trailers.
///
/// # Errors
/// A name or value that cannot stand in a line.
pub fn chunked_end<'a>(out: &mut Vec<u8>, trailers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<(), Reason> {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        check(name, value)?;
        line(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn agree(authority: &str, scheme: Option<&str>, fields: &[Field<'_>]) -> Result<(), Reason> {
    let aimed = host::parse(authority.as_bytes())?;
    let default_port = if scheme == Some("http") { 80 } else { 443 };
    fields.iter().try_for_each(|(name, value)| match *name {
        "host" if !host::parse(value)?.same(&aimed, default_port) => Err(HOST_DISAGREES),
        _ => Ok(()),
    })
}

/// Trailers that are announced, and those of gRPC, which are its statuses, need room; and so may those of content that is
/// `held`. That as much content comes as was said, the library sees to.
fn content(fields: &[Field<'_>], ended: bool, held: u64) -> Content {
    if ended {
        return Content::None;
    }
    let (mut lengths, mut sized, mut odd, mut trailers) = (0, false, false, false);
    for (name, value) in fields {
        if *name == "content-length" {
            let digits = std::str::from_utf8(value).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            let length = digits.and_then(|digits| digits.parse::<u64>().ok());
            lengths += 1;
            sized |= length.is_none_or(|length| length > held);
            odd |= length.is_none() || lengths > 1;
        }
        trailers |= *name == "trailer" || *name == "content-type" && value.starts_with(b"application/grpc");
    }
    // Lengths that are no length are for the codec of HTTP/1.1 to refuse.
    if odd || sized && !trailers { Content::Plain } else { Content::Chunked }
}

fn write_fields(out: &mut Vec<u8>, fields: &[Field<'_>], content: Content, has_host: bool) -> Result<(), Reason> {
    let mut cookies: Vec<&[u8]> = Vec::new();
    for (name, value) in fields {
        check(name, value)?;
        match *name {
            // RFC 9113 §8.2.3: crumbs are one field.
            "cookie" => cookies.push(value),
            "host" if has_host => {}
            "content-length" if content == Content::Chunked => {}
            _ => line(out, name, value),
        }
    }
    if !cookies.is_empty() {
        line(out, "cookie", &cookies.join(&b"; "[..]));
    }
    Ok(())
}

fn check(name: &str, value: &[u8]) -> Result<(), Reason> {
    const CONNECTIONS: [&str; 6] =
        ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"];
    if CONNECTIONS.contains(&name) {
        return Err(CONNECTION_FIELD);
    }
    if name.is_empty() || !name.bytes().all(|b| crate::protocol::names::is_token(b) && !b.is_ascii_uppercase()) {
        return Err(NAME);
    }
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    // All of them are looked at, without a branch: values are short.
    let ends_line = value.iter().fold(false, |ends, b| ends | matches!(b, b'\r' | b'\n' | 0));
    if blank(value.first()) || blank(value.last()) || ends_line { Err(VALUE) } else { Ok(()) }
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::{Framing, Limits, RequestHead, ResponseHead};
    use proptest::prelude::*;

    const GET: Pseudo<'_> = Pseudo {
        method: "GET",
        scheme: Some("http"),
        authority: Some("shop:8080"),
        path: "/a?b",
        protocol: None,
        key: "dGhlIHNhbXBsZSBub25jZQ==",
        held: 0,
    };

    fn asked(pseudo: &Pseudo<'_>, fields: &[(&str, &str)], ended: bool) -> Result<String, &'static str> {
        let mut out = Vec::new();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        request(&mut out, pseudo, &fields, ended).map_err(|why| why.name)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn length_that_is_none_is_left_to_be_refused() {
        for lengths in [&[("content-length", "5"), ("content-length", "5")][..], &[("content-length", "+5")]] {
            let text = asked(&Pseudo { held: 100, ..GET }, lengths, false).unwrap();
            assert!(RequestHead::decode(text.as_bytes(), &Limits::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn request_is_written_as_http1_says_it() {
        let fields = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("host", "SHOP:8080")];
        let text = asked(&GET, &fields, true).unwrap();
        assert_eq!(text, "GET /a?b HTTP/1.1\r\nhost: shop:8080\r\naccept: */*\r\ncookie: a=1; b=2\r\n\r\n");
        let text = asked(&GET, &[("content-length", "3")], false).unwrap();
        assert!(text.ends_with("\r\ncontent-length: 3\r\n\r\n"), "{text}");
        let text = asked(&GET, &[("content-length", "3"), ("trailer", "x")], false).unwrap();
        assert!(text.ends_with("trailer: x\r\ntransfer-encoding: chunked\r\n\r\n"), "{text}");
        let chunked = |length| {
            let held = Pseudo { held: 9, ..GET };
            asked(&held, &[("content-length", length)], false).unwrap().ends_with("transfer-encoding: chunked\r\n\r\n")
        };
        assert!(chunked("9") && !chunked("10") && !chunked("x"));
        let tunnel = Pseudo { method: "CONNECT", scheme: None, path: "", ..GET };
        assert_eq!(asked(&tunnel, &[], false).unwrap(), "CONNECT shop:8080 HTTP/1.1\r\nhost: shop:8080\r\n\r\n");
        let without = Pseudo { authority: None, ..GET };
        assert!(asked(&without, &[("host", "shop")], true).unwrap().contains("host: shop\r\n"));
    }

    #[test]
    fn what_http1_would_read_otherwise_is_refused() {
        for (fields, why) in [
            (&[("host", "other")][..], HOST_DISAGREES),
            (&[("host", "shop")], HOST_DISAGREES),
            (&[("host", "user@shop:8080")], host::USERINFO),
            (&[("connection", "close")], CONNECTION_FIELD),
            (&[("transfer-encoding", "chunked")], CONNECTION_FIELD),
            (&[("upgrade", "websocket")], CONNECTION_FIELD),
            (&[("X", "1")], NAME),
            (&[("x y", "1")], NAME),
            (&[("x", " 1")], VALUE),
            (&[("x", "1\t")], VALUE),
            (&[("x", "1\r\ny: 2")], VALUE),
        ] {
            assert_eq!(asked(&GET, fields, true), Err(why.name), "{fields:?}");
        }
        for (pseudo, why) in [
            (Pseudo { method: "CONNECT", protocol: Some("connect-udp"), ..GET }, CONNECT),
            (Pseudo { method: "GET", protocol: Some("websocket"), ..GET }, CONNECT),
            (Pseudo { method: "CONNECT", ..GET }, PSEUDO),
            (Pseudo { method: "CONNECT", path: "", authority: None, ..GET }, PSEUDO),
            (Pseudo { scheme: Some("ftp"), ..GET }, SCHEME),
            (Pseudo { path: "/a b", ..GET }, PSEUDO),
            (Pseudo { path: "", ..GET }, PSEUDO),
            (Pseudo { method: "GET\r\n", ..GET }, PSEUDO),
            (Pseudo { authority: Some("shop x"), ..GET }, PSEUDO),
        ] {
            assert_eq!(asked(&pseudo, &[], true), Err(why.name), "{pseudo:?}");
        }
    }

    #[test]
    fn extended_connect_is_a_handshake() {
        let websocket = Pseudo { method: "CONNECT", protocol: Some("websocket"), ..GET };
        let text = asked(&websocket, &[("sec-websocket-version", "13")], false).unwrap();
        let head = RequestHead::decode(text.as_bytes(), &Limits::default()).unwrap().unwrap();
        assert!(head.websocket && head.len == text.len(), "{text}");
        assert_eq!(head.view(text.as_bytes()).method(), "GET");
        let twice = asked(&websocket, &[("sec-websocket-key", GET.key)], false).unwrap();
        assert!(RequestHead::decode(twice.as_bytes(), &Limits::default()).is_err(), "{twice}");
        let content = asked(&websocket, &[("content-length", "3")], false).unwrap();
        assert!(RequestHead::decode(content.as_bytes(), &Limits::default()).is_err(), "{content}");
    }

    #[test]
    fn switched_stream_proves_that_it_is() {
        let accept = crate::protocol::http1::websocket::accept(GET.key.as_bytes());
        let mut out = Vec::new();
        assert_eq!(switched(&mut out, &accept, &[("sec-websocket-protocol", b"chat")]), Ok(Content::Tunnel));
        let asked = crate::protocol::http1::Asked { websocket: Some(accept), ..Default::default() };
        let head = ResponseHead::decode(&out, asked, &Limits::default()).unwrap().unwrap();
        assert!(head.websocket && head.len == out.len());
    }

    #[test]
    fn responses_say_how_they_end() {
        let written = |status, fields: &[(&'static str, &'static [u8])], ended, silent| {
            let mut out = Vec::new();
            let content = response(&mut out, status, fields, (ended, silent)).unwrap();
            (String::from_utf8(out).unwrap(), content)
        };
        assert_eq!(written(200, &[], true, false).0, "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n");
        assert_eq!(written(204, &[], true, true).0, "HTTP/1.1 204 \r\n\r\n");
        assert_eq!(written(200, &[("content-length", b"5")], true, true).1, Content::None);
        assert_eq!(written(200, &[("content-length", b"5")], false, false).1, Content::Plain);
        assert_eq!(written(200, &[], false, false).1, Content::Chunked);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was_meant(
            path in "/[a-z0-9%/.]{0,20}(\\?[a-z=&']{0,10})?",
            values in prop::collection::vec(("x-[a-z_]{1,6}", "[!-~]([ -~]{0,10}[!-~])?"), 0..5),
            ended in any::<bool>(),
        ) {
            let mut out = Vec::new();
            let pseudo = Pseudo { path: &path, ..GET };
            let fields: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let content = request(&mut out, &pseudo, &fields, ended).unwrap();
            let Ok(Some(head)) = RequestHead::decode(&out, &Limits::default()) else { return Ok(()) };
            let view = head.view(&out);
            prop_assert_eq!(head.len, out.len());
            prop_assert_eq!((view.method(), view.target()), ("GET", &*path));
            prop_assert_eq!(head.framing, if ended { Framing::None } else { Framing::Chunked });
            prop_assert_eq!(content == Content::Chunked, !ended);
            let read: Vec<_> = view.headers().map(|h| (String::from_utf8_lossy(h.name).into_owned(), h.value.to_vec())).collect();
            for (name, value) in values {
                prop_assert!(read.contains(&(name, value.into_bytes())));
            }
        }

        #[test]
        fn any_field_is_one_line_or_refused(name in prop::collection::vec(any::<u8>(), 0..8), value in prop::collection::vec(any::<u8>(), 0..12)) {
            let name = String::from_utf8_lossy(&name).into_owned();
            let mut out = Vec::new();
            if response(&mut out, 200, &[(name.as_str(), &value[..])], (true, false)).is_ok() {
                let lines = out.iter().filter(|b| **b == b'\n').count();
                prop_assert!((3..=4).contains(&lines), "{:?}", out.escape_ascii().to_string());
                let _ = ResponseHead::decode(&out, Default::default(), &Limits::default());
            }
        }
    }
}
