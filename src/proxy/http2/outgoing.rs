//! What we send to an HTTP/2 peer on one stream, written as the bytes of an HTTP/1.1 message. They are decoded by our own
//! codec and go on as frames, never faster than the peer takes them: a write waits until what was written before it has
//! been given room by the peer's flow control.

use super::incoming::broken;
use crate::protocol::http1::{self, BodyDecoder, Framing, Scan};
use bytes::{Bytes, BytesMut};
use h2::SendStream;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::io;
use std::task::{Context, Poll, ready};

/// Sends a head once all of it is there.
pub(super) trait Begin {
    /// Sends the head at the start of `bytes`; nothing when it is not yet complete.
    fn begin(&mut self, bytes: &[u8], scan: &mut Scan) -> io::Result<Option<Begun>>;
}

/// A head that was sent.
pub(super) struct Begun {
    /// Bytes that it took.
    pub(super) len: usize,
    /// Where its content goes; nothing when it was interim, and another head follows.
    pub(super) content: Option<(Framing, SendStream<Bytes>)>,
}

/// One message on its way out.
pub(super) struct Outgoing<B> {
    pub(super) begin: B,
    limits: http1::Limits,
    head: Vec<u8>,
    scan: Scan,
    body: Option<Body>,
}

struct Body {
    decoder: BodyDecoder,
    stream: SendStream<Bytes>,
    /// Content that the peer has given no room yet.
    waiting: BytesMut,
    /// Whether the stream's end has been sent.
    ended: bool,
}

impl<B: Begin> Outgoing<B> {
    pub(super) fn new(begin: B, limits: http1::Limits) -> Self {
        Self { begin, limits, head: Vec::new(), scan: Scan::default(), body: None }
    }

    /// Takes bytes of the message.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let mut rest = bytes;
        if self.body.is_none() {
            self.head.extend_from_slice(bytes);
            if !self.send_head()? {
                return Poll::Ready(Ok(bytes.len()));
            }
            rest = &self.head;
        }
        if let Some(body) = &mut self.body {
            body.take(rest)?;
            // What has no room yet goes with the next write, or the flush.
            if let Poll::Ready(Err(error)) = body.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        self.head = Vec::new();
        Poll::Ready(Ok(bytes.len()))
    }

    /// Ready when the peer's flow control has room for all that was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.body.as_mut().map_or(Poll::Ready(Ok(())), |body| body.poll_send(cx))
    }

    /// Sends the heads that are complete; whether the final one is among them. What is left of `head` is content.
    fn send_head(&mut self) -> io::Result<bool> {
        while let Some(begun) = self.begin.begin(&self.head, &mut self.scan)? {
            self.scan = Scan::default();
            self.head.drain(..begun.len.min(self.head.len()));
            if let Some((framing, stream)) = begun.content {
                let decoder = BodyDecoder::new(framing, &self.limits);
                let ended = decoder.is_done();
                self.body = Some(Body { decoder, stream, waiting: BytesMut::new(), ended });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The stream, once its head was sent.
    pub(super) fn stream(&mut self) -> Option<&mut SendStream<Bytes>> {
        self.body.as_mut().map(|body| &mut body.stream)
    }

    /// Whether all of the message has been handed over.
    pub(super) fn is_over(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.ended)
    }
}

impl Body {
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && !self.decoder.is_done() {
            let piece = self.decoder.step(bytes).map_err(|malformed| io::Error::other(malformed.why.name))?;
            self.waiting.extend_from_slice(bytes.get(piece.data).unwrap_or_default());
            bytes = bytes.get(piece.consumed..).unwrap_or_default();
        }
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let room = ready!(self.poll_room(cx))?.min(self.waiting.len());
            let piece = self.waiting.split_to(room).freeze();
            let last = self.waiting.is_empty() && self.decoder.is_done() && self.decoder.trailers().is_empty();
            self.stream.send_data(piece, last).map_err(broken)?;
            self.ended |= last;
        }
        if self.decoder.is_done() && !self.ended {
            self.ended = true;
            match trailers(self.decoder.trailers().iter()) {
                trailers if trailers.is_empty() => self.stream.send_data(Bytes::new(), true).map_err(broken)?,
                trailers => self.stream.send_trailers(trailers).map_err(broken)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.stream.reserve_capacity(self.waiting.len());
        loop {
            match self.stream.capacity() {
                0 => match ready!(self.stream.poll_capacity(cx)) {
                    Some(given) => drop(given.map_err(broken)?),
                    None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                },
                room => return Poll::Ready(Ok(room)),
            }
        }
    }
}

/// The fields of a head or of trailers as the library takes them.
pub(super) fn fields<'a>(headers: impl Iterator<Item = crate::protocol::head::Header<'a>>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for header in headers {
        // Both hold for every field that our codec has let through.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(header.name.as_bytes()), HeaderValue::from_bytes(header.value))
        {
            map.append(name, value);
        }
    }
    map
}

fn trailers<'a>(headers: impl Iterator<Item = crate::protocol::head::Header<'a>>) -> HeaderMap {
    fields(headers)
}
