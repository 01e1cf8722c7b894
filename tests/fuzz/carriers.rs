//! What holds for all bytes of what carries messages: a server's WebSocket frames, protobuf fields, content codings,
//! windows of streamed bodies, heads of HTTP/2.

use podwall::flow::{Fuel, Side};
use podwall::protocol::body::{self, Declared, Limits, Windows};
use podwall::protocol::http1::{self, RequestHead};
use podwall::protocol::http2::text::{self, Pseudo};
use podwall::protocol::protobuf;
use podwall::protocol::websocket::{Follower, Reader, TOO_LARGE};
use std::io::Write;

pub(crate) fn servers() -> Vec<Vec<u8>> {
    let frame = |first: u8, payload: &[u8]| [&[first, payload.len() as u8], payload].concat();
    let text = "grüße".as_bytes();
    let talk =
        [frame(0x01, &text[..4]), frame(0x89, b"ping"), frame(0x80, &text[4..]), frame(0x88, b"\x03\xe8")].concat();
    vec![talk.clone(), talk.repeat(3), frame(0x82, &[7; 100]), vec![0x81, 126, 0, 200, b'x']]
}

/// What passes is the start of what came, however it is split, and what a reader refuses a follower refuses too.
pub(crate) fn server(bytes: &[u8]) {
    let pass = |step: usize| {
        let (mut follower, mut out) = (Follower::default(), Vec::new());
        let passed = bytes.chunks(step).try_for_each(|piece| follower.pass(piece, &mut out, |_, _| Ok(())));
        (out, passed.map_err(|malformed| malformed.why.name), follower.rest().len())
    };
    let (out, passed, rest) = pass(bytes.len().max(1));
    assert!(bytes.starts_with(&out));
    assert!(passed.is_err() || out.len() + rest == bytes.len());
    let (split, in_pieces, left) = pass(3);
    // How much of a text goes on before it is no UTF-8 any more depends on the pieces.
    assert!(bytes.starts_with(&split) && passed == in_pieces);
    assert!(passed.is_err() || (out.len(), rest) == (split.len(), left));
    let mut reader = Reader::new(Side::Server, 1 << 20);
    reader.push(bytes);
    let read = loop {
        match reader.read() {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(malformed) => break Err(malformed.why.name),
        }
    };
    // A follower holds nothing, so nothing is too large for it.
    let large = read == Err(TOO_LARGE.name);
    assert!(read.is_ok() || passed.is_err() || large, "{read:?}, {passed:?}");
}

pub(crate) fn fields() -> Vec<Vec<u8>> {
    vec![
        b"\x0a\x05order\x10\x07\x22\x06\x0a\x04deep\x1a\x03\x00\x01\x02".to_vec(),
        b"\x0b\x0a\x02hi\x0c\x15\x01\x02\x03\x04\x19\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(),
        b"\x0a\x06\x0a\x04\x0a\x02\x0a\x00".repeat(9),
    ]
}

/// Every string is a slice of the message, and no more are found than wanted.
pub(crate) fn field(bytes: &[u8]) {
    let inside = bytes.as_ptr_range();
    for most in [0, 1, 1000] {
        let found = protobuf::strings(bytes, most).unwrap_or_default();
        assert!(found.len() <= most);
        for field in found {
            assert!(inside.contains(&field.value.as_ptr()) && std::str::from_utf8(field.value).is_ok());
        }
    }
}

pub(crate) fn packed() -> Vec<Vec<u8>> {
    let text = b"{\"a\": \"some words, again and again and again\"}".repeat(4);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&text).unwrap();
    zlib.write_all(&text).unwrap();
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4096, 5, 20).write_all(&text).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    vec![gzip.finish().unwrap(), zlib.finish().unwrap(), brotli, zstd, text]
}

/// Nothing grows beyond the cap, whatever it says of itself.
pub(crate) fn coding(bytes: &[u8]) {
    let limits = Limits::default();
    for coding in [&b"gzip"[..], b"deflate", b"br", b"zstd", b"gzip, gzip", b"zstd, br"] {
        let mut fuel = Fuel::new(1 << 26);
        if let Ok(plain) = body::decompress(bytes, coding, &limits, &mut fuel) {
            assert!(plain.len() <= limits.decoded_bytes, "{} bytes of {}", plain.len(), bytes.len());
        }
    }
}

