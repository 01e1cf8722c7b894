//! A denied unit forwards no byte of itself.

use crate::bench::Setup;
use crate::client::{chunk, chunked, get, post};

const ATTACK: &str = "x' UNION SELECT card,cvv FROM payments--";

/// Sends it, and finds that it was refused like this while the upstream received nothing at all.
fn refused(setup: Setup, bytes: &str, status: u16, reason: &str) {
    let bench = setup.start();
    let answer = bench.client().ask(bytes);
    assert_eq!((answer.status, answer.whole), (status, true), "{bytes:.100}");
    let ended = bench.end();
    assert_eq!(ended.all(), "", "{bytes:.100}");
    let reasons = ended.reasons();
    assert!(matches!(reasons[..], [only] if only.starts_with(reason)), "{reasons:?}");
}

#[test]
fn request_outside_the_allowlist() {
    refused(Setup::new(), &get("/closed"), 403, "policy-no-rule");
}

#[test]
fn attack_in_a_query() {
    let target = "/open/?q=x%27%20UNION%20SELECT%20card,cvv%20FROM%20payments--";
    refused(Setup::new(), &get(target), 403, "attack-detected");
}

#[test]
fn attack_in_a_json_body() {
    let body = format!("{{\"a\":1,\"b\":[\"{ATTACK}\"]}}");
    refused(Setup::new(), &post("/open/", "application/json", &body), 403, "attack-detected");
}

#[test]
fn attack_in_a_trailer() {
    let bytes = chunked("/open/", "text/plain") + &chunk("all is well") + &format!("0\r\nx-note: {ATTACK}\r\n\r\n");
    refused(Setup::new(), &bytes, 403, "attack-detected");
}

#[test]
fn attack_in_chunks_of_one_byte() {
    let body: String = format!("{{\"a\":\"{ATTACK}\"}}").chars().map(|c| chunk(&c.to_string())).collect();
    refused(Setup::new(), &(chunked("/open/", "application/json") + &body + "0\r\n\r\n"), 403, "attack-detected");
}

#[test]
fn malformed_heads() {
    for (head, reason) in [
        (
            "POST /open/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "http1-",
        ),
        ("GET /open/ HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "http1-"),
        ("GET /open/ HTTP/1.1\nhost: a\n\n", "http1-bare-lf"),
        ("GET /open/ HTTP/1.1\r\nhost : a\r\n\r\n", "http1-space-before-colon"),
        ("GET /open/ HTTP/1.1\r\n\r\n", "http1-host-missing"),
    ] {
        refused(Setup::new(), head, 400, reason);
    }
}

#[test]
fn malformed_chunk_after_good_ones() {
    let bytes = chunked("/open/", "text/plain") + &chunk("well") + "zz\r\n";
    refused(Setup::new(), &bytes, 400, "http1-chunk-size");
}

#[test]
fn oversized_body() {
    let setup = || Setup::new().limit("inspect_bytes: 1KiB");
    let body = "a".repeat(1025);
    refused(setup(), &post("/open/", "text/plain", &body), 413, "limit-inspect-bytes");
    refused(setup(), &(chunked("/open/", "text/plain") + &chunk(&body)), 413, "limit-inspect-bytes");
}

/// Streams whatever [`fields`] begins: more than one read brings.
fn streaming() -> Setup {
    Setup::before(|talk| talk.drain()).limit("inspect_bytes: 4KiB")
}

/// The beginning of a JSON object.
fn fields(count: usize) -> String {
    (0..count).map(|n| format!("\"field{n}\":\"all is well\",")).collect()
}

#[test]
fn attack_in_a_later_window_of_a_chunked_stream() {
    let bench = streaming().start();
    let mut client = bench.client();
    client.send(chunked("/stream", "application/json") + &chunk(&format!("{{{}", fields(5000))));
    let answer = client.ask(chunk(&format!("\"last\":\"{ATTACK}\"}}")) + "0\r\n\r\n");
    assert_eq!(answer.status, 403);
    let ended = bench.end();
    assert!(!ended.all().contains("UNION"), "attack forwarded");
    assert!(!ended.all().contains("0\r\n\r\n"), "passed off as whole");
    assert!(ended.received.iter().all(|received| received.reset), "not reset");
    assert!(ended.reasons()[0].starts_with("attack-detected"), "{:?}", ended.reasons());
}

#[test]
fn attack_in_a_later_window_of_a_stream_with_a_length() {
    let bench = streaming().start();
    let body = format!("{{{}\"last\":\"{ATTACK}\"}}", fields(5000));
    assert_eq!(bench.client().ask(post("/stream", "application/json", &body)).status, 403);
    let ended = bench.end();
    let (_, forwarded) = ended.all().split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(body.starts_with(&forwarded) && forwarded.len() < body.len() && !forwarded.contains("UNION"));
    assert!(ended.received[0].reset, "not reset");
    assert_eq!(ended.of("judged").next().unwrap()["released"], forwarded.len());
}

#[test]
fn malformed_chunk_in_a_stream_resets_it() {
    let bench = streaming().start();
    let mut client = bench.client();
    client.send(chunked("/stream", "application/json") + &chunk(&format!("{{{}", fields(5000))));
    assert_eq!(client.ask("zz\r\n").status, 400);
    let ended = bench.end();
    assert!(!ended.all().contains("0\r\n\r\n"), "passed off as whole");
    assert!(ended.received[0].reset, "not reset");
    assert_eq!(ended.reasons(), ["http1-chunk-size"]);
}

#[test]
fn client_that_breaks_off_a_stream_resets_it() {
    let bench = streaming().start();
    let mut client = bench.client();
    client.send(chunked("/stream", "application/json") + &chunk(&format!("{{{}", fields(5000))));
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.rest();
    let ended = bench.end();
    assert!(!ended.all().contains("0\r\n\r\n"), "passed off as whole");
    assert!(ended.received[0].reset, "not reset");
    assert_eq!(ended.reasons(), ["client-broke-off"]);
}

#[test]
fn record_says_who_answers_for_the_rule() {
    let rules = "
  - {name: all, from: any, methods: [GET], path: '/open/{rest...}'}
deny:
  - {name: no debugging, owner: team-orders, reason: it shows secrets, path: '/open/{rest...}', query: [debug]}";
    let bench = Setup::new().rules(rules).start();
    assert_eq!(bench.client().ask(get("/open/?debug=1")).status, 403);
    let ended = bench.end();
    let event = ended.of("judged").next().unwrap();
    assert_eq!((&event["reason"], &event["owner"]), (&"policy-deny-rule".into(), &"team-orders".into()));
    assert_eq!(event["purpose"], "it shows secrets");
}

/// As TCP health checks do, all day long.
#[test]
fn connection_without_a_byte_is_counted_only() {
    let bench = Setup::new().start();
    drop(bench.client());
    assert_eq!(bench.client().ask(get("/open/")).status, 200);
    let ended = bench.end();
    assert!(ended.reasons().is_empty() && ended.of("handshake").count() == 0);
    assert!(ended.counts("tls-nothing-said"), "{}", ended.metrics);
}
