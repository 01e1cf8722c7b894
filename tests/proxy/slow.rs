//! What is too slow, or fails, is cut off by its own name: clients and upstreams.

use crate::bench::Setup;
use crate::client::{chunk, chunked, get, post};
use crate::frames;
use crate::upstream::{PATIENCE, Talk, ok};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

const SHORT: &str = "200ms";

#[test]
fn first_byte_deadline() {
    let bench = Setup::new().limit(&format!("first_byte_deadline: {SHORT}")).start();
    assert!(bench.client().rest().is_empty());
    assert_eq!(bench.end().reasons(), ["tls-silent"]);
}

#[test]
fn header_deadline() {
    let bench = Setup::new().limit(&format!("header_deadline: {SHORT}")).start();
    assert_eq!(bench.client().ask("GET /open/ HTTP/1.1\r\nhost: sh").status, 408);
    let mut client = bench.client();
    assert_eq!(client.ask(get("/open/")).status, 200);
    assert_eq!(client.ask("GET /open/ HTTP/1.1\r\nhost: sh").status, 408);
    assert_eq!(bench.end().reasons(), ["limit-header"; 2]);
}

#[test]
fn body_deadline() {
    let bench = Setup::new().limit(&format!("body_deadline: {SHORT}")).start();
    let whole = post("/open/", "text/plain", "all is well");
    assert_eq!(bench.client().ask(&whole[..whole.len() - 1]).status, 408);
    assert_eq!(bench.client().ask(chunked("/open/", "text/plain") + "5\r\nabc").status, 408);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-body-progress"; 2]);
    assert_eq!(ended.all(), "");
}

#[test]
fn idle_deadline() {
    let bench = Setup::new().limit(&format!("idle_deadline: {SHORT}")).start();
    let mut client = bench.client();
    assert_eq!(client.ask(get("/open/")).status, 200);
    assert!(client.rest().is_empty());
    let ended = bench.end();
    assert!(ended.reasons().is_empty() && ended.counts("limit-idle"), "{}", ended.metrics);
}

/// An idle connection is ordinary, so the metrics alone tell of it.
#[test]
fn idle_deadline_before_the_first_request_is_the_heads() {
    let bench = Setup::new().limit(&format!("header_deadline: {SHORT}")).start();
    assert_eq!(bench.client().ask("\r\n").status, 408);
    assert_eq!(bench.end().reasons(), ["limit-header"]);
}

/// A streamed body: each wait for more of it is bounded, by the same name as that of a held one.
#[test]
fn body_deadline_of_a_stream() {
    let bench =
        Setup::before(Talk::drain).limit("inspect_bytes: 4KiB").limit(&format!("body_deadline: {SHORT}")).start();
    let begun = chunked("/stream", "text/plain") + &chunk(&"all is well\n".repeat(1000));
    assert_eq!(bench.client().ask(begun).status, 408);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-body-progress"]);
    assert!(ended.received[0].reset && !ended.all().contains("0\r\n\r\n"), "passed off as whole");
}

#[test]
fn send_deadline() {
    let endless = |talk: &mut Talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let piece = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
        while talk.say(&piece) {}
    };
    let bench = Setup::before(endless).limit(&format!("send_deadline: {SHORT}")).start();
    let mut client = bench.client();
    assert!(client.send(get("/open/")).head().is_some());
    // It stops only after the connection in flight has been cut.
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-write-progress"]);
    assert!(!client.rest().ends_with(b"\r\n0\r\n\r\n"));
}

/// The status that a client gets from before such an upstream, and the reason in the record.
fn fails(behaviour: impl Fn(&mut Talk) + Send + Sync + 'static, status: u16, reason: &str) {
    let bench = Setup::before(behaviour).limit(&format!("response_deadline: {SHORT}")).start();
    let answer = bench.client().ask(get("/open/"));
    let ended = bench.end();
    assert_eq!((answer.status, ended.reasons()), (status, vec![reason]));
    let event = ended.of("judged").next().unwrap()["event"].as_str().unwrap().to_ascii_lowercase();
    assert!(answer.head.contains(&format!("x-podwall-event: {event}")), "{}", answer.head);
}

