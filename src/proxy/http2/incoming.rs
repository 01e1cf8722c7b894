//! What an HTTP/2 peer sends on one stream, read as the bytes of an HTTP/1.1 message. The peer may send on only as fast as
//! they are read: flow control is given back byte by byte as they are taken.

use crate::protocol::http2::text::{self, Content};
use bytes::{Buf, Bytes};
use h2::RecvStream;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// One message on its way in.
pub(super) struct Incoming {
    /// Text of ours that stands before what comes next: the head, chunk lines, trailers.
    text: Bytes,
    /// Content of the present DATA frame.
    data: Bytes,
    /// Whether that content is a chunk whose end is still to be told.
    in_chunk: bool,
    content: Content,
    body: Option<RecvStream>,
}

impl Incoming {
    /// A message with this head.
    pub(super) fn new(head: Vec<u8>, content: Content, body: RecvStream) -> Self {
        let body = (content != Content::None).then_some(body);
        Self { text: head.into(), data: Bytes::new(), in_chunk: false, content, body }
    }

    /// Nothing more than a head.
    pub(super) fn only(head: Vec<u8>) -> Self {
        Self { text: head.into(), data: Bytes::new(), in_chunk: false, content: Content::None, body: None }
    }

    /// Reads what there is. Nothing read means that the message is at its end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        loop {
            self.take(into)?;
            let read = into.filled().len() > before;
            if into.remaining() == 0 || self.body.is_none() {
                return Poll::Ready(Ok(()));
            }
            match self.poll_next(cx) {
                Poll::Ready(next) => next?,
                Poll::Pending if read => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Moves what is there.
    fn take(&mut self, into: &mut ReadBuf<'_>) -> io::Result<()> {
        copy(&mut self.text, into);
        if !self.text.is_empty() {
            return Ok(());
        }
        let count = copy(&mut self.data, into);
        if let Some(body) = self.body.as_mut().filter(|_| count > 0) {
            body.flow_control().release_capacity(count).map_err(broken)?;
        }
        if self.data.is_empty() && std::mem::take(&mut self.in_chunk) {
            self.text = Bytes::from_static(text::CHUNK_END);
            copy(&mut self.text, into);
        } else if !self.data.is_empty() {
            self.in_chunk = self.content == Content::Chunked;
        }
        Ok(())
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.text.is_empty() || !self.data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(Ok(())) };
        match ready!(body.poll_data(cx)) {
            Some(data) => {
                self.data = data.map_err(broken)?;
                if self.content == Content::Chunked && !self.data.is_empty() {
                    let mut line = Vec::with_capacity(8);
                    text::chunk_start(&mut line, self.data.len());
                    (self.text, self.in_chunk) = (line.into(), true);
                }
                Poll::Ready(Ok(()))
            }
            None => {
                let trailers = ready!(body.poll_trailers(cx)).map_err(broken)?;
                self.body = None;
                if self.content == Content::Chunked {
                    let mut end = Vec::new();
                    let trailers = trailers.unwrap_or_default();
                    let fields = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                    text::chunked_end(&mut end, fields).map_err(|why| io::Error::other(why.name))?;
                    self.text = end.into();
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

fn copy(from: &mut Bytes, into: &mut ReadBuf<'_>) -> usize {
    let count = from.len().min(into.remaining());
    into.put_slice(from.get(..count).unwrap_or_default());
    from.advance(count);
    count
}

/// A stream or connection that has ended before its message did.
pub(super) fn broken(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
