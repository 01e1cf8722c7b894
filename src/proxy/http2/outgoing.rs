//! What we send to an HTTP/2 peer on one stream, written as the bytes of an HTTP/1.1 message. They are decoded by our own
//! codec and go on as frames, never faster than the peer takes them: a write waits until what was written before it has
//! been given room by the peer's flow control.

use super::incoming::broken;
use crate::protocol::head::Header;
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
        if self.body.is_some() {
            self.take(cx, bytes)?;
        } else if self.head.is_empty() {
            let used = self.send_heads(bytes)?;
            self.take_rest(cx, bytes.get(used..).unwrap_or_default())?;
        } else {
            let mut head = std::mem::take(&mut self.head);
            head.extend_from_slice(bytes);
            let used = self.send_heads(&head)?;
            self.take_rest(cx, head.get(used..).unwrap_or_default())?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// What follows the heads that are complete: content, or the beginning of another head.
    fn take_rest(&mut self, cx: &mut Context<'_>, rest: &[u8]) -> io::Result<()> {
        if self.body.is_some() {
            return self.take(cx, rest);
        }
        self.head.extend_from_slice(rest);
        Ok(())
    }

    fn take(&mut self, cx: &mut Context<'_>, content: &[u8]) -> io::Result<()> {
        let Some(body) = &mut self.body else { return Ok(()) };
        body.take(content)?;
        // What has no room yet goes with the next write, or the flush.
        match body.poll_send(cx) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Ok(()),
        }
    }

    /// Ready when the peer's flow control has room for all that was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.body.as_mut().map_or(Poll::Ready(Ok(())), |body| body.poll_send(cx))
    }

    /// Ends what has no other end: a tunnel.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        if let Some(body) = self.body.as_mut().filter(|body| !body.ended)
            && body.decoder.end_of_input().is_ok()
        {
            body.ended = true;
            body.stream.send_data(Bytes::new(), true).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the heads that are complete, up to the final one; how many bytes they took.
    fn send_heads(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(begun) = self.begin.begin(rest, &mut self.scan)? else { return Ok(used) };
            self.scan = Scan::default();
            used += begun.len;
            if let Some((framing, stream)) = begun.content {
                let decoder = BodyDecoder::new(framing, &self.limits);
                let ended = decoder.is_done();
                self.body = Some(Body { decoder, stream, waiting: BytesMut::new(), ended });
                return Ok(used);
            }
        }
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
            match fields(self.decoder.trailers().iter(), &[]) {
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

/// The fields of a head or of trailers as the library takes them. `bytes` is what they borrow from, if it is one piece:
/// it is copied once, and they share it.
pub(super) fn fields<'a>(headers: impl Iterator<Item = Header<'a>>, bytes: &[u8]) -> HeaderMap {
    let copied = Bytes::copy_from_slice(bytes);
    let start = bytes.as_ptr().addr();
    let shared = |value: &[u8]| {
        let at = value.as_ptr().addr().checked_sub(start)?;
        (at + value.len() <= copied.len()).then(|| copied.slice(at..at + value.len()))
    };
    let mut map = HeaderMap::with_capacity(16);
    for header in headers {
        let value = shared(header.value).unwrap_or_else(|| Bytes::copy_from_slice(header.value));
        // Both hold for every field that our codec has let through.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(header.name), HeaderValue::from_maybe_shared(value)) {
            map.append(name, value);
        }
    }
    map
}
