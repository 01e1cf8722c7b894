//! The codecs through their front door: tables of spellings with their answers (`tests/data/`), and what holds for all
//! bytes: any split decodes alike, what is written again is what was read, nothing panics.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::canon::path::{self, Decoding, Params, Readings, Separator, Slashes};
use podwall::flow::Kind;
use podwall::protocol::Malformed;
use podwall::protocol::head::Form;
use podwall::protocol::http1::{
    Asked, BodyDecoder, Framing, Limits, RequestHead, RequestView, ResponseHead, ResponseView, Scan, Version, emit,
    websocket,
};
use proptest::prelude::*;

const LIMITS: fn() -> Limits = Limits::default;

// ---- tables

#[test]
fn request_heads_get_their_answers() {
    for (line, answer, bytes) in rows(include_str!("data/http1/requests.txt")) {
        let bytes = unescape(bytes);
        assert_eq!(named(RequestHead::decode(&bytes, &LIMITS()), Kind::Malformed), answer, "requests.txt:{line}");
        assert_eq!(named(dripped(&bytes), Kind::Malformed), answer, "byte by byte, requests.txt:{line}");
    }
}

#[test]
fn response_heads_get_their_answers() {
    for (line, answer, rest) in rows(include_str!("data/http1/responses.txt")) {
        let (asked, bytes) = rest.split_once(' ').unwrap();
        let bytes = unescape(bytes.trim_start());
        let decoded = ResponseHead::decode(&bytes, asked_by(asked), &LIMITS());
        assert_eq!(named(decoded, Kind::Upstream), answer, "responses.txt:{line}");
    }
}

#[test]
fn chunked_bodies_get_their_answers() {
    for (line, answer, rest) in rows(include_str!("data/http1/bodies.txt")) {
        let (content, bytes) = match rest.strip_prefix('|') {
            Some(rest) => rest.split_once('|').map(|(content, bytes)| (unescape(content), bytes.trim_start())).unwrap(),
            None => (Vec::new(), rest),
        };
        let bytes = unescape(bytes);
        for step in [1, 2, 3, bytes.len().max(1)] {
            let (decoded, out, consumed) = decode_body(Framing::Chunked, &bytes, step);
            let name = decoded.map_or_else(|fault| fault.why.name, |done| if done { "ok" } else { "more" });
            assert_eq!(name, answer, "bodies.txt:{line} in steps of {step}");
            assert!(name != "ok" || (out == content && consumed == bytes.len()), "bodies.txt:{line}: {out:?}");
        }
    }
}

/// Line number, answer and the rest of every row that is no comment.
fn rows(table: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let lines = table.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(at, line)| {
        let (answer, rest) = line.split_once(' ').unwrap();
        // The bytes may begin with a space: answers are padded to a column of 32.
        (at + 1, answer, if rest.starts_with('|') { rest } else { &line[32..] })
    })
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, used) = match (first, after) {
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'0', ..]) => (0, 1),
            (b'\\', [b'\\', ..]) => (b'\\', 1),
            (b'\\', [b'x', digits @ ..]) => {
                (u8::from_str_radix(std::str::from_utf8(&digits[..2]).unwrap(), 16).unwrap(), 3)
            }
            (byte, _) => (*byte, 0),
        };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes
}

/// The word for an answer; refusals must be of one of the kinds that `kind` allows.
fn named<T>(decoded: Result<Option<T>, Malformed>, kind: Kind) -> &'static str {
    match decoded {
        Ok(Some(_)) => "ok",
        Ok(None) => "more",
        Err(fault) => {
            let expected = fault.why.kind == kind || (kind == Kind::Malformed && fault.why.kind == Kind::Unsupported);
            assert!(expected, "{}: {:?}", fault.why.name, fault.why.kind);
            fault.why.name
        }
    }
}

