//! Where the bytes of an HTTP/1.1 message come from and go to: a connection of their own, or one stream of an HTTP/2
//! connection, which says the same in frames.

use super::http2::{Asking, Carried};
use super::tls::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Towards a client.
pub(super) type ClientWire = Wire<Stream, Carried>;
/// Towards an upstream.
pub(super) type UpstreamWire = Wire<Stream, Asking>;

/// A connection, or a stream of one.
pub(super) enum Wire<S, H> {
    /// HTTP/1.1 on a connection of its own.
    Own(S),
    /// HTTP/2; boxed, so that a connection does not carry its size.
    Stream(Box<H>),
}

/// Tells when the other side has given an exchange up.
pub(super) trait Leaves {
    /// Ready when it has. Where that cannot be seen without reading, never.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<S, H: Leaves> Leaves for Wire<S, H> {
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Own(_) => Poll::Pending,
            Self::Stream(stream) => stream.poll_left(cx),
        }
    }
}

impl<S: AsyncRead + Unpin, H: AsyncRead + Unpin> AsyncRead for Wire<S, H> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(own) => Pin::new(own).poll_read(cx, into),
            Self::Stream(stream) => Pin::new(&mut **stream).poll_read(cx, into),
        }
    }
}

impl<S: AsyncWrite + Unpin, H: AsyncWrite + Unpin> AsyncWrite for Wire<S, H> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(own) => Pin::new(own).poll_write(cx, bytes),
            Self::Stream(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(own) => Pin::new(own).poll_flush(cx),
            Self::Stream(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(own) => Pin::new(own).poll_shutdown(cx),
            Self::Stream(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
