//! An upstream that keeps every byte it is sent, and how each connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No connection waits for longer: a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A listening upstream.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: JoinHandle<Vec<JoinHandle<()>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

/// What one connection brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    /// Whether it ended with a reset.
    pub(crate) reset: bool,
}

/// One connection, as the upstream's behaviour sees it.
pub(crate) struct Talk {
    /// Which one, from 0.
    pub(crate) number: usize,
    socket: TcpStream,
    unread: Vec<u8>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Upstream {
    pub(crate) fn start(behaviour: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (over, received) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stop, all, behaviour) = (over.clone(), received.clone(), Arc::new(behaviour));
        let accepting = thread::spawn(move || {
            let mut talks = Vec::new();
            for (number, socket) in listener.incoming().enumerate() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let socket = socket.unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.set_write_timeout(Some(PATIENCE)).unwrap();
                all.lock().unwrap().push(Received::default());
                let mut talk = Talk { number, socket, unread: Vec::new(), received: all.clone() };
                let behaviour = behaviour.clone();
                talks.push(thread::spawn(move || behaviour(&mut talk)));
            }
            talks
        });
        Self { address, over, accepting, received }
    }

    /// Waits for every connection's end. The sidecar must have ended before.
    pub(crate) fn end(self) -> Vec<Received> {
        self.over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        for talk in self.accepting.join().unwrap() {
            talk.join().unwrap();
        }
        Arc::into_inner(self.received).unwrap().into_inner().unwrap()
    }
}

impl Talk {
    /// The next request, whole; nothing when the connection has ended.
    pub(crate) fn request(&mut self) -> Option<String> {
        self.message().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As `request`, in bytes.
    pub(crate) fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = message_length(&self.unread) {
                return Some(self.unread.drain(..length).collect());
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Reads until the connection ends.
    pub(crate) fn drain(&mut self) {
        while self.read() {}
    }

    /// Reads until the connection has brought `end`, and is told each time that it brought something.
    pub(crate) fn until(&mut self, end: &str, brought: impl Fn(&[u8])) {
        while find(&self.unread, end.as_bytes()).is_none() && self.read() {
            brought(&self.unread);
        }
    }

    /// Whether it could be written.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    fn read(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let read = self.socket.read(&mut piece);
        let mut all = self.received.lock().unwrap();
        let received = &mut all[self.number];
        match read {
            Ok(count) => {
                received.bytes.extend_from_slice(&piece[..count]);
                self.unread.extend_from_slice(&piece[..count]);
                count > 0
            }
            Err(error) => {
                received.reset = error.kind() == ErrorKind::ConnectionReset;
                false
            }
        }
    }
}

/// Answers `ok`.
pub(crate) fn ok(talk: &mut Talk) -> bool {
    talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
}

/// How long the message at the beginning is, if all of it is there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if text.contains("transfer-encoding: chunked") {
        let last = find(&bytes[head - 2..], b"\r\n0\r\n")? + head - 2;
        return Some(find(&bytes[last + 3..], b"\r\n\r\n")? + last + 7);
    }
    let whole = head + length.unwrap_or(0);
    (bytes.len() >= whole).then_some(whole)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
