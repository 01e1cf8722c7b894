//! What holds for all bytes of gRPC calls and of HTTP/2 connections.

use podwall::flow::{Fuel, Side};
use podwall::protocol::body::Limits;
use podwall::protocol::grpc::{self, Call, Flavour};
use podwall::protocol::head::Header;
use podwall::protocol::http2::flood::Flood;
use podwall::protocol::http2::frames::Frames;
use podwall::protocol::websocket::Reader;
use podwall::protocol::{http2, protobuf};
use std::time::Duration;

pub(crate) fn calls() -> Vec<Vec<u8>> {
    let message = b"\x0a\x05order\x10\x07\x22\x06\x0a\x04deep\x1a\x03\x00\x01\x02";
    let framed = [&[0, 0, 0, 0, message.len() as u8], &message[..]].concat();
    vec![framed.clone(), [framed.clone(), framed.clone()].concat(), b"AAAAAAQKAmFi".to_vec(), framed.repeat(20)]
}

/// A call is read or refused, whatever its flavour; whole messages stay whole; a message's strings are parts of it.
pub(crate) fn call(bytes: &[u8]) {
    let limits = Limits::default();
    let whole = grpc::whole(bytes, 1 << 16);
    assert!(whole.is_err() || whole == grpc::whole(&bytes[..whole.unwrap_or(0)], 1 << 16));
    for kind in ["application/grpc", "application/grpc-web", "application/grpc-web-text"] {
        let header = |name: &'static str, value: &'static [u8]| Header {
            name: name.as_bytes(),
            value,
            known: None,
            forwarded: true,
        };
        let headers = [header("content-type", kind.as_bytes()), header("grpc-encoding", b"gzip")];
        let call = Call::of(headers.into_iter()).unwrap();
        assert_eq!(call.flavour == Flavour::Native, kind == "application/grpc");
        let mut fuel = Fuel::new(1 << 22);
        let Ok(messages) = call.open(bytes, &limits, &mut fuel) else { continue };
        let Ok(opened) = grpc::opened(&messages, &limits, &mut fuel) else { continue };
        let _ = grpc::parts(&messages, &opened, &limits, &mut fuel);
        for message in &messages {
            let strings = protobuf::strings(message, 100).unwrap_or_default();
            assert!(strings.iter().all(|field| field.value.len() < message.len()));
        }
    }
}

pub(crate) fn frames() -> Vec<Vec<u8>> {
    let frame = |kind: u8, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    };
    let many = [frame(4, b""), frame(1, b"abc"), frame(0, &[0; 40]), frame(3, &[0; 4]), frame(6, &[0; 8])].concat();
    vec![[http2::PREFACE, &many].concat(), many.repeat(9)]
}

/// Any split of the bytes counts the same frames.
pub(crate) fn frame(bytes: &[u8]) {
    let count = |step: usize| {
        let (mut frames, mut flood, mut found) = (Frames::default(), Flood::default(), Vec::new());
        for piece in bytes.chunks(step) {
            frames.feed(piece, |frame| found.push((frame, flood.count(frame, Duration::ZERO, &Default::default()))));
        }
        found
    };
    let whole = count(bytes.len().max(1));
    assert_eq!(whole, count(1));
    assert_eq!(whole, count(7));
}

pub(crate) fn websockets() -> Vec<Vec<u8>> {
    let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
    let talk = [masked(0x01, b"one "), masked(0x89, b"ping"), masked(0x80, b"two"), masked(0x88, b"\x03\xe8")].concat();
    vec![talk.clone(), talk.repeat(5), masked(0x82, &[7; 100]), vec![0x82, 0xfe, 0, 126, 0, 0, 0, 0]]
}

/// Any split reads the same messages; what they took on the wire and what is left are all that came.
pub(crate) fn websocket(bytes: &[u8]) {
    for side in [Side::Client, Side::Server] {
        let read = |step: usize| {
            let (mut reader, mut units) = (Reader::new(side, 1 << 12), Vec::new());
            for piece in bytes.chunks(step) {
                reader.push(piece);
                loop {
                    match reader.read() {
                        Ok(Some(unit)) => units.push(unit),
                        Ok(None) => break,
                        Err(malformed) => return (units, Some(malformed.why), 0),
                    }
                }
            }
            (units, None, reader.rest().len())
        };
        let whole = read(bytes.len().max(1));
        let (units, why, rest) = &whole;
        let taken: usize = units.iter().map(|unit| unit.wire.len()).sum();
        assert!(why.is_some() || taken + rest == bytes.len());
        assert_eq!(whole, read(3));
    }
}
