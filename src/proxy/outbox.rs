//! Writing: all of it or an error, as a poll function, so that both directions of a connection can be driven at once.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Bytes to be written. `sent <= bytes.len()`.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Bytes that are not yet written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The buffer to append to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// Ready when everything has been handed to the kernel.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.sent..) {
            let sent = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        ready!(Pin::new(to).poll_flush(cx))?;
        if self.bytes.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends everything.
    pub(super) async fn send(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx, to)).await
    }
}

/// A larger buffer is given back once it is empty.
const KEPT_BYTES: usize = 4 * 1024;
