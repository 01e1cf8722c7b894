//! The two directions of one socket, for an exchange whose body is still being sent while its answer already comes. Both
//! run on one thread and hold the socket only while it is polled, so that a cell will do where others need a lock.

use super::wire::Leaves;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One direction of a socket.
pub(super) struct Half<'a, S>(&'a RefCell<&'a mut S>);

impl<'a, S> Half<'a, S> {
    pub(super) fn of(socket: &'a RefCell<&'a mut S>) -> Self {
        Self(socket)
    }
}

impl<S: Leaves> Leaves for Half<'_, S> {
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.borrow_mut().poll_left(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Half<'_, S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.0.borrow_mut()).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Half<'_, S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.0.borrow_mut()).poll_shutdown(cx)
    }
}
