//! What detection costs: on varied benign values of each kind, added to whole requests, and on the worst 1 KB that a
//! search finds. Every input is looked at once in a round, and no two are alike: a reader that is fed one and the same
//! learns its branches by heart.
//!
//! `cargo bench --no-default-features --bench detect [-- ITERATIONS]`; the search tries ITERATIONS inputs (20,000).

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a bench: what fails, fails it

use podwall::canon::path::Readings;
use podwall::detect::{Detectors, signature};
use podwall::engine::Engine;
use podwall::flow::{Found, Fuel, Part, Place};
use podwall::protocol::body::{self, Declared};
use podwall::protocol::http1::{Limits, RequestHead};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// Size of the inputs.
const BYTES: usize = 1024;
/// Inputs of each kind.
const INPUTS: usize = 400;

fn main() {
    let iterations = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(20_000);
    let detectors = Detectors::default();
    ordinary(&detectors);
    added(&detectors);
    worst(&detectors, iterations);
}

/// A piece of traffic: its head, its body, and the body's type.
struct Request {
    head: String,
    body: String,
    kind: &'static str,
}

/// What decoding costs for each kind, and decoding with detection.
fn ordinary(detectors: &Detectors) {
    println!("{:>10} {:>10}  ns for each KB of {INPUTS} different inputs", "decoding", "and detection");
    for (kind, requests) in kinds() {
        let bytes: usize = requests.iter().map(|r| if r.body.is_empty() { r.head.len() } else { r.body.len() }).sum();
        let per_kilobyte = |total: Duration| total.as_nanos() as f64 * 1024.0 / bytes as f64;
        let decode = fastest(|| {
            requests.iter().for_each(|request| with_parts(request, |parts| assert!(black_box(parts.len()) > 0)));
        });
        let both = fastest(|| requests.iter().for_each(|request| with_parts(request, |parts| look(detectors, parts))));
        println!("{:10.0} {:10.0}  {kind}", per_kilobyte(decode), per_kilobyte(both));
    }
}

