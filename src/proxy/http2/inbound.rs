//! One stream of a client's connection, as the HTTP/1.1 connection of its own that it takes the place of.

use super::incoming::{Incoming, broken};
use super::outgoing::{Begin, Begun, Outgoing, fields};
use crate::flow::Reason;
use crate::protocol::head::Header;
use crate::protocol::http1::{self, Asked, Framing, ResponseHead, Scan, Version, websocket};
use crate::protocol::http2::text::{self, Pseudo};
use crate::protocol::names::Is;
use crate::proxy::settings::Limits;
use crate::proxy::wire::Leaves;
use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason as Code, RecvStream};
use http::{Request, Response};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A request's stream.
pub(in crate::proxy) struct Carried {
    incoming: Incoming,
    outgoing: Outgoing<Respond>,
}

/// A stream as its request opens it.
pub(in crate::proxy) struct Opened {
    pub(in crate::proxy) stream: Box<Carried>,
    /// The request's head, as HTTP/1.1 says it; as far as it could be said.
    pub(in crate::proxy) head: Vec<u8>,
    /// Or what HTTP/1.1 cannot say; the stream can still be answered.
    pub(in crate::proxy) said: Result<(), Reason>,
}

/// Sends the heads of answers.
pub(super) struct Respond {
    respond: SendResponse<Bytes>,
    asked: Asked,
    limits: http1::Limits,
}

impl Carried {
    /// Unwraps a request.
    pub(super) fn open(request: Request<RecvStream>, respond: SendResponse<Bytes>, limits: &Limits) -> Opened {
        let (parts, body) = request.into_parts();
        let protocol = parts.extensions.get::<Protocol>();
        let key = protocol.map(|_| websocket::key(nonce())).unwrap_or_default();
        let mut text = Vec::with_capacity(1024);
        let pseudo = Pseudo {
            method: parts.method.as_str(),
            scheme: parts.uri.scheme_str(),
            authority: parts.uri.authority().map(|authority| authority.as_str()),
            path: parts.uri.path_and_query().map_or("", |path| path.as_str()),
            protocol: protocol.map(Protocol::as_str),
            key: &key,
            held: limits.inspect_bytes as u64,
        };
        let asked = Asked {
            head: pseudo.method == "HEAD",
            connect: pseudo.is_tunnel(),
            websocket: protocol.map(|_| websocket::accept(key.as_bytes())),
        };
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers.collect();
        let written = text::request(&mut text, &pseudo, &headers, body.is_end_stream());
        let respond = Respond { respond, asked, limits: limits.http1 };
        let (incoming, said) = match written {
            Ok(content) => (Incoming::new(Vec::new(), content, body), Ok(())),
            Err(why) => (Incoming::only(Vec::new()), Err(why)),
        };
        let stream = Box::new(Self { incoming, outgoing: Outgoing::new(respond, limits.http1) });
        Opened { stream, head: text, said }
    }

    /// Ends the stream so that nobody takes what was sent for a whole.
    pub(in crate::proxy) fn abort(&mut self) {
        if !self.outgoing.is_over() {
            self.outgoing.begin.respond.send_reset(Code::INTERNAL_ERROR);
        }
    }
}

impl Leaves for Carried {
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.outgoing.stream() {
            Some(stream) => stream.poll_reset(cx).map(drop),
            None => self.outgoing.begin.respond.poll_reset(cx).map(drop),
        }
    }
}

impl Begin for Respond {
    fn begin(&mut self, bytes: &[u8], scan: &mut Scan) -> io::Result<Option<Begun>> {
        let decoded = ResponseHead::decode_on(bytes, scan, self.asked, &self.limits);
        let Some(head) = decoded.map_err(|malformed| io::Error::other(malformed.why.name))? else { return Ok(None) };
        let mut response = Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(head.status).map_err(io::Error::other)?;
        *response.headers_mut() =
            fields(head.view(bytes).headers().filter(goes_on), bytes.get(..head.len).unwrap_or_default());
        if head.websocket {
            // RFC 8441 §5.1: 200 is what HTTP/1.1 says with 101.
            *response.status_mut() = http::StatusCode::OK;
            let stream = self.respond.send_response(response, false).map_err(broken)?;
            return Ok(Some(Begun { len: head.len, content: Some((Framing::UntilClose, stream)) }));
        }
        if head.is_interim() {
            self.respond.send_informational(response).map_err(broken)?;
            return Ok(Some(Begun { len: head.len, content: None }));
        }
        let framing = if head.tunnel { Framing::UntilClose } else { head.framing_for(Version::Http11) };
        let stream = self.respond.send_response(response, !framing.has_body()).map_err(broken)?;
        Ok(Some(Begun { len: head.len, content: Some((framing, stream)) }))
    }
}

/// What belongs to a connection of HTTP/1.1 has no place in HTTP/2 (RFC 9113 §8.2.2), nor has its proof of a handshake
/// (RFC 8441 §5).
fn goes_on(header: &Header<'_>) -> bool {
    header.known.is_none_or(|known| match known.is {
        Is::Trailer => true,
        Is::WebSocketAccept => false,
        _ => !known.is_hop_by_hop(),
    })
}

/// 16 bytes that nobody expects (RFC 6455 §4.1). Without a source of them, zeros: the key proves nothing but that the
/// upstream knows WebSockets.
fn nonce() -> [u8; 16] {
    let mut nonce = [0; 16];
    let _ = getrandom::fill(&mut nonce);
    nonce
}

impl AsyncRead for Carried {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().incoming.poll_read(cx, into)
    }
}

impl AsyncWrite for Carried {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().outgoing.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_end(cx)
    }
}
