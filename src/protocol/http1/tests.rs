//! Limits at n and n + 1, what is written, and the rules that the tables of `tests/data/http1` cannot show.

use super::*;
use crate::flow::{Kind, Reason};
use crate::protocol::{Guess, Malformed};

fn decode(head: &str, limits: &Limits) -> Result<RequestHead, Reason> {
    RequestHead::decode(head.as_bytes(), limits).map(|head| head.expect("complete")).map_err(|fault| fault.why)
}

fn taken(head: &str) -> RequestHead {
    decode(head, &Limits::default()).unwrap()
}

fn written(head: &str, rewrite: &emit::Rewrite<'_>) -> String {
    let mut out = Vec::new();
    emit::request_head(&mut out, taken(head).view(head.as_bytes()), rewrite);
    String::from_utf8(out).unwrap()
}

fn answered(head: &str, asked: Asked, client: Version, keep_alive: bool) -> String {
    let decoded = ResponseHead::decode(head.as_bytes(), asked, &Limits::default()).unwrap().unwrap();
    let reply = emit::Reply { framing: decoded.framing_for(client), client, keep_alive };
    let mut out = Vec::new();
    emit::response_head(&mut out, decoded.view(head.as_bytes()), &reply);
    String::from_utf8(out).unwrap()
}

/// The outcome at each of the three values around a limit that `head` needs exactly.
fn around(needs: usize, head: &str, with: impl Fn(usize) -> Limits) -> [Option<Reason>; 3] {
    [needs - 1, needs, needs + 1].map(|limit| decode(head, &with(limit)).err())
}

// ---- limits

#[test]
fn head_bytes_end_at_their_limit() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(60));
    let limits = |head_bytes| Limits { head_bytes, ..Limits::default() };
    assert_eq!(around(head.len(), &head, limits), [Some(scan::HEAD_BYTES), None, None]);
    let unfinished = head.as_bytes().get(..head.len() - 1).unwrap();
    assert!(RequestHead::decode(unfinished, &limits(head.len())).unwrap().is_none());
    assert!(RequestHead::decode(unfinished, &limits(head.len() - 1)).is_err());
}

#[test]
fn headers_end_at_their_limit() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\n\r\n";
    let limits = |headers| Limits { headers, ..Limits::default() };
    assert_eq!(around(3, head, limits), [Some(scan::HEADERS), None, None]);
}

#[test]
fn no_configuration_has_room_for_more_headers_than_the_maximum() {
    let head = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "B: b\r\n".repeat(n - 1));
    let limits = Limits { headers: usize::MAX - 1, ..Limits::default() };
    assert_eq!(decode(&head(MAX_HEADERS), &limits).err(), None);
    assert_eq!(decode(&head(MAX_HEADERS + 1), &limits).err(), Some(scan::HEADERS));
}

#[test]
fn targets_end_at_their_limit() {
    let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(99));
    let limits = |target_bytes| Limits { target_bytes, ..Limits::default() };
    assert_eq!(around(100, &head, limits), [Some(scan::TARGET_BYTES), None, None]);
    assert_eq!(decode(&head, &limits(10)).err(), Some(scan::TARGET_BYTES));
}

#[test]
fn header_lines_end_at_their_limit() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(97));
    let limits = |header_bytes| Limits { header_bytes, ..Limits::default() };
    assert_eq!(around(100, &head, limits), [Some(scan::HEADER_BYTES), None, None]);
}

#[test]
fn methods_end_at_their_limit() {
    let head = |n: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(n));
    assert!(decode(&head(line::MAX_METHOD_BYTES), &Limits::default()).is_ok());
    assert_eq!(decode(&head(line::MAX_METHOD_BYTES + 1), &Limits::default()).err(), Some(line::METHOD));
}

#[test]
fn trailers_end_at_their_limit() {
    let body = |limits: &Limits| {
        let mut out = Vec::new();
        let input = b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n";
        BodyDecoder::new(Framing::Chunked, limits).decode(input, &mut out).map_err(|fault| fault.why)
    };
    let bytes = |trailer_bytes| body(&Limits { trailer_bytes, ..Limits::default() }).err();
    assert_eq!([15, 16, 17].map(bytes), [Some(trailers::TRAILER_BYTES), None, None]);
    let count = |headers| body(&Limits { headers, ..Limits::default() }).err();
    assert_eq!([1, 2, 3].map(count), [Some(trailers::TRAILERS), None, None]);
}

