//! A UDP socket that is watched for what comes, and for nothing else. One that is watched for room to send as well wakes its
//! worker for every datagram that its peer takes: as often as for those that come, for nothing, since what finds no room
//! is dropped, as the network would.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket, and what watches it.
pub(super) struct Watched(AsyncFd<UdpSocket>);

impl Watched {
    /// Watches a socket that never blocks.
    ///
    /// # Errors
    /// It cannot be watched.
    #[allow(
        deprecated,
        reason = "the other way is unsafe, for types that replace their descriptor; this one never does"
    )]
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        AsyncFd::with_interest(socket, Interest::READABLE).map(Self)
    }

    /// Sends a datagram, if there is room.
    pub(super) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.get_ref().send_to(datagram, to)
    }

    /// The same to the peer that it is connected to.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.0.get_ref().send(datagram)
    }

    /// Waits for a datagram.
    pub(super) async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Who sends without end does not keep others from their turn.
        tokio::task::consume_budget().await;
        loop {
            let mut ready = self.0.readable().await?;
            // What was ready may have been taken already.
            if let Ok(received) = ready.try_io(|socket| socket.get_ref().recv(buffer)) {
                return received;
            }
        }
    }

    /// Waits until there are datagrams, and takes up to `most`; how many. `Err` within is about what was sent before.
    ///
    /// # Errors
    /// Nothing can be watched any more.
    pub(super) async fn take(
        &self,
        buffer: &mut [u8],
        most: usize,
        mut each: impl FnMut(&[u8], SocketAddr),
    ) -> io::Result<usize> {
        let mut ready = self.0.readable().await?;
        for taken in 0..most {
            match ready.try_io(|socket| socket.get_ref().recv_from(buffer)) {
                Ok(Ok((length, from))) => each(buffer.get(..length).unwrap_or_default(), from),
                // About an answer that somebody did not take; the next question may come all the same.
                Ok(Err(_)) => {}
                Err(_) => return Ok(taken),
            }
        }
        Ok(most)
    }
}
