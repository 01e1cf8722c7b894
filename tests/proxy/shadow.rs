//! Shadow mode forwards everything that can be forwarded, and records what would have been denied.

use crate::bench::{Ended, Setup};
use crate::client::{chunk, chunked, get, post};

const ATTACK: &str = "x' UNION SELECT card,cvv FROM payments--";

/// Sends these bytes through a sidecar that only watches; all of the last line of the request must arrive.
fn watched(bytes: &str, arrives: &str) -> Ended {
    let bench = Setup::new().mode("shadow").limit("inspect_bytes: 4KiB").start();
    let answer = bench.client().ask(bytes);
    let ended = bench.end();
    assert_eq!((answer.status, answer.whole), (200, true), "{bytes:.100}: {:?}", ended.reasons());
    assert!(ended.all().contains(arrives), "{bytes:.100}");
    assert!(ended.of("judged").all(|line| line["mode"] == "shadow" && line["verdict"] == "deny"));
    ended
}

/// More than one window.
fn long(kind: &str, last: &str) -> String {
    let fields: String = (0..5000).map(|n| format!("\"field{n}\":\"all is well\",")).collect();
    post("/stream", kind, &format!("{{{fields}\"last\":\"{last}\"}}"))
}

#[test]
fn request_without_a_rule() {
    assert_eq!(watched(&get("/closed"), "GET /closed").reasons(), ["policy-no-rule"]);
}

#[test]
fn attack_in_a_window_of_a_stream() {
    let ended = watched(&long("application/json", ATTACK), ATTACK);
    assert_eq!(ended.reasons(), ["attack-detected"]);
    assert!(ended.of("judged").next().unwrap()["evidence"][0]["matched"].as_str().unwrap().contains("UNION"));
}

#[test]
fn stream_that_cannot_be_followed() {
    let coded = long("application/json", "end").replacen("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n", 1);
    assert_eq!(watched(&coded, "\"end\"}").reasons(), ["body-stream-coded"]);
    let broken = long("multipart/form-data; boundary=x", "end");
    assert_eq!(watched(&broken, "\"end\"}").reasons(), ["multipart-no-delimiter"]);
}

#[test]
fn body_that_is_larger_than_is_held() {
    let body = "all is well\n".repeat(1000) + "end";
    assert_eq!(watched(&post("/open/", "text/plain", &body), "\nend").reasons(), ["limit-inspect-bytes"]);
    let chunks = chunked("/open/", "text/plain") + &chunk(&body) + "0\r\n\r\n";
    assert_eq!(watched(&chunks, "\nend").reasons(), ["limit-inspect-bytes"]);
    let closed = post("/closed", "text/plain", &body);
    assert_eq!(watched(&closed, "\nend").reasons(), ["policy-no-rule", "limit-inspect-bytes"]);
}

#[test]
fn body_that_cannot_be_read() {
    let deep = post("/open/", "application/json", &("[".repeat(101) + &"]".repeat(101)));
    assert_eq!(watched(&deep, "]]]").reasons(), ["json-depth"]);
}

#[test]
fn path_that_is_refused_by_name() {
    assert_eq!(watched(&get("/open/a/../b"), "GET /open/a/../b").reasons(), ["path-dot-segment"]);
}

/// What has no one meaning as a message cannot be forwarded as one.
#[test]
fn malformed_message_is_refused_all_the_same() {
    let bench = Setup::new().mode("shadow").start();
    let smuggled =
        "POST /open/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(bench.client().ask(smuggled).status, 400);
    assert_eq!(bench.client().ask(chunked("/open/", "text/plain") + "zz\r\n").status, 400);
    assert_eq!(bench.end().all(), "");
}
