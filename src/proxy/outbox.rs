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
    /// What was written has not all been handed to the kernel: TLS holds a part of it.
    unflushed: bool,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len() && !self.unflushed
    }

    /// Bytes that are not yet written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The buffer to append to. What was written is moved out of it once it is half of it or more, so that the buffer
    /// stays small where something always waits.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.sent >= self.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// Ready when everything has been handed to the kernel. A large buffer is given back.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_send_keeping(cx, to))?;
        if self.bytes.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }

    /// The same; says whether there was anything to send.
    pub(super) fn poll_send_any(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<bool>> {
        if self.is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.poll_send(cx, to).map_ok(|()| true)
    }

    /// Ready when everything has been handed to the kernel. The buffer is kept for what comes next.
    pub(super) fn poll_send_keeping(
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
            self.unflushed = true;
        }
        ready!(Pin::new(to).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Sends everything.
    pub(super) async fn send(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx, to)).await
    }
}

/// A larger buffer is given back once it is empty.
const KEPT_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes one byte at a time, and then none.
    #[derive(Default)]
    struct Slow {
        took: Vec<u8>,
        room: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = self.room.min(bytes.len());
            self.room -= count;
            self.took.extend_from_slice(&bytes[..count]);
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Takes everything, and hands it on at the second time of asking, as TLS does on a full socket.
    #[derive(Default)]
    struct Holding {
        asked: usize,
    }

    impl AsyncWrite for Holding {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.asked += 1;
            if self.asked == 1 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_is_written_and_held_is_flushed_in_the_end() {
        let (mut outbox, mut to, mut cx) = (Outbox::default(), Holding::default(), Context::from_waker(Waker::noop()));
        outbox.buffer().extend_from_slice(b"abc");
        assert!(outbox.poll_send_any(&mut cx, &mut to).is_pending());
        assert!(!outbox.is_empty());
        assert!(matches!(outbox.poll_send_any(&mut cx, &mut to), Poll::Ready(Ok(true))));
        assert!(outbox.is_empty() && to.asked == 2);
    }

    #[test]
    fn buffer_that_never_empties_stays_small() {
        let (mut outbox, mut slow, mut given) = (Outbox::default(), Slow::default(), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        for turn in 0..1000u32 {
            let piece = turn.to_be_bytes();
            given.extend_from_slice(&piece);
            outbox.buffer().extend_from_slice(&piece);
            slow.room = if turn == 0 { 3 } else { 4 };
            assert!(outbox.poll_send_keeping(&mut cx, &mut slow).is_pending());
        }
        assert!(outbox.bytes.capacity() <= 16, "{}", outbox.bytes.capacity());
        assert_eq!(slow.took, given[..given.len() - 1]);
    }
}