/// Decodes a head from a buffer that grows by one byte at a time.
fn dripped(bytes: &[u8]) -> Result<Option<RequestHead>, Malformed> {
    let mut scan = Scan::default();
    for end in 0..=bytes.len() {
        match RequestHead::decode_on(&bytes[..end], &mut scan, &LIMITS()) {
            Ok(None) => {}
            decided => return decided,
        }
    }
    Ok(None)
}

fn asked_by(word: &str) -> Asked {
    let accept = Some(websocket::accept(b"dGhlIHNhbXBsZSBub25jZQ=="));
    Asked { head: word == "head", connect: word == "connect", websocket: accept.filter(|_| word == "websocket") }
}

fn decode_body(framing: Framing, bytes: &[u8], step: usize) -> (Result<bool, Malformed>, Vec<u8>, usize) {
    let mut decoder = BodyDecoder::new(framing, &LIMITS());
    let (mut out, mut consumed) = (Vec::new(), 0);
    for piece in bytes.chunks(step) {
        match decoder.decode(piece, &mut out) {
            Ok(progress) => consumed += progress.consumed,
            Err(fault) => return (Err(fault), out, consumed),
        }
        if decoder.is_done() {
            break;
        }
    }
    (Ok(decoder.is_done()), out, consumed)
}

// ---- properties

/// What two sides must agree on about a request.
#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    target: String,
    form: Form,
    host: Option<String>,
    framing: Framing,
    websocket: bool,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

fn meaning(view: RequestView<'_>) -> Meaning {
    let headers = view.headers().filter(|header| header.forwarded);
    Meaning {
        method: view.method().to_owned(),
        target: view.target().to_owned(),
        form: view.form(),
        host: view.host().map(|host| format!("{} {:?}", host.name, host.port)),
        framing: view.head.framing,
        websocket: view.head.websocket,
        headers: headers.map(|header| (header.name.to_owned(), header.value.to_vec())).collect(),
    }
}

/// What is written of a request that was taken means the same when it is read again, and again.
fn survives(bytes: &[u8]) {
    let Ok(Some(head)) = RequestHead::decode(bytes, &LIMITS()) else { return };
    let view = head.view(bytes);
    let mut out = Vec::new();
    emit::request_head(&mut out, view, &emit::Rewrite { framing: head.framing, ..Default::default() });
    let again = RequestHead::decode(&out, &Limits { head_bytes: 1 << 20, ..LIMITS() }).unwrap().unwrap();
    assert_eq!(again.len, out.len());
    assert_eq!(meaning(again.view(&out)), meaning(view));
}

#[test]
fn requests_of_the_table_survive() {
    for (_, _, bytes) in rows(include_str!("data/http1/requests.txt")) {
        survives(&unescape(bytes));
    }
}

#[test]
fn responses_of_the_table_survive() {
    for (line, answer, rest) in rows(include_str!("data/http1/responses.txt")).filter(|row| row.1 == "ok") {
        assert_eq!(answer, "ok");
        let (asked, bytes) = rest.split_once(' ').unwrap();
        let (asked, bytes) = (asked_by(asked), unescape(bytes.trim_start()));
        let head = ResponseHead::decode(&bytes, asked, &LIMITS()).unwrap().unwrap();
        response_survives(&head, &bytes, asked, line);
    }
}

/// What is written of a response that was taken means the same when it is read again, by either version.
fn response_survives(head: &ResponseHead, bytes: &[u8], asked: Asked, line: usize) {
    let forwarded = |view: ResponseView<'_>| {
        let headers = view.headers().filter(|header| header.forwarded);
        headers.map(|header| (header.name.to_owned(), header.value.to_vec())).collect::<Vec<_>>()
    };
    for client in [Version::Http10, Version::Http11] {
        let framing = head.framing_for(client);
        let mut out = Vec::new();
        emit::response_head(&mut out, head.view(bytes), &emit::Reply { framing, client, keep_alive: true });
        let again = ResponseHead::decode(&out, asked, &LIMITS()).unwrap().unwrap();
        assert_eq!((again.status, again.framing, again.len), (head.status, framing, out.len()), "line {line}");
        assert_eq!(again.view(&out).reason(), head.view(bytes).reason());
        assert_eq!(without_trailer(forwarded(again.view(&out))), without_trailer(forwarded(head.view(bytes))));
        assert!(client == Version::Http11 || again.framing != Framing::Chunked);
    }
}

