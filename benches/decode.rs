//! What decoding costs: `cargo bench --bench decode --profile quick --no-default-features`. One line each: nanoseconds
//! per call, the best of several rounds, so that a busy machine disturbs least.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a bench: what fails, fails it

use podwall::canon::path::{self, Readings};
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
}

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
