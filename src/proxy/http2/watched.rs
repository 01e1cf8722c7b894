//! A client's connection under watch: what its frames cost us is counted as they come in, and what the library refuses by
//! itself as it goes out. Also hands over again what was read before it was known to be HTTP/2.

use crate::flow::Reason;
use crate::protocol::http2::PREFACE;
use crate::protocol::http2::frames::{Flood, Frame, Frames, Limits};
use crate::proxy::inbox::Inbox;
use crate::proxy::tls::Stream;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What is told of a connection's frames.
#[derive(Default)]
pub(super) struct Watch {
    /// The limit that the client's frames are over.
    over: Cell<Option<Reason>>,
    refused: RefCell<Refused>,
}

/// Streams and connections that the library has refused by itself, by their error codes (RFC 9113 §7).
#[derive(Clone, Debug, Default)]
pub(super) struct Refused {
    codes: Vec<(u32, u32)>,
}

impl Watch {
    /// The limit that the client's frames are over.
    pub(super) fn over(&self) -> Option<Reason> {
        self.over.get()
    }

    /// What the library has refused, in words.
    pub(super) fn refused(&self) -> Option<String> {
        let refused = self.refused.borrow();
        let one = |(code, count): &(u32, u32)| format!("{count} {:?}", h2::Reason::from(*code));
        (!refused.codes.is_empty()).then(|| refused.codes.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

impl Refused {
    /// Notes a frame that tells of an error, unless its code is one that we send ourselves.
    fn note(&mut self, frame: Frame) {
        /// NO_ERROR, INTERNAL_ERROR, CANCEL.
        const OURS: [u32; 3] = [0, 2, 8];
        let Some(code) = frame.code().filter(|code| !OURS.contains(code)) else { return };
        if let Some((_, count)) = self.codes.iter_mut().find(|(known, _)| *known == code) {
            *count += 1;
        } else {
            // The library has 14 codes.
            self.codes.push((code, 1));
        }
    }
}

/// The connection.
pub(super) struct Watched {
    stream: Stream,
    /// Read before.
    early: Inbox,
    incoming: Frames,
    outgoing: Frames,
    flood: Flood,
    limits: Limits,
    since: Instant,
    watch: Rc<Watch>,
}

impl Watched {
    pub(super) fn new(stream: Stream, early: Inbox, limits: Limits) -> (Self, Rc<Watch>) {
        let watch = Rc::new(Watch::default());
        let watched = Self {
            stream,
            early,
            incoming: Frames::after(PREFACE.len()),
            outgoing: Frames::default(),
            flood: Flood::default(),
            limits,
            since: Instant::now(),
            watch: Rc::clone(&watch),
        };
        (watched, watch)
    }

    fn came(&mut self, bytes: &[u8]) {
        let Self { incoming, flood, limits, watch, since, .. } = self;
        let now = since.elapsed();
        incoming.feed(bytes, |frame| {
            if let Err(reason) = flood.count(frame, now, limits) {
                watch.over.set(Some(reason));
            }
        });
    }

    fn went(&mut self, bytes: &[u8]) {
        let Self { outgoing, flood, watch, .. } = self;
        flood.sent(bytes.len());
        outgoing.feed(bytes, |frame| watch.refused.borrow_mut().note(frame));
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        if !self.early.is_empty() {
            let count = self.early.len().min(into.remaining());
            into.put_slice(self.early.unread().get(..count).unwrap_or_default());
            self.early.consume(count);
        } else if Pin::new(&mut self.stream).poll_read(cx, into)?.is_pending() {
            return Poll::Pending;
        }
        self.came(into.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.went(bytes.get(..count).unwrap_or_default());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
