//! Every limit at n and at n+1: allowed at its value, refused one above it by its own name, in the record and in the
//! metrics. A test is called by its limit's name; the first one finds limits that have none.

#[path = "limits/body.rs"]
mod body;
#[path = "limits/http2.rs"]
mod http2;
#[path = "limits/tls.rs"]
mod tls;

use crate::bench::Setup;
use crate::client::{chunk, chunked, get, post};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

#[test]
fn every_limit_has_a_test_of_its_name() {
    let parts = [include_str!("limits/body.rs"), include_str!("limits/http2.rs"), include_str!("limits/tls.rs")];
    let tests = parts.concat() + include_str!("limits.rs") + include_str!("slow.rs") + include_str!("rates.rs");
    let settings = podwall::control::config::settings();
    let names = settings.iter().map(|setting| setting.name());
    let mut limits: Vec<String> = names.filter_map(|name| Some(name.strip_prefix("limits.")?.to_owned())).collect();
    assert!(limits.len() > 25, "{limits:?}");
    // Those of bodies that are no settings: `    depth: 100,`.
    let of_bodies = format!("{:#?}", podwall::protocol::body::Limits::default());
    limits.extend(of_bodies.lines().filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())));
    limits.retain(|name| !tests.contains(&format!("#[test]\nfn {name}()")));
    assert!(limits.is_empty(), "no tests named {limits:?}");
}

/// `at` is served under the limit; `above` is refused by name, and the upstream receives nothing of it.
fn ends(limit: &str, at: impl AsRef<[u8]>, above: impl AsRef<[u8]>, status: u16, reason: &str) {
    let setup = if limit.is_empty() { Setup::new() } else { Setup::new().limit(limit) };
    let bench = setup.start();
    let statuses = [at.as_ref(), above.as_ref()].map(|bytes| bench.client().ask(bytes).status);
    let ended = bench.end();
    assert_eq!(ended.reasons(), [reason], "{limit}");
    assert_eq!(statuses, [200, status], "{limit}");
    assert_eq!(ended.received.len(), 1, "{limit}");
    assert!(ended.counts(reason), "{reason}: {}", ended.metrics);
}

fn with(lines: &str) -> String {
    format!("GET /open/ HTTP/1.1\r\nhost: shop\r\n{lines}\r\n")
}

#[test]
fn head_bytes() {
    let rest = with("x: \r\n").len();
    let of = |bytes: usize| with(&format!("x: {}\r\n", "a".repeat(bytes - rest)));
    assert_eq!(of(512).len(), 512);
    ends("{head_bytes: 512, target_bytes: 512, header_bytes: 512}", of(512), of(513), 431, "http1-head-too-large");
}

#[test]
fn headers() {
    let of = |count: usize| with(&(1..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>());
    ends("headers: 5", of(5), of(6), 431, "http1-too-many-headers");
}

#[test]
fn header_bytes() {
    let of = |bytes: usize| with(&format!("x: {}\r\n", "a".repeat(bytes - 3)));
    ends("header_bytes: 64", of(64), of(65), 431, "http1-header-too-large");
}

#[test]
fn target_bytes() {
    let of = |bytes: usize| get(&format!("/open/{}", "a".repeat(bytes - 6)));
    ends("target_bytes: 64", of(64), of(65), 414, "http1-target-too-long");
}

#[test]
fn trailer_bytes() {
    let of = |bytes: usize| {
        let trailer = format!("x: {}\r\n", "a".repeat(bytes - 5));
        chunked("/open/", "text/plain") + &chunk("a") + &format!("0\r\n{trailer}\r\n")
    };
    ends("trailer_bytes: 64", of(64), of(65), 431, "http1-trailers-too-large");
}

#[test]
fn inspect_bytes() {
    let length = |bytes: usize| post("/open/", "text/plain", &"a".repeat(bytes));
    let chunks = |bytes: usize| chunked("/open/", "text/plain") + &chunk(&"a".repeat(bytes)) + "0\r\n\r\n";
    ends("inspect_bytes: 1KiB", length(1024), length(1025), 413, "limit-inspect-bytes");
    ends("inspect_bytes: 1KiB", chunks(1024), chunks(1025), 413, "limit-inspect-bytes");
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
    assert_eq!(bench.client().send(begun(423)).ask("a").status, 200);
    assert_eq!(bench.client().send(begun(424)).ask("a").status, 503);
    // What one read brings counts too.
    let whole = |bytes: usize| post("/open/", "text/plain", &"a".repeat(bytes));
    assert_eq!([424, 425].map(|bytes| bench.client().ask(whole(bytes)).status), [200, 503]);
    assert_eq!(other.ask("a").status, 200);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-held-bytes"; 2]);
    assert!(ended.counts("limit-held-bytes"), "{}", ended.metrics);
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
    assert!(ended.counts("limit-requests-per-connection"), "{}", ended.metrics);
    assert_eq!(ended.all().matches("GET ").count(), 2);
}

#[test]
fn connections() {
    let bench = Setup::new().limit("connections: 2").start();
    let (mut one, mut two) = (bench.client(), bench.client());
    assert_eq!([&mut one, &mut two].map(|client| client.ask(get("/open/")).status), [200, 200]);
    assert!(bench.client().rest().is_empty());
    assert_eq!(one.ask(get("/open/")).status, 200);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["limit-connections"]);
    assert!(ended.counts("limit-connections"), "{}", ended.metrics);
}

/// Asks for three answers at once, which come only when all three have been asked for; then for three more. How many
/// connections the upstream saw.
fn connections_with(upstream_idle: usize) -> usize {
    let (asked, all_asked) = sync_channel(3);
    let (go, gone) = sync_channel::<()>(3);
    let (asked, gone) = (Mutex::new(asked), Mutex::new(gone));
    let bench = Setup::before(move |talk| {
        while talk.request().is_some() {
            asked.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
            crate::upstream::ok(talk);
        }
    })
    .limit(&format!("upstream_idle: {upstream_idle}"))
    .start();
    let mut clients = [(); 3].map(|()| bench.client());
    for _ in 0..2 {
        for client in &mut clients {
            client.send(get("/open/"));
        }
        (0..3).for_each(|_| all_asked.recv().unwrap());
        (0..3).for_each(|_| go.send(()).unwrap());
        clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    }
    bench.end().received.len()
}

#[test]
fn upstream_idle() {
    assert_eq!([3, 2, 0].map(connections_with), [3, 4, 6]);
}
