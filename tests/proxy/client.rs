//! A client that sends exactly the bytes it is told to, and notices whether an answer is whole.

use crate::upstream::PATIENCE;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

/// What came back. Status 0: nothing.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether it came to the end that its head announced.
    pub(crate) whole: bool,
}

impl Client<TcpStream> {
    /// From another address of this machine: to the sidecar, another caller.
    pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::of(socket.into())
    }

    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::of(TcpStream::connect(to).unwrap())
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes; a sidecar that has closed already is found out by what it answered.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush());
        self
    }

    pub(crate) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).answer()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let Some(head) = self.head() else { return Answer::default() };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let (body, whole) = if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            (Vec::new(), true)
        } else if let Some(length) = length {
            self.exactly(length)
        } else if head.contains("transfer-encoding: chunked") {
            self.chunks()
        } else {
            (self.rest(), true)
        };
        Answer { status, head, body, whole }
    }

    /// The next head, in lower case.
    pub(crate) fn head(&mut self) -> Option<String> {
        Some(String::from_utf8(self.until(b"\r\n\r\n")?).unwrap().to_ascii_lowercase())
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.unread)
    }

    fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n") else { return (body, false) };
            let length = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
            if length == 0 {
                while let Some(trailer) = self.until(b"\r\n") {
                    if trailer == b"\r\n" {
                        return (body, true);
                    }
                    body.extend(trailer);
                }
                return (body, false);
            }
            let (piece, whole) = self.exactly(length + 2);
            body.extend_from_slice(&piece[..piece.len().min(length)]);
            if !whole {
                return (body, false);
            }
        }
    }

    pub(crate) fn exactly(&mut self, length: usize) -> (Vec<u8>, bool) {
        while self.unread.len() < length && self.read() {}
        let there = length.min(self.unread.len());
        (self.unread.drain(..there).collect(), there == length)
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            if !self.read() {
                return None;
            }
        }
    }

    fn read(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let count = match self.stream.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the sidecar neither answers nor closes")
            }
            Err(_) => 0,
        };
        self.unread.extend_from_slice(&piece[..count]);
        count > 0
    }
}

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: shop\r\n\r\n")
}

pub(crate) fn post(target: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nhost: shop\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The head of a chunked request.
pub(crate) fn chunked(target: &str, kind: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: shop\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
}

pub(crate) fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}