#[test]
fn upstream_that_is_not_there() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Setup::new().behind(nowhere).start();
    assert_eq!(bench.client().ask(get("/open/")).status, 503);
    assert_eq!(bench.end().reasons(), ["upstream-connect"]);
}

#[test]
fn response_deadline() {
    fails(Talk::drain, 504, "upstream-response-timeout");
}

/// An upload lasts as long as it lasts: the answer is not due before it has ended.
#[test]
fn response_deadline_begins_when_a_long_upload_has_ended() {
    let deadline = Duration::from_millis(100);
    let (got, has_got) = sync_channel(0);
    let got = Mutex::new(got);
    let bench = Setup::before(move |talk| {
        let got = got.lock().unwrap();
        talk.until("0\r\n\r\n", |_| got.send(()).unwrap());
        ok(talk);
    })
    .limit("inspect_bytes: 4KiB")
    .limit("response_deadline: 100ms")
    .start();
    let mut client = bench.client();
    client.send(chunked("/stream", "text/plain") + &chunk(&"all is well\n".repeat(1000)));
    let began = Instant::now();
    while began.elapsed() < 5 * deadline {
        has_got.recv().unwrap();
        client.send(chunk("all is still well\n"));
    }
    std::thread::spawn(move || while has_got.recv().is_ok() {});
    let answer = client.ask("0\r\n\r\n");
    assert_eq!((answer.status, answer.whole, bench.end().reasons().len()), (200, true, 0));
}

/// An upstream that takes no more of an upload.
#[test]
fn response_deadline_of_an_upstream_that_does_not_read() {
    let (over, is_over) = sync_channel::<()>(0);
    let is_over = Mutex::new(is_over);
    let bench = Setup::before(move |_| is_over.lock().unwrap().recv().unwrap_or_default())
        .limit("inspect_bytes: 4KiB")
        .limit(&format!("response_deadline: {SHORT}"))
        .start();
    let body = "\0".repeat(12 << 20);
    assert_eq!(bench.client().ask(post("/stream", "application/octet-stream", &body)).status, 504);
    drop(over);
    assert_eq!(bench.end().reasons(), ["upstream-response-timeout"]);
}

/// An upstream that takes no more of an upload and answers all the same: what would follow on its connection, or on the
/// client's, would be taken for the rest of the upload.
#[test]
fn connections_of_an_upload_cut_off_carry_nothing_more() {
    let (stalled, has_stalled) = sync_channel::<()>(1);
    let has_stalled = Mutex::new(has_stalled);
    let bench = Setup::before(move |talk| {
        if talk.number > 0 {
            talk.request();
        } else {
            let has_stalled = has_stalled.lock().unwrap();
            has_stalled.recv_timeout(PATIENCE).unwrap();
            // By then the upload has been given up, and the answer is still waited for.
            let _ = has_stalled.recv_timeout(Duration::from_millis(1200));
        }
        ok(talk);
        talk.drain();
    })
    .limit("inspect_bytes: 4KiB")
    .limit("response_deadline: 1s")
    .start();
    let mut client = bench.client();
    client.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let rest = "\0".repeat(16 << 20);
    client.send(post("/stream", "application/octet-stream", &(rest + &get("/open/smuggled"))));
    stalled.send(()).unwrap();
    client.rest();
    assert_eq!(bench.client().ask(get("/open/")).status, 200);
    let ended = bench.end();
    assert_eq!(ended.received.len(), 2);
    assert!(!ended.all().contains("smuggled"));
}

/// A listener whose queue is full, so that it takes no connection.
fn full() -> (socket2::Socket, SocketAddr, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let short = Duration::from_millis(100);
    let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok()).collect();
    (socket, address, queued)
}

