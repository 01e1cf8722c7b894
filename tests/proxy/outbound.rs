//! What the sidecar asks of those it connects to: plaintext here, mTLS to the sidecar of someone else.

use crate::bench::{Bench, Setup};
use crate::client::get;
use crate::trust::{authority, issue, write};
use crate::upstream::Talk;
use podwall::identity::dev::Authority;
use std::process::Command;

/// A sidecar in front of an application, and one before it that originates mTLS and expects `id` there.
fn two(authority: &Authority, id: &str, listener: &str) -> (Bench, Bench) {
    let catalog = Setup::new().strict(|folder| write(folder, &issue(authority, "catalog"), authority)).start();
    let tls = format!("upstream_tls: {{identities: ['spiffe://cluster.test/ns/shop/sa/{id}']}}");
    let cart = Setup::new()
        .identity(|folder| write(folder, &issue(authority, "cart"), authority))
        .listener(&tls)
        .listener(listener)
        .behind(catalog.address())
        .start();
    (cart, catalog)
}

#[test]
fn the_expected_identity_is_asked() {
    let authority = authority();
    for speaks in ["http1", "http2", "auto"] {
        let (cart, catalog) = two(&authority, "*", &format!("upstream_protocol: {speaks}"));
        let mut client = cart.client();
        assert_eq!((client.ask(get("/open/")).status, client.ask(get("/open/")).status), (200, 200), "{speaks}");
        assert!(cart.end().reasons().is_empty());
        let catalog = catalog.end();
        assert_eq!(catalog.all().matches("URI=spiffe://cluster.test/ns/shop/sa/cart").count(), 2);
        let handshakes = catalog.metrics.lines().find(|line| line.starts_with("podwall_handshakes_total{")).unwrap();
        assert!(handshakes.ends_with(" 1"), "{handshakes}");
    }
}

#[test]
fn another_identity_is_sent_nothing() {
    let authority = authority();
    let (cart, catalog) = two(&authority, "payments", "upstream_protocol: http1");
    let answer = cart.client().ask(get("/open/"));
    assert_eq!((answer.status, answer.head.contains("x-podwall-event")), (502, true));
    let cart = cart.end();
    assert_eq!(cart.reasons(), ["upstream-identity"]);
    assert!(cart.record.contains("ns/shop/sa/catalog is there"), "{}", cart.record);
    assert!(catalog.end().received.is_empty());
}

#[test]
fn a_server_of_strangers_is_sent_nothing() {
    let (ours, theirs) = (authority(), authority());
    let (cart, catalog) = two(&theirs, "catalog", "upstream_protocol: http1");
    write(cart.folder(), &issue(&ours, "cart"), &ours);
    cart.life().state().reload_identity();
    assert_eq!(cart.client().ask(get("/open/")).status, 502);
    assert_eq!(cart.end().reasons(), ["upstream-untrusted"]);
    assert!(catalog.end().received.is_empty());
}

#[test]
fn connections_end_with_the_trust_they_were_opened_under() {
    let (old, new) = (authority(), authority());
    for speaks in ["http1", "http2"] {
        let (cart, catalog) = two(&old, "catalog", &format!("upstream_protocol: {speaks}"));
        assert_eq!(cart.client().ask(get("/open/")).status, 200);
        write(cart.folder(), &issue(&new, "cart"), &new);
        cart.life().state().reload_identity();
        assert_eq!(cart.client().ask(get("/open/")).status, 502);
        assert_eq!(cart.end().reasons(), ["upstream-untrusted"]);
        assert_eq!(catalog.end().all().matches("GET ").count(), 1);
    }
}

/// The application's own sidecar, and what it may call: rules of `outbound:`.
fn calling(setup: Setup, rules: &str) -> Setup {
    setup.listener("direction: outbound").rules(&format!(" []\noutbound:{rules}"))
}

