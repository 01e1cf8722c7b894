//! What the sidecar asks of those it connects to: plaintext here, mTLS to the sidecar of someone else.

use crate::bench::{Bench, Setup};
use crate::client::get;
use crate::trust::{authority, issue, write};
use podwall::identity::dev::Authority;

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