/// The announcement of trailers goes on only where they do.
fn without_trailer(mut headers: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"trailer"));
    headers
}

/// Bytes that are often nearly a head: pieces of heads in any order, with a mutation now and then.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b=c HTTP/1.1\r\n",
        "GET http://a/ HTTP/1.0\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close, x-a\r\n",
        "X-A: b\r\n",
        "X_A: b\r\n",
        "Expect: 100-continue\r\n",
        "TE: trailers\r\n",
        "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: a\r\n",
        "Cookie: a=b\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        ":",
        "5\r\nhello\r\n",
        "0\r\n",
    ]);
    let head = (0..3usize, prop::collection::vec(piece, 0..8)).prop_map(|(first, pieces)| {
        let line = ["GET /x HTTP/1.1\r\nHost: a\r\n", "POST /x HTTP/1.1\r\nHost: a\r\n", ""][first];
        [line.as_bytes(), pieces.concat().as_bytes()].concat()
    });
    (head, prop::option::of((any::<prop::sample::Index>(), any::<u8>()))).prop_map(|(mut bytes, mutation)| {
        if let Some((at, byte)) = mutation.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    })
}

/// The same of responses.
fn nearly_a_response() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.0 200",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 103 a",
        "",
    ]);
    (line, nearly_a_head()).prop_map(|(line, head)| {
        let end = head.windows(2).position(|pair| pair == b"\r\n").unwrap_or_default();
        [line.as_bytes(), &head[end..]].concat()
    })
}

