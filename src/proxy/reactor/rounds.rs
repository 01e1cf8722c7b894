//! The rounds of the thread: wait for events, poll the sessions that they are of.

use super::socket::Ready;
use super::{Begin, Call, Letter, Lost, Mailbox, Session, Socket};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use tokio::sync::oneshot;

/// Events taken of the kernel at once.
const MOST_EVENTS: usize = 128;
/// The bell's key; no session has it, since places end below it.
pub(super) const BELL: u64 = u64::MAX;

/// A session's place, and how often the place was given away before: what is told of a session that has ended does not reach
/// the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) place: u32,
    pub(super) serial: u32,
}

impl Key {
    /// As the kernel tells it back: the serial number, 31 bits of the place, and which of the two sockets it is.
    pub(super) fn of_socket(self, side: usize) -> u64 {
        u64::from(self.serial) << 32 | u64::from(self.place) << 1 | side as u64
    }

    pub(super) fn from_socket(data: u64) -> (Self, usize) {
        let (place, serial) = ((data as u32) >> 1, (data >> 32) as u32);
        (Self { place, serial }, (data & 1) as usize)
    }
}

/// A session that is driven.
struct Driven {
    session: Session,
    waker: Waker,
    ready: [Rc<Cell<Ready>>; 2],
    ended: oneshot::Sender<Result<(), Lost>>,
}

#[derive(Default)]
struct Place {
    serial: u32,
    driven: Option<Driven>,
}

/// All that the thread drives.
pub(super) struct Rounds<C> {
    epoll: OwnedFd,
    mailbox: Arc<Mailbox<C>>,
}

/// Sessions by their places.
#[derive(Default)]
struct Places {
    all: Vec<Place>,
    free: Vec<u32>,
}

impl<C: 'static> Rounds<C> {
    pub(super) fn new(mailbox: Arc<Mailbox<C>>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &mailbox.bell, EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, mailbox })
    }

    pub(super) fn mailbox(&self) -> Arc<Mailbox<C>> {
        Arc::clone(&self.mailbox)
    }

    /// Drives sessions until it is told to stop; those that are left are dropped then.
    pub(super) fn run(self, common: &C) {
        let mut places = Places::default();
        let mut events: Vec<Event> = Vec::with_capacity(MOST_EVENTS);
        loop {
            events.clear();
            // Nothing but an interruption can go wrong with descriptors that are ours.
            let _ = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None);
            for event in &events {
                let (flags, data) = (event.flags, event.data.u64());
                if data != BELL {
                    let (key, side) = Key::from_socket(data);
                    places.came(key, side, Ready::of(flags));
                } else if !self.letters(&mut places, common) {
                    return;
                }
            }
        }
    }

    /// Deals with what others have said; whether to go on.
    fn letters(&self, places: &mut Places, common: &C) -> bool {
        for letter in self.mailbox.take() {
            match letter {
                Letter::Wake(key) => places.poll(key),
                Letter::Begin(begin) => self.begin(places, *begin, common),
                Letter::Stop => return false,
            }
        }
        true
    }

    fn begin(&self, places: &mut Places, begin: Begin<C>, common: &C) {
        let Begin { sockets, start, ended } = begin;
        let key = places.take();
        let mut side = 0;
        let watched = sockets.map(|socket| {
            let data = EventData::new_u64(key.of_socket(side));
            side += 1;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, data, flags).map(|()| Socket::new(socket))
        });
        match watched {
            [Ok(one), Ok(other)] => {
                let waker = Waker::from(Arc::new(Call { mailbox: Arc::clone(&self.mailbox), key }));
                let ready = [one.ready(), other.ready()];
                let starting = catch_unwind(AssertUnwindSafe(|| start(common, [one, other])));
                // Who waits for a session that panicked is told by the sender that is dropped.
                let Ok(session) = starting else { return places.give_back(key) };
                places.put(key, Driven { session, waker, ready, ended });
                places.poll(key);
            }
            _ => {
                places.give_back(key);
                // Who no longer waits for the session need not know.
                let _ = ended.send(Err(Lost::Unwatched));
            }
        }
    }
}

impl Places {
    fn take(&mut self) -> Key {
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(Place::default());
            (self.all.len() - 1) as u32
        });
        let serial = self.all.get(place as usize).map_or(0, |place| place.serial);
        Key { place, serial }
    }

    fn put(&mut self, key: Key, driven: Driven) {
        if let Some(place) = self.all.get_mut(key.place as usize) {
            place.driven = Some(driven);
        }
    }

    fn give_back(&mut self, key: Key) {
        if let Some(place) = self.all.get_mut(key.place as usize) {
            place.serial = place.serial.wrapping_add(1);
            self.free.push(key.place);
        }
    }

    fn driven(&mut self, key: Key) -> Option<&mut Driven> {
        let place = self.all.get_mut(key.place as usize).filter(|place| place.serial == key.serial)?;
        place.driven.as_mut()
    }

    /// Something has come about on one side of a session.
    fn came(&mut self, key: Key, side: usize, ready: Ready) {
        let Some(driven) = self.driven(key) else { return };
        if let Some(known) = driven.ready.get(side) {
            known.set(known.get().and(ready));
        }
        self.poll(key);
    }

    fn poll(&mut self, key: Key) {
        let Some(driven) = self.driven(key) else { return };
        let mut cx = Context::from_waker(&driven.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| driven.session.as_mut().poll(&mut cx)));
        if matches!(&polled, Ok(polled) if polled.is_pending()) {
            return;
        }
        self.end(key, polled.is_ok());
    }

    /// Lets go of a session. Who waits for one that has panicked is told by the sender that is dropped.
    #[cold]
    fn end(&mut self, key: Key, well: bool) {
        let driven = self.all.get_mut(key.place as usize).and_then(|place| place.driven.take());
        self.give_back(key);
        let Some(Driven { session, ended, .. }) = driven else { return };
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(session)));
        if well && dropped.is_ok() {
            // Who no longer waits for the session need not know.
            let _ = ended.send(Ok(()));
        }
    }
}