#[test]
fn a_large_head_is_refused_before_its_end() {
    let refused = |bytes: &str| RequestHead::decode(bytes.as_bytes(), &Limits::default()).unwrap_err().why;
    assert_eq!(refused(&format!("GET /{}", "a".repeat(9000))), scan::TARGET_BYTES);
    assert_eq!(refused(&format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(17_000))), scan::HEADER_BYTES);
    let many = "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(101);
    assert_eq!(refused(&format!("GET / HTTP/1.1\r\n{many}")), scan::HEADERS);
}

// ---- requests

#[test]
fn what_belongs_to_one_connection_does_not_go_on() {
    let head = "POST /a HTTP/1.1\r\nHost: Shop\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: keep-alive\r\nTE: gzip\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\
        Proxy-Authorization: Basic a\r\nX-Forwarded-Client-Cert: By=evil\r\nX-Kept: a  b\r\n\r\n";
    let rewrite =
        emit::Rewrite { framing: Framing::Length(5), client_certificate: Some("By=us"), ..Default::default() };
    let expected =
        "POST /a HTTP/1.1\r\nHost: Shop\r\nX-Kept: a  b\r\nx-forwarded-client-cert: By=us\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(written(head, &rewrite), expected);
}

#[test]
fn a_trailer_announcement_goes_on_with_chunks_only() {
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    let with = |framing| written(head, &emit::Rewrite { framing, ..Default::default() });
    assert!(with(Framing::Chunked).contains("Trailer: X-Sum\r\n"));
    assert!(!with(Framing::Length(1)).contains("Trailer"));
}

#[test]
fn trailers_are_asked_for_when_the_client_takes_them() {
    let head = "GET /a HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\n\r\n";
    let rewrite = emit::Rewrite { close: true, ..Default::default() };
    assert!(written(head, &rewrite).ends_with("connection: close, te\r\nte: trailers\r\n\r\n"));
}

#[test]
fn a_request_without_host_stays_http_1_0() {
    assert_eq!(
        written("GET / HTTP/1.0\r\n\r\n", &emit::Rewrite::default()),
        "GET / HTTP/1.0\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(
        written("GET / HTTP/1.0\r\nHost: a\r\n\r\n", &emit::Rewrite::default()),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    );
}

#[test]
fn a_websocket_handshake_goes_on_whole() {
    let head = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert!(taken(head).websocket);
    let out = written(head, &emit::Rewrite::default());
    assert!(out.ends_with("connection: upgrade\r\nupgrade: websocket\r\n\r\n"), "{out}");
    let unasked = head.replace("Connection: Upgrade\r\n", "");
    assert!(!taken(&unasked).websocket && !written(&unasked, &emit::Rewrite::default()).contains("pgrade"));
    assert!(!taken(&head.replace("WebSocket\r\n", "websocket, h2c\r\n")).websocket);
    assert!(!taken(&head.replace("GET", "POST")).websocket);
}