#[test]
fn connect_deadline() {
    let (_socket, address, _queued) = full();
    let bench = Setup::new().behind(address).limit(&format!("connect_deadline: {SHORT}")).start();
    assert_eq!(bench.client().ask(get("/open/")).status, 504);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["upstream-connect-timeout"]);
    assert!(ended.counts("upstream-connect-timeout"), "{}", ended.metrics);
}

/// Upstream connections that are kept for no longer than this are used again, or not.
#[test]
fn upstream_idle_deadline() {
    for (deadline, connections) in [("1m", 1), ("1ms", 2)] {
        let bench = Setup::new().limit(&format!("upstream_idle_deadline: {deadline}")).start();
        let mut client = bench.client();
        assert_eq!(client.ask(get("/open/")).status, 200);
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        assert_eq!(client.ask(get("/open/")).status, 200);
        assert_eq!(bench.end().received.len(), connections, "{deadline}");
    }
}

#[test]
fn drain_deadline() {
    let (asked, was_asked) = sync_channel(1);
    let asked = Mutex::new(asked);
    let bench = Setup::before(move |talk| {
        talk.request();
        asked.lock().unwrap().send(()).unwrap();
        talk.drain();
    })
    .limit(&format!("drain_deadline: {SHORT}"))
    .start();
    let mut client = bench.client();
    client.send(get("/open/"));
    was_asked.recv_timeout(PATIENCE).unwrap();
    let ended = bench.end();
    assert_eq!(ended.of("stop").next().unwrap()["cut"], 1);
    assert!(client.rest().is_empty());
}

/// To a client of HTTP/1.0 the end of the connection is the end of the answer: half of one must not end like that.
#[test]
fn answer_cut_by_the_drain_is_never_whole() {
    let half = |talk: &mut Talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        talk.drain();
    };
    let bench = Setup::before(half).limit(&format!("drain_deadline: {SHORT}")).start();
    let mut client = bench.client();
    client.send("GET /open/ HTTP/1.0\r\nhost: shop\r\n\r\n");
    assert!(client.head().is_some_and(|head| head.starts_with("http/1.1 200")));
    assert_eq!(bench.end().of("stop").next().unwrap()["cut"], 1);
    let ended = client.stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert_eq!(ended, Err(ErrorKind::ConnectionReset));
}

#[test]
fn interim_answers_end_at_their_limit() {
    for (count, status) in [(32, 200), (33, 502)] {
        let bench = Setup::before(move |talk| {
            talk.request();
            for _ in 0..count {
                talk.say("HTTP/1.1 103 Early Hints\r\n\r\n");
            }
            ok(talk);
        })
        .start();
        let mut client = bench.client();
        let mut answer = client.ask(get("/open/"));
        while answer.status == 103 {
            answer = client.answer();
        }
        assert_eq!((answer.status, answer.whole), (status, true), "{count}");
        let reasons = bench.end().reasons().len();
        assert_eq!(reasons, usize::from(status != 200), "{count}");
    }
}

#[test]
fn upstream_that_closes_without_an_answer() {
    fails(|talk| drop(talk.request()), 502, "upstream-closed");
}

#[test]
fn upstream_that_breaks_off_its_head() {
    let half = |talk: &mut Talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ncontent-le");
    };
    fails(half, 502, "upstream-broke-off");
}

#[test]
fn upstream_that_answers_garbage() {
    let garbage = |talk: &mut Talk| {
        talk.request();
        talk.say("garbage\r\n\r\n");
    };
    fails(garbage, 502, "http1-status-line");
    let two_lengths = |talk: &mut Talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!");
    };
    fails(two_lengths, 502, "http1-lengths-differ");
}

