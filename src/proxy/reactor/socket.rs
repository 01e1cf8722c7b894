//! A socket of a session that the reactor drives. What the kernel has said of it is kept as flags; a read or a write asks the
//! kernel only where it may come to something, and one that does not leaves it to the next event to have the session polled.

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::cell::Cell;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::task::Poll;

/// What a socket is ready for, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready(u8);

impl Ready {
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    /// The other side is done, or all is over: a read says so whenever it is asked.
    const ENDED: u8 = 4;

    pub(super) fn of(flags: EventFlags) -> Self {
        let over = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        let mut ready = 0;
        if flags.contains(EventFlags::IN) {
            ready |= Self::READ;
        }
        if flags.contains(EventFlags::OUT) || over {
            ready |= Self::WRITE;
        }
        if flags.contains(EventFlags::RDHUP) || over {
            ready |= Self::ENDED;
        }
        Self(ready)
    }

    pub(super) fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    fn has(self, any: u8) -> bool {
        self.0 & any != 0
    }

    fn without(self, any: u8) -> Self {
        Self(self.0 & !any)
    }
}

/// A socket.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    ready: Rc<Cell<Ready>>,
}

impl Socket {
    /// A socket of which nothing is known: it is tried.
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, ready: Rc::new(Cell::new(Ready(Ready::READ | Ready::WRITE))) }
    }

    /// What is known of it.
    pub(super) fn ready(&self) -> Rc<Cell<Ready>> {
        Rc::clone(&self.ready)
    }

    /// The socket, for its options.
    pub(in crate::proxy) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether nothing is known to have come since it was last found empty.
    pub(in crate::proxy) fn is_quiet(&self) -> bool {
        !self.ready.get().has(Ready::READ | Ready::ENDED)
    }

    fn is_not(&self, any: u8) {
        self.ready.set(self.ready.get().without(any));
    }

    pub(in crate::proxy) fn poll_read(&mut self, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.is_quiet() {
                return Poll::Pending;
            }
            match recv(&self.tcp, &mut *into, RecvFlags::empty()) {
                Ok((count, _)) => {
                    // All that had come: what comes next is told.
                    if 0 < count && count < into.len() {
                        self.is_not(Ready::READ);
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(Errno::AGAIN) => self.is_not(Ready::READ | Ready::ENDED),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    pub(in crate::proxy) fn poll_write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if !self.ready.get().has(Ready::WRITE) {
                return Poll::Pending;
            }
            match send(&self.tcp, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(Errno::AGAIN) => self.is_not(Ready::WRITE),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    pub(in crate::proxy) fn shutdown(&self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }
}