/// The trailers of a chunked body that comes in steps, once it is complete.
fn trailers(wire: &[u8], step: usize) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut decoder = BodyDecoder::new(Framing::Chunked, &LIMITS());
    for piece in wire.chunks(step) {
        decoder.decode(piece, &mut Vec::new()).ok()?;
    }
    let read = decoder.trailers().iter().map(|trailer| (trailer.name.to_owned(), trailer.value.to_vec()));
    decoder.is_done().then(|| read.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_a_head_decodes_alike(bytes in nearly_a_head()) {
        let whole = RequestHead::decode(&bytes, &LIMITS());
        let dripped = dripped(&bytes);
        prop_assert_eq!(named(whole, Kind::Malformed), named(dripped, Kind::Malformed));
    }

    #[test]
    fn any_head_that_is_taken_survives(bytes in nearly_a_head()) {
        survives(&bytes);
    }

    #[test]
    fn every_refusal_of_a_head_has_a_name_of_its_own(bytes in nearly_a_head()) {
        let refused = RequestHead::decode(&bytes, &LIMITS()).err().map(|fault| fault.why.name);
        prop_assert_ne!(refused, Some("http1-head"));
    }

    #[test]
    fn any_split_of_a_response_decodes_alike(bytes in nearly_a_response(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let whole = ResponseHead::decode(&bytes, Asked::default(), &LIMITS());
        let (mut scan, mut split) = (Scan::default(), Ok(None));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        for cut in cuts.into_iter().chain([bytes.len()]) {
            split = ResponseHead::decode_on(&bytes[..cut], &mut scan, Asked::default(), &LIMITS());
            if !matches!(split, Ok(None)) {
                break;
            }
        }
        prop_assert_eq!(split.as_ref().map(|head| head.as_ref().map(|head| head.len)), whole.as_ref().map(|head| head.as_ref().map(|head| head.len)));
    }

    #[test]
    fn any_response_that_is_taken_survives(bytes in nearly_a_response(), head in any::<bool>()) {
        let asked = Asked { head, ..Asked::default() };
        if let Ok(Some(head)) = ResponseHead::decode(&bytes, asked, &LIMITS()) {
            response_survives(&head, &bytes, asked, 0);
        }
    }

    #[test]
    fn trailers_that_are_written_are_read_again(bytes in nearly_a_head(), step in 1usize..9) {
        let first = bytes.windows(2).position(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
        let wire = [b"0\r\n", &bytes[first..]].concat();
        let (whole, split) = (trailers(&wire, wire.len()), trailers(&wire, step));
        prop_assert_eq!(&whole, &split);
        if let Some(read) = whole {
            let mut out = Vec::new();
            let mut decoder = BodyDecoder::new(Framing::Chunked, &LIMITS());
            decoder.decode(&wire, &mut Vec::new()).unwrap();
            emit::last_chunk(&mut out, decoder.trailers().iter());
            prop_assert_eq!(trailers(&out, step), Some(read));
        }
    }

    #[test]
    fn no_reading_of_a_path_has_a_dot_segment(path in "/[a.%/;\\\\2fFeE5cC3bB0 ]{0,16}") {
        if let Ok(paths) = path::readings(path.as_bytes(), &Readings::default()) {
            prop_assert!((1..=path::Paths::MAX).contains(&paths.len()));
            for reading in paths.iter() {
                prop_assert!(reading.starts_with('/'), "{}", reading);
                prop_assert!(!reading.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")), "{}", reading);
            }
        }
    }

    #[test]
    fn a_declared_reading_is_one_of_all(path in "/[ab%/;\\\\2fF5cC3bB]{0,12}") {
        let data = Readings { encoded_slash: Separator::Data, backslash: Separator::Data, params: Params::Kept, slashes: Slashes::Kept, decoding: Decoding::Once, ..Readings::default() };
        if let (Ok(all), Ok(one)) = (path::readings(path.as_bytes(), &Readings::default()), path::readings(path.as_bytes(), &data)) {
            prop_assert_eq!(one.len(), 1);
            prop_assert!(all.iter().any(|reading| reading == one.first()), "{:?} {:?}", all, one);
        }
    }

    #[test]
    fn any_target_has_accesses_or_a_reason(target in "/[!-~]{0,40}", cookie in "[ -~]{0,20}") {
        let bytes = format!("POST {} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n", target.replace('#', ""));
        let head = RequestHead::decode(bytes.as_bytes(), &LIMITS()).unwrap().unwrap();
        let request = head.view(bytes.as_bytes()).request();
        prop_assert!(request.accesses(&Readings::default()).map_or(true, |accesses| !accesses.is_empty()));
        prop_assert!(request.parts().iter().all(|part| part.canonical.len() <= bytes.len()));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = RequestHead::decode(&bytes, &LIMITS());
        let _ = ResponseHead::decode(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat(), Asked::default(), &LIMITS());
        let _ = decode_body(Framing::Chunked, &bytes, 7);
    }

    #[test]
    fn any_split_of_a_body_decodes_alike(bytes in nearly_a_head(), step in 1usize..9) {
        let bytes = [b"3\r\nabc\r\n", &bytes[..]].concat();
        let (whole, split) = (decode_body(Framing::Chunked, &bytes, bytes.len()), decode_body(Framing::Chunked, &bytes, step));
        prop_assert_eq!(whole.0.map_err(|fault| fault.why), split.0.map_err(|fault| fault.why));
        prop_assert_eq!(whole.1, split.1);
    }

    #[test]
    fn chunks_that_are_written_are_read_again(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8), step in 1usize..99) {
        let mut wire = Vec::new();
        pieces.iter().for_each(|piece| emit::chunk(&mut wire, piece));
        emit::last_chunk(&mut wire, []);
        let (done, out, consumed) = decode_body(Framing::Chunked, &wire, step);
        prop_assert_eq!((done, out, consumed), (Ok(true), pieces.concat(), wire.len()));
    }
}
