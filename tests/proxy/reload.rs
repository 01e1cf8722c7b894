//! What changes while it runs: the allowlist, and at last the sidecar itself, which lets what is in flight end.

use crate::bench::Setup;
use crate::client::{get, post};
use crate::upstream::ok;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc;

#[test]
fn new_allowlist_holds_for_the_next_message() {
    let bench = Setup::new().start();
    let mut client = bench.client();
    assert_eq!(client.ask(get("/open/")).status, 200);
    bench.rewrite("\n  - POST /open/{rest...} from any");
    bench.life().state().reload_policy();
    assert_eq!(client.ask(get("/open/")).status, 403);
    assert_eq!(client.ask(post("/open/", "text/plain", "hi")).status, 200);
    let ended = bench.end();
    let outcomes: Vec<_> = ended.of("reload").map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!((outcomes, ended.reasons().len()), (vec!["ok"], 1));
}

#[test]
fn broken_allowlist_changes_nothing_but_the_alarms() {
    let bench = Setup::new().start();
    let mut client = bench.client();
    bench.rewrite("\n  - GET /open/{rest...} from\n  - {name: x, form: any}");
    bench.life().state().reload_policy();
    assert_eq!(client.ask(get("/open/")).status, 200);
    assert_eq!(client.ask(get("/closed")).status, 403);
    assert!(bench.report().contains("allowlist.yaml"), "{}", bench.report());
    let ended = bench.end();
    let line = ended.of("reload").next().unwrap();
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["problems"].as_array().unwrap().len(), 2, "{line}");
}

#[test]
fn request_in_flight_ends_before_the_sidecar_does() {
    let (asked, was_asked) = mpsc::sync_channel(1);
    let (release, released) = mpsc::sync_channel::<()>(1);
    let (asked, released) = (Mutex::new(asked), Mutex::new(released));
    let mut bench = Setup::before(move |talk| {
        if talk.request().is_some() {
            asked.lock().unwrap().send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            ok(talk);
        }
    })
    .start();
    let (address, mut client, mut idle) = (bench.address(), bench.client(), bench.client());
    client.send(get("/open/"));
    was_asked.recv().unwrap();
    assert_eq!(idle.ask(get("/closed")).status, 403);
    let stopping = bench.stop_aside();
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    assert!(idle.rest().is_empty());
    release.send(()).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.whole, stopping.join().unwrap()), (200, true, 0));
    assert!(answer.head.contains("\r\nconnection: close\r\n"), "{}", answer.head);
    assert_eq!(bench.end().of("stop").next().unwrap()["cut"], 0);
}

#[test]
fn warnings_are_told_with_a_reload() {
    let bench = Setup::new().start();
    bench.rewrite("\n  - {name: old, from: any, methods: GET, path: /old, expires: 2020-01-01}");
    bench.life().state().reload_policy();
    let ended = bench.end();
    let line = ended.of("reload").next().unwrap();
    assert_eq!(line["outcome"], "ok");
    assert!(line["warnings"].to_string().contains("2020-01-01"), "{line}");
}
