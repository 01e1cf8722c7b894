//! The head of a response. Whatever is wrong with it is the upstream's fault: the same rules, the same names, of
//! [`Kind::Upstream`].

use super::fields::{self, Field, Fields};
use super::line::{self, STATUS_LINE};
use super::scan::Scan;
use super::websocket::Accept;
use super::{Framing, Limits, MAX_HEADERS, Span, Version};
use crate::flow::{Kind, Reason, Side};
use crate::protocol::Malformed;
use crate::protocol::head::Header;
use std::mem::MaybeUninit;

/// A status outside 100 to 599.
pub const STATUS: Reason = upstream("http1-status", "a status outside 100 to 599");
/// A body declared where none can be.
pub const BODILESS: Reason = upstream(
    "http1-bodiless-framing",
    "a length or coding in a response that cannot have a body (1xx, 204, 2xx to CONNECT)",
);
/// 101 that nobody asked for, or that is incomplete.
pub const SWITCH: Reason =
    upstream("http1-switch", "a 101 that does not complete a WebSocket handshake that was asked for");

/// A 101 with an extension that was not offered: it changes what frames mean.
pub const EXTENSION: Reason = upstream("http1-switch-extension", "a 101 with an extension that was not offered");

/// RFC 6455 §11.3.2.
const EXTENSIONS: &[u8] = b"sec-websocket-extensions";

const fn upstream(name: &'static str, says: &'static str) -> Reason {
    Reason::new(name, Kind::Upstream, says)
}

/// What a response must know of the request that it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// It was HEAD: no body follows.
    pub head: bool,
    /// It was CONNECT: after 2xx the connection is a tunnel.
    pub connect: bool,
    /// It was a WebSocket handshake: 101 may follow, with this proof.
    pub websocket: Option<Accept>,
}

/// A decoded response head; [`ResponseHead::view`] shows it.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Bytes of the buffer that it takes.
    pub len: usize,
    /// The upstream's version.
    pub version: Version,
    /// 100 to 599.
    pub status: u16,
    /// How the body ends, if there is one.
    pub framing: Framing,
    /// The Content-Length that was given, also where no body follows (HEAD, 304).
    pub length: Option<u64>,
    /// Whether the upstream connection lives on. Never with [`Framing::UntilClose`].
    pub keep_alive: bool,
    /// Whether it is a correct 101 to a WebSocket handshake: what follows are frames.
    pub websocket: bool,
    /// Whether it is 2xx to CONNECT: what follows are bytes of any kind.
    pub tunnel: bool,
    reason: Span,
    fields: Vec<Field>,
}

impl ResponseHead {
    /// Decodes a head from the start of `buffer`; nothing when it is not yet complete.
    ///
    /// # Errors
    /// With the rule that the upstream broke, as soon as that is certain.
    pub fn decode(buffer: &[u8], asked: Asked, limits: &Limits) -> Result<Option<Self>, Malformed> {
        Self::decode_on(buffer, &mut Scan::default(), asked, limits)
    }

    /// As [`ResponseHead::decode`], for a buffer that grows: `scan` remembers what was looked at.
    ///
    /// # Errors
    /// With the rule that the upstream broke, as soon as that is certain.
    pub fn decode_on(buffer: &[u8], scan: &mut Scan, asked: Asked, limits: &Limits) -> Result<Option<Self>, Malformed> {
        decode(buffer, scan, asked, limits).map_err(Malformed::by_upstream)
    }

    /// Whether another response to the same request follows. 101 is final.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// How its body travels on to a client of this version: HTTP/1.0 knows no chunks.
    pub fn framing_for(&self, client: Version) -> Framing {
        match (self.framing, client) {
            (Framing::Chunked, Version::Http10) => Framing::UntilClose,
            (Framing::UntilClose, Version::Http11) => Framing::Chunked,
            (framing, _) => framing,
        }
    }

    /// Shows the head. `buffer` is what it was decoded from.
    pub fn view<'a>(&'a self, buffer: &'a [u8]) -> ResponseView<'a> {
        ResponseView { head: self, buffer }
    }
}

