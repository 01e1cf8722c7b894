//! Every limit at n and at n+1: allowed at its value, refused one above it by its own name.

use crate::bench::Setup;
use crate::client::{chunk, chunked, get, post};

/// `at` is served under the limit; `above` is refused by name, and the upstream receives nothing of it.
fn ends(limit: &str, at: &str, above: &str, status: u16, reason: &str) {
    let bench = Setup::new().limit(limit).start();
    let answer = bench.client().ask(at);
    assert_eq!((answer.status, answer.whole), (200, true), "{limit}: {}", answer.head);
    assert_eq!(bench.client().ask(above).status, status, "{limit}");
    let ended = bench.end();
    assert_eq!(ended.reasons(), [reason], "{limit}");
    assert_eq!(ended.received.len(), 1, "{limit}");
}

fn with(lines: &str) -> String {
    format!("GET /open/ HTTP/1.1\r\nhost: shop\r\n{lines}\r\n")
}

#[test]
fn head_bytes() {
    let rest = with("x: \r\n").len();
    let of = |bytes: usize| with(&format!("x: {}\r\n", "a".repeat(bytes - rest)));
    assert_eq!(of(512).len(), 512);
    ends("{head_bytes: 512, target_bytes: 512, header_bytes: 512}", &of(512), &of(513), 431, "http1-head-too-large");
}

#[test]
fn headers() {
    let of = |count: usize| with(&(1..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>());
    ends("headers: 5", &of(5), &of(6), 431, "http1-too-many-headers");
}

#[test]
fn header_bytes() {
    let of = |bytes: usize| with(&format!("x: {}\r\n", "a".repeat(bytes - 3)));
    ends("header_bytes: 64", &of(64), &of(65), 431, "http1-header-too-large");
}

#[test]
fn target_bytes() {
    let of = |bytes: usize| get(&format!("/open/{}", "a".repeat(bytes - 6)));
    ends("target_bytes: 64", &of(64), &of(65), 414, "http1-target-too-long");
}

#[test]
fn trailer_bytes() {
    let of = |bytes: usize| {
        let trailer = format!("x: {}\r\n", "a".repeat(bytes - 5));
        chunked("/open/", "text/plain") + &chunk("a") + &format!("0\r\n{trailer}\r\n")
    };
    ends("trailer_bytes: 64", &of(64), &of(65), 431, "http1-trailers-too-large");
}

#[test]
fn inspect_bytes() {
    let length = |bytes: usize| post("/open/", "text/plain", &"a".repeat(bytes));
    let chunks = |bytes: usize| chunked("/open/", "text/plain") + &chunk(&"a".repeat(bytes)) + "0\r\n\r\n";
    ends("inspect_bytes: 1KiB", &length(1024), &length(1025), 413, "limit-inspect-bytes");
    ends("inspect_bytes: 1KiB", &chunks(1024), &chunks(1025), 413, "limit-inspect-bytes");
}

#[test]
fn held_bytes() {
    let bench = Setup::new().limit("inspect_bytes: 1KiB").limit("held_bytes: 1KiB").start();
    // One byte is still to come, so that everything before it is held.
    let begun = |bytes: usize| {
        let all = post("/open/", "text/plain", &"a".repeat(bytes + 1));
        all[..all.len() - 1].to_owned()
    };
    let mut other = bench.client();
    other.send(begun(600));
    while bench.life().state().shared().held_bytes() != 600 {
        std::thread::yield_now();
    }
    assert_eq!(bench.client().send(begun(424)).ask("a").status, 200);
    assert_eq!(bench.client().ask(begun(425)).status, 503);
    assert_eq!(other.ask("a").status, 200);
    assert_eq!(bench.end().reasons(), ["limit-held-bytes"]);
}

#[test]
fn requests_per_connection() {
    let bench = Setup::new().limit("requests_per_connection: 2").start();
    let mut client = bench.client();
    let statuses = [(); 2].map(|()| client.ask(get("/open/")).status);
    assert_eq!(statuses, [200, 200]);
    // The last answer says that the connection ends; nobody is refused.
    assert!(client.rest().is_empty());
    let ended = bench.end();
    assert_eq!(ended.reasons(), [""; 0]);
    assert_eq!(ended.all().matches("GET ").count(), 2);
}

#[test]
fn connections() {
    let bench = Setup::new().limit("connections: 2").start();
    let (mut one, mut two) = (bench.client(), bench.client());
    assert_eq!([&mut one, &mut two].map(|client| client.ask(get("/open/")).status), [200, 200]);
    assert!(bench.client().rest().is_empty());
    assert_eq!(one.ask(get("/open/")).status, 200);
    assert_eq!(bench.end().reasons(), ["limit-connections"]);
}
