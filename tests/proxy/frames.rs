//! A client of HTTP/2 that sends exactly the frames it is told to (RFC 9113), its fields as literals (RFC 7541 §6.2.2).

use crate::client::Client;
use std::io::{Read, Write};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
pub(crate) const END: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A number in its payload.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface with empty settings, and the acknowledgement of the other side's.
pub(crate) fn open() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, END, 0, &[])].concat()
}

pub(crate) fn head(stream: u32, end: u8, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let pseudo = [(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", path)];
    for (name, value) in pseudo.iter().chain(more) {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "one byte says how long it is");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS | end, stream, &block)
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    head(stream, END, "GET", path, &[])
}

impl<S: Read + Write> Client<S> {
    /// The next frame; nothing at the connection's end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let (start, whole) = self.exactly(9);
        if !whole {
            return None;
        }
        let length = usize::from(start[0]) << 16 | usize::from(start[1]) << 8 | usize::from(start[2]);
        let stream = u32::from_be_bytes(start[5..9].try_into().unwrap());
        let (payload, whole) = self.exactly(length);
        whole.then_some(Frame { kind: start[3], flags: start[4], stream, payload })
    }

    /// The next frame of this kind.
    pub(crate) fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().expect("the connection lasts");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Everything up to the connection's end.
    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    /// Whether a stream is answered with 200, which has a field of its own (RFC 7541, appendix A).
    pub(crate) fn is_ok(&mut self, stream: u32) -> bool {
        loop {
            match self.frame() {
                Some(frame) if frame.stream == stream && frame.kind == HEADERS => return frame.payload[0] == 0x88,
                Some(frame) if frame.stream == stream && frame.kind == RST_STREAM => return false,
                Some(_) => {}
                None => return false,
            }
        }
    }
}
