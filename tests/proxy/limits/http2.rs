//! Limits of HTTP/2, at n and one above.

use crate::bench::Setup;
use crate::frames::{DATA, END, GOAWAY, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, head, open};

const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;
const FLOW_CONTROL_ERROR: u32 = 3;

#[test]
fn http2_streams() {
    let bench = Setup::new().limit("http2_streams: 2").start();
    let mut client = bench.client();
    let begin = |stream| head(stream, 0, "POST", "/open/", &[]);
    client.send([open(), begin(1), begin(3), begin(5)].concat());
    let reset = client.next(RST_STREAM);
    assert_eq!((reset.stream, reset.number(0)), (5, REFUSED_STREAM));
    for stream in [1, 3] {
        client.send(frame(DATA, END, stream, b"a=b"));
        assert!(client.is_ok(stream));
    }
    drop(client);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["http2-protocol"]);
    assert_eq!(ended.of("judged").next().unwrap()["detail"], "1 REFUSED_STREAM");
}

#[test]
fn http2_stream_window() {
    let bench = Setup::new().limit("http2_stream_window: 1000").start();
    let mut client = bench.client();
    client.send(open());
    let settings = client.next(SETTINGS).payload;
    let window = settings.chunks(6).find(|one| one[..2] == [0, 4]).expect("INITIAL_WINDOW_SIZE");
    assert_eq!(window[2..], 1000u32.to_be_bytes());
    let post = |stream, bytes: usize| {
        let content = format!("a={}", "b".repeat(bytes - 2));
        [head(stream, 0, "POST", "/open/", &[]), frame(DATA, END, stream, content.as_bytes())].concat()
    };
    assert!(client.send(post(1, 1000)).is_ok(1));
    let reset = client.send(post(3, 1001)).next(RST_STREAM);
    assert_eq!((reset.stream, reset.number(0)), (3, FLOW_CONTROL_ERROR));
    drop(client);
    assert!(bench.end().reasons().contains(&"http2-protocol"));
}

/// Two messages of the same call: the first is at the limit, the second one byte above.
#[test]
fn grpc_message_bytes() {
    let bench = Setup::new().limit("grpc_message_bytes: 100").start();
    let message = |bytes: usize| {
        let prefix = (bytes as u32).to_be_bytes();
        frame(DATA, END, 1, &[&[0], &prefix[..], &vec![b'a'; bytes]].concat())
    };
    let call = head(1, 0, "POST", "/open/", &[("content-type", "application/grpc")]);
    assert!(bench.client().send([open(), call.clone(), message(100)].concat()).is_ok(1));
    // A status of gRPC's own, so the answer is 200 all the same.
    assert!(bench.client().send([open(), call, message(101)].concat()).is_ok(1));
    assert_eq!(bench.end().reasons(), ["grpc-message-too-large"]);
}

/// What a connection has beyond the 65,535 bytes that it begins with is told by the first window update.
#[test]
fn http2_connection_window() {
    let bench = Setup::new().limit("http2_connection_window: 100000").start();
    let mut client = bench.client();
    let update = client.send(open()).next(WINDOW_UPDATE);
    assert_eq!((update.stream, update.number(0)), (0, 100_000 - 65_535));
}

/// Twice as many and one are over the limit in one of the two seconds that they can fall into.
fn over(limit: &str, at: Vec<u8>, above: Vec<u8>, reason: &str) {
    let bench = Setup::new().limit(limit).start();
    let mut client = bench.client();
    assert!(client.send([open(), at, get(101, "/open/")].concat()).is_ok(101));
    drop(client);
    let frames = bench.client().send([open(), above].concat()).frames();
    let goaway = frames.iter().find(|frame| frame.kind == GOAWAY).expect("GOAWAY");
    assert_eq!(goaway.number(4), ENHANCE_YOUR_CALM);
    let ended = bench.end();
    assert_eq!(ended.reasons(), [reason]);
    assert!(ended.counts(reason));
}

#[test]
fn http2_control_frames() {
    let pings = |count| frame(PING, 0, 0, &[0; 8]).repeat(count);
    // The client's settings are one.
    over("http2_control_frames: 5", pings(4), pings(10), "http2-control-rate");
}

#[test]
fn http2_resets() {
    let reset = |stream: u32| [get(stream, "/open/"), frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat();
    let resets = |count: u32| (0..count).flat_map(|number| reset(2 * number + 1)).collect();
    over("http2_resets: 5", resets(5), resets(11), "http2-reset-rate");
}