#[test]
fn answer_that_breaks_off_is_never_whole() {
    for head in ["content-length: 100", "transfer-encoding: chunked"] {
        let bench = Setup::before(move |talk| {
            talk.request();
            talk.say(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n8\r\n12345678\r\n"));
        })
        .start();
        let answer = bench.client().ask(get("/open/"));
        assert_eq!((answer.status, answer.whole), (200, false), "{head}");
        assert_eq!(bench.end().reasons(), ["upstream-broke-off"], "{head}");
    }
}

#[test]
fn response_body_deadline() {
    let stall = |talk: &mut Talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        talk.drain();
    };
    let bench = Setup::before(stall).limit(&format!("response_body_deadline: {SHORT}")).start();
    let answer = bench.client().ask(get("/open/"));
    assert_eq!((answer.status, answer.whole), (200, false));
    assert_eq!(bench.end().reasons(), ["upstream-progress-timeout"]);
}

#[test]
fn malformed_chunk_in_an_answer_is_never_whole() {
    let bench = Setup::before(|talk| {
        talk.request();
        talk.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n0\r\n\r\n");
    })
    .start();
    // When nothing of it has gone on yet, there is an answer of ours instead.
    let answer = bench.client().ask(get("/open/"));
    assert!(answer.status == 502 || !answer.whole, "{answer:?}");
    assert_eq!(bench.end().reasons(), ["http1-chunk-size"]);
}

#[test]
fn stale_connection_is_replaced_for_get_and_not_for_post() {
    for (request, status, count) in [(get("/open/2"), 200, 2), (post("/open/2", "text/plain", "hi"), 502, 1)] {
        // The first connection reads its second request and closes, so that it looks whole until then.
        let bench = Setup::before(|talk| {
            while talk.request().is_some_and(|request| talk.number > 0 || request.contains("/open/1")) && ok(talk) {}
        })
        .start();
        let mut client = bench.client();
        assert_eq!(client.ask(get("/open/1")).status, 200);
        assert_eq!(client.ask(&request).status, status);
        let ended = bench.end();
        assert_eq!(ended.all().matches("/open/2").count(), count, "{request}");
        let reasons = ended.reasons();
        assert_eq!(reasons, if status == 200 { vec![] } else { vec!["upstream-closed"] });
    }
}

/// A client with an open stream is asked whether it lives.
#[test]
fn http2_ping_interval() {
    let bench = Setup::new().limit(&format!("http2_ping_interval: {SHORT}")).start();
    let mut client = bench.client();
    let ping = client.send([frames::open(), frames::head(1, 0, "POST", "/open/", &[])].concat()).next(frames::PING);
    client.send(frames::frame(frames::PING, frames::END, 0, &ping.payload));
    client.next(frames::PING);
    client.send(frames::frame(frames::DATA, frames::END, 1, b"a=b"));
    assert!(client.is_ok(1));
    drop(client);
    assert!(bench.end().reasons().is_empty());
}

/// A connection whose client does not answer that is cut.
#[test]
fn http2_ping_deadline() {
    let bench = Setup::new()
        .limit(&format!("http2_ping_interval: {SHORT}"))
        .limit(&format!("http2_ping_deadline: {SHORT}"))
        .start();
    let mut client = bench.client();
    client.send([frames::open(), frames::head(1, 0, "POST", "/open/", &[])].concat()).frames();
    let ended = bench.end();
    assert!(ended.reasons().contains(&"http2-ping-timeout"), "{:?}", ended.reasons());
}

#[test]
fn idle_deadline_of_http2() {
    let limits = ["idle_deadline", "send_deadline"].map(|name| format!("{name}: {SHORT}"));
    let bench = Setup::new().limit(&limits[0]).limit(&limits[1]).start();
    let frames = bench.client().send([frames::open(), frames::get(1, "/open/")].concat()).frames();
    assert!(frames.iter().any(|frame| frame.kind == frames::GOAWAY), "{frames:?}");
    let ended = bench.end();
    assert!(ended.counts("limit-idle") && ended.counts("http2-close-timeout"), "{}", ended.metrics);
}
