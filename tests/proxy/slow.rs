//! What is too slow, or fails, is cut off by its own name: clients and upstreams.

use crate::bench::Setup;
use crate::client::{chunked, get, post};
use crate::upstream::{Talk, ok};
use std::net::TcpListener;

const SHORT: &str = "200ms";

#[test]
fn silent_client() {
    let bench = Setup::new().limit(&format!("first_byte_deadline: {SHORT}")).start();
    assert!(bench.client().rest().is_empty());
    assert_eq!(bench.end().reasons(), ["tls-silent"]);
}

#[test]
fn slow_head() {
    let bench = Setup::new().limit(&format!("header_deadline: {SHORT}")).start();
    assert_eq!(bench.client().ask("GET /open/ HTTP/1.1\r\nhost: sh").status, 408);
    let mut client = bench.client();
    assert_eq!(client.ask(get("/open/")).status, 200);
    assert_eq!(client.ask("GET /open/ HTTP/1.1\r\nhost: sh").status, 408);
    assert_eq!(bench.end().reasons(), ["limit-header"; 2]);
}

#[test]
fn slow_body() {
    let bench = Setup::new().limit(&format!("body_deadline: {SHORT}")).start();
    let whole = post("/open/", "text/plain", "all is well");
    assert_eq!(bench.client().ask(&whole[..whole.len() - 1]).status, 408);
    assert_eq!(bench.client().ask(chunked("/open/", "text/plain") + "5\r\nabc").status, 408);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-body-progress"; 2]);
    assert_eq!(ended.all(), "");
}

#[test]
fn idle_connection_is_closed_without_a_word() {
    let bench = Setup::new().limit(&format!("idle_deadline: {SHORT}")).start();
    let mut client = bench.client();
    assert_eq!(client.ask(get("/open/")).status, 200);
    assert!(client.rest().is_empty());
    assert!(bench.end().reasons().is_empty());
}

#[test]
fn slow_reader() {
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
fn upstream_that_does_not_answer() {
    fails(Talk::drain, 504, "upstream-response-timeout");
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
fn answer_that_stalls_is_never_whole() {
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
