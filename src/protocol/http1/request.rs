//! The head of a request: decoded once, kept as offsets, looked at through a [`RequestView`] of the same buffer.

use super::fields::{self, Field, Fields};
use super::line::{self, METHOD};
use super::scan::{Scan, TARGET_BYTES};
use super::target::Target;
use super::{Asked, Framing, Limits, MAX_HEADERS, Span, Version, websocket};
use crate::canon::host::{self, Host};
use crate::flow::{Kind, Reason, Side};
use crate::protocol::head::{Form, Head, Header, Request};
use crate::protocol::names::{Is, is_token};
use crate::protocol::{Guess, Malformed};
use std::mem::MaybeUninit;

/// HTTP/1.1 without Host.
pub const HOST_MISSING: Reason = Reason::new("http1-host-missing", Kind::Malformed, "an HTTP/1.1 request without Host");
/// Host and the target name different places.
pub const HOST_DISAGREES: Reason =
    Reason::new("http1-host-disagrees", Kind::Malformed, "Host and the target name different places");
/// An expectation other than `100-continue`.
pub const EXPECT: Reason = Reason::new("http1-expect", Kind::Unsupported, "an expectation other than 100-continue");
/// CONNECT with a body.
pub const CONNECT_BODY: Reason = Reason::new("http1-connect-body", Kind::Malformed, "CONNECT with a body");
/// A WebSocket handshake with a body.
pub const UPGRADE_BODY: Reason =
    Reason::new("http1-upgrade-body", Kind::Malformed, "a WebSocket handshake with a body");

/// A decoded request head; [`RequestHead::view`] shows it. Offsets only, so it lives across awaits.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Bytes of the buffer that it takes, an empty line before it included.
    pub len: usize,
    /// The client's version.
    pub version: Version,
    /// How the body ends; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client wants the connection to live on.
    pub keep_alive: bool,
    /// Whether the client waits for `100 (Continue)` before it sends the body.
    pub expect_continue: bool,
    /// Whether it is a WebSocket handshake (RFC 6455 §4.1). Any other upgrade is dropped, as RFC 9110 §7.8 allows.
    pub websocket: bool,
    /// Whether the client takes trailers in the response.
    pub takes_trailers: bool,
    method: Span,
    target: Target,
    host: Option<Span>,
    fields: Vec<Field>,
}

impl RequestHead {
    /// Decodes a head from the start of `buffer`; nothing when it is not yet complete.
    ///
    /// # Errors
    /// With the rule that is broken, as soon as that is certain.
    pub fn decode(buffer: &[u8], limits: &Limits) -> Result<Option<Self>, Malformed> {
        Self::decode_on(buffer, &mut Scan::default(), limits)
    }

