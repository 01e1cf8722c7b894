//! The cluster's resolvers: asked one after the other, over UDP and, when an answer does not fit, over TCP.
//!
//! An answer counts when it comes from the address that was asked, to the port and with the number that were drawn for
//! the question, and repeats the question. Each socket carries the questions of a moment only, so that ports change too.

use super::Settings;
use super::watched::Watched;
use crate::flow::{Kind, Reason};
use crate::protocol::dns::header::{Flags, Header, id_of};
use crate::protocol::dns::{Answer, Query, Rcode, tcp};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

/// No upstream answered in time.
pub(super) const SILENT: Reason = Reason::new("dns-upstream-silent", Kind::Upstream, "no resolver answered in time");
/// What an upstream answers cannot be read.
pub(super) const BROKEN: Reason =
    Reason::new("dns-upstream-broken", Kind::Upstream, "a resolver's answer cannot be read");

/// Questions that one socket carries; then another, on another port, takes its place.
const QUESTIONS: u32 = 64;
/// The longest answer over UDP: we announce less, but need not be obeyed.
const LONGEST: usize = 4096;

/// All upstreams of a worker.
pub(super) struct Upstreams {
    all: Vec<Upstream>,
    /// The one that is asked first: the last that answered.
    preferred: Cell<usize>,
    each: Duration,
    whole: Duration,
    draws: Draws,
}

struct Upstream {
    address: SocketAddr,
    socket: RefCell<Option<Rc<Shared>>>,
}

/// One socket, connected to an upstream, and who waits for which number on it.
struct Shared {
    socket: Watched,
    carried: Cell<u32>,
    waiting: RefCell<HashMap<u16, oneshot::Sender<Vec<u8>>>>,
}

/// Numbers that nobody outside can guess: a keyed hash of a counter.
struct Draws {
    key: RandomState,
    count: Cell<u64>,
}

impl Upstreams {
    pub(super) fn new(settings: &Settings) -> Self {
        let upstream = |address: &SocketAddr| Upstream { address: *address, socket: RefCell::default() };
        Self {
            all: settings.upstreams.iter().map(upstream).collect(),
            preferred: Cell::new(0),
            each: settings.upstream_deadline,
            whole: settings.deadline,
            draws: Draws { key: RandomState::new(), count: Cell::new(0) },
        }
    }

    /// Asks one upstream after the other, twice round, until one answers other than that it cannot.
    pub(super) async fn ask(&self, query: &Query) -> Result<Answer, Reason> {
        let end = Instant::now() + self.whole;
        let mut best = Err(SILENT);
        for round in 0..2 * self.all.len() {
            let at = (self.preferred.get() + round % self.all.len().max(1)) % self.all.len().max(1);
            let Some(upstream) = self.all.get(at) else { break };
            let until = end.min(Instant::now() + self.each);
            match timeout_at(until, upstream.ask(query, &self.draws)).await {
                Ok(Ok(answer)) if !matches!(answer.code, Rcode::SERVFAIL | Rcode::REFUSED) => {
                    self.preferred.set(at);
                    return Ok(answer);
                }
                Ok(Ok(answer)) => best = Ok(answer),
                Ok(Err(why)) => best = best.or(Err(why)),
                Err(_) => {}
            }
            // Each is asked again only if none has answered at all.
            if Instant::now() >= end || best.is_ok() && round + 1 >= self.all.len() {
                break;
            }
        }
        best
    }
}

impl Upstream {
    async fn ask(&self, query: &Query, draws: &Draws) -> Result<Answer, Reason> {
        let bytes = self.datagram(query, draws).await?;
        let answer = match cut(&bytes) {
            true => self.stream(query, draws.draw()).await?,
            false => Answer::decode(&bytes).map_err(|_| BROKEN)?,
        };
        if answer.answers(query) { Ok(answer) } else { Err(BROKEN) }
    }

    async fn datagram(&self, query: &Query, draws: &Draws) -> Result<Vec<u8>, Reason> {
        let shared = self.shared().map_err(|_| SILENT)?;
        let (id, answer) = shared.expect(draws);
        let _forget = Forget { shared: &shared, id };
        let mut out = Vec::with_capacity(64);
        query.emit(id, &mut out);
        shared.socket.send(&out).map_err(|_| SILENT)?;
        answer.await.map_err(|_| SILENT)
    }