#[test]
fn a_value_of_ours_cannot_end_its_line() {
    let rewrite = emit::Rewrite { client_certificate: Some("a\r\nX: b"), ..Default::default() };
    assert!(written("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &rewrite).contains("client-cert: a??X: b\r\n"));
}

#[test]
fn connections_live_as_their_version_says() {
    let lives = |version: &str, option: &str| taken(&format!("GET / {version}\r\nHost: a\r\n{option}\r\n")).keep_alive;
    assert!(lives("HTTP/1.1", ""));
    assert!(!lives("HTTP/1.1", "Connection: close\r\n"));
    assert!(!lives("HTTP/1.1", "Connection: keep-alive\r\nConnection: Close\r\n"));
    assert!(!lives("HTTP/1.0", ""));
    assert!(lives("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

#[test]
fn only_a_body_can_be_waited_for() {
    let waits = |headers: &str| {
        taken(&format!("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{headers}\r\n")).expect_continue
    };
    assert!(waits("Content-Length: 1\r\n"));
    assert!(!waits("Content-Length: 0\r\n"));
    assert!(!waits(""));
}

#[test]
fn a_body_without_meaning_may_stay_unread() {
    assert_eq!(["GET", "DELETE", "POST", "PUT"].map(|method| unread(method, "a=1")), [true, true, false, false]);
}

#[test]
fn a_body_that_begins_as_a_request_may_stay_unread() {
    let begins = |body| unread("POST", body);
    assert_eq!(["GET /admin HTTP/1.1\r\n", "\r\n\n get\t/admin\n", "GET x HTTP/1.1"].map(begins), [true; 3]);
    assert_eq!(["", "{\"GET /\": 1}", "a=GET /", "<a b>", "GET", "GET/", "Dear all,\n/"].map(begins), [false; 7]);
}

fn unread(method: &str, body: &str) -> bool {
    let head = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    taken(&head).body_may_stay_unread(head.as_bytes(), body.as_bytes())
}

#[test]
fn first_bytes_tell_the_protocol() {
    let guess = PROTOCOL.identify;
    assert_eq!(guess(b""), Guess::NeedMore);
    assert_eq!(guess(b"GE"), Guess::NeedMore);
    assert_eq!(guess(b"GET "), Guess::Yes);
    assert_eq!(guess(b"\r\nM-SEARCH * "), Guess::Yes);
    assert_eq!(guess(b"PRI * HTT"), Guess::NeedMore);
    assert_eq!(guess(b"PRI * HTTP/2.0\r\n"), Guess::No);
    assert_eq!(guess(b"\x16\x03\x01"), Guess::No);
    assert_eq!(guess(b"SSH-2.0"), Guess::No);
    assert_eq!(guess(&[b'A'; 33]), Guess::No);
}

// ---- responses

#[test]
fn a_response_is_framed_for_its_client() {
    let asked = Asked::default();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(
        answered(chunked, asked, Version::Http11, true),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(answered(chunked, asked, Version::Http10, true), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    let endless = "HTTP/1.0 200 OK\r\nX: y\r\n\r\n";
    assert_eq!(
        answered(endless, asked, Version::Http11, true),
        "HTTP/1.1 200 OK\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let counted = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    assert_eq!(
        answered(counted, asked, Version::Http10, true),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n"
    );
    assert_eq!(
        answered(counted, asked, Version::Http11, false),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n"
    );
}

#[test]
fn bodiless_responses_tell_the_length_they_leave_out() {
    let counted = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let head = Asked { head: true, ..Asked::default() };
    assert_eq!(answered(counted, head, Version::Http11, true), "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
    let unchanged = "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n";
    assert!(answered(unchanged, Asked::default(), Version::Http11, true).contains("content-length: 10"));
    let empty = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(answered(empty, Asked::default(), Version::Http11, true), "HTTP/1.1 204 No Content\r\n\r\n");
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    assert_eq!(answered(early, Asked::default(), Version::Http11, false), early);
}

#[test]
fn an_upstream_does_not_speak_in_our_name() {
    let head =
        "HTTP/1.1 200 OK\r\nX-Podwall-Event: forged\r\nX-Forwarded-Client-Cert: By=x\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(answered(head, Asked::default(), Version::Http11, true), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_fault_of_the_upstream_keeps_its_name() {
    let fault = ResponseHead::decode(b"HTTP/1.1 200 OK\nA: b", Asked::default(), &Limits::default()).unwrap_err();
    assert_eq!((fault.why, fault.why.kind), (scan::BARE_LF, Kind::Upstream));
    assert_eq!(status(&fault.why), 502);
}

// ---- bodies

#[test]
fn pieces_are_ranges_of_the_input() {
    let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
    let input = b"5\r\nhello\r\n0\r\n\r\nGET";
    assert_eq!(decoder.step(input), Ok(Piece { consumed: 8, data: 3..8, done: false }));
    assert_eq!(decoder.step(&input[8..]), Ok(Piece { consumed: 7, data: 7..7, done: true }));
    assert_eq!(decoder.step(b"GET"), Ok(Piece { consumed: 0, data: 0..0, done: true }));
}

#[test]
fn a_body_ends_as_it_was_framed() {
    let left = |framing, input: &[u8]| {
        let mut out = Vec::new();
        let mut decoder = BodyDecoder::new(framing, &Limits::default());
        let progress = decoder.decode(input, &mut out).unwrap();
        (progress.consumed, progress.done, decoder.end_of_input().map_err(|fault: Malformed| fault.why))
    };
    assert_eq!(left(Framing::None, b"abc"), (0, true, Ok(())));
    assert_eq!(left(Framing::Length(0), b"abc"), (0, true, Ok(())));
    assert_eq!(left(Framing::Length(2), b"abc"), (2, true, Ok(())));
    assert_eq!(left(Framing::Length(4), b"abc"), (3, false, Err(body::CUT)));
    assert_eq!(left(Framing::UntilClose, b"abc"), (3, false, Ok(())));
    assert_eq!(left(Framing::Chunked, b"1\r\na\r\n"), (6, false, Err(body::CUT)));
}

#[test]
fn trailers_are_shown_and_written() {
    let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
    decoder.decode(b"0\r\nX-Sum:  1 \r\ngrpc-status: 0\r\n\r\n", &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    emit::last_chunk(&mut out, decoder.trailers().iter());
    assert_eq!(out, b"0\r\nX-Sum: 1\r\ngrpc-status: 0\r\n\r\n");
}

// ---- refusals

#[test]
fn a_refusal_is_a_response_that_names_its_event() {
    let mut out = Vec::new();
    Refusal { status: 403, event: "01J-\r\nX: y", close: true, head: false, retry_after: None, grpc: None }
        .write(&mut out);
    let head = ResponseHead::decode(&out, Asked::default(), &Limits::default()).unwrap().unwrap();
    assert_eq!((head.status, head.keep_alive), (403, false));
    assert_eq!(head.framing, Framing::Length((out.len() - head.len) as u64));
    assert_eq!(head.view(&out).header("x-podwall-event"), Some(&b"01J-Xy"[..]));
}

#[test]
fn a_refusal_of_head_has_no_body() {
    let mut out = Vec::new();
    Refusal { status: 400, event: "e", close: false, head: true, retry_after: Some(7), grpc: None }.write(&mut out);
    let asked = Asked { head: true, ..Asked::default() };
    let head = ResponseHead::decode(&out, asked, &Limits::default()).unwrap().unwrap();
    assert_eq!((head.len, head.keep_alive), (out.len(), true));
}

#[test]
fn every_kind_has_its_status() {
    let of = |kind, name| status(&Reason::new(name, kind, ""));
    assert_eq!(of(Kind::Policy, "a"), 403);
    assert_eq!(of(Kind::Attack, "a"), 403);
    assert_eq!(of(Kind::TooSlow, "a"), 408);
    assert_eq!(of(Kind::TooMany, "rate"), 429);
    assert_eq!(of(Kind::TooMany, "limit-connections"), 503);
    assert_eq!(of(Kind::TooMany, "limit-requests-per-connection"), 429);
    assert_eq!(of(Kind::TooLarge, "body"), 413);
    assert_eq!(of(Kind::Upstream, "upstream-reset"), 502);
    assert_eq!(of(Kind::Upstream, "upstream-connect"), 503);
    assert_eq!(of(Kind::Upstream, "upstream-response-timeout"), 504);
    assert_eq!(of(Kind::Unsupported, "body-coding"), 501);
    assert_eq!(status(&line::VERSION), 505);
    assert_eq!(status(&request::EXPECT), 417);
    assert_eq!(status(&scan::TARGET_BYTES), 414);
    assert_eq!([scan::HEAD_BYTES, scan::HEADER_BYTES, scan::HEADERS].map(|why| status(&why)), [431; 3]);
}

#[test]
fn connection_options_end_at_their_limit() {
    let options = |count: usize| vec!["x"; count].join(",");
    let decode = |options: &str| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {options}\r\n\r\n");
        RequestHead::decode(head.as_bytes(), &Limits::default()).map(|_| ()).map_err(|fault| fault.why)
    };
    assert_eq!(decode(&options(32)), Ok(()));
    assert_eq!(decode(&options(33)), Err(fields::CONNECTION_OPTIONS));
}

#[test]
fn names_that_fold_are_found_wherever_they_stand() {
    let decode = |names: [&str; 4]| {
        let lines: String = names.iter().map(|name| format!("{name}: 1\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        RequestHead::decode(head.as_bytes(), &Limits::default()).map(|_| ()).map_err(|fault| fault.why)
    };
    assert_eq!(decode(["X-A", "x_b", "x-a", "X_B"]), Ok(()));
    assert_eq!(decode(["X-A", "x-b", "x-a", "X_A"]), Err(fields::NAMES_FOLD));
    assert_eq!(decode(["x_a", "x-b", "x.c", "X~A"]), Err(fields::NAMES_FOLD));
}
