//! Fuzzing on the stable toolchain: `cargo test --test fuzz` gives each target a second, `PODWALL_FUZZ_SECONDS=60` as
//! many as wanted (with `--profile quick` it gets further). Inputs are mutations of what the tests hold true, drawn from
//! a seed that is printed; `PODWALL_FUZZ_SEED` repeats a run. The input that fails is printed as a byte string.
//!
//! A new target is one line in `TARGETS`.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, clippy::panic)] // a test: what fails, fails it
#![allow(clippy::disallowed_methods)] // how long to fuzz is asked of the environment

mod carriers;
mod codec;
mod dns;
mod documents;
mod exchanges;
mod messages;
mod mutate;
mod mysql;
mod parts;
mod postgres;

use mutate::Mutator;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

/// Something that takes bytes from strangers.
struct Target {
    name: &'static str,
    /// Inputs to mutate.
    seeds: fn() -> Vec<Vec<u8>>,
    /// Panics when what must hold for all bytes does not hold for these.
    holds: fn(&[u8]),
}

const TARGETS: &[Target] = &[
    Target { name: "request-heads", seeds: codec::requests, holds: codec::request },
    Target { name: "response-heads", seeds: codec::responses, holds: codec::response },
    Target { name: "chunked-bodies", seeds: codec::bodies, holds: codec::body },
    Target { name: "paths", seeds: codec::paths, holds: codec::path },
    Target { name: "grpc", seeds: messages::calls, holds: messages::call },
    Target { name: "http2-frames", seeds: messages::frames, holds: messages::frame },
    Target { name: "websocket", seeds: messages::websockets, holds: messages::websocket },
    Target { name: "websocket-servers", seeds: carriers::servers, holds: carriers::server },
    Target { name: "protobuf", seeds: carriers::fields, holds: carriers::field },
    Target { name: "http2-heads", seeds: carriers::heads, holds: carriers::head },
    Target { name: "codings", seeds: carriers::packed, holds: carriers::coding },
    Target { name: "json", seeds: carriers::jsons, holds: carriers::json },
    Target { name: "xml", seeds: carriers::xmls, holds: carriers::xml },
    Target { name: "multipart", seeds: carriers::multiparts, holds: carriers::multipart },
    Target { name: "bodies", seeds: parts::bodies, holds: parts::body },
    Target { name: "detectors", seeds: parts::values, holds: parts::inspected },
    Target { name: "dns-messages", seeds: dns::messages, holds: dns::message },
    Target { name: "postgres-statements", seeds: postgres::texts, holds: postgres::text },
    Target { name: "postgres-clients", seeds: postgres::asked, holds: postgres::ask },
    Target { name: "postgres-servers", seeds: postgres::answers, holds: postgres::answer },
    Target { name: "mysql-statements", seeds: mysql::texts, holds: mysql::text },
    Target { name: "mysql-clients", seeds: mysql::asked, holds: mysql::ask },
    Target { name: "mysql-servers", seeds: mysql::answers, holds: mysql::answer },
    Target { name: "exchange-questions", seeds: exchanges::questions, holds: exchanges::question },
    Target { name: "exchange-answers", seeds: exchanges::answers, holds: exchanges::answer },
    Target { name: "first-bytes", seeds: dns::openings, holds: dns::opening },
    Target { name: "allowlists", seeds: documents::allowlists, holds: documents::allowlist },
    Target { name: "signatures", seeds: documents::signatures, holds: documents::signature },
];

#[test]
fn every_target_holds() {
    let seconds = number("PODWALL_FUZZ_SECONDS").unwrap_or(1);
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("PODWALL_FUZZ_SEED").unwrap_or(clock);
    for target in TARGETS {
        let runs = fuzz(target, seed, Duration::from_secs(seconds));
        println!("{:>19}: {runs} inputs from seed {seed}", target.name);
    }
}

fn fuzz(target: &Target, seed: u64, budget: Duration) -> u64 {
    let seeds = (target.seeds)();
    let mut mutator = Mutator::new(seed, &seeds);
    let end = Instant::now() + budget;
    let mut runs = 0;
    seeds.iter().for_each(|input| hold(target, input));
    while Instant::now() < end {
        hold(target, &mutator.next());
        runs += 1;
    }
    runs
}

fn hold(target: &Target, input: &[u8]) {
    let began = Instant::now();
    let held = catch_unwind(AssertUnwindSafe(|| (target.holds)(input)));
    let text = || input.escape_ascii().to_string();
    assert!(held.is_ok(), "{} does not hold for b\"{}\"", target.name, text());
    let slow = Duration::from_secs(5);
    assert!(began.elapsed() < slow, "{} takes {:?} for b\"{}\"", target.name, began.elapsed(), text());
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}