    /// The socket of the moment; a new one when it has carried enough, or its upstream is not there.
    fn shared(&self) -> io::Result<Rc<Shared>> {
        let mut socket = self.socket.borrow_mut();
        if let Some(shared) = socket.as_ref().filter(|shared| shared.carried.get() < QUESTIONS) {
            shared.carried.set(shared.carried.get() + 1);
            return Ok(shared.clone());
        }
        let any: SocketAddr = match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let opened = std::net::UdpSocket::bind(any)?;
        opened.connect(self.address)?;
        opened.set_nonblocking(true)?;
        let shared =
            Rc::new(Shared { socket: Watched::new(opened)?, carried: Cell::new(1), waiting: RefCell::default() });
        tokio::task::spawn_local(listen(Rc::downgrade(&shared)));
        *socket = Some(shared.clone());
        Ok(shared)
    }

    async fn stream(&self, query: &Query, id: u16) -> Result<Answer, Reason> {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await?;
            let mut out = Vec::with_capacity(64);
            tcp::emit(&mut out, |out| query.emit(id, out));
            stream.write_all(&out).await?;
            let mut length = [0; 2];
            stream.read_exact(&mut length).await?;
            let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut message).await?;
            io::Result::Ok(message)
        };
        let message = talk.await.map_err(|_| SILENT)?;
        let answer = Answer::decode(&message).map_err(|_| BROKEN)?;
        if answer.id == id { Ok(answer) } else { Err(BROKEN) }
    }
}

impl Shared {
    /// A number that nobody waits for on this socket, and where its answer will come.
    fn expect(&self, draws: &Draws) -> (u16, oneshot::Receiver<Vec<u8>>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        let mut id = draws.draw();
        // At most QUESTIONS of 65,536 are taken.
        while waiting.contains_key(&id) {
            id = draws.draw();
        }
        waiting.insert(id, sender);
        (id, receiver)
    }

    /// Hands an answer to who waits for it. One to nobody is dropped: it came late, or was made up.
    fn deliver(&self, message: &[u8]) {
        let Some(sender) = id_of(message).and_then(|id| self.waiting.borrow_mut().remove(&id)) else { return };
        // Who no longer waits has passed his deadline.
        let _ = sender.send(message.to_vec());
    }
}

/// A question's number is forgotten when nobody waits for it any more.
struct Forget<'s> {
    shared: &'s Shared,
    id: u16,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.waiting.borrow_mut().remove(&self.id);
    }
}

/// How often a listener looks whether its socket is still used.
const LOOK: Duration = Duration::from_secs(5);

/// Takes answers from a socket for as long as somebody uses it.
async fn listen(shared: Weak<Shared>) {
    let mut buffer = vec![0; LONGEST];
    let mut look = pin!(sleep(LOOK));
    while let Some(shared) = shared.upgrade() {
        let received = tokio::select! {
            biased;
            received = shared.socket.recv(&mut buffer) => Some(received),
            () = &mut look => None,
        };
        match received {
            Some(Ok(length)) => shared.deliver(buffer.get(..length).unwrap_or_default()),
            // Nobody listens there: everyone who waits learns it at once, and asks the next.
            Some(Err(_)) => {
                shared.waiting.borrow_mut().clear();
                shared.carried.set(QUESTIONS);
            }
            None => {
                shared.carried.set(QUESTIONS);
                look.as_mut().reset(Instant::now() + LOOK);
            }
        }
        let idle = shared.carried.get() >= QUESTIONS && shared.waiting.borrow().is_empty();
        if idle {
            return;
        }
    }
}

impl Draws {
    fn draw(&self) -> u16 {
        self.count.set(self.count.get().wrapping_add(1));
        self.key.hash_one(self.count.get()) as u16
    }
}

/// Whether an answer says that it was cut to fit.
fn cut(message: &[u8]) -> bool {
    let flags = message.get(2..4).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()).map(u16::from_be_bytes);
    message.len() >= size_of::<Header>().min(12) && flags.is_some_and(|flags| Flags(flags).has(Flags::TC))
}
