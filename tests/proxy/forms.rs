//! The forms that HTTP/1.1 allows: connections that are kept, requests on top of each other, bodies of every framing.

use crate::bench::Setup;
use crate::client::{chunk, chunked, get, post};

/// Before an upstream that answers everything with these bytes.
fn answering(bytes: &'static str) -> Setup {
    Setup::before(move |talk| while talk.request().is_some() && talk.say(bytes) {})
}

#[test]
fn connections_are_kept_on_both_sides() {
    let bench = Setup::new().start();
    let mut client = bench.client();
    for request in [get("/open/1"), post("/open/2", "text/plain", "hi"), get("/open/3")] {
        let answer = client.ask(request);
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    }
    let ended = bench.end();
    assert_eq!((ended.received.len(), ended.reasons().len()), (1, 0));
}

#[test]
fn denied_request_leaves_its_connection_open() {
    let bench = Setup::new().start();
    let mut client = bench.client();
    let statuses = ["/open/", "/closed", "/open/"].map(|target| client.ask(get(target)).status);
    assert_eq!(statuses, [200, 403, 200]);
    assert!(!bench.end().all().contains("closed"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let bench = Setup::before(|talk| {
        while let Some(request) = talk.request() {
            let target = request.split(' ').nth(1).unwrap();
            talk.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{target}", target.len()));
        }
    })
    .start();
    let mut client = bench.client();
    client.send(get("/open/1") + &post("/open/2", "text/plain", "hi") + &get("/closed") + &get("/open/4"));
    let answers = [(); 4].map(|()| client.answer());
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 403, 200]);
    assert_eq!([0, 1, 3].map(|n: usize| &answers[n].body[..]), [b"/open/1", b"/open/2", b"/open/4"]);
    assert!(!bench.end().all().contains("closed"));
}

#[test]
fn connection_close_is_heeded() {
    let bench = Setup::new().start();
    let mut client = bench.client();
    let answer = client.ask("GET /open/ HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    assert!(answer.head.contains("\r\nconnection: close\r\n"), "{}", answer.head);
    assert!(client.rest().is_empty());
}

#[test]
fn chunks_and_trailers_arrive() {
    let bench = Setup::new().start();
    let body = chunk("all is") + &chunk(" well") + "0\r\nx-sum: 7\r\n\r\n";
    assert_eq!(bench.client().ask(chunked("/open/", "text/plain") + &body).status, 200);
    let all = bench.end().all();
    assert!(all.ends_with("\r\n\r\nb\r\nall is well\r\n0\r\nx-sum: 7\r\n\r\n"), "{all}");
}

#[test]
fn chunks_without_trailers_get_a_length() {
    let bench = Setup::new().start();
    let body = chunk("all is") + &chunk(" well") + "0\r\n\r\n";
    assert_eq!(bench.client().ask(chunked("/open/", "text/plain") + &body).status, 200);
    let all = bench.end().all();
    assert!(all.contains("\r\ncontent-length: 11\r\n") && all.ends_with("\r\n\r\nall is well"), "{all}");
}

#[test]
fn trailers_of_an_answer_arrive() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n";
    let bench = answering(answer).start();
    let answer = bench.client().ask(get("/open/"));
    assert_eq!((answer.whole, &answer.body[..]), (true, &b"okx-sum: 7\r\n"[..]));
}

#[test]
fn stream_arrives_whole() {
    let bench = Setup::new().limit("inspect_bytes: 4KiB").start();
    let body = "all is well\n".repeat(20_000);
    assert_eq!(bench.client().ask(post("/stream", "text/plain", &body)).status, 200);
    let mut client = bench.client();
    client.send(chunked("/stream", "text/plain") + &chunk(&body));
    assert_eq!(client.ask("0\r\n\r\n").status, 200);
    let ended = bench.end();
    let all = ended.all();
    assert_eq!(all.matches('w').count() - all.matches("x-forwarded-").count(), 40_000);
    assert!(ended.reasons().is_empty());
}

#[test]
fn expectation_is_answered_before_the_body_comes() {
    let bench = Setup::new().start();
    let expecting = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    };
    let mut client = bench.client();
    assert_eq!(client.ask(expecting("/open/")).status, 100);
    assert_eq!(client.ask("hi").status, 200);
    assert_eq!(bench.client().ask(expecting("/closed")).status, 403);
    assert_eq!(bench.client().ask(expecting("/open/").replace("100-continue", "200-ok")).status, 417);
    let all = bench.end().all();
    assert!(all.ends_with("\r\n\r\nhi") && !all.contains("closed") && !all.contains("expect"), "{all}");
}

#[test]
fn answers_without_a_body_have_none() {
    for (request, status, answer) in [
        ("HEAD", 200, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
        ("GET", 204, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 304, "HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n"),
    ] {
        let bench = answering(answer).start();
        let mut client = bench.client();
        for _ in 0..2 {
            let head = format!("{request} /open/ HTTP/1.1\r\nhost: shop\r\n\r\n");
            assert_eq!(client.send(head).answer_to(request).status, status);
        }
        let ended = bench.end();
        assert_eq!((ended.received.len(), ended.reasons().len()), (1, 0), "{answer}");
    }
}

#[test]
fn client_of_http_1_0_gets_no_chunks() {
    let bench = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").start();
    let mut client = bench.client();
    let answer = client.ask("GET /open/ HTTP/1.0\r\nhost: shop\r\n\r\n");
    assert!(!answer.head.contains("chunked"), "{}", answer.head);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
}

#[test]
fn answer_until_close_arrives_in_chunks() {
    let bench = Setup::before(|talk| {
        talk.request();
        talk.say("HTTP/1.0 200 OK\r\n\r\nok");
    })
    .start();
    let answer = bench.client().ask(get("/open/"));
    assert_eq!((answer.status, answer.whole, &answer.body[..]), (200, true, &b"ok"[..]));
}
