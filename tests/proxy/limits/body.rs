//! What a body may hold: sizes and numbers inside of it, whatever its kind.

use super::ends;
use crate::bench::Setup;
use crate::client::{chunk, chunked, post};
use std::io::Write;

/// A request whose body is compressed: (`content-encoding`, bytes).
fn coded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let head = format!(
        "POST /open/ HTTP/1.1\r\nhost: shop\r\ncontent-type: text/plain\r\ncontent-encoding: {coding}\r\n\
         content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), bytes].concat()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn decoded_bytes() {
    let of = |bytes: usize| coded("gzip", &gzip(&"all is well\n".repeat(200).as_bytes()[..bytes]));
    ends("decoded_bytes: 1KiB", of(1024), of(1025), 413, "body-decoded-bytes");
}

/// Texts that grow to 100 times their compressed size, and to one byte more.
#[test]
fn decoded_ratio() {
    let words = |count: usize| (0..count).map(|n| format!("{} ", n * 7919 % 9973)).collect::<String>();
    let text = |count: usize, bytes: usize| words(count) + &"a".repeat(bytes.saturating_sub(words(count).len()));
    let fits = |count: usize| {
        let bytes = 100 * gzip(text(count, 120_000).as_bytes()).len();
        let exact = |bytes: usize| gzip(text(count, bytes).as_bytes());
        let same = 100 * exact(bytes).len() == bytes && exact(bytes + 1).len() == exact(bytes).len();
        (same && bytes > 65_536).then(|| [exact(bytes), exact(bytes + 1)])
    };
    let [at, above] = (200..1000).find_map(fits).expect("a text that compresses to a hundredth");
    ends("", coded("gzip", &at), coded("gzip", &above), 403, "body-decoded-ratio");
}

#[test]
fn codings() {
    let two = gzip(&gzip(b"all is well"));
    ends("", coded("gzip, gzip", &two), coded("gzip, gzip, gzip", &gzip(&two)), 413, "body-codings");
}

#[test]
fn parts() {
    let of = |count: usize| post("/open/", "application/json", &format!("[{}\"a\"]", "\"a\",".repeat(count - 1)));
    ends("", of(32_768), of(32_769), 413, "body-parts");
}

#[test]
fn depth() {
    let json = |depth: usize| post("/open/", "application/json", &("[".repeat(depth) + &"]".repeat(depth)));
    ends("", json(100), json(101), 413, "json-depth");
    let xml = |depth: usize| post("/open/", "application/xml", &("<a>".repeat(depth) + &"</a>".repeat(depth)));
    ends("", xml(100), xml(101), 413, "xml-depth");
}

fn multipart(entities: &str) -> String {
    post("/open/", "multipart/form-data; boundary=x", &format!("{entities}--x--\r\n"))
}

fn entity(headers: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n{headers}\r\nb\r\n")
}

#[test]
fn entities() {
    ends("", multipart(&entity("").repeat(1000)), multipart(&entity("").repeat(1001)), 413, "multipart-entities");
}

#[test]
fn multipart_depth() {
    let inner = |name: &str, next: &str| format!("--{name}\r\nContent-Type: multipart/mixed; boundary={next}\r\n\r\n");
    let two = inner("x", "y") + "--y\r\n\r\nz\r\n--y--\r\n";
    let three = inner("x", "y") + &inner("y", "z") + "--z\r\n\r\nz\r\n--z--\r\n--y--\r\n";
    ends("", multipart(&two), multipart(&three), 413, "multipart-depth");
}

#[test]
fn entity_headers() {
    let of = |count: usize| multipart(&entity(&(1..count).map(|n| format!("X-{n}: 1\r\n")).collect::<String>()));
    ends("", of(16), of(17), 413, "multipart-headers");
}

#[test]
fn entity_header_bytes() {
    let of = |bytes: usize| multipart(&entity(&format!("X: {}\r\n", "a".repeat(bytes - 3))));
    ends("", of(4096), of(4097), 413, "multipart-header-bytes");
}

/// What is streamed is looked at piece by piece: neither a dense array nor many short pieces are too much for one look.
#[test]
fn streamed_bodies_are_bounded_by_the_piece() {
    let bench = Setup::new().start();
    let dense = format!("[{}\"a\"]", "\"a\",".repeat(200_000));
    assert_eq!(bench.client().ask(post("/stream", "application/json", &dense)).status, 200);
    let mut client = bench.client();
    client.send(chunked("/stream", "text/plain") + &chunk(&"all is well\n".repeat(30_000)));
    for _ in 0..50 {
        client.send(chunk("all is still well\n"));
    }
    assert_eq!(client.ask("0\r\n\r\n").status, 200);
    assert!(bench.end().reasons().is_empty());
}