/// What inspection adds to a request: pairs of the same request with and without it, in turns, and how sure that is.
fn added(detectors: &Detectors) {
    let mut random = Random(3);
    let all = values(&["names", "prose", "tokens", "urls", "logs"]);
    let short: Vec<String> = all.iter().filter(|value| value.len() <= 40).cloned().collect();
    let queries = (0..INPUTS).map(|_| query(&short, 5, &mut random)).collect();
    let documents = (0..INPUTS).map(|_| json(&all, &mut random)).collect();
    println!("added by inspection, in pairs of one request with and without, 95 % interval:");
    for (what, requests) in [("GET with 5 arguments", queries), ("POST of 1 KB of JSON", documents)] {
        let requests: Vec<Request> = requests;
        let round = |on: bool| {
            let begun = Instant::now();
            requests.iter().for_each(|request| handle(request, detectors, on));
            begun.elapsed().as_nanos() as f64 / requests.len() as f64
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

/// Traffic of every kind, made of values that differ.
fn kinds() -> Vec<(&'static str, Vec<Request>)> {
    let all = values(&["names", "prose", "tokens", "urls", "logs"]);
    let short: Vec<String> = all.iter().filter(|value| value.len() <= 40).cloned().collect();
    let (prose, logs) = (values(&["prose"]), values(&["logs"]));
    let mut random = Random(7);
    let mut make = |of: &mut dyn FnMut(&mut Random) -> Request| (0..INPUTS).map(|_| of(&mut random)).collect();
    vec![
        ("JSON, values of all sorts", make(&mut |random| json(&all, random))),
        ("JSON of records: identifiers, dates, numbers", make(&mut records)),
        ("form, values of all sorts", make(&mut |random| form(&all, random))),
        ("head with a query of 5 arguments", make(&mut |random| query(&short, 5, random))),
        ("prose in JSON", make(&mut |random| json(&prose, random))),
        ("log lines in JSON", make(&mut |random| json(&logs, random))),
        ("prose as text", make(&mut |random| text(&prose, random))),
    ]
}

/// The values of the benign corpus.
fn values(kinds: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/benign");
    let read = |kind: &&str| fs::read_to_string(folder.join(format!("{kind}.txt"))).unwrap();
    kinds
        .iter()
        .map(read)
        .flat_map(|text| text.trim_end().split("\n---\n").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

const POST: &str = "POST /api/v1/orders HTTP/1.1\r\nHost: orders.shop.svc:8080\r\nContent-Length: 1024\r\n";

fn body(kind: &'static str, body: String) -> Request {
    Request { head: format!("{POST}Content-Type: {kind}\r\n\r\n"), body, kind }
}

fn json(values: &[String], random: &mut Random) -> Request {
    let (mut fields, mut size) = (Vec::new(), 0);
    while size < BYTES {
        let value = random.pick(values);
        size += value.len() + 70;
        let count = random.next() % 100_000;
        fields.push(serde_json::json!({"id": count, "user_name": value, "status": "active", "ok": true}));
    }
    body("application/json", serde_json::json!({"items": fields, "page": 1, "next_cursor": null}).to_string())
}

fn records(random: &mut Random) -> Request {
    let word =
        |random: &mut Random| *random.pick(&["open", "in progress", "closed", "EUR", "Cotton shirt, blue", "Maria"]);
    let (mut fields, mut size) = (Vec::new(), 0);
    while size < BYTES {
        let field = serde_json::json!({
            "id": format!("{:08x}-{:04x}-4a1b-9c0d-{:012x}", random.next() as u32, random.next() as u16, random.next() >> 16),
            "created_at": format!("2026-0{}-1{}T09:26:5{}Z", random.next() % 9 + 1, random.next() % 10, random.next() % 10),
            "amount": (random.next() % 100_000) as f64 / 100.0,
            "state": word(random),
            "description": word(random),
            "tags": [word(random), word(random)],
            "deleted": null,
        });
        size += field.to_string().len();
        fields.push(field);
    }
    body("application/json", serde_json::Value::Array(fields).to_string())
}

fn form(values: &[String], random: &mut Random) -> Request {
    let mut text = String::new();
    while text.len() < BYTES {
        text += &format!("&field{}={}", random.next() % 100, escaped(random.pick::<String>(values)));
    }
    body("application/x-www-form-urlencoded", text[1..].to_owned())
}

fn text(values: &[String], random: &mut Random) -> Request {
    let mut text = String::new();
    while text.len() < BYTES {
        text += random.pick::<String>(values);
        text += "\n";
    }
    body("text/plain", text)
}

fn query(values: &[String], arguments: usize, random: &mut Random) -> Request {
    let names = ["q", "page", "sort", "filter", "fields"];
    let pair = |at: usize, random: &mut Random| format!("{}={}", names[at % 5], escaped(random.pick::<String>(values)));
    let query: Vec<String> = (0..arguments).map(|at| pair(at, random)).collect();
    let (id, session) = (random.next(), random.next());
    let head = format!(
        "GET /api/v1/orders/{}?{} HTTP/1.1\r\nHost: orders.shop.svc:8080\r\nAccept: application/json\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n\
         Accept-Language: en-GB,en;q=0.7\r\nX-Request-Id: {id:016x}\r\nCookie: session={session:016x}; theme=dark\r\n\r\n",
        random.next() % 100_000,
        query.join("&"),
    );
    Request { head, body: String::new(), kind: "" }
}

/// A value as a browser puts it into a form.
fn escaped(value: &str) -> String {
    let escape = |b: u8| match b {
        b' ' => "+".to_owned(),
        b if b.is_ascii_alphanumeric() || b"-_.*".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    value.bytes().map(escape).collect()
}

/// The parts of a request's body; of its head when it has none.
fn with_parts(request: &Request, then: impl FnOnce(&[Part<'_>])) {
    if request.body.is_empty() {
        let head = RequestHead::decode(request.head.as_bytes(), &Limits::default()).unwrap().unwrap();
        return then(&head.view(request.head.as_bytes()).request().parts());
    }
    let declared = Declared { content_type: Some(request.kind.as_bytes()), content_encoding: None };
    let (limits, mut fuel) = (body::Limits::default(), Fuel::new(u64::MAX));
    let opened = body::open(request.body.as_bytes(), &declared, &limits, &mut fuel).unwrap();
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
    let budget = Engine::budget(BYTES).left();
    println!("the slowest of {iterations} inputs of {BYTES} bytes, with a budget of {budget} steps:");
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
    let mut fuel = Engine::budget(BYTES);
    let full = fuel.left();
    detectors.inspect(&[part], &mut Found::default(), &mut fuel);
    full - fuel.left()
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
