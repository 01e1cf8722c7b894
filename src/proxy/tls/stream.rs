//! One connection's bytes, accepted or opened by us, whether they come in plaintext or out of TLS. What is written may be held until it
//! is flushed (tokio-rustls writes through, but keeps what the socket does not take).

use super::socket::Socket;
use crate::proxy::inbox::poll_read;
use crate::proxy::reactor;
use rustls::pki_types::CertificateDer;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsStream, client, server};

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are on the wire.
    Plain(TcpStream),
    /// The same, where the reactor drives it.
    Driven(reactor::Socket),
    /// Bytes out of TLS; boxed, so that a plaintext connection does not carry its size.
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// The socket, for its options; never to be read or written.
    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Plain(tcp) => tcp.into(),
            Self::Driven(socket) => socket.tcp().into(),
            Self::Tls(tls) => (&tls.get_ref().0.0).into(),
        }
    }

    /// Whether its bytes come out of TLS.
    pub fn is_in_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether nothing is known to have come since it was last found empty; of a connection in TLS, which may hold something all
    /// the same, that is never known, and of others only if `watched`: it was found empty, and wakes whoever asks. Costs a look
    /// at memory.
    pub fn is_quiet(&self, watched: bool) -> bool {
        match self {
            Self::Plain(tcp) => watched && tcp.try_io(Interest::READABLE, || Ok(())).is_err(),
            Self::Driven(socket) => socket.is_quiet(),
            Self::Tls(_) => false,
        }
    }

    /// Reads into a buffer; 0 means that the sender is done. A task comes to the end of its turn all the same; who is driven
    /// by a reactor sees to that itself.
    pub(in crate::proxy) fn poll_read_turn(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Driven(socket) => socket.poll_read(into),
            stream => poll_read(cx, stream, into),
        }
    }

    /// Writes what is taken at once and without being asked again: so many bytes. Only of a socket that a reactor drives that
    /// is known; an error shows at the next write.
    pub(in crate::proxy) fn write_now(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Driven(socket) => match socket.poll_write(bytes) {
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            },
            Self::Plain(_) | Self::Tls(_) => 0,
        }
    }

    /// The peer's certificates, leaf first; empty for plaintext.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        match self {
            Self::Plain(_) | Self::Driven(_) => &[],
            Self::Tls(tls) => tls.get_ref().1.peer_certificates().unwrap_or_default(),
        }
    }

    /// What ALPN settled on.
    pub fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) | Self::Driven(_) => None,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }

    /// Decides how a connection ends that nobody ends in order, because of a defect or of a stop that cannot wait: with a
    /// reset, so that the peer cannot take what it got for a whole, or as usual.
    pub fn resets_when_dropped(&self, resets: bool) {
        // Where the option cannot be set, only an answer that ends with its connection may be mistaken.
        let _ = self.socket().set_linger(resets.then_some(Duration::ZERO));
    }

    /// Ends the connection so that the peer cannot take what it got for a whole: a reset, and no `close_notify`.
    pub fn abort(self) {
        self.resets_when_dropped(true);
    }
}

impl From<server::TlsStream<Socket>> for Stream {
    fn from(stream: server::TlsStream<Socket>) -> Self {
        Self::Tls(Box::new(stream.into()))
    }
}

impl From<client::TlsStream<Socket>> for Stream {
    fn from(stream: client::TlsStream<Socket>) -> Self {
        Self::Tls(Box::new(stream.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Driven(socket) => {
                socket.poll_read(buffer.initialize_unfilled()).map_ok(|count| buffer.advance(count))
            }
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Driven(socket) => socket.poll_write(bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, pieces),
            Self::Driven(socket) => {
                socket.poll_write(pieces.iter().find(|piece| !piece.is_empty()).map_or(&[], |piece| piece))
            }
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Driven(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Driven(socket) => Poll::Ready(socket.shutdown()),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
