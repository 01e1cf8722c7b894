//! What was read from a socket and not yet used. Reads go through one scratch buffer per worker, so a connection with
//! nothing unread owns no buffer at all.

use std::cell::{RefCell, RefMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::coop;

/// One worker's scratch buffer: every read of its connections lands here first.
pub(super) struct Scratch(RefCell<Box<[u8]>>);

impl Scratch {
    /// The most that one read brings.
    pub(super) const BYTES: usize = 64 * 1024;
    /// A task may do 128 things before it lets the others of its worker have their turn. So many bytes are one of them.
    const UNIT_BYTES: usize = 4 * 1024;

    pub(super) fn new() -> Self {
        Self(RefCell::new(vec![0; Self::BYTES].into_boxed_slice()))
    }

    /// Reads at most `most` bytes and hands them to `use_bytes`; no bytes means that the sender is done.
    pub(super) fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        most: usize,
        use_bytes: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        let mut scratch = self.lend();
        let into = scratch.get_mut(..most.clamp(1, Self::BYTES)).unwrap_or_default();
        let count = ready!(poll_read(cx, from, into))?;
        Poll::Ready(Ok(use_bytes(into.get(..count).unwrap_or_default())))
    }

    /// The buffer, for the reads of one turn.
    pub(super) fn lend(&self) -> RefMut<'_, [u8]> {
        RefMut::map(self.0.borrow_mut(), |bytes| &mut **bytes)
    }
}

/// Reads into a buffer; 0 means that the sender is done. Where there is always something to read, a task comes to the end of
/// its turn all the same.
pub(super) fn poll_read(
    cx: &mut Context<'_>,
    from: &mut (impl AsyncRead + Unpin),
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    if !coop::has_budget_remaining() {
        drop(ready!(coop::poll_proceed(cx)));
    }
    let mut into = ReadBuf::new(into);
    ready!(Pin::new(from).poll_read(cx, &mut into))?;
    let count = into.filled().len();
    charge(cx, 1 + count / Scratch::UNIT_BYTES);
    Poll::Ready(Ok(count))
}

/// Uses up what a task may do in its turn.
fn charge(cx: &mut Context<'_>, units: usize) {
    for _ in 0..units {
        if coop::has_budget_remaining()
            && let Poll::Ready(turn) = coop::poll_proceed(cx)
        {
            turn.made_progress();
        }
    }
}

/// Bytes read and not yet used. `used <= bytes.len()`; when they are equal both are 0, and no more is allocated than is kept.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    used: usize,
    /// A buffer of so many bytes stays when all of it is used.
    kept: usize,
}

impl From<Vec<u8>> for Inbox {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, used: 0, kept: 0 }
    }
}

impl Inbox {
    /// Keeps a small buffer, of at most `bytes`, for what comes next.
    pub(super) fn keeping(self, bytes: usize) -> Self {
        Self { kept: bytes, ..self }
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == self.bytes.len()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.used
    }

    /// Marks `count` bytes as used.
    pub(super) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.bytes.len());
        if self.used == self.bytes.len() {
            self.empty();
        }
    }

    fn empty(&mut self) {
        self.used = 0;
        if self.bytes.capacity() > self.kept {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
    }

    /// Takes the first `count` unread bytes out.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.used == 0 && count == self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let taken = self.unread().get(..count).unwrap_or_default().to_vec();
        self.consume(count);
        taken
    }

    pub(super) fn append(&mut self, more: &[u8]) {
        if self.used > 0 {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// Reads once and appends; 0 means that the sender is done.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        from: &mut (impl AsyncRead + Unpin),
        most: usize,
    ) -> Poll<io::Result<usize>> {
        scratch.poll_read(cx, from, most, |bytes| {
            self.append(bytes);
            bytes.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_up_inbox_owns_nothing() {
        let mut inbox = Inbox::default();
        inbox.append(b"abc");
        inbox.consume(1);
        assert_eq!(inbox.unread(), b"bc");
        inbox.append(b"d");
        assert_eq!(inbox.take(2), b"bc");
        inbox.consume(1);
        assert_eq!((inbox.bytes.capacity(), inbox.used), (0, 0));
    }

    #[test]
    fn small_buffer_is_kept_where_it_is_asked_for() {
        let mut inbox = Inbox::default().keeping(16);
        for (bytes, kept) in [(16, true), (17, false), (3, true)] {
            inbox.append(&vec![0; bytes]);
            inbox.consume(bytes);
            assert_eq!((inbox.bytes.capacity() > 0, inbox.used), (kept, 0), "{bytes}");
        }
    }

    #[test]
    fn consuming_too_much_stops_at_the_end() {
        let mut inbox = Inbox::default();
        inbox.append(b"abc");
        inbox.consume(9);
        assert!(inbox.is_empty());
    }

    /// Takes what a reader that never ends gives in one turn.
    async fn one_turn(mut from: impl AsyncRead + Unpin) -> usize {
        let (scratch, mut taken) = (Scratch::new(), 0);
        std::future::poll_fn(move |cx| {
            while let Poll::Ready(read) = scratch.poll_read(cx, &mut from, Scratch::BYTES, <[u8]>::len) {
                taken += read.unwrap();
            }
            Poll::Ready(taken)
        })
        .await
    }

    #[tokio::test]
    async fn hot_reader_ends_its_turn() {
        let taken = tokio::spawn(one_turn(tokio::io::repeat(7)));
        assert_eq!(taken.await.unwrap(), 8 * Scratch::BYTES);
    }
}
