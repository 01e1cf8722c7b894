//! What decoding costs: `cargo bench --bench decode --profile quick --no-default-features`. One line each: nanoseconds
//! per call, the best of several rounds, so that a busy machine disturbs least.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a bench: what fails, fails it

use podwall::canon::path::{self, Readings};
use podwall::flow::Fuel;
use podwall::protocol::body::{self, Declared};
use podwall::protocol::http1::{BodyDecoder, Framing, Limits, RequestHead, ResponseHead, emit};
use std::hint::black_box;
use std::time::{Duration, Instant};

const REQUEST: &[u8] = b"GET /api/v1/orders/7/items?limit=50&sort=created HTTP/1.1\r\n\
Host: orders.shop.svc.cluster.local:8080\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n\
Accept: application/json, text/plain, */*\r\n\
Accept-Language: en-GB,en;q=0.7\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
X-Request-Id: 67a9905a-f738-47d4-a341-28a90f3c1d55\r\n\
traceparent: 00-45a8a3123ec4ffabaf4cda3b0c23b0c7-aa16f477597c0e46-01\r\n\
Cookie: session=5f2c8a7d; theme=dark\r\n\
Authorization: Bearer c29tZSB0b2tlbiB0aGF0IGlzIG5vdCByZWFs\r\n\
Cache-Control: no-cache\r\n\
X-Team: storefront\r\n\
Connection: keep-alive\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n\
Content-Type: application/json\r\nContent-Length: 1234\r\nCache-Control: no-store\r\nConnection: keep-alive\r\n\r\n";

fn main() {
    let limits = Limits::default();
    let head = RequestHead::decode(REQUEST, &limits).unwrap().unwrap();
    let mut out = Vec::with_capacity(4096);
    println!("a request head of {} bytes, {} headers", REQUEST.len(), head.view(REQUEST).headers().count());
    measure("decode it", || RequestHead::decode(black_box(REQUEST), &limits).unwrap().unwrap().len);
    measure("write it", || {
        out.clear();
        emit::request_head(&mut out, head.view(REQUEST), &emit::Rewrite::default());
        out.len()
    });
    let request = head.view(REQUEST).request();
    measure("what is known about it", || head.view(black_box(REQUEST)).request().facts().len());
    measure("what it asks for", || request.accesses(&Readings::default()).unwrap().len());
    measure("what it carries", || request.parts().len());
    measure("a response head", || {
        ResponseHead::decode(black_box(RESPONSE), Default::default(), &limits).unwrap().unwrap().len
    });
    measure("the readings of a plain path", || {
        path::readings(black_box(b"/orders/7/items"), &Readings::default()).unwrap().len()
    });
    measure("the readings of a doubtful path", || {
        path::readings(black_box(b"/a%2Fb;c/d"), &Readings::default()).unwrap().len()
    });
    let mut chunks = Vec::new();
    (0..16).for_each(|_| emit::chunk(&mut chunks, &[b'x'; 4096]));
    emit::last_chunk(&mut chunks, []);
    let mut body = Vec::with_capacity(1 << 17);
    measure("64 KiB in 16 chunks", || {
        body.clear();
        BodyDecoder::new(Framing::Chunked, &limits).decode(black_box(&chunks), &mut body).unwrap().consumed
    });
    bodies();
}

/// What bodies cost to read, each measured over 64 different ones of about 1 KB, as a reader that is fed one and the same
/// learns its branches by heart.
fn bodies() {
    type Writer = fn(usize) -> String;
    let kinds: [(&str, &str, Writer); 4] = [
        ("JSON", "application/json", |seed| {
            let item = |n: usize| {
                let (word, text) =
                    (WORDS[n % WORDS.len()], "a note with \\\"quotes\\\"\\n, and more of it ".repeat(n % 3));
                format!("{{\"id\":{n},\"{word}\":\"{}\",\"note\":\"{text}\",\"ok\":true}}", word.repeat(n % 4))
            };
            format!("{{\"items\":[{}]}}", (seed..seed + 11).map(item).collect::<Vec<_>>().join(","))
        }),
        ("form", "application/x-www-form-urlencoded", |seed| {
            let pair = |n: usize| {
                format!("{}%5B{n}%5D={}+%26+more", WORDS[n % WORDS.len()], WORDS[n * 7 % WORDS.len()].repeat(n % 5))
            };
            (seed..seed + 24).map(pair).collect::<Vec<_>>().join("&")
        }),
        ("XML", "application/xml", |seed| {
            let item = |n: usize| {
                let word = WORDS[n % WORDS.len()];
                format!("<{word} id=\"{n}\">text &amp; {}</{word}>", WORDS[n * 7 % WORDS.len()].repeat(n % 5))
            };
            format!("<?xml version=\"1.0\"?><order>{}</order>", (seed..seed + 20).map(item).collect::<String>())
        }),
        ("multipart", "multipart/form-data; boundary=----boundary7f3a", |seed| {
            let entity = |n: usize| {
                let word = WORDS[n % WORDS.len()];
                format!(
                    "------boundary7f3a\r\nContent-Disposition: form-data; name=\"{word}\"\r\n\r\n{}\r\n",
                    word.repeat(n % 9)
                )
            };
            (seed..seed + 10).map(entity).collect::<String>() + "------boundary7f3a--\r\n"
        }),
    ];
    for (kind, content_type, body_of) in kinds {
        let bodies: Vec<String> = (0..64).map(|seed| body_of(seed * 3)).collect();
        let total: usize = bodies.iter().map(String::len).sum();
        let declared = Declared { content_type: Some(content_type.as_bytes()), content_encoding: None };
        let (limits, mut at) = (body::Limits::default(), 0);
        measure(&format!("the parts of a {kind} body, {} bytes on average", total / bodies.len()), || {
            at = (at + 1) % bodies.len();
            let mut fuel = Fuel::new(1 << 20);
            let opened = body::open(black_box(bodies[at].as_bytes()), &declared, &limits, &mut fuel).unwrap();
            opened.parts(&limits, &mut fuel).unwrap().len()
        });
    }
}

const WORDS: [&str; 13] = [
    "name",
    "street",
    "quantity",
    "sku",
    "createdAt",
    "currency",
    "b",
    "description",
    "tags",
    "owner",
    "priority",
    "zip",
    "ref",
];

fn measure(what: &str, mut call: impl FnMut() -> usize) {
    const CALLS: u32 = 20_000;
    let mut best = Duration::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed());
    }
    println!("{:>8.0} ns  {what}", best.as_nanos() as f64 / f64::from(CALLS));
}
