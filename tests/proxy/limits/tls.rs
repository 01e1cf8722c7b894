//! What a peer's handshake and its certificates may cost.

use crate::bench::{Bench, Setup};
use crate::client::{Client, get};
use crate::trust::{authority, caller, connect, issue, write};
use podwall::identity::dev::{Authority, Issued, Key, Order};
use std::net::TcpStream;

/// Of a strict sidecar with this limit, what becomes of a caller with this certificate.
fn status(limit: &str, trusted: &Authority, own: &Issued, reasons: &[&str]) -> u16 {
    let bench = Setup::new().strict(|folder| write(folder, &issue(trusted, "orders"), trusted)).limit(limit).start();
    let status = connect(&bench, &caller(own, &[trusted])).ask(get("/open/")).status;
    let ended = bench.end();
    assert_eq!(ended.reasons(), reasons, "{limit}");
    reasons.iter().for_each(|reason| assert!(ended.counts(reason), "{reason}: {}", ended.metrics));
    status
}

fn ends(trusted: &Authority, own: &Issued, at: &str, above: &str, reason: &str) {
    assert_eq!(status(at, trusted, own, &[]), 200, "{at}");
    assert_eq!(status(above, trusted, own, &[reason]), 0, "{above}");
}

fn with_key(key: Key) -> (Authority, Issued) {
    let authority = authority();
    let order = Order { key, ..Order::workload(&authority.id("shop", "frontend").unwrap()) };
    let issued = authority.issue(&order).unwrap();
    (authority, issued)
}

#[test]
fn chain_length() {
    let root = authority();
    let own = issue(&root.intermediate().unwrap(), "frontend");
    ends(&root, &own, "chain_length: 2", "chain_length: 1", "tls-chain-too-long");
}

#[test]
fn chain_bytes() {
    let root = authority();
    let own = issue(&root.intermediate().unwrap(), "frontend");
    let bytes: usize = own.chain.iter().map(|certificate| certificate.len()).sum();
    let of = |bytes: usize| format!("chain_bytes: {bytes}");
    ends(&root, &own, &of(bytes), &of(bytes - 1), "tls-chain-too-large");
}

#[test]
fn rsa_bits_least() {
    let (authority, own) = with_key(Key::Rsa2048);
    ends(&authority, &own, "rsa_bits_least: 2048", "rsa_bits_least: 2049", "tls-key-size");
}

#[test]
fn rsa_bits_most() {
    let (authority, own) = with_key(Key::Rsa3072);
    ends(&authority, &own, "rsa_bits_most: 3072", "rsa_bits_most: 3071", "tls-key-size");
}

/// A sidecar, and a caller it believes.
fn strict(limit: &str) -> (Bench, impl Fn(&Bench) -> u16) {
    let authority = authority();
    let own = issue(&authority, "orders");
    let bench = Setup::new().strict(|folder| write(folder, &own, &authority)).limit(limit).start();
    let config = caller(&issue(&authority, "frontend"), &[&authority]);
    (bench, move |bench: &Bench| connect(bench, &config).ask(get("/open/")).status)
}

/// Begins a handshake and leaves it at that.
fn stalled(bench: &Bench) -> Client<TcpStream> {
    let mut client = bench.client();
    client.send(b"\x16");
    client
}

#[test]
fn handshakes() {
    let (bench, ask) = strict("handshakes: 2");
    let one = stalled(&bench);
    assert_eq!(ask(&bench), 200);
    let two = stalled(&bench);
    assert_eq!(ask(&bench), 0);
    drop((one, two));
    let ended = bench.end();
    assert_eq!(ended.reasons()[0], "tls-too-many-handshakes");
    assert!(ended.counts("tls-too-many-handshakes"), "{}", ended.metrics);
}

#[test]
fn handshakes_per_second() {
    let (bench, _) = strict("handshakes_per_second: 1");
    let (one, mut two) = (stalled(&bench), stalled(&bench));
    assert!(two.rest().is_empty());
    drop(one);
    let ended = bench.end();
    assert_eq!(ended.reasons()[0], "tls-handshake-rate");
    assert!(ended.counts("tls-handshake-rate"), "{}", ended.metrics);
}

#[test]
fn handshake_deadline() {
    let (bench, ask) = strict("handshake_deadline: 200ms");
    assert!(stalled(&bench).rest().is_empty());
    assert_eq!(ask(&bench), 200);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["tls-slow-handshake"]);
    assert!(ended.counts("tls-slow-handshake"), "{}", ended.metrics);
}