    /// As [`RequestHead::decode`], for a buffer that grows: `scan` remembers what was looked at. Start a new one for
    /// each head.
    ///
    /// # Errors
    /// With the rule that is broken, as soon as that is certain.
    pub fn decode_on(buffer: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<Self>, Malformed> {
        /// Method, spaces and version.
        const BESIDE_TARGET: usize = line::MAX_METHOD_BYTES + 1 + 1 + 8;
        check_method(buffer)?;
        let Some(lines) = scan.find_end(buffer, limits, BESIDE_TARGET)? else { return Ok(None) };
        let head = buffer.get(lines.start..lines.end).unwrap_or_default();
        read(head, lines.start, limits).map(Some)
    }

    /// Shows the head. `buffer` is what it was decoded from.
    pub fn view<'a>(&'a self, buffer: &'a [u8]) -> RequestView<'a> {
        RequestView { head: self, buffer }
    }

    /// Whether servers are known to leave such a body unread, and to take it for the next request: a body where the
    /// method gives it no meaning (RFC 9110 §9.3), or one that begins as a request does, behind a handler that does not
    /// care for bodies. The upstream connection must end with this exchange. `first` is what the body begins with.
    pub fn body_may_stay_unread(&self, buffer: &[u8], first: &[u8]) -> bool {
        let meant = || matches!(self.method.bytes(buffer), b"POST" | b"PUT" | b"PATCH");
        self.framing.has_body() && (!meant() || begins_as_request(first))
    }
}

/// What can be said before the line ends: the method is a token of at most 32 bytes.
fn check_method(buffer: &[u8]) -> Result<(), Malformed> {
    let start = if buffer.starts_with(b"\r\n") { 2 } else { 0 };
    let line = buffer.get(start..).unwrap_or_default();
    if matches!(line.first(), None | Some(b'\r' | b'\n')) {
        return Ok(());
    }
    let method = line.iter().take(line::MAX_METHOD_BYTES + 1);
    match method.enumerate().find(|(_, b)| !is_token(**b)) {
        Some((at, b' ')) if at > 0 => Ok(()),
        Some((at, _)) => Err(Malformed::new(start + at, METHOD)),
        None if line.len() > line::MAX_METHOD_BYTES => Err(Malformed::new(start, METHOD)),
        None => Ok(()),
    }
}

fn read(head: &[u8], start: usize, limits: &Limits) -> Result<RequestHead, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let complete = parsed.parse_with_uninit_headers(head, &mut headers);
    let (Ok(httparse::Status::Complete(len)), Some(method), Some(path), Some(minor)) =
        (complete, parsed.method, parsed.path, parsed.version)
    else {
        return Err(line::fault_in_request(head, start));
    };
    if len != head.len() {
        return Err(Malformed::new(start, line::HEAD));
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let whole = Span::of(head, path.as_bytes(), start);
    let at = |why| Malformed::new(whole.start as usize, why);
    if path.len() > limits.target_bytes {
        return Err(at(TARGET_BYTES));
    }
    let target = Target::read(method.as_bytes(), path.as_bytes(), whole.start as usize).map_err(at)?;
    let fields = fields::read(head, start, parsed.headers, Side::Client, version)?;
    let method = Span::of(head, method.as_bytes(), start);
    let buffer = Buffer { head, start };
    made(buffer, method, target, version, fields).map_err(|why| Malformed::new(start, why))
}

/// The head's bytes, for spans that count from the start of the whole buffer.
#[derive(Clone, Copy)]
struct Buffer<'a> {
    head: &'a [u8],
    start: usize,
}

impl<'a> Buffer<'a> {
    fn bytes(self, span: Span) -> &'a [u8] {
        let from = |at: u32| (at as usize).saturating_sub(self.start);
        self.head.get(from(span.start)..from(span.end)).unwrap_or_default()
    }
}

fn made(
    buffer: Buffer<'_>,
    method: Span,
    target: Target,
    version: Version,
    fields: Fields,
) -> Result<RequestHead, Reason> {
    check_host(buffer, &target, version, fields.host)?;
    let framing = fields.framing();
    let expect_continue = expects(buffer, &fields, version)?;
    let websocket = upgrades(buffer, method, version, &fields);
    if target.form == Form::Authority && framing != Framing::None {
        return Err(CONNECT_BODY);
    }
    if websocket && framing.has_body() {
        return Err(UPGRADE_BODY);
    }
    Ok(RequestHead {
        len: buffer.start + buffer.head.len(),
        version,
        framing,
        keep_alive: fields.keeps_alive(version),
        expect_continue: expect_continue && framing.has_body(),
        websocket,
        takes_trailers: fields.options.trailers && version == Version::Http11,
        method,
        target,
        host: fields.host,
        fields: fields.list,
    })
}

/// RFC 9112 §3.2: HTTP/1.1 has exactly one Host, and it agrees with the target.
fn check_host(buffer: Buffer<'_>, target: &Target, version: Version, field: Option<Span>) -> Result<(), Reason> {
    let named = match field {
        Some(span) => Some(host::parse(buffer.bytes(span))?),
        None if version == Version::Http11 => return Err(HOST_MISSING),
        None => None,
    };
    if !matches!(target.form, Form::Absolute | Form::Authority) {
        return Ok(());
    }
    let aimed = host::parse(buffer.bytes(target.authority))?;
    let default_port =
        if target.form == Form::Authority { aimed.port.unwrap_or_default() } else { target.default_port };
    match named {
        Some(named) if !named.same(&aimed, default_port) => Err(HOST_DISAGREES),
        _ => Ok(()),
    }
}

