//! What one grant costs with 100 rules: granted, granted to a verified caller under wildcards, denied by a rule, and
//! refused with its explanation. `cargo bench --bench policy`; prints nanoseconds per grant, the best of several runs.

#![allow(clippy::unwrap_used)] // a bench: what fails, fails it

use podwall::document;
use podwall::flow::*;
use podwall::policy::{Allowlist, Context, Policy, compile};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const RULES: usize = 100;
const ROUNDS: u32 = 200_000;

fn main() {
    let policy = policy();
    for (what, method, path) in [
        ("granted, literal path", "GET", "/api/v1/thing17/list"),
        ("granted, parameters", "POST", "/api/v1/thing42/7/parts/9"),
        ("granted, rest", "GET", "/api/v1/thing83/files/a/b/c/d"),
        ("denied by a rule", "GET", "/api/v1/admin/users"),
        ("no rule, explained", "DELETE", "/api/v1/thing17/list"),
    ] {
        let best = (0..5).map(|_| measure(&policy, method, path)).min().unwrap_or_default();
        println!("{what:<24}{:>8.0} ns", best.as_nanos() as f64 / f64::from(ROUNDS));
    }
}

/// Rules under one common prefix, as real interfaces have it.
fn policy() -> Policy {
    let mut text = String::from("apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: bench}\ninbound:\n");
    for thing in 0..RULES {
        let (verb, rest) = match thing % 4 {
            0 => ("GET", "{id}"),
            1 => ("GET", "list"),
            2 => ("POST,PUT", "{id}/parts/{part}"),
            _ => ("GET", "files/{rest...}"),
        };
        text.push_str(&format!("  - '{verb} /api/v1/thing{thing}/{rest} from shop/frontend, shop/checkout, ops/*'\n"));
    }
    text.push_str("deny: ['ANY /api/v1/admin/{rest...}']\n");
    let documents = document::read::<Allowlist>("bench.yaml", &text).unwrap();
    let context = Context { now: SystemTime::UNIX_EPOCH, trust_domain: Some("prod.example"), tls: None };
    compile(&documents, &context).unwrap().policy
}

fn measure(policy: &Policy, method: &str, path: &str) -> Duration {
    let id = SpiffeId::parse("spiffe://prod.example/ns/ops/sa/console").unwrap();
    let identity = Identity { id, serial: String::new(), not_after: SystemTime::UNIX_EPOCH };
    let connection = Connection {
        id: ConnectionId(1),
        direction: Direction::Inbound,
        from: ClientAddr(([192, 0, 2, 1], 4000).into()),
        to: OriginalDestination(([192, 0, 2, 9], 8080).into()),
        port: 8080,
        names: Names::default(),
        peer: Peer::Verified(Arc::new(identity)),
        protocol: "http",
        opened: SystemTime::UNIX_EPOCH,
    };
    let (session, past) = (Session::default(), Past::default());
    let now = Now { wall: SystemTime::UNIX_EPOCH, since_start: Duration::ZERO };
    let scene = Scene { connection: &connection, session: &session, past: &past, now };
    let header = |name: &'static str| Fact { kind: FactKind::Header, name: name.into(), value: "value".into() };
    let facts = ["user-agent", "accept", "accept-encoding", "traceparent", "x-request-id", "content-type"].map(header);
    let access = Access { action: method, scheme: "http", authority: "orders.shop", path: path.into(), facts: &facts };
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        black_box(policy.grants(black_box(&scene), black_box(&access)));
    }
    begun.elapsed()
}
