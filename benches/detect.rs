//! What detection costs: on varied benign values, and on the worst 1 KB that a search finds.
//!
//! `cargo bench --no-default-features --bench detect [-- ITERATIONS]`; the search tries ITERATIONS inputs (20,000).

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a bench: what fails, fails it

use podwall::detect::{Detectors, signature};
use podwall::flow::{Found, Fuel, Part, Place};
use podwall::protocol::body::{self, Declared};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// Size of the inputs.
const BYTES: usize = 1024;
/// The budget of a request of that size, as the engine gives it: what costs more is denied for it.
const FUEL: u64 = 50_000 + 200 * BYTES as u64;

fn main() {
    let iterations = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(20_000);
    let detectors = Detectors::default();
    ordinary(&detectors);
    worst(&detectors, iterations);
}

/// JSON bodies of about 1 KB, each of other values of the benign corpus.
fn ordinary(detectors: &Detectors) {
    let bodies = bodies();
    let bytes: usize = bodies.iter().map(String::len).sum();
    let per_kilobyte = |total: Duration| total.as_nanos() as f64 * 1024.0 / bytes as f64;
    let decode =
        fastest(|| bodies.iter().for_each(|text| with_parts(text, |parts| assert!(black_box(parts.len()) > 0))));
    let both = fastest(|| {
        for text in &bodies {
            with_parts(text, |parts| {
                let mut found = Found::default();
                detectors.inspect(parts, &mut found, &mut Fuel::new(FUEL));
                black_box(found.total());
            });
        }
    });
    println!("{} bodies of JSON, {bytes} bytes", bodies.len());
    println!("{:8.0} ns/KB decoding", per_kilobyte(decode));
    println!("{:8.0} ns/KB decoding and detection", per_kilobyte(both));
}

fn bodies() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/benign");
    let mut values = Vec::new();
    for kind in ["names", "prose", "tokens", "urls", "logs"] {
        let text = fs::read_to_string(folder.join(format!("{kind}.txt"))).unwrap();
        values.extend(text.trim_end().split("\n---\n").map(str::to_owned));
    }
    let mut random = Random(7);
    let body = |_| {
        let mut fields = Vec::new();
        let mut size = 0;
        while size < BYTES {
            let value = random.pick(&values);
            size += value.len() + 70;
            let count = random.next() % 100_000;
            fields.push(serde_json::json!({"id": count, "user_name": value, "status": "active", "ok": true}));
        }
        serde_json::json!({"items": fields, "page": 1, "next_cursor": null}).to_string()
    };
    (0..400).map(body).collect()
}

fn with_parts(text: &str, then: impl FnOnce(&[Part<'_>])) {
    let declared = Declared { content_type: Some(b"application/json"), content_encoding: None };
    let (limits, mut fuel) = (body::Limits::default(), Fuel::new(u64::MAX));
    let opened = body::open(text.as_bytes(), &declared, &limits, &mut fuel).unwrap();
    then(&opened.parts(&limits, &mut fuel).unwrap());
}

fn fastest(mut run: impl FnMut()) -> Duration {
    let mut timed = || {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    (0..15).map(|_| timed()).min().unwrap()
}

/// Changes the slowest inputs known, and keeps what is slower.
fn worst(detectors: &Detectors, iterations: u64) {
    let pieces = pieces();
    let mut random = Random(11);
    let mut slowest: Vec<(u64, Vec<u8>)> = pieces.iter().map(|piece| scored(detectors, filled(piece))).collect();
    for _ in 0..iterations {
        slowest.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        slowest.truncate(40);
        let parent = random.pick(&slowest).1.clone();
        let child = mutated(parent, &pieces, &mut random);
        slowest.push(scored(detectors, child));
    }
    slowest.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    println!("the slowest of {iterations} inputs of {BYTES} bytes, with a budget of {FUEL} steps:");
    for (_, input) in slowest.iter().take(5) {
        let steps = inspected(detectors, input);
        let time = fastest(|| assert!(black_box(inspected(detectors, input)) > 0));
        let start: String = String::from_utf8_lossy(input).chars().take(90).collect();
        println!("{:8.1} us {steps:8} steps  {start:?}", time.as_nanos() as f64 / 1000.0);
    }
}

/// The faster of two times in nanoseconds: what one was disturbed by, the other was not.
fn scored(detectors: &Detectors, input: Vec<u8>) -> (u64, Vec<u8>) {
    let timed = || {
        let begun = Instant::now();
        inspected(detectors, &input);
        begun.elapsed().as_nanos() as u64
    };
    (timed().min(timed()), input)
}

/// Steps that detection takes.
fn inspected(detectors: &Detectors, input: &[u8]) -> u64 {
    let part = Part::plain(Place::QueryValue, b"q", input);
    let mut fuel = Fuel::new(FUEL);
    detectors.inspect(&[part], &mut Found::default(), &mut fuel);
    FUEL - fuel.left()
}

/// What attacks and ordinary values are made of: every signature's examples, and marks.
fn pieces() -> Vec<Vec<u8>> {
    let signatures = signature::shipped().unwrap();
    let examples = signatures.iter().flat_map(|entry| entry.hits.iter().chain(&entry.misses).chain(&entry.any));
    let marks = [
        "'", "\"", "`", "(", ")", "((", "[", "{", "{{", "${", "<", "<a ", "</", "%25", "%27", "&#39;", "&lt;", "\\x27",
        "\\u0027", "/*", "*/", "--", ";", "|", "||", "&", "&&", "$(", "../", "..\\", "=", "1=1", " or ", " and ",
        " union ", "select ", "/", "//", "http://", "@", ",", "\n", "\r\n", "\0", "+ADw-", "{\"a\":", "[\"", "a", "1",
        " ", "a'", "'a", "x=", ".", "\u{ff1c}",
    ];
    examples.map(|text| text.clone().into_bytes()).chain(marks.map(|mark| mark.as_bytes().to_vec())).collect()
}

fn filled(piece: &[u8]) -> Vec<u8> {
    piece.iter().copied().cycle().take(BYTES).collect()
}

fn mutated(mut input: Vec<u8>, pieces: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let at = random.next() as usize % input.len();
    let piece = random.pick(pieces);
    match random.next() % 4 {
        0 => drop(input.splice(at..at, piece.iter().copied())),
        1 => drop(input.splice(at..(at + piece.len()).min(input.len()), piece.iter().copied())),
        2 => {
            let times = random.next() as usize % 40 + 1;
            drop(input.splice(at..at, piece.repeat(times)));
        }
        _ => {
            let tail = input.split_off(at);
            input.splice(0..0, tail);
        }
    }
    input.truncate(BYTES);
    if input.len() < BYTES { filled(&input) } else { input }
}

/// A small generator, the same for every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.next() as usize % among.len()]
    }
}
