//! Sessions over plain sockets, driven by a thread of their own beside each worker. A database's session is a stream of small
//! messages, and between two of them a runtime for everything does more than the judging: here an event of the kernel is one
//! poll of one session. Sockets are watched by edge (epoll(7)); a session that is woken by something else, a timer or a stop,
//! is polled through the mailbox. What must not be shared between threads is made on this one.

mod rounds;
mod socket;
#[cfg(test)]
mod tests;

pub(super) use socket::Socket;

use rounds::{Key, Rounds};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use std::cell::Cell;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::{Builder, JoinHandle};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What a session is to the thread that drives it.
pub(super) type Session = Pin<Box<dyn Future<Output = ()>>>;

/// Makes a session on the thread that drives it.
type Start<C> = Box<dyn FnOnce(&C, [Socket; 2]) -> Session + Send>;

/// A thread that drives sessions. `C` is what its sessions share.
pub(super) struct Reactor<C> {
    mailbox: Arc<Mailbox<C>>,
    thread: Cell<Option<JoinHandle<()>>>,
}

/// A session that is to begin.
struct Begin<C> {
    sockets: [TcpStream; 2],
    start: Start<C>,
    ended: oneshot::Sender<Result<(), Lost>>,
}

/// What other threads say to this one.
enum Letter<C> {
    Begin(Box<Begin<C>>),
    Wake(Key),
    Stop,
}

/// Letters, and the bell that tells of them.
struct Mailbox<C> {
    /// Nothing once nobody reads them any more.
    letters: Mutex<Option<Vec<Letter<C>>>>,
    bell: OwnedFd,
    /// The bell was rung, and nobody has come yet.
    rung: AtomicBool,
}

impl<C> Mailbox<C> {
    fn post(&self, letter: Letter<C>) {
        // What is dropped tells who waits for it; outside of the lock, since it may have more to say.
        let dropped = match &mut *self.letters() {
            Some(letters) => {
                letters.push(letter);
                None
            }
            None => Some(letter),
        };
        if dropped.is_none() && !self.rung.swap(true, Ordering::SeqCst) {
            // Each ring is an edge. A count that is full, after 2^64 - 1 rings that nobody reads, would be the only error.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    fn take(&self) -> Vec<Letter<C>> {
        self.rung.store(false, Ordering::SeqCst);
        self.letters().as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn letters(&self) -> MutexGuard<'_, Option<Vec<Letter<C>>>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody reads letters once the thread has ended, however that came about: who has written is told.
struct Closes<C>(Arc<Mailbox<C>>);

impl<C> Drop for Closes<C> {
    fn drop(&mut self) {
        let unread = self.0.letters().take();
        drop(unread);
    }
}

/// Has a session polled.
struct Call<C> {
    mailbox: Arc<Mailbox<C>>,
    key: Key,
}

impl<C: 'static> Wake for Call<C> {
    fn wake(self: Arc<Self>) {
        self.mailbox.post(Letter::Wake(self.key));
    }
}

impl<C: 'static> Reactor<C> {
    /// Starts the thread. Timers of its sessions are those of `runtime`, which must outlast it.
    ///
    /// # Errors
    /// The kernel has no more threads or descriptors.
    pub(super) fn start(
        name: String,
        runtime: Handle,
        common: impl FnOnce() -> C + Send + 'static,
    ) -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let mailbox = Arc::new(Mailbox { letters: Mutex::new(Some(Vec::new())), bell, rung: AtomicBool::new(false) });
        let rounds = Rounds::new(Arc::clone(&mailbox))?;
        let thread = Builder::new().name(name).spawn(move || {
            let _timers = runtime.enter();
            let _closes = Closes(rounds.mailbox());
            rounds.run(&common());
        })?;
        Ok(Self { mailbox, thread: Cell::new(Some(thread)) })
    }

    /// Has a session driven over these sockets, which are not blocking; ready when it has ended.
    ///
    /// # Errors
    /// [`Lost`].
    pub(super) fn drive<S>(
        &self,
        sockets: [TcpStream; 2],
        start: S,
    ) -> impl Future<Output = Result<(), Lost>> + use<C, S>
    where
        S: FnOnce(&C, [Socket; 2]) -> Session + Send + 'static,
    {
        let (ended, end) = oneshot::channel();
        self.mailbox.post(Letter::Begin(Box::new(Begin { sockets, start: Box::new(start), ended })));
        async { end.await.unwrap_or(Err(Lost::Panicked)) }
    }

    /// Drops what sessions are left, and waits for the thread to end.
    pub(super) fn stop(&self) {
        self.mailbox.post(Letter::Stop);
        // A thread that has panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Why a session did not come to its end.
#[derive(Debug)]
pub(super) enum Lost {
    /// A defect ended it.
    Panicked,
    /// The kernel watches no more sockets.
    Unwatched,
}