fn decode(buffer: &[u8], scan: &mut Scan, asked: Asked, limits: &Limits) -> Result<Option<ResponseHead>, Malformed> {
    /// `HTTP/1.1 200 `
    const BEFORE_REASON: usize = 13;
    if buffer.first().is_some_and(|first| *first != b'H') {
        return Err(Malformed::new(0, STATUS_LINE));
    }
    let Some(lines) = scan.find_end(buffer, limits, BEFORE_REASON)? else { return Ok(None) };
    let head = buffer.get(..lines.end).unwrap_or_default();
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let complete =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, head, &mut headers);
    let (Ok(httparse::Status::Complete(len)), Some(minor), Some(status)) = (complete, parsed.version, parsed.code)
    else {
        return Err(line::fault_in_response(head, 0));
    };
    if len != head.len() {
        return Err(Malformed::new(0, line::HEAD));
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let fields = fields::read(head, 0, parsed.headers, Side::Server, version)?;
    let line_end = memchr::memchr(b'\r', head).unwrap_or(BEFORE_REASON);
    let reason = Span { start: BEFORE_REASON.min(line_end) as u32, end: line_end as u32 };
    made(len, version, status, reason, fields, asked, head).map(Some).map_err(|why| Malformed::new(0, why))
}

fn made(
    len: usize,
    version: Version,
    status: u16,
    reason: Span,
    fields: Fields,
    asked: Asked,
    head: &[u8],
) -> Result<ResponseHead, Reason> {
    if !(100..600).contains(&status) {
        return Err(STATUS);
    }
    let tunnel = asked.connect && (200..300).contains(&status);
    let framing = framing(status, asked, tunnel, &fields)?;
    let websocket = status == 101;
    if websocket && fields.list.iter().any(|field| field.name.bytes(head).eq_ignore_ascii_case(EXTENSIONS)) {
        return Err(EXTENSION);
    }
    if websocket && !asked.websocket.is_some_and(|accept| switches(&fields, &accept, head)) {
        return Err(SWITCH);
    }
    Ok(ResponseHead {
        len,
        version,
        status,
        framing,
        length: fields.length,
        keep_alive: fields.keeps_alive(version) && framing != Framing::UntilClose,
        websocket,
        tunnel,
        reason,
        fields: fields.list,
    })
}

/// RFC 9112 §6.3. `Content-Length: 0` with 1xx, 204 or a tunnel says nothing false, and is common; it is dropped.
fn framing(status: u16, asked: Asked, tunnel: bool, fields: &Fields) -> Result<Framing, Reason> {
    if status < 200 || status == 204 || tunnel {
        let silent = !fields.chunked && fields.length.unwrap_or_default() == 0;
        return if silent { Ok(Framing::None) } else { Err(BODILESS) };
    }
    if asked.head || status == 304 {
        return Ok(Framing::None);
    }
    Ok(match fields.framing() {
        Framing::None => Framing::UntilClose,
        framing => framing,
    })
}

/// RFC 6455 §4.2.2.
fn switches(fields: &Fields, accept: &Accept, head: &[u8]) -> bool {
    let websocket = |span: Span| span.bytes(head).eq_ignore_ascii_case(b"websocket");
    let proven = |span: Span| span.bytes(head) == accept;
    fields.options.upgrade && fields.upgrade.is_some_and(websocket) && fields.websocket_accept.is_some_and(proven)
}

/// A response head with the buffer it was decoded from.
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    /// The head.
    pub head: &'a ResponseHead,
    buffer: &'a [u8],
}

impl<'a> ResponseView<'a> {
    /// The reason phrase, often empty.
    pub fn reason(&self) -> &'a [u8] {
        self.head.reason.bytes(self.buffer)
    }

    /// Every header line, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let buffer = self.buffer;
        self.head.fields.iter().map(move |field| field.view(buffer))
    }

    /// The value of the first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().find(|header| header.is_named(name)).map(|header| header.value)
    }
}
