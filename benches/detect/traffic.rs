//! Ordinary traffic: requests of each kind, made of values that differ. Values come from the benign corpus of the tests,
//! which is quotes, URLs, code and log lines on purpose, and from records as services send them.

use super::random::Random;
use podwall::flow::{Fuel, Part};
use podwall::protocol::body::{self, Declared};
use podwall::protocol::http1::{Limits, RequestHead};
use std::fs;
use std::path::Path;

/// Size of the inputs.
pub(crate) const BYTES: usize = 1024;
/// Inputs of each kind.
pub(crate) const INPUTS: usize = 400;

/// A piece of traffic: its head, its body, and the body's type.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
    kind: &'static str,
}

/// Traffic of every kind, made of values that differ.
pub(crate) fn kinds() -> Vec<(&'static str, Vec<Request>)> {
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
pub(crate) fn values(kinds: &[&str]) -> Vec<String> {
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

pub(crate) fn json(values: &[String], random: &mut Random) -> Request {
    let (mut fields, mut size) = (Vec::new(), 0);
    while size < BYTES {
        let value = random.pick(values);
        size += value.len() + 70;
        let count = random.next() % 100_000;
        fields.push(serde_json::json!({"id": count, "user_name": value, "status": "active", "ok": true}));
    }
    body("application/json", serde_json::json!({"items": fields, "page": 1, "next_cursor": null}).to_string())
}

pub(crate) fn records(random: &mut Random) -> Request {
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

pub(crate) fn query(values: &[String], arguments: usize, random: &mut Random) -> Request {
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
pub(crate) fn with_parts(request: &Request, then: impl FnOnce(&[Part<'_>])) {
    if request.body.is_empty() {
        let head = RequestHead::decode(request.head.as_bytes(), &Limits::default()).unwrap().unwrap();
        return then(&head.view(request.head.as_bytes()).request().parts());
    }
    let declared = Declared { content_type: Some(request.kind.as_bytes()), content_encoding: None };
    let (limits, mut fuel) = (body::Limits::default(), Fuel::new(u64::MAX));
    let opened = body::open(request.body.as_bytes(), &declared, &limits, &mut fuel).unwrap();
    then(&opened.parts(&limits, &mut fuel).unwrap());
}
