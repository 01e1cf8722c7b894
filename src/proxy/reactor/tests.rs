//! The reactor alone: sessions over socket pairs of the loopback, driven by its thread.

use super::rounds::Key;
use super::*;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(20);

/// A runtime of one thread whose timers go off while something is waited for, and a reactor beside it whose sessions share the
/// id of its thread.
struct Bench {
    runtime: Runtime,
    reactor: Reactor<thread::ThreadId>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reactor = Reactor::start("test-db".into(), runtime.handle().clone(), || thread::current().id()).unwrap();
        Self { runtime, reactor }
    }

    /// Waits for something, for so long that a test fails and does not hang.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await }).expect("it comes to an end")
    }

    /// Ready when all is dealt with that the thread has been told of before.
    fn catches_up(&self) {
        for _ in 0..2 {
            let (_ours, theirs) = pairs();
            self.wait(self.reactor.drive(theirs, |_, _| Box::pin(async {}))).unwrap();
        }
    }
}

/// Both ends of a connection: ours, and one for the reactor.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    theirs.set_nonblocking(true).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (ours, theirs)
}

fn pairs() -> ([TcpStream; 2], [TcpStream; 2]) {
    let ((client, one), (server, other)) = (pair(), pair());
    ([client, server], [one, other])
}

/// Gives what comes of a socket to the other one, up to its end.
async fn carry(mut from: Socket, mut to: Socket) {
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = poll_fn(|_| from.poll_read(&mut piece)).await {
        let mut rest = &piece[..count];
        while !rest.is_empty() {
            let Ok(count) = poll_fn(|_| to.poll_write(rest)).await else { return };
            rest = &rest[count..];
        }
    }
}

/// Tells when it is dropped.
struct Tells(mpsc::SyncSender<&'static str>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[test]
fn session_carries_bytes_however_slowly_they_are_taken() {
    let bench = Bench::new();
    let ([mut client, mut server], theirs) = pairs();
    let driven = bench.reactor.drive(theirs, |_, [one, other]| Box::pin(carry(one, other)));
    let said: Vec<u8> = (0..8_000_000_u32).map(|number| (number / 7) as u8).collect();
    let expected = said.clone();
    // More than the kernel takes: the session waits to write, and goes on.
    let saying = thread::spawn(move || client.write_all(&said).unwrap());
    let mut heard = vec![0; expected.len()];
    server.read_exact(&mut heard).unwrap();
    assert!(heard == expected);
    saying.join().unwrap();
    bench.wait(driven).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0, "both sockets are closed");
    bench.reactor.stop();
}

#[test]
fn reset_is_told() {
    let bench = Bench::new();
    let ([client, _server], theirs) = pairs();
    let (told, tells) = mpsc::sync_channel(64);
    let driven = bench.reactor.drive(theirs, move |_, [mut one, _other]| {
        Box::pin(async move {
            let _ = told.send("begun".to_owned());
            let read = poll_fn(|_| one.poll_read(&mut [0; 8])).await;
            let _ = told.send(format!("{:?}", read.map_err(|error| error.kind())));
        })
    });
    assert_eq!(tells.recv_timeout(PATIENCE).unwrap(), "begun");
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    bench.wait(driven).unwrap();
    assert_eq!(tells.recv_timeout(PATIENCE).unwrap(), "Err(ConnectionReset)");
}

#[test]
fn session_is_woken_by_another_thread() {
    let bench = Bench::new();
    let (_ours, theirs) = pairs();
    let (tell, told) = oneshot::channel::<u8>();
    let (begun, begins) = mpsc::sync_channel(64);
    let driven = bench.reactor.drive(theirs, move |_, sockets| {
        Box::pin(async move {
            let _sockets = sockets;
            begun.send(()).unwrap();
            assert_eq!(told.await, Ok(7));
        })
    });
    begins.recv_timeout(PATIENCE).unwrap();
    thread::spawn(move || tell.send(7)).join().unwrap().unwrap();
    bench.wait(driven).unwrap();
}

#[test]
fn session_that_wakes_itself_lets_others_have_their_turn() {
    let bench = Bench::new();
    let ((_ours, theirs), (_further, others)) = (pairs(), pairs());
    let over = Arc::new(AtomicBool::new(false));
    let (seen, sees) = (Arc::clone(&over), over);
    let spinning = bench.reactor.drive(theirs, move |_, sockets| {
        Box::pin(poll_fn(move |cx| {
            let _sockets = &sockets;
            cx.waker().wake_by_ref();
            if sees.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }))
    });
    let other = bench.reactor.drive(others, move |_, _| Box::pin(async move { seen.store(true, Ordering::SeqCst) }));
    bench.wait(other).unwrap();
    bench.wait(spinning).unwrap();
}

#[test]
fn timer_of_the_runtime_fires_on_the_thread() {
    let bench = Bench::new();
    let (_ours, theirs) = pairs();
    let (on, was_on) = mpsc::sync_channel(64);
    let driven = bench.reactor.drive(theirs, move |home, sockets| {
        let home = *home;
        Box::pin(async move {
            let _sockets = sockets;
            tokio::time::sleep(Duration::from_millis(20)).await;
            on.send((thread::current().id(), home)).unwrap();
        })
    });
    bench.wait(driven).unwrap();
    let (ran, home) = was_on.recv_timeout(PATIENCE).unwrap();
    assert_eq!(ran, home);
    assert_ne!(home, thread::current().id());
}