/// RFC 9110 §10.1.1; HTTP/1.0 has no expectations.
fn expects(buffer: Buffer<'_>, fields: &Fields, version: Version) -> Result<bool, Reason> {
    match fields.expect {
        Some(_) if version == Version::Http10 => Ok(false),
        Some(value) if buffer.bytes(value).eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(EXPECT),
        None => Ok(false),
    }
}

fn upgrades(buffer: Buffer<'_>, method: Span, version: Version, fields: &Fields) -> bool {
    version == Version::Http11
        && fields.options.upgrade
        && fields.websocket_key.is_some_and(|key| websocket::is_key(buffer.bytes(key)))
        && buffer.bytes(method) == b"GET"
        && fields.upgrade.is_some_and(|value| buffer.bytes(value).eq_ignore_ascii_case(b"websocket"))
}

/// A request head with the buffer it was decoded from.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The head.
    pub head: &'a RequestHead,
    buffer: &'a [u8],
}

impl<'a> RequestView<'a> {
    /// The method, a token.
    pub fn method(&self) -> &'a str {
        self.head.method.text(self.buffer)
    }

    /// The target as it was spelled; visible ASCII.
    pub fn target(&self) -> &'a str {
        self.head.target.whole.text(self.buffer)
    }

    /// The target's form.
    pub fn form(&self) -> Form {
        self.head.target.form
    }

    /// The target's path as it was spelled; may be empty in absolute form, and is in authority form.
    pub fn path(&self) -> &'a [u8] {
        self.head.target.path.bytes(self.buffer)
    }

    /// The target's query as it was spelled, without its question mark.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.head.target.query.map(|span| span.bytes(self.buffer))
    }

    /// Whom the request is for: the target's authority, else Host. Nothing in HTTP/1.0 without either.
    pub fn host(&self) -> Option<Host<'a>> {
        let aimed = matches!(self.form(), Form::Absolute | Form::Authority).then_some(self.head.target.authority);
        aimed.or(self.head.host).and_then(|span| host::parse(span.bytes(self.buffer)).ok())
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

    /// What it asks for and what its sender controls, without the protocol.
    pub fn request(&self) -> Request<'a> {
        Request::new(Head {
            method: self.method(),
            host: self.host(),
            form: self.form(),
            path: self.path(),
            query: self.query(),
            upgrade: self.head.websocket.then_some("websocket"),
            headers: self.headers().collect(),
        })
    }

    /// What a response must know of its request.
    pub fn asked(&self) -> Asked {
        Asked { head: self.method() == "HEAD", connect: self.form() == Form::Authority, websocket: self.accept() }
    }

    /// The proof that the server must give of a WebSocket handshake.
    fn accept(&self) -> Option<websocket::Accept> {
        let key = self.head.websocket.then(|| self.header("sec-websocket-key"))?;
        key.map(websocket::accept)
    }

    /// Whether the head has a Host header.
    pub(super) fn has_host(&self) -> bool {
        self.headers().any(|header| header.known.is_some_and(|known| known.is == Is::Host))
    }
}

/// Whether lenient servers take it for a request line, also one of HTTP/0.9: a method, and a path or a version.
fn begins_as_request(bytes: &[u8]) -> bool {
    let line = bytes.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    let method = line.iter().take_while(|b| is_token(**b)).count();
    let rest = line.get(method..).unwrap_or_default();
    let target = rest.trim_ascii_start();
    method > 0
        && rest.len() > target.len()
        && (target.starts_with(b"/") || target.windows(5).any(|five| five == b"HTTP/"))
}

/// A request line begins with a method of letters, as every registered one does, and a space.
pub(super) fn identify(bytes: &[u8]) -> Guess {
    const H2_PREFACE: &[u8] = b"PRI * HTTP/2";
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    if bytes.starts_with(H2_PREFACE) {
        return Guess::No;
    }
    if H2_PREFACE.starts_with(bytes) || bytes == b"\r" {
        return Guess::NeedMore;
    }
    match bytes.iter().position(|b| !matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_')) {
        Some(end) if bytes.get(end) == Some(&b' ') && (1..=line::MAX_METHOD_BYTES).contains(&end) => Guess::Yes,
        None if bytes.len() <= line::MAX_METHOD_BYTES => Guess::NeedMore,
        _ => Guess::No,
    }
}
