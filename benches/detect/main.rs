//! What detection costs: on varied benign traffic of each kind, added to whole requests, and on the worst 1 KB that a
//! search finds. Every input is looked at once in a round, and no two are alike: a reader that is fed one and the same
//! learns its branches by heart. All times are CPU time of this thread.
//!
//! `cargo bench --no-default-features --bench detect [-- WORD...] [ITERATIONS]`; the words `ordinary`, `added`, `slow`,
//! `long` and `prices` choose what is measured (all of it without one). The search for slow inputs tries ITERATIONS inputs (20,000) at each
//! of its doors, and as many repetitions as there are pairs of pieces before. `repeat=TEXT` measures one piece, repeated; `kind=TEXT` the
//! ordinary traffic with that in its name, a tenth of ITERATIONS times, so that a profiler sees where it goes; `each=TEXT` what each
//! detector costs there.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a bench: what fails, fails it

mod clock;
mod doors;
mod random;
mod slow;
mod traffic;

use podwall::canon::path::Readings;
use podwall::detect::{DETECTORS, Detectors, signature};
use podwall::engine::Engine;
use podwall::flow::{Found, Part};
use podwall::protocol::http1::{Limits, RequestHead};
use random::Random;
use std::hint::black_box;
use std::time::Duration;
use traffic::{BYTES, INPUTS, Request, with_parts};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let iterations = words.iter().filter_map(|word| word.parse().ok()).next().unwrap_or(20_000);
    let detectors = Detectors::default();
    if let Some(piece) = words.iter().find_map(|word| word.strip_prefix("repeat=")) {
        return slow::repeat(&detectors, piece, iterations as usize);
    }
    if let Some(kind) = words.iter().find_map(|word| word.strip_prefix("kind=")) {
        return ordinary(&detectors, kind, iterations as usize / 10);
    }
    if let Some(kind) = words.iter().find_map(|word| word.strip_prefix("each=")) {
        return each(kind);
    }
    let tasks: [(&str, &dyn Fn()); 5] = [
        ("ordinary", &|| ordinary(&detectors, "", 15)),
        ("added", &|| added(&detectors)),
        ("slow", &|| slow::search(&detectors, iterations)),
        ("long", &|| slow::long(&detectors)),
        ("prices", &slow::prices),
    ];
    let chosen = tasks.iter().any(|(name, _)| words.iter().any(|word| word == name));
    let wanted = tasks.iter().filter(|(name, _)| !chosen || words.iter().any(|word| word == name));
    wanted.for_each(|(_, task)| task());
}

/// What decoding costs for each kind with this in its name, and decoding with detection.
fn ordinary(detectors: &Detectors, name: &str, rounds: usize) {
    println!("{:>10} {:>10}  ns of CPU for each KB of {INPUTS} different inputs", "decoding", "and detection");
    for (kind, requests) in traffic::kinds().into_iter().filter(|(kind, _)| kind.contains(name)) {
        let bytes: usize = requests.iter().map(|r| if r.body.is_empty() { r.head.len() } else { r.body.len() }).sum();
        let per_kilobyte = |total: Duration| total.as_nanos() as f64 * 1024.0 / bytes as f64;
        let decode = clock::fastest(rounds, || {
            requests.iter().for_each(|request| with_parts(request, |parts| assert!(black_box(parts.len()) > 0)));
        });
        let both = clock::fastest(rounds, || {
            requests.iter().for_each(|request| with_parts(request, |parts| look(detectors, parts)))
        });
        println!("{:10.0} {:10.0}  {kind}", per_kilobyte(decode), per_kilobyte(both));
    }
}

/// What each detector, and all signatures, cost without the others; the first line is what all of them share.
fn each(name: &str) {
    let one = |at: usize| (DETECTORS[at].name(), Detectors::compile(&DETECTORS[at..=at], Vec::new()));
    let none = ("none", Detectors::compile(&[], Vec::new()));
    let signatures = ("signatures", Detectors::of_signatures(signature::shipped().unwrap()));
    let sets: Vec<_> = [none, signatures].into_iter().chain((0..DETECTORS.len()).map(one)).collect();
    for (kind, requests) in traffic::kinds().into_iter().filter(|(kind, _)| kind.contains(name)) {
        println!("ns of CPU for each request of {kind}");
        for (name, detectors) in &sets {
            let all = || requests.iter().for_each(|request| with_parts(request, |parts| look(detectors, parts)));
            println!("{:10.0}  {name}", clock::fastest(15, all).as_nanos() as f64 / requests.len() as f64);
        }
    }
}

/// What inspection adds to a request: pairs of the same request with and without it, in turns, and how sure that is.
fn added(detectors: &Detectors) {
    let mut random = Random(3);
    let all = traffic::values(&["names", "prose", "tokens", "urls", "logs"]);
    let short: Vec<String> = all.iter().filter(|value| value.len() <= 40).cloned().collect();
    let queries = (0..INPUTS).map(|_| traffic::query(&short, 5, &mut random)).collect();
    let documents = (0..INPUTS).map(|_| traffic::json(&all, &mut random)).collect();
    let records = (0..INPUTS).map(|_| traffic::records(&mut random)).collect();
    println!("CPU added by inspection, in pairs of one request with and without, 95 % interval:");
    for (what, requests) in [
        ("GET with 5 arguments", queries),
        ("POST of 1 KB of JSON records", records),
        ("POST of 1 KB of JSON, values of all sorts", documents),
    ] {
        let requests: Vec<Request> = requests;
        let round = |on: bool| {
            let took = clock::timed(|| requests.iter().for_each(|request| handle(request, detectors, on)));
            took.as_nanos() as f64 / requests.len() as f64
        };
        round(true);
        let pairs: Vec<f64> = (0..60)
            .map(|turn| {
                let first = round(turn % 2 == 0);
                let second = round(turn % 2 != 0);
                if turn % 2 == 0 { first - second } else { second - first }
            })
            .collect();
        let (low, middle, high) = median(pairs);
        println!("{:8.2} us ({:.2} to {:.2})  {what}", middle / 1000.0, low / 1000.0, high / 1000.0);
    }
}

/// The median, and between which of the sorted values it lies with 95 % (order statistics of the binomial).
fn median(mut all: Vec<f64>) -> (f64, f64, f64) {
    all.sort_by(f64::total_cmp);
    let half = 0.98 * (all.len() as f64).sqrt();
    let middle = all.len() as f64 / 2.0;
    (all[(middle - half) as usize], all[all.len() / 2], all[(middle + half).ceil() as usize])
}

/// Reads a request as the policy needs it, and inspects it or not.
fn handle(request: &Request, detectors: &Detectors, inspect: bool) {
    let head = RequestHead::decode(request.head.as_bytes(), &Limits::default()).unwrap().unwrap();
    let read = head.view(request.head.as_bytes()).request();
    black_box(read.accesses(&Readings::default()).unwrap().len());
    if inspect {
        look(detectors, &read.parts());
        if !request.body.is_empty() {
            with_parts(request, |parts| look(detectors, parts));
        }
    }
}

fn look(detectors: &Detectors, parts: &[Part<'_>]) {
    let mut found = Found::default();
    detectors.inspect(parts, &mut found, &mut Engine::budget(BYTES));
    black_box(found.total());
}