/// Read whole as what it is declared to be and as what it looks like, and in pieces, of which whole units go on.
fn grammar(bytes: &[u8], kind: &'static [u8]) {
    for content_type in [kind, b"application/octet-stream"] {
        let declared = Declared { content_type: Some(content_type), content_encoding: None };
        let (limits, mut fuel) = (Limits::default(), Fuel::new(10_000_000));
        if let Ok(opened) = body::open(bytes, &declared, &limits, &mut fuel) {
            let parts = opened.parts(&limits, &mut fuel).unwrap_or_default();
            assert!(parts.len() <= limits.parts);
        }
        for step in [7, 600] {
            in_pieces(bytes, step, Windows::new(&declared).unwrap(), &limits);
        }
    }
}

fn in_pieces(bytes: &[u8], step: usize, mut windows: Windows, limits: &Limits) {
    const MOST: usize = 100;
    let mut pending = Vec::new();
    for piece in bytes.chunks(step) {
        pending.extend_from_slice(piece);
        let whole = windows.whole(&pending, MOST);
        assert!(whole <= pending.len() && pending.len() - whole <= MOST);
        let unit: Vec<u8> = pending.drain(..whole).collect();
        if windows.feed(&unit, false, limits).is_err() {
            return;
        }
    }
    let _ = windows.feed(&pending, true, limits);
}

pub(crate) fn json(bytes: &[u8]) {
    grammar(bytes, b"application/json");
}

pub(crate) fn xml(bytes: &[u8]) {
    grammar(bytes, b"application/xml");
}

pub(crate) fn multipart(bytes: &[u8]) {
    grammar(bytes, b"multipart/form-data; boundary=b");
}

pub(crate) fn jsons() -> Vec<Vec<u8>> {
    vec![
        b"{\"a\": [1, \"x\\u0041\", null, -1e5], \"a\": {\"c\": \"d\\ud83d\\ude00\"}}".to_vec(),
        b"{\"a\": 1}\n{\"a\": 2}\n\x1e{\"a\": \"\\/\"}".to_vec(),
        [b"[".repeat(40), b"]".repeat(40)].concat(),
    ]
}

pub(crate) fn xmls() -> Vec<Vec<u8>> {
    vec![
        b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a d='e'>&b;&#x41;<![CDATA[x]]><!-- y --></a>"
            .to_vec(),
        b"<a:b xmlns:a=\"u\"><c/>text &lt; more</a:b>".to_vec(),
    ]
}

pub(crate) fn multiparts() -> Vec<Vec<u8>> {
    vec![
        b"--b\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''x%20y\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--\r\n"
            .to_vec(),
        b"--b\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b\r\n\r\nx\r\n--b--"
            .to_vec(),
    ]
}

pub(crate) fn heads() -> Vec<Vec<u8>> {
    [
        "GET\0https\0shop\0/a?b=c\0accept\0*/*\0cookie\0a=1\0cookie\0b=2",
        "POST\0http\0shop:80\0/\0content-length\x003\0content-type\0application/grpc\0te\0trailers",
        "PUT\0\0\0*\0host\0shop\0x-forwarded-host\0admin",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// A head of HTTP/2 that can be said in HTTP/1.1 is one head there, with the method, target and fields that it had.
pub(crate) fn head(bytes: &[u8]) {
    let words: Vec<&[u8]> = bytes.split(|b| *b == 0).collect();
    let word = |at: usize| std::str::from_utf8(words.get(at).copied().unwrap_or_default()).ok();
    let (Some(method), Some(scheme), Some(authority), Some(path)) = (word(0), word(1), word(2), word(3)) else {
        return;
    };
    let (scheme, authority) = (Some(scheme).filter(|it| !it.is_empty()), Some(authority).filter(|it| !it.is_empty()));
    let pseudo = Pseudo { method, scheme, authority, path, ..Pseudo::default() };
    let pairs = words.get(4..).unwrap_or_default().chunks_exact(2);
    let fields: Vec<(&str, &[u8])> =
        pairs.filter_map(|pair| Some((std::str::from_utf8(pair[0]).ok()?, pair[1]))).collect();
    for ended in [true, false] {
        let mut out = Vec::new();
        if text::request(&mut out, &pseudo, &fields, ended).is_err() {
            continue;
        }
        let end = memchr::memmem::find(&out, b"\r\n\r\n").unwrap() + 4;
        assert_eq!(end, out.len(), "more than one head: {:?}", out.escape_ascii().to_string());
        let Ok(Some(head)) = RequestHead::decode(&out, &http1::Limits::default()) else { continue };
        let view = head.view(&out);
        assert_eq!((view.method(), view.target(), head.len), (method, path, out.len()));
        let lines = view.headers().filter(|header| !header.is_named("transfer-encoding")).count();
        assert!(lines <= fields.len() + 1);
    }
}