#[test]
fn panic_ends_only_its_session() {
    let bench = Bench::new();
    let ([mut client, mut server], theirs) = pairs();
    let bystander = bench.reactor.drive(theirs, |_, [one, other]| Box::pin(carry(one, other)));
    let starts: [fn() -> Session; 2] =
        [|| panic!("a defect, on purpose"), || Box::pin(async { panic!("a defect, on purpose") })];
    for start in starts {
        let ([mut ours, _], theirs) = pairs();
        let driven = bench.reactor.drive(theirs, move |_, sockets| {
            let mut session = start();
            Box::pin(poll_fn(move |cx| {
                let _sockets = &sockets;
                session.as_mut().poll(cx)
            }))
        });
        assert!(matches!(bench.wait(driven), Err(Lost::Panicked)));
        assert_eq!(ours.read(&mut [0]).unwrap(), 0, "its sockets are closed");
    }
    client.write_all(b"on").unwrap();
    let mut heard = [0; 2];
    server.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"on");
    drop(client);
    bench.wait(bystander).unwrap();
}

#[test]
fn panic_while_a_session_is_dropped_is_told() {
    struct Breaks;
    impl Drop for Breaks {
        fn drop(&mut self) {
            panic!("a defect, on purpose");
        }
    }
    let bench = Bench::new();
    let (_ours, theirs) = pairs();
    let driven = bench.reactor.drive(theirs, |_, _| {
        let breaks = Breaks;
        Box::pin(poll_fn(move |_| {
            let _breaks = &breaks;
            Poll::Ready(())
        }))
    });
    assert!(matches!(bench.wait(driven), Err(Lost::Panicked)));
    let (_ours, theirs) = pairs();
    let next = bench.reactor.drive(theirs, |_, _| Box::pin(async {}));
    bench.wait(next).unwrap();
}

#[test]
fn stop_drops_what_is_left() {
    let bench = Bench::new();
    let ([mut client, _server], theirs) = pairs();
    let (told, tells) = mpsc::sync_channel(64);
    let driven = bench.reactor.drive(theirs, move |_, sockets| {
        let tell = Tells(told);
        Box::pin(async move {
            let (_sockets, _tell) = (sockets, tell);
            std::future::pending::<()>().await;
        })
    });
    bench.reactor.stop();
    assert_eq!(tells.try_recv(), Ok("dropped"));
    assert!(matches!(bench.wait(driven), Err(Lost::Panicked)));
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "its sockets are closed");
    let (_ours, theirs) = pairs();
    let late = bench.reactor.drive(theirs, |_, _| Box::pin(async {}));
    assert!(matches!(bench.wait(late), Err(Lost::Panicked)), "nobody drives it, and that is said");
}

#[test]
fn thread_that_never_began_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reactor: Reactor<()> =
        Reactor::start("test-db".into(), runtime.handle().clone(), || panic!("a defect, on purpose")).unwrap();
    let (_ours, theirs) = pairs();
    let driven = reactor.drive(theirs, |(), _| Box::pin(async {}));
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, driven).await });
    assert!(matches!(ended, Ok(Err(Lost::Panicked))));
}

#[test]
fn what_is_told_of_a_session_that_has_ended_does_not_reach_the_next() {
    let bench = Bench::new();
    let (ours, theirs) = pairs();
    let (kept, keeps) = mpsc::sync_channel::<Waker>(64);
    let first = bench.reactor.drive(theirs, move |_, _| {
        Box::pin(poll_fn(move |cx| {
            kept.send(cx.waker().clone()).unwrap();
            Poll::Ready(())
        }))
    });
    bench.wait(first).unwrap();
    drop(ours);
    let stale = keeps.recv_timeout(PATIENCE).unwrap();
    let ([mut client, _server], theirs) = pairs();
    let (polled, polls) = mpsc::sync_channel(64);
    let second = bench.reactor.drive(theirs, move |_, [mut one, _other]| {
        Box::pin(poll_fn(move |_: &mut Context<'_>| {
            let read = one.poll_read(&mut [0; 8]).map(drop);
            polled.send(()).unwrap();
            read
        }))
    });
    // As it begins, and for its sockets, which may be written from the beginning.
    bench.catches_up();
    assert!(polls.try_iter().count() > 0);
    stale.wake();
    bench.catches_up();
    assert!(polls.try_recv().is_err(), "the next session in its place is not polled");
    client.write_all(b"x").unwrap();
    bench.wait(second).unwrap();
}

#[test]
fn key_is_told_back_as_it_was() {
    for (place, serial) in [(0, 0), (1, 7), ((1 << 31) - 2, u32::MAX)] {
        let key = Key { place, serial };
        for side in 0..2 {
            assert_eq!(Key::from_socket(key.of_socket(side)), (key, side));
            assert_ne!(key.of_socket(side), rounds::BELL);
        }
    }
}
