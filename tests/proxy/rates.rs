//! Rates of the allowlist through the front door. Bursts are counted; that time brings new requests is tested where the
//! clock can be told (`behave::rates`).

use crate::bench::{Bench, Setup};
use crate::client::{Client, chunk, chunked, get, post};
use std::net::Ipv4Addr;

fn with(rates: &str) -> Bench {
    let rules = "\n  - {name: all, from: any, methods: [GET, POST], path: '/{rest...}'}\nrates:\n";
    Setup::new().rules(&format!("{rules}{rates}")).start()
}

#[test]
fn burst_and_one_more() {
    let bench = with("  - {name: hourly, path: /limited, perCaller: 1/h burst 3}");
    let mut client = bench.client();
    let statuses = [(); 4].map(|()| client.ask(get("/limited")).status);
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(client.ask(get("/other")).status, 200, "the connection goes on, and other paths are not counted");
    let refused = bench.client().ask(get("/LIMITED/"));
    let wait = refused.head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse::<u64>().ok()).unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["rate-exceeded", "rate-exceeded"]);
    assert_eq!(ended.lines.iter().find(|line| line["reason"] == "rate-exceeded").unwrap()["rules"][0], "hourly");
    assert_eq!(ended.all().matches("GET ").count(), 4);
}

#[test]
fn refused_body_is_not_taken() {
    let bench = with("  - {name: hourly, methods: POST, total: 1/h}");
    assert_eq!(bench.client().ask(post("/", "text/plain", "first")).status, 200);
    assert_eq!(bench.client().ask(post("/", "text/plain", "second")).status, 429);
    assert_eq!(bench.client().ask(get("/")).status, 200);
    assert!(!bench.end().all().contains("second"));
}

#[test]
fn attacks_are_refused_as_attacks_and_not_counted() {
    let bench = with("  - {name: hourly, perCaller: 1/h}");
    let attack = get("/?q=x%27%20UNION%20SELECT%20card,cvv%20FROM%20payments--");
    let mut client = bench.client();
    assert_eq!([client.ask(&*attack).status, client.ask(get("/")).status], [403, 200]);
    assert_eq!(bench.end().reasons(), ["attack-detected"]);
}

#[test]
fn at_once() {
    let bench = with("  - {name: narrow, total: {concurrent: 2}}");
    // Two requests whose bodies have not ended are in flight.
    let mut begun = [bench.client(), bench.client()];
    for client in &mut begun {
        client.send(chunked("/", "text/plain") + &chunk("a"));
    }
    let refused = |bench: &Bench| bench.client().ask(get("/")).status == 429;
    while !refused(&bench) {
        std::thread::yield_now();
    }
    for client in &mut begun {
        assert_eq!(client.ask("0\r\n\r\n").status, 200);
    }
    assert_eq!(bench.client().ask(get("/")).status, 200);
    assert!(bench.end().reasons().iter().all(|reason| *reason == "rate-concurrency"));
}

#[test]
fn shadow_only_records() {
    let rules = "\n  - {name: all, from: any, methods: GET, path: '/{rest...}'}\nrates:\n";
    let bench = Setup::new().mode("shadow").rules(&format!("{rules}  - {{name: hourly, perCaller: 1/h}}")).start();
    let mut client = bench.client();
    assert_eq!([(); 2].map(|()| client.ask(get("/")).status), [200, 200]);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["rate-exceeded"]);
    assert_eq!(ended.lines.iter().find(|line| line["reason"] == "rate-exceeded").unwrap()["mode"], "shadow");
}

/// Two callers are counted apart; the third shares its counter with the fourth.
#[test]
fn rate_counters() {
    let rules = "\n  - {name: all, from: any, methods: GET, path: '/{rest...}'}\nrates:\n";
    let setup = Setup::new().limit("rate_counters: 2").rules(&format!("{rules}  - {{name: hourly, perCaller: 1/h}}"));
    let bench = setup.start();
    let callers = [1, 2, 3, 4].map(|last| Client::connect_from(Ipv4Addr::new(127, 0, 0, last), bench.address()));
    assert_eq!(callers.map(|mut client| client.ask(get("/")).status), [200, 200, 200, 429]);
    assert_eq!(bench.end().reasons(), ["rate-exceeded"]);
}
