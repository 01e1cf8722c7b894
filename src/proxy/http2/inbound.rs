//! One stream of a client's connection, as the HTTP/1.1 connection of its own that it takes the place of.

use super::incoming::{Incoming, broken};
use super::outgoing::{Begin, Begun, Outgoing, fields};
use crate::flow::Reason;
use crate::protocol::head::Header;
use crate::protocol::http1::{self, Asked, ResponseHead, Scan, Version};
use crate::protocol::http2::text::{self, Pseudo};
use crate::protocol::names::Is;
use crate::proxy::wire::Leaves;
use bytes::Bytes;
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

/// Sends the heads of answers.
pub(super) struct Respond {
    respond: SendResponse<Bytes>,
    head: bool,
    limits: http1::Limits,
}

impl Carried {
    /// Unwraps a request.
    ///
    /// # Errors
    /// What cannot be said in HTTP/1.1, with what was asked for; the stream can still be answered.
    pub(super) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        limits: http1::Limits,
    ) -> (Self, Result<(), Reason>) {
        let (parts, body) = request.into_parts();
        let mut text = Vec::with_capacity(512);
        let pseudo = Pseudo {
            method: parts.method.as_str(),
            scheme: parts.uri.scheme_str(),
            authority: parts.uri.authority().map(|authority| authority.as_str()),
            path: parts.uri.path_and_query().map_or("", |path| path.as_str()),
        };
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers.collect();
        let written = text::request(&mut text, &pseudo, &headers, body.is_end_stream());
        let respond = Respond { respond, head: pseudo.method == "HEAD", limits };
        let (incoming, result) = match written {
            Ok(content) => (Incoming::new(text, content, body), Ok(())),
            Err(why) => (Incoming::only(text), Err(why)),
        };
        (Self { incoming, outgoing: Outgoing::new(respond, limits) }, result)
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
        let asked = Asked { head: self.head, ..Asked::default() };
        let decoded = ResponseHead::decode_on(bytes, scan, asked, &self.limits);
        let Some(head) = decoded.map_err(|malformed| io::Error::other(malformed.why.name))? else { return Ok(None) };
        let mut response = Response::new(());
        *response.status_mut() = http::StatusCode::from_u16(head.status).map_err(io::Error::other)?;
        *response.headers_mut() = fields(head.view(bytes).headers().filter(goes_on));
        if head.is_interim() {
            self.respond.send_informational(response).map_err(broken)?;
            return Ok(Some(Begun { len: head.len, content: None }));
        }
        let framing = head.framing_for(Version::Http11);
        let stream = self.respond.send_response(response, !framing.has_body()).map_err(broken)?;
        Ok(Some(Begun { len: head.len, content: Some((framing, stream)) }))
    }
}

/// What belongs to a connection of HTTP/1.1 has no place in HTTP/2 (RFC 9113 §8.2.2).
fn goes_on(header: &Header<'_>) -> bool {
    header.known.is_none_or(|known| !known.is_hop_by_hop() || matches!(known.is, Is::Trailer))
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
        self.poll_flush(cx)
    }
}