#[test]
fn what_the_pod_may_not_call_is_refused() {
    let setup = calling(Setup::new(), "\n  - GET /items/{id} to catalog.shop");
    let destination = setup.behind_address().to_string();
    let bench = setup.start();
    let mut client = bench.client();
    let ask = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(client.ask(ask("/items/7", "catalog.shop")).status, 200);
    assert_eq!(client.ask(ask("/items/7", "other.shop")).status, 403);
    assert_eq!(client.ask(ask("/orders/7", "catalog.shop")).status, 403);
    assert_eq!(client.ask(ask("/items/7%27%20OR%201=1--", "catalog.shop")).status, 403);
    assert_eq!(client.ask(ask("/items/8", "catalog.shop")).status, 200);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["policy-no-rule", "policy-no-rule", "attack-detected"]);
    assert_eq!(ended.of("judged").count(), 3);
    assert!(ended.of("judged").all(|event| event["direction"] == "outbound" && event["to"] == destination));
    assert_eq!(ended.all().matches("GET ").count(), 2);
    assert!(ended.metrics.contains("direction=\"outbound\""));
}

#[test]
fn a_rule_names_who_must_be_there() {
    let authority = authority();
    let catalog = Setup::new().strict(|folder| write(folder, &issue(&authority, "catalog"), &authority)).start();
    let rules = "
  - {name: catalog, to: {namespace: shop, serviceAccount: catalog}, path: '/open/{id}'}
  - {name: payments, to: spiffe://cluster.test/ns/shop/sa/payments, path: /open/pay/now}";
    let setup = calling(Setup::new(), rules).identity(|folder| write(folder, &issue(&authority, "cart"), &authority));
    let cart = setup.behind(catalog.address()).start();
    let mut client = cart.client();
    let asked = ["/open/1", "/open/pay/now", "/open/2", "/other"].map(|path| client.ask(get(path)).status);
    assert_eq!(asked, [200, 502, 200, 403]);
    let cart = cart.end();
    assert_eq!(cart.reasons(), ["upstream-identity", "policy-no-rule"]);
    let catalog = catalog.end();
    assert!(!catalog.all().contains("/open/pay/now"));
    assert_eq!(catalog.all().matches("URI=spiffe://cluster.test/ns/shop/sa/cart").count(), 2);
}

#[test]
fn without_a_certificate_of_ours_nobody_is_asked_for_one() {
    let bench = calling(Setup::new(), "\n  - {to: spiffe://cluster.test/ns/shop/sa/catalog}").start();
    assert_eq!(bench.client().ask(get("/open/")).status, 503);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["upstream-no-trust"]);
    assert_eq!(ended.all(), "");
}

#[test]
fn an_upstream_that_keeps_failing_is_left_alone() {
    let unavailable = |talk: &mut Talk| {
        while talk.request().is_some() && talk.say("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") {}
    };
    let setup = calling(Setup::before(unavailable), "\n  - http to shop");
    let bench = setup.also("circuit_breaker: {failures: 3, open_for: 1h}\n").start();
    let mut client = bench.client();
    let answers: Vec<_> = (0..5).map(|_| client.ask("GET / HTTP/1.1\r\nHost: shop\r\n\r\n")).collect();
    assert!(answers.iter().all(|answer| answer.status == 503));
    let left_alone: Vec<bool> = answers.iter().map(|answer| answer.head.contains("retry-after: 3")).collect();
    assert_eq!(left_alone, [false, false, false, true, true]);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["upstream-circuit-open"; 2]);
    assert_eq!(ended.all().matches("GET ").count(), 3);
    assert!(ended.metrics.contains("\npodwall_circuits_open 1\n"), "{}", ended.metrics);
}

#[test]
fn what_the_pod_calls_is_learned() {
    let setup = calling(Setup::new(), "\n  - http to nobody");
    let port = setup.behind_address().port();
    let bench = setup.mode("learn").start();
    let mut client = bench.client();
    for number in 0..3 {
        assert_eq!(client.ask(format!("GET /items/{number} HTTP/1.1\r\nHost: catalog.shop\r\n\r\n")).status, 200);
    }
    let ended = bench.end();
    assert!(ended.of("learned").all(|line| line["host"] == "catalog.shop" && line["direction"] == "outbound"));
    let kept = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kept.path(), &ended.record).unwrap();
    let podwall = &mut Command::new(env!("CARGO_BIN_EXE_podwall"));
    let output = podwall.args(["log", "learn"]).arg(kept.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(&format!("outbound:\n  - GET /items/{{id}} to catalog.shop:{port}    # requests: 3")),
        "{text}"
    );
}
